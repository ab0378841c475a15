"""Help that can be found one's way in: commands in groups, many options under headings."""

from __future__ import annotations

import click

from mesh.cli.app import _SECTIONS, COMMANDS, program
from mesh.cli.submit import submit


def help_of(command: click.Command) -> list[str]:
    return command.get_help(click.Context(command, info_name=command.name)).splitlines()


def test_every_command_is_listed_in_one_group() -> None:
    listed = [name for names in _SECTIONS.values() for name in names]
    assert sorted(listed) == sorted(COMMANDS)


def test_help_says_where_there_is_more() -> None:
    assert any("mesh COMMAND --help" in line for line in help_of(program))


def test_the_options_of_submit_stand_under_headings() -> None:
    lines = help_of(submit)
    headings = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert headings == [
        "What is rendered:",
        "The job:",
        "Layers, noise, lens and motion:",
        "Who renders it, and when:",
        "How files are written:",
        "Files that are there, and scripts:",
    ]


def test_no_option_of_submit_is_left_out_of_its_help() -> None:
    shown = "\n".join(help_of(submit))
    assert all(f"{option.opts[-1]} " in shown for option in submit.params if isinstance(option, click.Option))
