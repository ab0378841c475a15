"""The jobs command: all jobs or those that are meant, a line each, and why any of them waits."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from mesh.cli.common import connect, json_option, print_json, print_table
from mesh.cli.numbers import Whole
from mesh.control.choosing import JobChoice, choose, this_user
from mesh.model.status import ENDED, JobState, JobStatus
from mesh.ui.words import duration, percent, plural

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_ENOUGH = 40
"""Lines that a terminal is shown unless more are asked for."""
_NAMED = 3
"""Jobs that wait for the same thing are named, so many of them."""


class States(click.ParamType[tuple[JobState, ...]]):
    """`running,waiting`."""

    name = "STATE,..."

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[JobState, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(dict.fromkeys(JobState(part.strip().lower()) for part in value.split(",")))
        except ValueError:
            self.fail(f"{value!r} is not made of {', '.join(JobState)}", param, ctx)

    def shell_complete(
        self, _ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        before, comma, begun = incomplete.rpartition(",")
        return [CompletionItem(f"{before}{comma}{state}") for state in JobState if state.startswith(begun)]


@click.command()
@click.option(
    "--state",
    "states",
    type=States(),
    metavar=States.name,
    default=(),
    help=f"Only jobs in one of these states: {', '.join(JobState)}.",
)
@click.option("--mine", is_flag=True, help="Only jobs that you submitted, from whatever machine.")
@click.option("--user", metavar="NAME", help="Only jobs of this user; ada@studio for one machine's.")
@click.option("--last", type=Whole(1), metavar="N", help="Of those, only the newest N.")
@json_option
def jobs(states: tuple[JobState, ...], mine: bool, user: str | None, last: int | None, as_json: bool) -> None:
    """List the jobs: all of them, or those that are meant.

    Newest first; a job is named by its id, the beginning of one, or its name. On a terminal at most 40 lines, unless
    --last asks for more: jobs that go on before those that have ended. Pipes and --json get every job.

    \b
    Examples:
      mesh jobs --state running,waiting
      mesh jobs --mine --last 10
      mesh jobs --state failed --json | jq -r '.[].short'
    """
    if mine and user is not None:
        raise click.UsageError("--mine and --user exclude each other.")
    choice = JobChoice(states, this_user() if mine else user or "", last or 0)
    with connect() as client:
        found = client.jobs(choice)
    if as_json:
        print_json(found)
    elif found:
        shown = found if last or not sys.stdout.isatty() else _most_wanted(found)
        _print_jobs(shown)
        if len(shown) < len(found):
            click.echo(f"{plural(len(found) - len(shown), 'job')} more: --last {len(found)} shows all.")
    elif choice == JobChoice():
        click.echo("No jobs yet. Submit one: mesh submit scene.glb --frames 1-24")
    else:
        click.echo("There is no such job; `mesh jobs` lists all that there are.")


def _most_wanted(found: Sequence[JobStatus]) -> Sequence[JobStatus]:
    """As many as fit on a screen or two, in the order they were in."""
    under_way = tuple(state for state in JobState if state not in ENDED)
    first = choose(found, JobChoice(under_way, last=_ENOUGH))
    ended = choose(found, JobChoice(ENDED))[: _ENOUGH - len(first)]
    kept = {job.job for job in (*first, *ended)}
    return [job for job in found if job.job in kept]


def _print_jobs(shown: Sequence[JobStatus]) -> None:
    print_table(
        ("job", "name", "state", "done", "frames", "failed", "left", "by"),
        [
            (
                job.short,
                job.name,
                job.state.value,
                percent(job.fraction),
                f"{job.frames_done}/{job.frames_total}",
                str(job.frames_failed),
                duration(job.eta_seconds),
                job.submitter,
            )
            for job in shown
        ],
        right=("done", "frames", "failed", "left"),
        spare=("by", "failed", "left", "frames", "done"),
    )
    waiting: dict[str, list[JobStatus]] = {}
    for job in shown:
        if job.waiting:
            waiting.setdefault(job.waiting, []).append(job)
    for reason, alike in waiting.items():
        click.echo(f"{_names(alike)} {'waits' if len(alike) == 1 else 'wait'}: {reason}.")


def _names(jobs: Sequence[JobStatus]) -> str:
    """`shot1 (7f3a-91c2), shot2 (0c1d-22ef) and 30 more`."""
    names = [f"{job.name} ({job.short})" for job in jobs]
    if len(names) > _NAMED:
        names[_NAMED:] = [f"{len(names) - _NAMED} more"]
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
