"""How a job is to be treated, as options: those of submit, and those that edit shares with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from mesh.cli.numbers import Whole
from mesh.config.values import read_memory
from mesh.control.terms import JobTerms
from mesh.model.policy import FrameOrder

Command = TypeVar("Command", bound=Callable[..., Any])

ANYWHERE = "any"


class Names(click.ParamType[tuple[str, ...]]):
    """`a,b,c`; the word in `nothing` alone stands for no names at all."""

    def __init__(self, name: str, nothing: str = "") -> None:
        self.name = name
        self._nothing = nothing

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        names = tuple(dict.fromkeys(part.strip() for part in value.split(",")))
        if names == (self._nothing,):
            return ()
        if "" in names:
            self.fail(f"{value!r} has an empty part; write names with commas between them", param, ctx)
        if self._nothing in names:
            self.fail(f"{self._nothing!r} leaves no sense in naming others beside it", param, ctx)
        return names


class Memory(click.ParamType[int]):
    """`16 GB`."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return int(read_memory(value))
        except ValueError as error:
            self.fail(f"{value!r} is not {error}", param, ctx)


PRIORITY = Whole(1, 1000)
NODES = Names("any|local|NODE,...", ANYWHERE)
TAGS = Names("A,B")
AFTER = Names("none|JOB,...", "none")


def terms_options(command: Command) -> Command:
    """--priority, --category, --tags, --on, --memory, --chunk, --order, --after and --paused."""
    for decorate in (
        click.option("--paused", is_flag=True, help="Do not start before `mesh resume`."),
        click.option(
            "--after",
            type=Names("JOB,..."),
            default=(),
            help="Start when these jobs are done, with no frame failed.",
        ),
        click.option(
            "--order",
            type=click.Choice([order.value for order in FrameOrder]),
            default=FrameOrder.FORWARD.value,
            show_default=True,
            help="Which frames go first; the other two show early what a film will look like.",
        ),
        click.option(
            "--chunk",
            type=Whole(0),
            default=0,
            metavar="FRAMES",
            help="Hand out no more at once. Default: as many as suits.",
        ),
        click.option("--memory", type=Memory(), default=0, help="Only nodes with so much, such as 16GB."),
        click.option(
            "--on",
            type=NODES,
            metavar=NODES.name,
            default=(),
            help="Only these nodes; `local` is this one. Default: any.",
        ),
        click.option("--tags", type=TAGS, default=(), help="Only nodes that carry all of these."),
        click.option(
            "--category", default="", metavar="NAME", help="Categories with work get equal parts of the mesh."
        ),
        click.option(
            "--priority",
            type=PRIORITY,
            default=1,
            show_default=True,
            metavar="N",
            help="Beside a job of 1, a job of 2 gets twice as many nodes.",
        ),
    ):
        command = decorate(command)
    return command


def read_terms(options: dict[str, Any]) -> JobTerms:
    """What the options above were given."""
    return JobTerms(
        priority=options["priority"],
        category=options["category"],
        tags=options["tags"],
        on=options["on"],
        chunk=options["chunk"],
        order=FrameOrder(options["order"]),
        after=options["after"],
        paused=options["paused"],
        memory_bytes=options["memory"],
    )
