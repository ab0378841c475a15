"""Builds the status snapshots that people and programs see from what the machines know."""

from __future__ import annotations

from mesh.config.values import write_endpoint
from mesh.gossip.events import Member
from mesh.identity.certificates import utc_now
from mesh.identity.renewal import warning
from mesh.identity.warrants import expiry_of
from mesh.model.frames import format_frames, frames_in_words
from mesh.model.ids import JobId, NodeId, short
from mesh.model.status import (
    ActivityStatus,
    FrameStatus,
    JobStatus,
    MeshStatus,
    NodeState,
    NodeStatus,
    ShareStatus,
    Stage,
)
from mesh.node.narrator import describe
from mesh.node.runtime import Node
from mesh.node.waiting import waiting_for
from mesh.sched.convictions import case
from mesh.sched.looks import ActivityView, JobView
from mesh.wire.trust import Conviction

SHOWN_EVENTS = 50
_PREPARING: dict[int, str] = {
    Stage.READY: "",
    Stage.FETCHING: "fetching the scene",
    Stage.OPENING: "opening the scene",
    Stage.COMPILING: "compiling the renderer",
}
SHOWN_FAILURES = 5


def mesh_status(node: Node) -> MeshStatus:
    """Everything at once, for the live view."""
    views = node.core.scheduler.views
    usage = node.disk.store.usage()
    return MeshStatus(
        mesh=short(node.identity.fingerprint),
        name=node.identity.mesh_name,
        me=node.me.hex(),
        revision=node.revision.number,
        nodes=node_statuses(node),
        jobs=tuple(job_status(node, view) for view in map(views.job, views.jobs()) if view is not None),
        events=node.journal.newest(SHOWN_EVENTS),
        cache_bytes=usage.bytes,
        cache_limit_bytes=usage.capacity,
    )


def node_statuses(node: Node) -> tuple[NodeStatus, ...]:
    """This node first, the others by name."""
    doing: dict[NodeId, list[ActivityView]] = {}
    for view in node.core.scheduler.views.activities():
        doing.setdefault(view.node, []).append(view)
    members = sorted(
        node.core.membership.members(), key=lambda one: (one.node != node.me, one.name, one.node)
    )
    return tuple(_node_status(node, member, doing.get(member.node, [])) for member in members)


def _node_status(node: Node, member: Member, doing: list[ActivityView]) -> NodeStatus:
    meta = member.meta
    here = member.state in (NodeState.ALIVE, NodeState.SUSPECT)
    return NodeStatus(
        node=member.node.hex(),
        short=short(member.node),
        name=member.name,
        state=member.state,
        is_me=member.node == node.me,
        address=write_endpoint(member.address),
        site=meta.site,
        tags=meta.tags,
        engines=tuple(f"{engine.name} {engine.build}" for engine in meta.engines),
        slots=meta.slots,
        load=meta.load / 255,
        rtt_ms=None if member.rtt is None else member.rtt * 1000,
        seen_seconds=member.seen or 0.0,
        activities=tuple(_activity(node, view) for view in doing) if here else (),
        frames_done=meta.frames_done,
        buckets_done=meta.buckets_done,
        distrusted=verdicts(node, member.node),
        exclusive=meta.exclusive,
        preparing=_PREPARING.get(meta.stage, "getting ready") if here else "",
        expiring=_expiring(member) if here and member.warrant else "",
    )


def _expiring(member: Member) -> str:
    return warning(member.name, expiry_of(member.warrant), utc_now())


def verdicts(node: Node, convicted: NodeId) -> tuple[str, ...]:
    """What is held against a node: a sentence for each job that it was caught in."""
    return tuple(
        _verdict(node, convicted, one) for one in node.core.scheduler.convictions.standing(convicted)
    )


def _verdict(node: Node, convicted: NodeId, conviction: Conviction) -> str:
    unit, witnesses = case(conviction)
    job, name = node.directory.job_name(conviction.job), node.directory.node_name(convicted)
    manifest = node.core.scheduler.views.manifest(conviction.job)
    what = describe(unit, 1 if manifest is None else manifest.grid.count)
    names = " and ".join(map(node.directory.node_name, witnesses))
    return f"{name} gets no work: {names} found its {what} of {job} false; `mesh include {job} {name}` lets it work again"


