"""The small parts every view is made of: bars, dots, lines. Pure: values in, text out."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from mesh.model.status import ActivityStatus, EventStatus, JobState, NodeState, NodeStatus
from mesh.ui.words import clock, duration, percent

ACCENT = "cyan"
QUIET = "bright_black"

NODE_DOTS = {
    NodeState.ALIVE: ("●", "green"),
    NodeState.SUSPECT: ("◐", "yellow"),
    NodeState.DEAD: ("✗", "red"),
    NodeState.LEFT: ("○", QUIET),
}
JOB_STYLES = {
    JobState.WAITING: "yellow",
    JobState.RUNNING: ACCENT,
    JobState.PAUSED: "yellow",
    JobState.DONE: "green",
    JobState.FAILED: "red",
    JobState.CANCELLED: QUIET,
}


def bar(fraction: float, width: int, style: str = ACCENT) -> Text:
    """A bar `width` cells long, legible without colour: heavy where done, thin where not."""
    halves = round(min(max(fraction, 0.0), 1.0) * width * 2)
    full, half = divmod(halves, 2)
    done = "━" * full + "╸" * half
    return Text.assemble((done, style), ("─" * (width - full - half), QUIET))


def node_dot(state: NodeState) -> Text:
    dot, style = NODE_DOTS[state]
    return Text(dot, style)


_EVENT_STYLES = {
    "node-down": "red",
    "node-blocked": "red",
    "frame-failed": "red",
    "unit-failed": "red",
    "identity-clash": "red",
    "edit-refused": "red",
    "audit-differs": "yellow",
    "pixels-lost": "yellow",
    "node-convicted": "red",
    "self-convicted": "red",
    "conviction-refused": "red",
    "entry-refused": "red",
    "job-refused": "red",
    "node-quarantined": "yellow",
    "work-reassigned": "yellow",
    "scene-warning": "yellow",
    "job-finished": "green",
}


def event_line(event: EventStatus) -> Text:
    """One line of the event log; what went wrong stands out."""
    style = _EVENT_STYLES.get(event.kind, "")
    return Text.assemble(
        (clock(event.unix_ms), QUIET), "  ", (event.text, style), no_wrap=True, overflow="ellipsis"
    )


def activity_cells(
    node: NodeStatus, activities: Sequence[ActivityStatus], width: int, *, with_job: bool = True
) -> tuple[Text, Text]:
    """What a node is at, and a bar of how far it is with `width` cells: two cells of a table."""
    nothing = Text()
    if node.state is NodeState.LEFT:
        return Text("left the mesh", QUIET), nothing
    if node.state is NodeState.SUSPECT:
        return Text(f"no answer for {duration(node.seen_seconds)}", "yellow"), nothing
    if node.state is NodeState.DEAD:
        return Text(f"dead, last seen {duration(node.seen_seconds)} ago", "red"), nothing
    if not activities:
        return (Text(node.preparing, "yellow") if node.preparing else Text("idle", QUIET)), nothing
    first = activities[0]
    if node.preparing:
        return Text.assemble((node.preparing, "yellow"), (" · ", QUIET), first.what), nothing
    text = Text.assemble(first.job_name, (" · ", QUIET), first.what) if with_job else Text(first.what)
    if len(activities) > 1:
        text.append(f" and {len(activities) - 1} more", QUIET)
    return text, Text.assemble(bar(first.fraction, width), " ", percent(first.fraction))
