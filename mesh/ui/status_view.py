"""The live view of the whole mesh, drawn from one MeshStatus: header, nodes, jobs, recent events.

Rendering is pure: the same status, width and height give the same picture. `watch` is the loop around it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mesh.model.status import (
    ENDED,
    JobState,
    JobStatus,
    MeshStatus,
    NodeState,
    NodeStatus,
)
from mesh.ui.pieces import (
    ACCENT,
    JOB_STYLES,
    QUIET,
    activity_cells,
    bar,
    event_line,
    node_dot,
)
from mesh.ui.words import duration, engine_words, percent, plural, size

WIDE = 120
"""Columns from which on sites, engines and the like are shown too."""
_WIDEST = 140
"""And how many nodes are at work on each job."""
_ENOUGH = 160
"""Wider, a bar would stand too far from what it is about."""
_NARROW = 60
"""Below it bars, loads and counts give way to names."""
_REASONS = 3
"""Lines of why jobs wait."""
_EXPIRING = 2
"""Sentences about certificates that end soon, of at most two lines each: all of a mesh may end together."""
_PRINTED_EVENTS = 10
_EVENTS = 4
"""Lines of events that other parts leave room for."""


def render_status(status: MeshStatus, width: int, height: int | None = None) -> RenderableType:
    """The whole view for a terminal of `width` columns; with `height`, cut to fit into so many lines, the
    busiest nodes and newest jobs first. Without, everything is shown."""
    width = min(width, _ENOUGH)
    nodes = _by_interest(status.nodes)
    jobs, events = sorted(status.jobs, key=lambda job: job.state in ENDED), list(status.events)
    waiting = [job for job in jobs if job.waiting][:_REASONS]
    expiring = [node.expiring for node in nodes if node.expiring][: None if height is None else _EXPIRING]
    if height is None:
        events = events[-_PRINTED_EVENTS:]
    else:
        room = (
            height
            - 8
            - 2 * (sum(len(node.distrusted) for node in nodes) + len(expiring))
            - len(waiting)
            - (3 if jobs else 1)
            - min(len(events), _EVENTS)
        )
        shown_jobs = min(len(jobs), max(1, room // 3))
        shown_nodes = min(len(nodes), max(1, room - shown_jobs))
        shown_jobs = min(len(jobs), max(1, room - shown_nodes))
        nodes, jobs = nodes[:shown_nodes], jobs[:shown_jobs]
        left = room - shown_nodes - shown_jobs + min(len(events), _EVENTS)
        events = events[-max(1, left) :]
    parts: list[RenderableType] = [
        _header(status, width),
        Text(),
        nodes_table(nodes, width, hidden=len(status.nodes) - len(nodes)),
        *(Text(f" {verdict}.", "red") for node in nodes for verdict in node.distrusted),
        *(Text(f" {sentence}.", "yellow") for sentence in expiring),
        Text(),
    ]
    if jobs:
        parts += [
            jobs_table(jobs, width, hidden=len(status.jobs) - len(jobs)),
            *map(_reason, waiting),
            Text(),
        ]
    else:
        parts += [Text(" No jobs yet. Submit one: mesh submit scene.glb --frames 1-24", QUIET), Text()]
    if events:
        parts.append(Padding(Group(*(event_line(event) for event in events)), (0, 1)))
    return Group(*parts)


def _reason(job: JobStatus) -> Text:
    return Text(f" {job.name} waits: {job.waiting}", "yellow", no_wrap=True, overflow="ellipsis")


def _by_interest(nodes: Sequence[NodeStatus]) -> list[NodeStatus]:
    """This node, then those at work, then idle ones, then those that are gone; each by name."""
    gone = (NodeState.DEAD, NodeState.LEFT)
    return sorted(
        nodes,
        key=lambda node: (not node.is_me, node.state in gone, not node.activities, node.name, node.node),
    )


def _header(status: MeshStatus, width: int) -> RenderableType:
    alive = [node for node in status.nodes if node.state in (NodeState.ALIVE, NodeState.SUSPECT)]
    dead = sum(node.state is NodeState.DEAD for node in status.nodes)
    rate = throughput([job for job in status.jobs if job.state is JobState.RUNNING])
    facts = [(plural(len(alive), "node"), "")]
    if dead:
        facts.append((f"{dead} dead", "red"))
    facts.append((plural(sum(node.slots for node in alive), "thread"), ""))
    if rate >= 0.05:
        facts.append((f"{rate:.1f} frames/min", ""))
    facts.append((f"cache {size(status.cache_bytes)} of {size(status.cache_limit_bytes)}", ""))
    line = Text.assemble((" mesh ", f"bold reverse {ACCENT}"), (f" {status.name}", "bold"))
    for fact, style in facts:
        if line.cell_len + len(fact) + 5 <= width:
            line.append("  ·  ", QUIET).append(fact, style)
    return line


def throughput(jobs: Sequence[JobStatus]) -> float:
    """Frames a minute over the running `jobs`, parts of frames counted as parts."""
    return sum(
        job.fraction * job.frames_total / job.elapsed_seconds * 60 for job in jobs if job.elapsed_seconds > 0
    )


def _table(width: int) -> Table:
    return Table(
        box=None, width=width, padding=(0, 1), header_style=QUIET, collapse_padding=True, pad_edge=True
    )


def nodes_table(nodes: Sequence[NodeStatus], width: int, hidden: int = 0) -> RenderableType:
    """Who is here and what each is rendering."""
    wide, narrow = width >= WIDE, width < _NARROW
    table = _table(width)
    table.add_column("", no_wrap=True)
    table.add_column("node", no_wrap=True, max_width=30 if wide else 18)
    if wide:
        table.add_column("site", no_wrap=True, max_width=20)
        table.add_column("engine", no_wrap=True, max_width=20)
        table.add_column("ping", justify="right", no_wrap=True)
    if not narrow:
        table.add_column("load", no_wrap=True)
    table.add_column("rendering", no_wrap=True, ratio=1, overflow="ellipsis")
    if not narrow:
        table.add_column("", no_wrap=True)
        table.add_column("frames", justify="right", no_wrap=True)
    for node in nodes:
        name = Text(node.name, "bold" if node.is_me else "")
        if node.is_me:
            name.append(" here", QUIET)
        cells: list[RenderableType] = [node_dot(node.state), name]
        if wide:
            ping = "" if node.rtt_ms is None else f"{node.rtt_ms:.1f} ms"
            cells += [node.site, engine_words(node.engines), ping]
        gone = node.state in (NodeState.DEAD, NodeState.LEFT)
        doing = activity_cells(node, node.activities, 20 if wide else 10)
        if narrow:
            cells += [doing[0]]
        else:
            load = Text("") if gone else bar(node.load, 8 if wide else 5, "green")
            cells += [load, *doing, str(node.frames_done)]
        table.add_row(*cells)
    return _with_rest(table, hidden, "node")


def jobs_table(jobs: Sequence[JobStatus], width: int, hidden: int = 0) -> RenderableType:
    """What is being rendered and how far it is."""
    wide, narrow = width >= WIDE, width < _NARROW
    table = _table(width)
    table.add_column("job", no_wrap=True)
    table.add_column("name", no_wrap=True, ratio=1, overflow="ellipsis")
    if wide:
        table.add_column("by", no_wrap=True, max_width=28)
        table.add_column("size", no_wrap=True)
        table.add_column("safe", no_wrap=True)
    if width >= _WIDEST:
        table.add_column("nodes", justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("done" if narrow else "", no_wrap=True, justify="right")
    if not narrow:
        table.add_column("frames", justify="right", no_wrap=True)
        table.add_column("left", justify="right", no_wrap=True)
    for job in jobs:
        style = JOB_STYLES[job.state]
        frames = Text(f"{job.frames_done}/{job.frames_total}")
        if job.frames_failed:
            frames.append(f" {job.frames_failed} failed", "red")
        cells: list[RenderableType] = [Text(job.short, QUIET), job.name]
        if wide:
            safe = Text("yes", "green") if job.durable else Text("not yet", "yellow")
            cells += [job.submitter, f"{job.width}×{job.height}, {job.samples} spp", safe]
        if width >= _WIDEST:
            cells.append(f"{job.usage:.1f}" if job.usage > 0 else "")
        cells += [Text(job.state.value, style)]
        if narrow:
            cells += [percent(job.fraction)]
        else:
            done = Text.assemble(bar(job.fraction, 20 if wide else 12, style), " ", percent(job.fraction))
            cells += [done, frames, duration(job.eta_seconds)]
        table.add_row(*cells)
    return _with_rest(table, hidden, "job")


def _with_rest(table: Table, hidden: int, word: str) -> RenderableType:
    if not hidden:
        return table
    return Group(table, Text(f"   and {plural(hidden, 'more ' + word)}", QUIET))


def print_once(console: Console, status: MeshStatus) -> None:
    """The view without end of lines to fit into, once; where nobody's terminal is to be filled, without blanks at the ends
    of lines, and with events in full."""
    if console.is_terminal:
        console.print(render_status(status, console.width))
        return
    with console.capture() as shown:
        console.print(render_status(replace(status, events=()), console.width))
        console.print()
        for event in status.events[-_PRINTED_EVENTS:]:
            console.print(Text.assemble(" ", event_line(event)), soft_wrap=True)
    lines = [line.rstrip() for line in shown.get().splitlines()]
    console.file.write("\n".join(lines).rstrip() + "\n")


def watch(console: Console, statuses: Iterator[MeshStatus]) -> None:
    """Draw each status in place of the one before, until there is none or Ctrl-C."""
    with Live(console=console, screen=True, auto_refresh=False) as live:
        try:
            for status in statuses:
                live.update(render_status(status, console.width, console.height), refresh=True)
        except KeyboardInterrupt:
            return
