"""The logs command: who tried what, and the last words of renderers that failed."""

from __future__ import annotations

import click

from mesh.cli.common import connect, json_option
from mesh.cli.numbers import Whole
from mesh.control.client import Client
from mesh.control.convert import to_json
from mesh.control.service import AttemptEntry
from mesh.errors import MeshError
from mesh.model.frames import frames_in_words
from mesh.ui.words import duration, plural


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
@json_option
def logs(job: str, frame: int | None, lines: int, as_json: bool) -> None:
    """Show how a job's frames were tried, and the logs of failures.

    Without FRAME, every attempt that failed; with it, all attempts at that frame. Logs are kept where the
    attempt failed and where the job was submitted. JOB is an id, the beginning of one, or a name.

    \b
    Examples:
      mesh logs still-life
      mesh logs still-life 17 --lines 0
    """
    with connect() as client:
        status = client.job(job).status
        tried = client.attempts(status.job, frame)
        if as_json:
            _print_json(client, status.job, tried)
            return
        if not tried:
            what = f"Frame {frame}" if frame is not None else "Nothing"
            verb = "has not been tried to the end yet" if frame is not None else "has failed"
            click.echo(f"{what} of {status.name} ({status.short}) {verb}.")
            return
        for number, alike in enumerate(_alike(tried)):
            if number and alike[0].failure is not None:
                click.echo()
            _print_attempts(client, status.job, alike, lines)
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
    text = _log(client, job, attempt)
    shown = text.splitlines()
    if lines and len(shown) > lines:
        click.echo(f"    ... {len(shown) - lines} lines before; --lines 0 shows them")
        shown = shown[-lines:]
    for line in shown:
        click.echo(f"    {line}")


def _what(attempt: AttemptEntry) -> str:
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


def _print_json(client: Client, job: str, tried: tuple[AttemptEntry, ...]) -> None:
    import json

    rows = [{**to_json(one), "text": None if one.log is None else _log(client, job, one)} for one in tried]
    click.echo(json.dumps(rows, indent=2))
