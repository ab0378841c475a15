"""What README and guide tell people to type exists: commands, options and settings."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from mesh.cli.app import COMMANDS, program
from mesh.config.load import load_config

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "docs/guide.md")


def typed(page: str) -> list[str]:
    """Every command line of ours in a page, without what a shell takes for a comment or for another command."""
    text = (ROOT / page).read_text("utf-8")
    spans = re.findall(r"`([^`\n]+)`", text) + [
        line.strip() for line in text.splitlines() if line.startswith("    ")
    ]
    found = [re.search(r"(?:^|[$=\w]\s+)mesh ([a-z-]+.*)", span) for span in spans]
    return [
        re.split(r"  #| \| ", match[1])[0] for match in found if match and not match.string.startswith("[")
    ]


def options_of(name: str) -> set[str]:
    command = program.get_command(click.Context(program), name)
    assert command is not None
    return {option for one in command.params for option in one.opts} | {"--help"}


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_option_that_a_page_shows_exists(page: str) -> None:
    lines = typed(page)
    assert len(lines) > 20
    for line in lines:
        name = line.split()[0]
        assert name in COMMANDS, line
        for option in re.findall(r"(?<!\S)--?[a-z][a-z-]*", line):
            assert option in options_of(name), line


def test_every_option_named_alone_belongs_to_some_command() -> None:
    known = {option for name in COMMANDS for option in options_of(name)}
    for page in PAGES:
        for span in re.findall(r"`(--[a-z-]+)[^`\n]*`", (ROOT / page).read_text("utf-8")):
            assert span in known, f"{page}: {span}"


def test_the_settings_that_the_readme_shows_are_read(tmp_path: Path) -> None:
    block = re.search(
        r"((?:    .*\n)*    \[listen\]\n(?:    .*\n)+)", (ROOT / "README.md").read_text("utf-8")
    )
    assert block is not None
    file = tmp_path / "mesh.toml"
    file.write_text("".join(line[4:] + "\n" for line in block[1].splitlines()))
    config = load_config(file, {})
    assert (config.name, config.threads, config.cache.folder) == ("workstation-7", 16, "/mnt/large/mesh")
