"""The program `mesh` itself: its help, what it does not understand, and what it says where no node runs."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from mesh.cli.app import COMMANDS, program
from mesh.config.paths import Paths
from mesh.errors import ExitCode
from tests.command_line import Mesh, one_sentence

pytest_plugins = ("tests.cli_fixtures",)


def test_help_lists_every_command_without_loading_one() -> None:
    program_text = (
        "import sys\n"
        "sys.argv = ['mesh', '--help']\n"
        "from mesh.cli import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit:\n"
        "    print(sorted(name for name in sys.modules if name.startswith(('mesh.', 'rich', 'trio'))))\n"
    )
    done = subprocess.run([sys.executable, "-c", program_text], capture_output=True, text=True, check=True)
    assert all(name in done.stdout for name in COMMANDS)
    assert done.stdout.splitlines()[-1] == "['mesh.cli', 'mesh.cli.app', 'mesh.cli.pipes', 'mesh.errors']"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_s_own_help_begins_with_its_line_in_the_list(name: str) -> None:
    command = program.get_command(click.Context(program), name)
    assert command is not None
    assert (command.help or "").splitlines()[0] == COMMANDS[name][2]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["stats"], "There is no command 'stats'. Did you mean status?"),
        (["submit", "a.glb", "--turntabel"], "Did you mean --turntable?"),
        (["submit", "a.glb", "--resolution", "big"], "'big' is not like 960x540"),
        (
            ["submit", "a.glb", "--samples", "0"],
            "--samples: 0 cannot be used; give a whole number, 1 to 1048576.",
        ),
        (["submit", "a.glb", "--format", "tiff"], "'tiff' is not exr, png or exr,png"),
        (["submit", "a.glb", "--environment-strength", "nan"], "nan cannot be used; give a number, "),
        (["submit", "a.glb", "--noise", "nan"], "nan cannot be used; give a number, "),
        (["submit", "a.glb", "--shutter", "nan"], "nan cannot be used; give a number, "),
        (["submit", "a.glb", "--exposure", "nan"], "nan cannot be used; give a number, "),
        (["submit", "a.glb", "--aov", "beauty"], "'beauty' holds a name of no layer; there are position,"),
        (["invite", "--hours", "inf"], "inf"),
        (["submit", "a.glb", "--memory", "lots"], "'lots' is not a size such as 16 GB"),
        (["submit", "a.glb", "--on", "any,render1"], "'any' leaves no sense in naming others"),
        (["submit", "a.glb", "--tags", "a,,b"], "'a,,b' has an empty part"),
        (["submit", "a.glb", "--order", "backward"], "'backward' is not one of"),
        (["edit", "a"], "Nothing is to be changed; give --priority"),
        (["exclude", "a"], "NODE... is missing."),
        (["join", "--at", "a:b"], "'a:b' is not HOST or HOST:PORT"),
        (["show"], "JOB is missing."),
    ],
)
def test_what_is_not_understood_is_said_with_a_hint(mesh: Mesh, arguments: list[str], hint: str) -> None:
    outcome = mesh(*arguments)
    assert outcome.code == ExitCode.USAGE
    assert hint in outcome.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["nodes"],
        ["jobs"],
        ["show", "x"],
        ["collect", "x"],
        ["cancel", "x"],
        ["logs", "x"],
        ["edit", "x", "--priority", "2"],
        ["exclude", "x", "y"],
        ["include", "x", "y"],
        ["invite"],
        ["leave"],
    ],
)
def test_without_a_node_every_command_says_how_to_start_one(
    mesh: Mesh, home: Paths, arguments: list[str]
) -> None:
    outcome = mesh(*arguments)
    assert outcome.code == ExitCode.NO_MESH
    where = f"on this machine with MESH_HOME={home.home}"
    assert one_sentence(outcome) == f"No mesh node runs {where}; start one with `mesh join`."


def test_a_traceback_is_shown_only_for_the_asking(mesh: Mesh) -> None:
    assert "Traceback" not in mesh("status").err
    assert "Traceback" in mesh("--debug", "status").err
