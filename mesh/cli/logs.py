"""The logs command: who tried what, who is at it, and what renderers wrote."""

from __future__ import annotations

import click

from mesh.cli.common import connect, json_option
from mesh.cli.numbers import Whole
from mesh.control.client import Client
from mesh.control.convert import to_json
from mesh.control.service import AttemptEntry, RunningEntry
from mesh.errors import MeshError
from mesh.model.frames import frames_in_words
from mesh.model.status import JobStatus
from mesh.ui.words import duration, percent, plural


@click.command()
@click.argument("job")
@click.argument("frame", type=Whole(0), required=False)
@click.option(
    "--lines",
    type=Whole(0),
    default=20,
    show_default=True,
    metavar="N",
    help="Of each log, the last so many; 0 for all.",
)
@click.option(
    "--follow",
    is_flag=True,
    help="Go on telling until the job has ended, or FRAME is done. With --json, one object a line.",
)
@json_option
def logs(job: str, frame: int | None, lines: int, follow: bool, as_json: bool) -> None:
    """Show how a job's frames were tried, and the logs of failures.

    Without FRAME, every attempt that failed; with it, all attempts at that frame, and who is at it. What a renderer
    writes is shown while it renders where that is on this machine's node; from others it comes when a frame fails. Logs
    are kept where the attempt failed and where the job was submitted. JOB is an id, the beginning of one, or a name.

    \b
    Examples:
      mesh logs still-life
      mesh logs still-life 17 --lines 0
      mesh logs still-life 17 --follow
    """
    with connect() as client:
        status = client.job(job).status
        if follow:
            _follow(client, status, frame, lines, as_json)
            return
        listed = client.attempts(status.job, frame)
        tried = listed.attempts
        if as_json:
            _print_json(client, status.job, tried)
            return
        running = listed.running if frame is not None else ()
        if not tried and not running:
            what = f"Frame {frame}" if frame is not None else "Nothing"
            verb = "has not been tried to the end yet" if frame is not None else "has failed"
            click.echo(f"{what} of {status.name} ({status.short}) {verb}.")
            return
        for number, alike in enumerate(_alike(tried)):
            if number and alike[0].failure is not None:
                click.echo()
            _print_attempts(client, status.job, alike, lines)
        for one in running:
            click.echo(running_line(one))
            for line in last_lines(one.words, lines):
                click.echo(f"    {line}")
        failed = sum(one.failure is not None for one in tried)
        if frame is None:
            hint = f". Try failed frames again: mesh retry {status.short}" if status.frames_failed else ""
            click.echo(f"\n{plural(failed, 'failed attempt')}{hint or '; no frame has failed for good.'}")


def _alike(tried: tuple[AttemptEntry, ...]) -> list[list[AttemptEntry]]:
    """Frames that failed on the same node for the same reason, with the same last words, are told together."""
    found: dict[object, list[AttemptEntry]] = {}
    for number, one in enumerate(tried):
        whole = one.failure is not None and one.stop - one.start == one.of_buckets
        key = (one.node, one.failure, one.log, one.forgiven) if whole else number
        found.setdefault(key, []).append(one)
    return list(found.values())


def _print_attempts(client: Client, job: str, alike: list[AttemptEntry], lines: int) -> None:
    attempt = alike[0]
    what = _what(attempt) if len(alike) == 1 else frames_in_words(one.frame for one in alike)
    if attempt.failure is None:
        click.echo(f"{what} rendered by {attempt.node} in {duration(attempt.seconds)}")
        return
    forgiven = " (before the last retry)" if attempt.forgiven else ""
    click.echo(click.style(f"{what} failed on {attempt.node}{forgiven}: {attempt.failure}", fg="red"))
    for line in last_lines(_log(client, job, attempt), lines):
        click.echo(f"    {line}")


def last_lines(text: str, lines: int) -> list[str]:
    """The last so many, and how many are left out; all for 0."""
    found = text.splitlines()
    if lines and len(found) > lines:
        found[:-lines] = [f"... {len(found) - lines} lines before; --lines 0 shows them"]
    return found


def running_line(one: RunningEntry) -> str:
    """`frame 12 is with render2, 45 %`; what keeps it from having pixels instead of a share of none."""
    return f"{_what(one)} is with {one.node}, {one.preparing or percent(one.fraction).strip()}"


def _what(attempt: AttemptEntry | RunningEntry) -> str:
    if attempt.stop - attempt.start == attempt.of_buckets:
        return f"frame {attempt.frame}"
    return f"frame {attempt.frame}, buckets {attempt.start}-{attempt.stop - 1} of {attempt.of_buckets},"


def _log(client: Client, job: str, attempt: AttemptEntry) -> str:
    """What the renderer said, or a sentence where that cannot be had."""
    if attempt.log is None:
        return "(the renderer said nothing)"
    try:
        return b"".join(client.get_blob(attempt.log, job)).decode("utf-8", "replace")
    except MeshError as error:
        return f"({error})"


def _follow(client: Client, status: JobStatus, frame: int | None, lines: int, as_json: bool) -> None:
    from mesh.cli.log_follow import JsonTeller, LineTeller, follow

    def show(one: AttemptEntry) -> None:
        _print_attempts(client, status.job, [one], lines)

    def log(one: AttemptEntry) -> str | None:
        return None if one.log is None else _log(client, status.job, one)

    follow(client, status, frame, JsonTeller(log) if as_json else LineTeller(show, running_line))


def _print_json(client: Client, job: str, tried: tuple[AttemptEntry, ...]) -> None:
    import json

    rows = [{**to_json(one), "text": None if one.log is None else _log(client, job, one)} for one in tried]
    click.echo(json.dumps(rows, indent=2))
