"""Why a job does not go on, in a sentence that says what can be done about it."""

from __future__ import annotations

from collections.abc import Callable

from mesh.model.ids import JobId, NodeId, short
from mesh.model.status import JobState
from mesh.sched.constraints import Obstacle
from mesh.sched.looks import JobView

Names = Callable[[NodeId], str]
Jobs = Callable[[JobId], JobView | None]
Renders = Callable[[NodeId], bool]


def waiting_for(view: JobView, node_name: Names, job: Jobs, renders: Renders = lambda _node: True) -> str:
    """Empty where nothing keeps the job from going on. `job` looks up the jobs that it waits for; `renders` tells of a
    node whether it has any engine."""
    if view.state is JobState.PAUSED:
        return f"it is paused; go on with: mesh resume {short(view.job)}"
    if view.state in (JobState.DONE, JobState.FAILED, JobState.CANCELLED):
        return ""
    if view.waits.away:
        return _away(view, node_name)
    if view.waits.after:
        return _after(view, view.waits.after[0], job(view.waits.after[0]))
    if view.waits.limited:
        return f"only frames {view.limit} may be rendered for now; go on with: mesh edit {short(view.job)} --frames all"
    if view.waits.obstacles and view.on and not any(map(renders, view.on)):
        return _nothing_renders(view, node_name)
    if view.waits.obstacles:
        return _obstacles(view, node_name)
    if view.waits.scene:
        return (
            f"no node that is here has its scene; bring {node_name(view.submitter)} back, which submitted it"
        )
    return ""


def _away(view: JobView, node_name: Names) -> str:
    """Everything is rendered, and some of it out of reach."""
    waits = view.waits
    frames = "a frame" if waits.away_frames == 1 else f"{waits.away_frames} frames"
    names = " and ".join(map(node_name, waits.away))
    who = "which is" if len(waits.away) == 1 else "which are"
    held = f"{frames} of it cannot be had without {names}, {who} away"
    if waits.away_seconds is None:
        return f"{held}; start one that has them, or render them again with: mesh retry {short(view.job)}"
    if waits.away_seconds < 1:
        return f"{held}; they are rendered again"
    return f"{held}; they are rendered again in {waits.away_seconds:.0f} s, or at once with: mesh retry {short(view.job)}"


def _after(view: JobView, other: JobId, before: JobView | None) -> str:
    """Whoever comes after a job needs all of its frames; where these will not come by themselves people decide."""
    anyway = f"mesh edit {short(view.job)} --after none"
    if before is None:
        return f"it starts after job {short(other)}, which no node here knows; start it all the same with: {anyway}"
    name = f"{before.manifest.name} ({short(other)})"
    if before.state is JobState.CANCELLED:
        return f"it starts after {name}, which is cancelled; start it all the same with: {anyway}"
    if before.state is JobState.FAILED:
        frames = "a frame" if before.frames_failed == 1 else f"{before.frames_failed} frames"
        retry = f"mesh retry {short(other)}"
        return f"it starts after {name}, of which {frames} failed; try again with: {retry}, or start this all the same with: {anyway}"
    return f"it starts when {name} is done"


def _nothing_renders(view: JobView, node_name: Names) -> str:
    """It is bound to nodes that only submit and collect, which `--on local` on one of them does."""
    names = " and ".join(map(node_name, view.on))
    verb = "renders" if len(view.on) == 1 else "render"
    return f"it may run only on {names}, which {verb} nothing (mesh join --no-render); let others with: mesh edit {short(view.job)} --on any"


def _obstacles(view: JobView, node_name: Names) -> str:
    kept_out = dict(view.waits.obstacles)
    reasons = [_reason(view, one, count, node_name) for one, count in kept_out.items()]
    edit = f"mesh edit {short(view.job)}"
    hint = next(
        (
            words
            for one, words in (
                (Obstacle.EXCLUDED, f"mesh include {short(view.job)} NODE"),
                (Obstacle.TAGS, f"{edit} --tags ''"),
                (Obstacle.NODES, f"{edit} --on any"),
                (Obstacle.RESERVED, f"{edit} --on NODE"),
            )
            if one in kept_out
        ),
        "",
    )
    change = f"; start one that may, or: {hint}" if hint else "; start one that may"
    return f"no node that is here may render it: {', '.join(reasons)}{change}"


def _reason(view: JobView, one: Obstacle, count: int, node_name: Names) -> str:
    singular = count == 1
    manifest = view.manifest
    match one:
        case Obstacle.ENGINE:
            verb = "has" if singular else "have"
            return f"{count} {verb} not the engine {manifest.engine.value} {manifest.engine_build}"
        case Obstacle.QUARANTINED:
            return f"{count} {'is' if singular else 'are'} in quarantine, for coming and going"
        case Obstacle.NODES:
            names = " and ".join(map(node_name, view.on))
            return f"{count} {'is' if singular else 'are'} not {names}"
        case Obstacle.TAGS:
            tags = " and ".join(view.tags)
            return f"{count} {'lacks' if singular else 'lack'} the tag{'s' * (len(view.tags) > 1)} {tags}"
        case Obstacle.MEMORY:
            return _memory(view, count)
        case Obstacle.RESERVED:
            return f"{count} {'works only for jobs that ask for it' if singular else 'work only for jobs that ask for them'}"
        case Obstacle.EXCLUDED:
            return f"{count} {'is' if singular else 'are'} excluded from it"
        case Obstacle.DISTRUSTED:
            return f"{count} {'was' if singular else 'were'} caught with false pixels"
        case Obstacle.BLOCKED:
            return f"{count} {'is' if singular else 'are'} blocked after failures"


def _memory(view: JobView, count: int) -> str:
    """What the job takes, and what there is."""
    has = "has" if count == 1 else "have"
    if view.memory > view.policy.memory_bytes:
        there = f"{_gigabytes(view.waits.memory)} GB of memory{' at most' * (count > 1)}"
        takes = (
            "more"
            if _gigabytes(view.memory) == _gigabytes(view.waits.memory)
            else f"{_gigabytes(view.memory)} GB"
        )
        return f"{count} {has} {there}, and its scene takes {takes}"
    return f"{count} {has} less than {_gigabytes(view.memory)} GB of memory"


def _gigabytes(amount: int) -> str:
    size = amount / 1e9
    return f"{size:.0f}" if size >= 100 else f"{size:.3g}"
