"""Commands about one job: show, and cancel, pause, resume, retry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import click

from mesh.cli.common import connect, json_option, print_json, print_table
from mesh.cli.edit import treatment
from mesh.control.service import JobAction, JobDetail
from mesh.model.frames import format_frames
from mesh.model.status import ActivityStatus, FrameStatus, JobState, JobStatus, NodeStatus
from mesh.ui.words import duration, percent, plural


@click.command()
@click.argument("job")
@click.option(
    "--frames", "each", is_flag=True, help="List every frame: how far it is, and who renders or rendered it."
)
@json_option
def show(job: str, each: bool, as_json: bool) -> None:
    """Show one job: progress, who did what, failures.

    JOB is an id, the beginning of one, or a name.

    \b
    Examples:
      mesh show 7f3a-91c2
      mesh show still-life --frames
      mesh show still-life --json
    """
    with connect() as client:
        detail = client.job(job)
        nodes = client.nodes() if each else ()
    if as_json:
        print_json(detail)
    elif each:
        print_table(("frame", "state", "done", "by"), frame_rows(detail, nodes), right=("frame", "done"))
    else:
        _print_job(detail)


def frame_rows(detail: JobDetail, nodes: Sequence[NodeStatus]) -> list[tuple[str, ...]]:
    """A line for each frame, with what is being rendered now."""
    doing: dict[int, list[tuple[str, ActivityStatus]]] = {}
    for node in nodes:
        for one in node.activities:
            if one.job == detail.status.job:
                doing.setdefault(one.frame, []).append((node.name, one))
    return [_frame_row(frame, doing.get(frame.frame, [])) for frame in detail.frames]


def _frame_row(frame: FrameStatus, doing: list[tuple[str, ActivityStatus]]) -> tuple[str, ...]:
    number = str(frame.frame)
    if frame.done:
        return number, "done", percent(1.0), " and ".join(frame.nodes)
    if frame.failed:
        return number, "failed", percent(frame.fraction), " and ".join(frame.nodes)
    under_way = sum(
        one.fraction * (one.buckets[1] - one.buckets[0]) / max(1, one.of_buckets) for _, one in doing
    )
    names = dict.fromkeys((*frame.nodes, *(name for name, _ in doing)))
    state = "rendering" if doing else "begun" if frame.nodes else "waiting"
    return number, state, percent(min(0.99, frame.fraction + under_way)), " and ".join(names)


def _print_job(detail: JobDetail) -> None:
    job = detail.status
    submitted = datetime.fromtimestamp(job.submitted_ms / 1000).strftime("%Y-%m-%d %H:%M:%S")
    done = format_frames(frame.frame for frame in detail.frames if frame.done)
    failed = format_frames(frame.frame for frame in detail.frames if frame.failed)
    facts = {
        "state": f"{job.state.value}, {percent(job.fraction).strip()}",
        "id": job.job,
        "by": f"{job.submitter}, {submitted}",
        "image": f"{job.width}×{job.height}, {plural(job.samples, 'sample')} per pixel, {job.engine}",
        "frames": f"{job.frames} ({job.frames_done} of {job.frames_total} done)",
        "done": done or "none",
        "failed": failed or "none",
        "time": f"{duration(job.elapsed_seconds)}, {_left(job)}",
        "treated": treatment(job),
        "safe": "on other nodes too" if job.durable else "not yet on other nodes",
    }
    if job.usage > 0:
        facts["nodes"] = f"{job.usage:.1f} at work, in the mean over ten seconds"
    if job.checked:
        facts["checked"] = f"{plural(job.checked, 'bucket')} rendered again elsewhere"
    if job.relieved:
        facts["twice"] = f"{plural(job.relieved, 'bucket')} also started elsewhere, for a node took long"
    if job.waiting:
        facts["waits"] = job.waiting
    click.echo(click.style(f"{job.name} ({job.short})", bold=True))
    for title, text in facts.items():
        click.echo(f"  {title:<7} {text}")
    for verdict in job.verdicts:
        click.secho(f"  {verdict}.", fg="red")
    if job.shares:
        click.echo()
        print_table(
            ("node", "frames", "buckets", "render time", "redone"),
            [
                (
                    share.name,
                    str(share.frames),
                    str(share.buckets),
                    duration(share.seconds),
                    str(share.redone),
                )
                for share in job.shares
            ],
            right=("frames", "buckets", "render time", "redone"),
        )
    if detail.failures:
        click.echo()
        for failure in detail.failures:
            click.echo(f"  {failure}")


def _left(job: JobStatus) -> str:
    if job.eta_seconds is not None:
        return f"{duration(job.eta_seconds)} left"
    under_way = job.state in (JobState.WAITING, JobState.RUNNING, JobState.PAUSED)
    if under_way and job.waiting:
        return "it waits"
    return "nobody knows yet how much is left" if under_way else "nothing left"


def _action(action: JobAction, about: str, done: Callable[[JobStatus], str]) -> click.Command:
    """A command that does `action` to one job and says what is `done` about it, as it was before."""

    def act(job: str, as_json: bool) -> None:
        with connect() as client:
            before = client.job(job).status
            status = client.act(before.job, action)
        if as_json:
            print_json(status)
        else:
            click.echo(f"{status.name} ({status.short}) {done(before)}")

    act.__doc__ = f"{about}\n\nJOB is an id, the beginning of one, or a name."
    decorate: Callable[[Callable[..., None]], Callable[..., None]] = click.argument("job")
    return click.command(action.value)(decorate(json_option(act)))


def _again(job: JobStatus) -> str:
    if not job.frames_failed:
        return "has no failed frame; what only nodes have that are gone is rendered again."
    return f"tries {plural(job.frames_failed, 'failed frame')} again, and what only nodes have that are gone."


cancel = _action(
    JobAction.CANCEL,
    "Stop a job; what is rendered stays.",
    lambda job: f"is cancelled. Frames already rendered can still be collected: mesh collect {job.short}",
)
pause = _action(
    JobAction.PAUSE,
    "Start nothing more of a job until resumed.",
    lambda job: f"is paused; go on with: mesh resume {job.short}",
)
resume = _action(JobAction.RESUME, "Go on with a paused job.", lambda _job: "goes on.")
retry = _action(
    JobAction.RETRY,
    "Render a job's failed frames again.\n\nAlso those whose pixels are only on nodes that are gone.",
    _again,
)
