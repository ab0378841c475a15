"""Which part of the scheduler each message goes to, and what to do when one could not be sent."""

from __future__ import annotations

from mesh.model.ids import JobId, NodeId
from mesh.sched.copies import Copies
from mesh.sched.core import Core
from mesh.sched.events import SelfConvicted, WorkReassigned
from mesh.sched.intervals import from_numbers
from mesh.sched.job import Job
from mesh.sched.lender import Lender
from mesh.sched.market import Market
from mesh.sched.replication import Replication
from mesh.sched.scenes import Scenes
from mesh.sched.spread import Spread
from mesh.sched.thief import Thief
from mesh.wire import sched as msg
from mesh.wire.base import Message


class Inbox:
    def __init__(
        self,
        core: Core,
        spread: Spread,
        replication: Replication,
        lender: Lender,
        thief: Thief,
        scenes: Scenes,
        copies: Copies,
        market: Market,
    ) -> None:
        self._core = core
        self._spread = spread
        self._replication = replication
        self._lender = lender
        self._thief = thief
        self._scenes = scenes
        self._copies = copies
        self._market = market

    def receive(self, sender: NodeId, message: Message) -> None:
        """Messages that are not the scheduler's are ignored; those about unknown jobs ask for the job."""
        core = self._core
        match message:
            case msg.JobOffer():
                if message.job not in core.dropped and self._spread.on_offer(sender, message) is not None:
                    self._thief.stir()
            case msg.JobsKnown():
                self._spread.on_known(sender, message)
            case msg.StealRequest():
                self._lender.on_request(sender, message)
                for want in message.wants:
                    job = core.jobs.get(want.job)
                    if job is not None and job.facts.complete and core.keeps(job):
                        self._replication.tell_summary(job, sender)
            case msg.StealDeny():
                self._thief.on_deny(sender, message)
            case msg.StealGrant():
                self._thief.on_grant(core.jobs.get(message.job), sender, message)
            case (
                msg.JobEdits()
                | msg.JobWanted()
                | msg.LedgerDelta()
                | msg.LedgerPulse()
                | msg.LedgerVector()
                | msg.JobSummary()
                | msg.GrantTaken()
                | msg.WorkReturned()
                | msg.WorkTaken()
                | msg.Convicted()
                | msg.KeepPixels()
                | msg.PixelsKept()
                | msg.KeepScene()
                | msg.SceneKept()
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
            case msg.JobEdits():
                self._spread.on_edits(job, sender, message.edits)
                self._thief.stir()
            case msg.JobWanted():
                self._spread.on_wanted(sender, job)
            case msg.LedgerDelta():
                self._replication.on_delta(job, sender, message)
            case msg.LedgerPulse():
                self._replication.on_pulse(job, sender, message)
            case msg.LedgerVector():
                self._replication.on_vector(job, sender, message)
            case msg.JobSummary():
                self._replication.on_summary(job, message)
                self._market.hear(sender, message.hints)
                job.hinted_at = core.now
            case msg.GrantTaken():
                self._lender.on_taken(job, sender, message.request)
            case msg.WorkReturned():
                self._lender.on_returned(job, sender, message)
            case msg.WorkTaken():
                self._core.notify(WorkReassigned(job.id, message.gone, message.buckets, message.frames))
            case msg.Convicted():
                self._core.notify(SelfConvicted(job.id, message.unit, sender))
            case msg.KeepPixels():
                self._copies.on_keep(job, sender, message)
            case msg.PixelsKept():
                self._copies.on_kept(job, sender, message)
            case msg.KeepScene():
                self._scenes.on_keep(job, sender)
            case msg.SceneKept():
                self._scenes.on_kept(job, sender, message.kept)
            case _:
                raise AssertionError(f"{message} is not about a job")

    def returned(self, to: NodeId, message: Message) -> None:
        """A message may not have arrived."""
        core = self._core
        job = core.jobs.get(getattr(message, "job", JobId(b"")))
        match message:
            case msg.StealRequest():
                self._thief.on_timeout(message.request)
            case msg.StealGrant() if job is not None:
                self._lender.on_grant_failed(job, to, message.request)
            case msg.WorkReturned() if job is not None:
                self._lender.adopt(job, from_numbers(message.spans, job.layout.total))
            case msg.JobOffer() if job is not None:
                self._spread.on_offer_failed(job, to, message)
            case msg.LedgerDelta() | msg.LedgerVector() if job is not None:
                self._replication.on_send_failed(job, to)
            case msg.KeepPixels() if job is not None:
                self._copies.on_late(job, message.pixels, to)
            case msg.KeepScene() if job is not None:
                self._scenes.on_keep_failed(job, to)
            case _:
                pass  # offers, edits and lists are compared again; answers are asked for again

    def _known(self, sender: NodeId, job_id: JobId) -> Job | None:
        job = self._core.jobs.get(job_id)
        if job is None:
            alarm = ("asked", job_id)
            if not self._core.waiting_for(alarm):
                self._core.wake(alarm, self._core.now + 1.0)
                self._spread.ask_for(sender, job_id)
        return job
