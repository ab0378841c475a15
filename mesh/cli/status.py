"""The status command: the live view, one picture of it, or its JSON."""

from __future__ import annotations

import os
from collections.abc import Iterator

import click

from mesh.cli.common import connect, json_option, print_json
from mesh.control.client import Client
from mesh.model.status import MeshStatus

_REFRESH = 1.0
"""Seconds after which ages are drawn anew, though nothing else has changed."""


@click.command()
@click.option(
    "--once", is_flag=True, help="Print the view once. The default where the output is no terminal."
)
@json_option
def status(once: bool, as_json: bool) -> None:
    """Watch what every node is doing, live.

    Shows nodes, what each is rendering, jobs with progress and time left, and the newest events. Leave
    with Ctrl-C; nothing stops because of that.

    \b
    Examples:
      mesh status
      mesh status --once
      mesh status --json | jq .jobs[0].fraction
    """
    with connect() as client:
        if as_json:
            print_json(client.status())
            return
        from rich.console import Console

        from mesh.ui.status_view import WIDE, print_once, watch

        console = Console()
        if not console.is_terminal and not os.environ.get("COLUMNS"):
            console = Console(width=WIDE)
        if once or not console.is_terminal:
            print_once(console, client.status())
        else:
            watch(console, _statuses(client))


def _statuses(client: Client) -> Iterator[MeshStatus]:
    current = client.status()
    while True:
        yield current
        current = client.wait_status(current.revision, _REFRESH)
