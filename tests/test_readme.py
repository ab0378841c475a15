"""What the README promises exists: its settings are read, its commands and options are the program's own; and the
files that documents and comments speak of are there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import click
import pytest

from mesh.cli.app import COMMANDS, program
from mesh.config.load import load_config

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
ROOMS = sorted(folder.name for folder in (ROOT / "mesh").iterdir() if (folder / "__init__.py").exists())
FILE = re.compile(rf"(?<![\w/.])(?:(?:mesh|tools|tests)/|(?:{'|'.join(ROOMS)})/)[a-z_/0-9]+\.(?:py|sh)\b")
GLOBAL = {"--help", "--debug", "--version"}


def options_of(name: str) -> set[str]:
    command = program.get_command(click.Context(program), name)
    assert command is not None
    return {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}


def settings() -> str:
    """The indented block that follows the heading of settings."""
    block = README.split("### Settings")[1].split("## ")[0]
    return "\n".join(line[4:] for line in block.splitlines() if line.startswith("    "))


def code() -> list[str]:
    """Whatever stands in backticks or in an indented block, a piece or a line each."""
    inline = re.findall(r"`([^`]+)`", README)
    return inline + [line[4:] for line in README.splitlines() if line.startswith("    ")]


def test_its_settings_are_read_as_they_stand(tmp_path: Path) -> None:
    file = tmp_path / "mesh.toml"
    file.write_text(settings())

    config = load_config(file)

    written = tomllib.loads(settings())
    assert (config.name, config.threads, config.tags) == ("workstation-7", 16, ("gpu", "fast"))
    assert (config.jobs.keep_days, config.jobs.most_percent) == (
        written["jobs"]["keep_days"],
        written["jobs"]["most_percent"],
    )


def test_its_settings_of_jobs_are_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "mesh.toml"
    file.write_text(settings())
    assert load_config(file).jobs == load_config(tmp_path / "none.toml").jobs


def test_it_lists_every_command() -> None:
    listed = {word for piece in code() for word in re.findall(r"[a-z-]+", piece)}
    assert set(COMMANDS) <= listed


@pytest.mark.parametrize("name", COMMANDS)
def test_the_options_it_shows_with_a_command_are_the_commands_own(name: str) -> None:
    shown = {
        option
        for piece in code()
        if re.search(rf"mesh {name}\b", piece)
        for option in re.findall(r"(?<!\S)--?[a-z][a-z-]*", piece.split("#")[0])
    }
    assert shown <= options_of(name) | GLOBAL


def test_every_other_option_it_names_is_one_of_some_command() -> None:
    shown = {option for piece in code() for option in re.findall(r"(?<!\S)--[a-z][a-z-]+", piece)}
    known = {option for name in COMMANDS for option in options_of(name)} | GLOBAL
    assert shown - known <= {"--strict"}, "mypy's, of make lint"


@pytest.mark.parametrize(
    "kind", ["*.md", "docs/*.md", "Makefile", "mesh/**/*.py", "tools/**/*.py", "tests/*.py"]
)
def test_files_that_are_named_exist(kind: str) -> None:
    texts = {file: file.read_text() for file in ROOT.glob(kind)}
    assert texts
    missing = {
        (str(file.relative_to(ROOT)), name)
        for file, text in texts.items()
        for name in FILE.findall(text)
        if not (ROOT / name).exists() and not (ROOT / "mesh" / name).exists()
    }
    assert not missing
