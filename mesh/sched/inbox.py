"""Which part of the scheduler each message goes to, and what to do when one could not be sent."""

from __future__ import annotations

from mesh.model.ids import JobId, NodeId
from mesh.sched.core import Core
from mesh.sched.intervals import from_numbers
from mesh.sched.job import Job
from mesh.sched.news import WorkReassigned
from mesh.sched.parts import Parts
from mesh.wire.base import Message
from mesh.wire.copies import KeepPixels, KeepScene, PixelsKept, SceneKept
from mesh.wire.jobs import JobEdits, JobOffer, JobsKnown, JobWanted
from mesh.wire.ledger import JobSummary, LedgerDelta, LedgerPulse, LedgerVector
from mesh.wire.stealing import (
    GrantTaken,
    SamplesRendered,
    StealDeny,
    StealGrant,
    StealRequest,
    WorkReturned,
    WorkTaken,
)
from mesh.wire.trust import Convictions


class Inbox:
    def __init__(self, core: Core, parts: Parts) -> None:
        self._core = core
        self._parts = parts

    def receive(self, sender: NodeId, message: Message) -> None:
        """Messages that are not the scheduler's are ignored; those about unknown jobs ask for the job."""
        core = self._core
        match message:
            case JobOffer():
                if (
                    message.job not in core.dropped
                    and self._parts.spread.on_offer(sender, message) is not None
                ):
                    self._parts.thief.stir()
                offered = core.jobs.get(message.job)
                if offered is not None:
                    self._parts.thief.see(offered)
            case JobsKnown():
                self._parts.spread.on_known(sender, message)
            case Convictions():
                self._parts.convictions.hear(sender, message)
            case StealRequest():
                self._parts.lender.on_request(sender, message)
                for want in message.wants:
                    job = core.jobs.get(want.job)
                    if job is not None and job.facts.complete and core.keeps(job):
                        self._parts.replication.tell_summary(job, sender)
            case StealDeny():
                self._parts.thief.on_deny(sender, message)
            case StealGrant():
                self._parts.thief.on_grant(core.jobs.get(message.job), sender, message)
            case (
                JobEdits()
                | JobWanted()
                | LedgerDelta()
                | LedgerPulse()
                | LedgerVector()
                | JobSummary()
                | GrantTaken()
                | SamplesRendered()
                | WorkReturned()
                | WorkTaken()
                | KeepPixels()
                | PixelsKept()
                | KeepScene()
                | SceneKept()
            ):
                job = self._known(sender, message.job)
                if job is not None:
                    core.touch(job)
                    self._receive_for(job, sender, message)
            case _:
                pass

    def _receive_for(self, job: Job, sender: NodeId, message: Message) -> None:
        core = self._core
        match message:
            case JobEdits():
                self._parts.spread.on_edits(job, sender, message.edits)
                self._parts.thief.stir()
            case JobWanted():
                self._parts.spread.on_wanted(sender, job)
            case LedgerDelta():
                self._parts.replication.on_delta(job, sender, message)
            case LedgerPulse():
                self._parts.replication.on_pulse(job, sender, message)
            case LedgerVector():
                self._parts.replication.on_vector(job, sender, message)
            case JobSummary():
                elsewhere = self._parts.replication.on_summary(job, sender, message)
                self._parts.runner.withdraw(job, elsewhere)
                self._parts.helper.withdraw(job, elsewhere)
                self._parts.market.hear(sender, message.hints)
                job.hinted_at = core.now
            case GrantTaken():
                self._parts.lender.on_taken(job, sender, message.request)
            case SamplesRendered():
                self._parts.samples.on_rendered(job, sender, message)
            case WorkReturned():
                self._parts.lender.on_returned(job, sender, message)
            case WorkTaken():
                self._core.notify(WorkReassigned(job.id, message.gone, message.buckets, message.frames))
            case KeepPixels():
                self._parts.copies.on_keep(job, sender, message)
            case PixelsKept():
                self._parts.copies.on_kept(job, sender, message)
            case KeepScene():
                self._parts.scenes.on_keep(job, sender)
            case SceneKept():
                self._parts.scenes.on_kept(job, sender, message.kept)
            case _:
                raise AssertionError(f"{message} is not about a job")

    def returned(self, to: NodeId, message: Message) -> None:
        """A message may not have arrived."""
        core = self._core
        job = core.jobs.get(getattr(message, "job", JobId(b"")))
        match message:
            case StealRequest():
                self._parts.thief.on_timeout(message.request)
            case StealGrant() if job is not None:
                self._parts.lender.on_grant_failed(job, to, message.request)
            case WorkReturned() if job is not None:
                self._parts.adoption.adopt(job, from_numbers(message.spans, job.layout.total))
            case JobOffer() if job is not None:
                self._parts.spread.on_offer_failed(job, to, message)
            case LedgerDelta() | LedgerVector() if job is not None:
                self._parts.replication.on_send_failed(job, to)
            case KeepPixels() if job is not None:
                self._parts.copies.on_late(job, message.pixels, to)
            case KeepScene() if job is not None:
                self._parts.scenes.on_keep_failed(job, to)
            case _:
                pass  # offers, edits and lists are compared again; answers are asked for again

    def _known(self, sender: NodeId, job_id: JobId) -> Job | None:
        job = self._core.jobs.get(job_id)
        if job is None:
            alarm = ("asked", job_id)
            if not self._core.waiting_for(alarm):
                self._core.wake(alarm, self._core.now + 1.0)
                self._parts.spread.ask_for(sender, job_id)
        return job
