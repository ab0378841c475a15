"""The collect command, and the output options it shares with submit."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from mesh.cli.common import connect
from mesh.cli.look import look_options, read_look
from mesh.control.outputs import Existing, Format, OutputPattern, frames_to_write, parse_output
from mesh.model.status import JobStatus

Command = TypeVar("Command", bound=Callable[..., Any])


class FormatList(click.ParamType[tuple[Format, ...]]):
    """`exr`, `png` or `exr,png`."""

    name = "exr,png"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Format, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(dict.fromkeys(Format(part.strip().lower()) for part in value.split(",")))
        except ValueError:
            self.fail(f"{value!r} is not exr, png or exr,png", param, ctx)


def output_options(command: Command) -> Command:
    """-o, --format, the look of PNGs, --overwrite, --skip-existing and --json, in this order."""
    for decorate in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, for scripts."),
        click.option("--skip-existing", is_flag=True, help="Leave out frames that are there already."),
        click.option("--overwrite", is_flag=True, help="Replace frames that are there already."),
        look_options,
        click.option(
            "--format", "formats", type=FormatList(), metavar="exr,png", default=(), help="Default: both."
        ),
        click.option(
            "-o",
            "--output",
            metavar="PATH",
            help="A folder, or a pattern such as out/shot.####.exr. Default: renders.",
        ),
    ):
        command = decorate(command)
    return command


def existing_policy(overwrite: bool, skip_existing: bool) -> Existing:
    if overwrite and skip_existing:
        raise click.UsageError("--overwrite and --skip-existing exclude each other.")
    if overwrite:
        return Existing.OVERWRITE
    return Existing.SKIP if skip_existing else Existing.REFUSE


def nothing_to_write(job: JobStatus | None, pattern: OutputPattern, as_json: bool) -> None:
    """Says that every frame is there already, of a `job` that is known or of one that need not be submitted."""
    if as_json:
        from mesh.cli.reports import JsonReport

        JsonReport().nothing_to_write(job, str(pattern))
    else:
        click.echo(f"Every frame{f' of {job.name}' if job else ''} is already in {pattern}.")


@click.command()
@click.argument("job")
@output_options
def collect(
    job: str,
    output: str | None,
    formats: tuple[Format, ...],
    overwrite: bool,
    skip_existing: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Fetch a job's frames, from any node.

    Works on every machine of the mesh, also when the one that submitted is gone. Waits for frames that are
    still being rendered. JOB is an id, the beginning of one, or a name.

    \b
    Examples:
      mesh collect 7f3a-91c2
      mesh collect still-life -o final/shot.####.exr
      mesh collect still-life --skip-existing    # go on where it stopped
    """
    from mesh.cli.follow import Following, follow
    from mesh.cli.reports import choose_report

    policy = existing_policy(overwrite, skip_existing)
    look = read_look(options)
    with connect() as client:
        detail = client.job(job)
        status = detail.status
        pattern = parse_output(output, status.name, formats, len(detail.frames))
        frames = frames_to_write(pattern, (frame.frame for frame in detail.frames), policy)
        if not frames:
            nothing_to_write(status, pattern, as_json)
            return
        report = choose_report(as_json, str(pattern), len(frames))
        code = follow(Following(client, status.job, frames, pattern, report, output, formats, look))
    sys.exit(code)
