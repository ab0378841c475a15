"""The live view of one job while its frames come in, and the table it ends with. Pure drawing.

Shares its parts with the status view.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mesh.model.status import ActivityStatus, EventStatus, JobStatus, MeshStatus, NodeState, NodeStatus
from mesh.ui.pieces import (
    JOB_STYLES,
    QUIET,
    activity_cells,
    bar,
    event_line,
    node_dot,
)
from mesh.ui.words import duration, percent, plural

_MAX_NODES = 12
"""Nodes shown at once."""


def render_progress(
    job: JobStatus, mesh: MeshStatus, events: Sequence[EventStatus], written: int, output: str, width: int
) -> RenderableType:
    """One job at one moment: overall bar, who renders what, the newest `events`, what is on disk."""
    facts = f"{plural(job.frames_total, 'frame')}  ·  {job.width}×{job.height}  ·  {plural(job.samples, 'sample')}  ·  {job.engine}"
    title = Text.assemble(
        (job.name, "bold"), (f"  {job.short}  ·  {facts}", QUIET), no_wrap=True, overflow="ellipsis"
    )
    counts = f"{job.frames_done}/{job.frames_total} frames"
    tail = f"  {percent(job.fraction)}  {counts}  {_left(job)}"
    style = JOB_STYLES[job.state]
    overall = Text.assemble(bar(job.fraction, max(10, width - len(tail) - 2), style), tail)
    parts: list[RenderableType] = [title, overall]
    if job.waiting:
        parts.append(Text(f"waits: {job.waiting}", "yellow"))
    parts += [Text(), _workers(job, mesh, width)]
    if events:
        parts += [Text(), *(event_line(event) for event in events)]
    disk = f"{plural(written, 'frame')} written to {output}" if written else f"frames go to {output}"
    parts += [Text(), Text(disk, QUIET, no_wrap=True, overflow="ellipsis")]
    return Padding(Group(*parts), (0, 1))


def _left(job: JobStatus) -> str:
    """What is still to come, or where nobody can know that, what is behind."""
    if job.eta_seconds is not None:
        return f"{duration(job.eta_seconds)} left"
    return f"{duration(job.elapsed_seconds)} so far"


def _workers(job: JobStatus, mesh: MeshStatus, width: int) -> RenderableType:
    done = {share.node: share for share in job.shares}
    nodes = [node for node in mesh.nodes if node.state is not NodeState.LEFT or node.node in done]
    nodes.sort(key=lambda node: (node.state is not NodeState.ALIVE, not _for(job, node), node.name))
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, max_width=18 if width < 100 else 40, overflow="ellipsis")
    table.add_column(no_wrap=True, ratio=1, overflow="ellipsis")
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right")
    for node in nodes[:_MAX_NODES]:
        share = done.get(node.node)
        count = plural(share.frames, "frame") if share else ""
        doing = activity_cells(node, _for(job, node), 10 if width < 100 else 24, with_job=False)
        table.add_row(node_dot(node.state), node.name, *doing, Text(count, QUIET))
    hidden = len(nodes) - _MAX_NODES
    return Group(table, Text(f"and {plural(hidden, 'more node')}", QUIET)) if hidden > 0 else table


def _for(job: JobStatus, node: NodeStatus) -> tuple[ActivityStatus, ...]:
    return tuple(activity for activity in node.activities if activity.job == job.job)


def shares_table(job: JobStatus) -> RenderableType:
    """What each node did for the job, the busiest first."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style=QUIET)
    table.add_column("node")
    for title in ("frames", "buckets", "render time", "redone"):
        table.add_column(title, justify="right")
    for share in sorted(job.shares, key=lambda share: (-share.buckets, share.name)):
        cells = (str(share.frames), str(share.buckets), duration(share.seconds), str(share.redone))
        table.add_row(share.name, *cells)
    return table
