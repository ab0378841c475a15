"""What several commands share: the node to ask, JSON output, tables."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

import click

from mesh.config.paths import Paths
from mesh.control.client import Client
from mesh.control.convert import to_json
from mesh.control.errors import NoNode
from mesh.errors import ExitCode, MeshError
from mesh.node.occupancy import Doing, occupant

Command = TypeVar("Command", bound=Callable[..., Any])


class NoNodeThere(NoNode):
    """No mesh node runs on this machine with MESH_HOME={home}; start one with `mesh join`."""


class NodeStarts(MeshError):
    """The mesh node of this machine (process {pid}) is starting and does not answer yet. Try again in a moment."""

    exit_code = ExitCode.NO_MESH


class NodeAsks(MeshError):
    """The mesh node of this machine (process {pid}) waits for an invite code. Type it at the terminal where `mesh join` was run, or end that with Ctrl-C."""

    exit_code = ExitCode.NO_MESH


def connect() -> Client:
    """The node of this machine. Raises NoNode, NodeStarts, NodeAsks."""
    paths = Paths.locate()
    try:
        return Client.connect(paths)
    except NoNode as error:
        holder = occupant(paths.home)
        if holder is not None:
            raise (NodeAsks if holder.doing is Doing.ASKING else NodeStarts)(pid=holder.pid) from error
        if os.environ.get("MESH_HOME"):
            raise NoNodeThere(home=paths.home) from error
        raise


def json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")(command)


def print_json(value: object) -> None:
    click.echo(json.dumps(to_json(value), indent=2))


def print_table(
    titles: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = (), spare: Sequence[str] = ()
) -> None:
    """Aligned columns; those in `right` are flushed right. On a terminal that is narrower, the columns in `spare` are left
    out, the first of them first. Nothing is ever cut, nor left out of a pipe, so that scripts can read it."""
    if not rows:
        return
    from rich.cells import cell_len  # names may be in any script

    columns = {
        title: (max(map(cell_len, column)), column)
        for title, column in zip(titles, zip(titles, *rows, strict=True), strict=True)
    }
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for title in spare:
        if room is not None and sum(width + 2 for width, _ in columns.values()) - 2 > room:
            del columns[title]
    for number in range(len(rows) + 1):
        cells = []
        for title, (width, column) in columns.items():
            blank = " " * (width - cell_len(column[number]))
            cells.append(blank + column[number] if title in right else column[number] + blank)
        line = "  ".join(cells).rstrip()
        click.echo(click.style(line, fg="bright_black") if number == 0 else line)


class Sectioned(click.Command):
    """A command whose many options are listed under headings: `sections` names the option that each begins with."""

    sections: ClassVar[dict[str, str]] = {}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows: dict[str, list[tuple[str, str]]] = {}
        heading = "Options"
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            heading = self.sections.get(parameter.name or "", heading)
            if record is not None:
                rows.setdefault(heading, []).append(record)
        for title, records in rows.items():
            with formatter.section(title):
                formatter.write_dl(records)
