"""What several commands share: the node to ask, JSON output, tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from mesh.config.paths import Paths
from mesh.control.client import Client
from mesh.control.convert import to_json

Command = TypeVar("Command", bound=Callable[..., Any])


def connect() -> Client:
    """The node of this machine. Raises NoNode."""
    return Client.connect(Paths.locate())


def json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")(command)


def print_json(value: object) -> None:
    click.echo(json.dumps(to_json(value), indent=2))


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> None:
    """Aligned columns; those in `right` are flushed right. Never cut, so that scripts can read them."""
    if not rows:
        return
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    for number, row in enumerate([titles, *rows]):
        cells = [
            cell.rjust(width) if title in right else cell.ljust(width)
            for cell, title, width in zip(row, titles, widths, strict=True)
        ]
        line = "  ".join(cells).rstrip()
        click.echo(click.style(line, fg="bright_black") if number == 0 else line)
