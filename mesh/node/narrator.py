"""Turns the machines' news into the event log's sentences."""

from __future__ import annotations

from collections.abc import Callable

from mesh.gossip import events as gossip
from mesh.gossip.keyring import KeyInUse
from mesh.model.ids import JobId, NodeId
from mesh.model.units import Unit
from mesh.node.journal import Journal
from mesh.sched import events as sched

_HOW_DOWN = {
    gossip.DownReason.DEAD: "died: it stopped answering",
    gossip.DownReason.LEFT: "left the mesh",
    gossip.DownReason.REPLACED: "was started anew",
}


def count(number: int, thing: str) -> str:
    """`1 frame`, `2 frames`."""
    return f"{number} {thing}" + ("" if number == 1 else "s")


class Narrator:
    """`node_name` and `job_name` know what people call things; `buckets` how many a frame of a job has."""

    def __init__(
        self,
        journal: Journal,
        node_name: Callable[[NodeId], str],
        job_name: Callable[[JobId], str],
        buckets: Callable[[JobId], int],
    ) -> None:
        self._journal = journal
        self._node = node_name
        self._job = job_name
        self._buckets = buckets

    def tell(self, news: object) -> None:
        """Adds a sentence where `news` is worth one."""
        match news:
            case gossip.MemberUp(node=node):
                self._journal.say("node-up", f"{self._node(node)} is here", node=node)
            case gossip.MemberDown(node=node, reason=reason):
                self._journal.say("node-down", f"{self._node(node)} {_HOW_DOWN[reason]}", node=node)
            case gossip.MemberQuarantined(node=node):
                text = f"{self._node(node)} comes and goes; it gets no new work for now"
                self._journal.say("node-quarantined", text, node=node)
            case gossip.MemberReleased(node=node):
                self._journal.say("node-released", f"{self._node(node)} is steady again", node=node)
            case KeyInUse(number=number):
                self._journal.say("key-rotated", f"gossip is sealed under mesh key {number} from now on")
            case gossip.IdentityClash(address=(host, port)):
                text = f"another process speaks with this node's key, at {host}:{port}; was the data folder copied?"
                self._journal.say("identity-clash", text)
            case sched.JobKnown(job=job, manifest=manifest):
                text = (
                    f"{manifest.submitter} submitted {manifest.name}: {count(len(manifest.frames), 'frame')}"
                )
                self._journal.say("job-submitted", text, job=job)
            case sched.JobDurable(job=job, nodes=nodes):
                names = " and ".join(self._node(node) for node in nodes)
                text = f"{self._job(job)} is safe on {names}" if names else f"{self._job(job)} is stored here"
                self._journal.say("job-durable", text, job=job)
            case sched.JobFinished(job=job, failed=failed):
                text = f"{self._job(job)} is done"
                if failed:
                    text = f"{self._job(job)} has ended; {count(failed, 'frame')} failed"
                self._journal.say("job-finished", text, job=job)
            case sched.FrameFailed(job=job, frame=frame, reason=reason):
                text = f"frame {frame} of {self._job(job)} failed: {reason}"
                self._journal.say("frame-failed", text, job=job)
            case sched.UnitFailed(job=job, unit=unit, node=node, reason=reason):
                text = f"{self._node(node)} could not render {self._what(job, unit)}: {reason}"
                self._journal.say("unit-failed", text, node=node, job=job)
            case sched.WorkReassigned(job=job, node=lost, buckets=buckets, frames=frames):
                whose = (
                    "work that nobody held" if lost is None else f"what {self._node(lost)} had not finished"
                )
                size = f"{count(frames, 'frame')}, {count(buckets, 'bucket')}"
                text = f"{whose} of {self._job(job)} is taken up again ({size})"
                self._journal.say("work-reassigned", text, node=lost, job=job)
            case sched.NodeBlocked(job=job, node=node):
                text = f"{self._node(node)} takes no more part in {self._job(job)}: too many failures"
                self._journal.say("node-blocked", text, node=node, job=job)

    def warn(self, job: JobId, sentence: str) -> None:
        """Something about a job's scene that its submitter should know."""
        self._journal.say("scene-warning", f"{self._job(job)}: {sentence}", job=job)

    def _what(self, job: JobId, unit: Unit) -> str:
        return describe(unit, self._buckets(job))


def describe(unit: Unit, buckets: int) -> str:
    """`frame 12`, or `frame 12, buckets 8-15 of 40`."""
    if unit.size >= buckets:
        return f"frame {unit.frame}"
    if unit.size == 1:
        return f"frame {unit.frame}, bucket {unit.start} of {buckets}"
    return f"frame {unit.frame}, buckets {unit.start}-{unit.stop - 1} of {buckets}"
