"""What is said to people who typed something wrong: one sentence, the option it is about, and where to look."""

from __future__ import annotations

import sys

import click
import pytest

from mesh.cli.app import COMMANDS, program, run
from mesh.cli.numbers import Finite, in_words
from mesh.errors import ExitCode


def said_to(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    """The one line that is printed, without the program's name."""
    monkeypatch.setattr(sys, "argv", ["mesh", *arguments])
    with pytest.raises(SystemExit) as exit_:
        run()
    assert exit_.value.code == ExitCode.USAGE
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith("mesh: ")
    return line.removeprefix("mesh: ")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("submit", "SCENE is missing. See `mesh submit --help`."),
        ("replay a 1", "X is missing. See `mesh replay --help`."),
        (
            "submit a.glb --frame 3",
            "There is no option --frame. Did you mean --frames or --name? See `mesh submit --help`.",
        ),
        ("--xyzzy", "There is no option --xyzzy. See `mesh --help`."),
        (
            "submit a.glb --samples 0",
            "--samples: 0 cannot be used; give a whole number, 1 to 1048576. See `mesh submit --help`.",
        ),
        (
            "logs still-life abc",
            "FRAME: abc cannot be used; give a whole number, 0 or more. See `mesh logs --help`.",
        ),
        (
            "submit a.glb --exposure bright",
            "--exposure: bright cannot be used; give a number, -32 to 32. See `mesh submit --help`.",
        ),
        (
            "submit a.glb --order backward",
            "--order: 'backward' is not one of 'forward', 'first-last-middle', 'scattered'. See `mesh submit --help`.",
        ),
        ("sumbit a.glb", "There is no command 'sumbit'. Did you mean submit? See `mesh --help`."),
    ],
)
def test_a_slip_is_told_in_one_line_that_says_where_to_look(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, typed: str, said: str
) -> None:
    assert said_to(capsys, monkeypatch, *typed.split()) == said


@pytest.mark.parametrize(
    ("low", "high", "above", "words"),
    [
        (1, 1024, False, "1 to 1024"),
        (0, None, False, "0 or more"),
        (0, None, True, "above 0"),
        (0, 1000, True, "above 0, at most 1000"),
        (0.1, 256, False, "0.1 to 256"),
    ],
)
def test_a_range_is_told_in_words(low: float, high: float | None, above: bool, words: str) -> None:
    assert in_words(low, high, above) == words


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "much"])
def test_a_number_is_finite(text: str) -> None:
    with pytest.raises(click.BadParameter, match="cannot be used; give a number, 0 or more"):
        Finite(0).convert(text, None, None)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_no_help_speaks_of_types(name: str) -> None:
    """RANGE, INTEGER and FLOAT are a programmer's words."""
    command = program.get_command(click.Context(program), name)
    assert command is not None
    text = command.get_help(click.Context(command, info_name=name))
    assert not {"RANGE", "INTEGER", "FLOAT"} & set(text.replace("[", " ").replace("]", " ").split())


def test_blur_of_no_time_is_refused(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("work"))
    said = said_to(capsys, monkeypatch, "submit", "a.glb", "--motion-steps", "8")
    assert said.startswith("--motion-steps belongs to --shutter")
