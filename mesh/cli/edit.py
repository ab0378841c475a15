"""Commands that change how a job is treated while it runs: edit, exclude, include."""

from __future__ import annotations

import click

from mesh.cli.common import connect, json_option, print_json
from mesh.cli.terms import AFTER, NODES, PRIORITY, TAGS
from mesh.control.terms import JobChange
from mesh.model.status import JobStatus
from mesh.ui.words import plural, size


@click.command()
@click.argument("job")
@click.option(
    "--priority", type=PRIORITY, metavar="N", help="Beside a job of 1, one of 2 gets twice as much."
)
@click.option("--category", metavar="NAME", help="Categories with work get equal parts of the mesh.")
@click.option("--tags", type=TAGS, help="Only nodes that carry all of these; '' for any.")
@click.option(
    "--on", type=NODES, metavar=NODES.name, help="Only these nodes; `local` is this one, `any` any."
)
@click.option(
    "--frames", metavar="SET|all", help="Begin nothing but these for now, such as 1-50; the rest waits."
)
@click.option(
    "--after", type=AFTER, metavar=AFTER.name, help="Start when these jobs are done; `none` for now."
)
@json_option
def edit(
    job: str,
    priority: int | None,
    category: str | None,
    tags: tuple[str, ...] | None,
    on: tuple[str, ...] | None,
    frames: str | None,
    after: tuple[str, ...] | None,
    as_json: bool,
) -> None:
    """Change a job's priority, category, tags, nodes or frames while it runs.

    Nodes that may no longer take part stop at once, and what they had not finished goes to others. Pixels
    never change. JOB is an id, the beginning of one, or a name.

    A job that comes after others waits until every frame of theirs is rendered. Where one of them is cancelled, or
    has failed frames, it waits for you: `mesh retry` tries these again, `--after none` starts it all the same.

    \b
    Examples:
      mesh edit still-life --priority 4
      mesh edit still-life --tags gpu,fast
      mesh edit still-life --on render1,render2
      mesh edit still-life --on any --tags ''
      mesh edit still-life --frames 1-50         # these first; later: --frames all
      mesh edit comp --after beauty,shadows
    """
    limit = "" if frames == "all" else frames
    change = JobChange(priority=priority, category=category, tags=tags, on=on, frames=limit, after=after)
    if change == JobChange():
        raise click.UsageError(
            "Nothing is to be changed; give --priority, --category, --tags, --on, --frames or --after."
        )
    _change(job, change, as_json)


@click.command()
@click.argument("job")
@click.argument("nodes", nargs=-1, required=True, metavar="NODE...")
@json_option
def exclude(job: str, nodes: tuple[str, ...], as_json: bool) -> None:
    """Keep nodes from rendering a job.

    They stop its work at once, and others take it up. `mesh include` lets them back in.
    """
    _change(job, JobChange(exclude=nodes), as_json)


@click.command()
@click.argument("job")
@click.argument("nodes", nargs=-1, required=True, metavar="NODE...")
@json_option
def include(job: str, nodes: tuple[str, ...], as_json: bool) -> None:
    """Let nodes render a job again.

    Also those that are blocked because too many of its units failed on them: they then stay in it, whatever
    fails. A node that was caught with false pixels of this job then gets work of all jobs again, where the job's
    submitter or an admin says so; of another job, it then gets work of this one.
    """
    _change(job, JobChange(include=nodes), as_json)


def _change(job: str, change: JobChange, as_json: bool) -> None:
    with connect() as client:
        status = client.change(client.job(job).status.job, change)
    if as_json:
        print_json(status)
        return
    click.echo(f"{status.name} ({status.short}): {treatment(status)}.")
    if status.waiting:
        click.echo(f"Note: {status.waiting}.", err=True)


def treatment(job: JobStatus) -> str:
    """How a job is treated, in one line: every constraint that was set, and no other."""
    parts = [f"priority {job.priority}"] if job.priority != 1 else []
    if job.category:
        parts.append(f"category {job.category}")
    if job.tags:
        parts.append(f"only nodes tagged {' and '.join(job.tags)}")
    if job.on:
        parts.append(f"only on {' or '.join(job.on)}")
    if job.memory_bytes:
        parts.append(f"only nodes with {size(job.memory_bytes)} of memory")
    if job.excluded:
        parts.append(f"not on {' or '.join(job.excluded)}")
    if job.blocked:
        parts.append(f"blocked after failures: {', '.join(job.blocked)}")
    if job.distrusted:
        parts.append(f"distrusted for false pixels: {', '.join(job.distrusted)}")
    if job.after:
        parts.append(f"after {' and '.join(job.after)}")
    if job.limit:
        parts.append(f"only frames {job.limit} for now")
    if job.order != "forward":
        parts.append(f"frames {job.order}")
    if job.chunk:
        parts.append(f"at most {plural(job.chunk, 'frame')} handed out at once")
    return ", ".join(parts) or "like any other job"