def _activity(node: Node, view: ActivityView) -> ActivityStatus:
    return ActivityStatus(
        job=view.job.hex(),
        job_name=node.directory.job_name(view.job),
        frame=view.unit.frame,
        buckets=(view.unit.start, view.unit.stop),
        of_buckets=view.buckets,
        fraction=view.fraction,
        what=describe(view.unit, view.buckets),
    )


def job_status(node: Node, view: JobView) -> JobStatus:
    manifest, settings = view.manifest, view.manifest.settings
    under_way = sum(activity.fraction * activity.unit.size for activity in view.activities)
    waiting = waiting_for(
        view, node.directory.node_name, node.core.scheduler.views.job, node.directory.renders
    )
    return JobStatus(
        job=view.job.hex(),
        short=short(view.job),
        name=manifest.name,
        submitter=manifest.submitter,
        submitted_ms=manifest.submitted_ms,
        state=view.state,
        engine=manifest.engine.value,
        frames=format_frames(manifest.frames),
        frames_total=len(manifest.frames),
        frames_done=view.frames_done,
        frames_failed=view.frames_failed,
        buckets_total=view.buckets_total,
        buckets_done=view.buckets_done,
        fraction=node.progress.shown(
            view.job, view.buckets_done, min(1.0, (view.buckets_done + under_way) / view.buckets_total)
        ),
        elapsed_seconds=view.elapsed,
        eta_seconds=view.eta if (view.buckets_done or under_way) and not waiting else None,
        durable=view.durable,
        shares=tuple(
            ShareStatus(
                share.node.hex(),
                node.directory.node_name(share.node),
                share.frames,
                share.buckets,
                share.seconds,
                share.redone,
            )
            for share in view.shares
        ),
        width=settings.width,
        height=settings.height,
        samples=settings.samples,
        failures=failures(node, view)[:SHOWN_FAILURES],
        priority=view.priority,
        category=view.category,
        tags=view.tags,
        on=tuple(map(node.directory.node_name, view.on)),
        excluded=tuple(map(node.directory.node_name, view.excluded)),
        blocked=tuple(map(node.directory.node_name, view.blocked)),
        distrusted=tuple(map(node.directory.node_name, view.distrusted)),
        verdicts=tuple(verdict for one in view.distrusted for verdict in verdicts(node, one)),
        checked=view.checked,
        relieved=view.relieved,
        usage=view.usage,
        limit=view.limit,
        order=view.policy.order.value,
        chunk=view.policy.chunk,
        memory_bytes=view.policy.memory_bytes,
        after=tuple(_job(node, job) for job in view.after),
        waiting=waiting,
    )


def _job(node: Node, job: JobId) -> str:
    name = node.directory.job_name(job)
    return name if name == short(job) else f"{name} ({short(job)})"


def frame_statuses(node: Node, job: JobId) -> tuple[FrameStatus, ...]:
    return tuple(
        FrameStatus(
            frame.frame,
            frame.done,
            frame.failed,
            tuple(map(node.directory.node_name, frame.nodes)),
            frame.fraction,
        )
        for frame in node.core.scheduler.views.frames(job)
    )


def failures(node: Node, view: JobView) -> tuple[str, ...]:
    """Every failure that is still remembered, newest first, a sentence each: one for all frames that failed alike."""
    count = view.manifest.grid.count
    alike: dict[tuple[NodeId, str, str], list[int]] = {}
    for failure in reversed(view.failures):
        part = "" if failure.unit.size >= count else describe(failure.unit, count)
        alike.setdefault((failure.node, failure.reason, part), []).append(failure.unit.frame)
    return tuple(
        f"{part or frames_in_words(frames)} on {node.directory.node_name(where)}: {reason}"
        for (where, reason, part), frames in alike.items()
    )
