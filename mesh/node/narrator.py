"""Turns the machines' news into the event log's sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mesh.config.values import write_endpoint
from mesh.gossip import events as gossip
from mesh.gossip.keyring import KeyInUse
from mesh.model.ids import JobId, NodeId, short
from mesh.model.units import Unit
from mesh.node.journal import Journal
from mesh.sched import news as sched
from mesh.wire.jobs import Edit, EditName, Participation

_HOW_DOWN = {
    gossip.DownReason.DEAD: "died: it stopped answering",
    gossip.DownReason.LEFT: "left the mesh",
    gossip.DownReason.REPLACED: "was started anew",
}


_UNTOLD = (sched.UnitStarted, sched.ResultKnown, sched.FrameDone)
"""News of every unit, worth no sentence: thousands a second where units are short."""


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
        self._silent = False

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Around what is told while an earlier life is read from the disk: none of that happens now."""
        self._silent = True
        try:
            yield
        finally:
            self._silent = False

    def tell(self, news: object) -> None:
        """Adds a sentence where `news` is worth one."""
        if self._silent or isinstance(news, _UNTOLD):
            return
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
            case gossip.IdentityClash(address=address):
                where = write_endpoint(address)
                text = f"another process speaks with this node's key, at {where}; was the data folder copied?"
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
            case sched.FrameFailed(job=job, frame=frame):
                text = f"frame {frame} of {self._job(job)} is given up; see: mesh logs {short(job)} {frame}"
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
            case sched.StragglerRelieved(job=job, unit=unit, node=node, helper=helper):
                text = f"{self._node(node)} takes long for {self._what(job, unit)} of {self._job(job)}; {self._node(helper)} has started it as well"
                self._journal.say("straggler-relieved", text, node=node, job=job)
            case sched.SamplesShared(job=job, unit=unit, node=node, helper=helper):
                text = f"{self._node(helper)} rendered a part of {self._node(node)}'s samples of {self._what(job, unit)} of {self._job(job)}"
                self._journal.say("samples-shared", text, node=helper, job=job)
            case sched.JobEdited(job=job, edit=edit):
                self._journal.say("job-edited", self._edit(job, edit), node=edit.author, job=job)
            case sched.EditRefused(job=job, edit=edit, sender=node):
                text = f"{self._node(node)} passed on a change of {self._job(job)} ({edit.name.value}) that neither its submitter nor an admin signed; it is ignored"
                self._journal.say("edit-refused", text, node=node, job=job)
            case sched.JobRefused(job=job, name=name, sender=node):
                text = f"{self._node(node)} passed on the job {name}, which its submitter has not signed; it is ignored"
                self._journal.say("job-refused", text, node=node, job=job)
            case sched.AuditDiffers(job=job, renderer=node, auditor=other, unit=unit):
                text = f"{self._node(other)} and {self._node(node)} render {self._what(job, unit)} of {self._job(job)} differently; a third node is to say which is wrong"
                self._journal.say("audit-differs", text, node=node, job=job)
            case sched.NodeConvicted(job=job, node=node, unit=unit, witnesses=witnesses):
                names = " and ".join(map(self._node, witnesses))
                text = f"{self._node(node)} gets no more work of any job: {names} found its {self._what(job, unit)} of {self._job(job)} false; what it rendered of that is rendered again, and `mesh include` lets it back in"
                self._journal.say("node-convicted", text, node=node, job=job)
            case sched.SelfConvicted(job=job, unit=unit, witnesses=witnesses):
                names = " and ".join(map(self._node, witnesses))
                text = f"{names} found what this machine rendered false ({self._what(job, unit)} of {self._job(job)}), and no node gives it work any more: check its memory and processor, then `mesh include {self._job(job)}` lets it back in"
                self._journal.say("self-convicted", text, job=job)
            case sched.NodePardoned(job=job, node=node, by=by):
                why = "later audits found it right" if by is None else f"{self._node(by)} let it back in"
                text = f"{self._node(node)} may work again, though pixels of {self._job(job)} were found false: {why}"
                self._journal.say("node-pardoned", text, node=node, job=job)
            case sched.ConvictionRefused(job=job, node=node, sender=sender):
                text = f"{self._node(sender)} passed on that {self._node(node)} rendered {self._job(job)} falsely, which those it names have not signed; it is ignored"
                self._journal.say("conviction-refused", text, node=sender, job=job)
            case sched.EntryRefused(job=job, author=node, sender=sender):
                text = f"{self._node(sender)} passed on results of {self._job(job)} that {self._node(node)} has not signed; they are ignored"
                self._journal.say("entry-refused", text, node=sender, job=job)
            case sched.PixelsLost(job=job, results=results):
                text = f"{count(results, 'result')} of {self._job(job)} can no longer be read from this disk; others hold copies, or render them again"
                self._journal.say("pixels-lost", text, job=job)
            case sched.ResultsAway(job=job, frames=frames, nodes=nodes, seconds=seconds):
                names = " and ".join(map(self._node, nodes))
                text = f"{count(frames, 'frame')} of {self._job(job)} cannot be had without {names}; rendered again in {seconds:.0f} s unless back by then"
                self._journal.say("results-away", text, job=job)
            case sched.ResultsGivenUp(job=job, frames=frames, nodes=nodes):
                names = " and ".join(map(self._node, nodes))
                text = f"{names} did not come back: {count(frames, 'frame')} of {self._job(job)} that nobody else has are rendered again"
                self._journal.say("results-given-up", text, job=job)
            case sched.NodeBlocked(job=job, node=node):
                text = f"{self._node(node)} takes no more part in {self._job(job)}: too many failures"
                self._journal.say("node-blocked", text, node=node, job=job)

    def _edit(self, job: JobId, edit: Edit) -> str:
        """What somebody on a node did to a job."""
        who, what = self._node(edit.author), self._job(job)
        match edit.name:
            case EditName.CANCELLED:
                return f"{who} cancelled {what}"
            case EditName.PAUSED:
                return f"{who} paused {what}" if edit.number else f"{who} lets {what} go on"
            case EditName.RETRY:
                return f"{who} has the failed frames of {what} tried again"
            case EditName.PRIORITY:
                return f"{who} gave {what} priority {edit.number}"
            case EditName.CATEGORY:
                return f"{who} put {what} into category {''.join(edit.words) or 'none'}"
            case EditName.TAGS:
                tags = f"nodes tagged {' and '.join(edit.words)}" if edit.words else "any tags"
                return f"{who} lets {what} run on {tags}"
            case EditName.ON:
                return f"{who} lets {what} run on {' or '.join(map(self._node, edit.nodes)) or 'any node'}"
            case EditName.EXCLUDED:
                name = self._node(NodeId(edit.subject))
                excluded = edit.number == Participation.EXCLUDED.value
                return f"{who} excluded {name} from {what}" if excluded else f"{who} let {name} into {what}"
            case EditName.LIMIT:
                return (
                    f"{who} lets only frames {edit.words[0]} of {what} be rendered for now"
                    if edit.words
                    else f"{who} lets all frames of {what} be rendered"
                )
            case EditName.AFTER:
                names = " and ".join(self._job(JobId(bytes.fromhex(word))) for word in edit.words)
                return f"{who} lets {what} start {f'when {names} is done' if names else 'at once'}"
            case EditName.KEEPERS:
                return f"other nodes keep the ledger of {what}"

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
