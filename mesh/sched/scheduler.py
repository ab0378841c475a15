"""The scheduler of one node: one machine made of small parts, each in its own file.

`handle` hands an event to the parts that it concerns; then `_settle` does what may follow from any event:
stops what is done, fills the slots, asks for work, and sends news. See ARCHITECTURE.md for the protocol,
`mesh/wire/sched.py` for its messages and `mesh/sched/events.py` for its own events.
"""

from __future__ import annotations

import random
from typing import assert_never

from mesh.model.ids import Boot, JobId, NodeId
from mesh.sched import events as ev
from mesh.sched.alarms import Alarms
from mesh.sched.config import SchedConfig
from mesh.sched.convictions import ConvictionBook
from mesh.sched.core import Core
from mesh.sched.inbox import Inbox
from mesh.sched.job import Job
from mesh.sched.parts import Parts
from mesh.sched.peers import Peers
from mesh.sched.presence import Presence
from mesh.sched.rights import Everybody, Rights
from mesh.sched.thief import Steals
from mesh.sched.views import Views
from mesh.wire.effects import (
    BlobFailed,
    BlobReady,
    Compared,
    Effect,
    MessageReceived,
    Pin,
    RenderDone,
    RenderEnded,
    RenderFailed,
    RenderNews,
    RenderPreparing,
    RenderProgress,
    SendFailed,
    TimerFired,
    Together,
)
from mesh.wire.jobs import EditName
from mesh.wire.records import JobRecord

SchedEvent = (
    TimerFired
    | MessageReceived
    | SendFailed
    | RenderNews
    | BlobReady
    | BlobFailed
    | Compared
    | ev.Start
    | ev.Restore
    | ev.SubmitJob
    | ev.PeerUp
    | ev.PeerChanged
    | ev.PeerDown
    | ev.PeerVanished
    | ev.SetCapacity
    | ev.ActOnJob
    | ev.RetryJob
    | ev.Watch
    | ev.ForgetJob
    | ev.DiskDamaged
    | ev.Leave
    | ev.Woke
)

_QUIET_ALARMS = 4
"""That each job, and the node itself, may have set while nothing happens."""


class Scheduler:
    """`rng` is the only source of chance; `boot` must be larger than in every earlier life of `me`."""

    def __init__(
        self,
        me: NodeId,
        boot: Boot,
        config: SchedConfig,
        rng: random.Random,
        peers: Peers | None = None,
        rights: Rights | None = None,
    ) -> None:
        """`peers`: a table kept by somebody else, for simulations of very many nodes; without it, PeerUp
        and its kin fill one. `rights`: who may submit and edit; without it, everybody."""
        self._core = Core(me, boot, config, rng, peers)
        self._parts = parts = Parts(self._core, rights or Everybody())
        self._inbox = Inbox(self._core, parts)
        self._alarms = Alarms(self._core, parts)
        self._presence = Presence(self._core, parts)
        self._before = 0.0
        """The time of the last event before the one at hand."""
        self.views = Views(self._core)

    def handle(self, event: SchedEvent | Together, now: float) -> list[Effect]:
        """What to do about `event`. Raises only for mistakes in our own code."""
        core = self._core
        self._before, core.now = core.now, max(core.now, now)
        for one in event.events if isinstance(event, Together) else (event,):
            self._dispatch(one)
        self._settle()
        self._parts.books.write_logs()
        effects, core.out = core.out, []
        return effects

    @property
    def steals(self) -> Steals:
        return self._parts.thief.steals()

    @property
    def convictions(self) -> ConvictionBook:
        """What is held against nodes: to be asked only."""
        return self._parts.convictions

    def check(self) -> None:
        """The invariants; raises AssertionError. For tests and simulations: it is not cheap."""
        for job in self._core.jobs.values():
            job.holdings.check()
            job.facts.check()
            running = sum(run.stop - run.start for run in job.runs.values())
            assert running == job.holdings.running.size, "units run that are not RUNNING, or the reverse"
            assert sum(loan.spans.size for loan in job.loans) >= job.holdings.lent.size, "LENT to nobody"
        assert not any(loan for job in self._core.jobs.values() for loan in job.loans if not loan.spans)

    def check_quiet(self) -> None:
        """That nothing is under way any more; raises AssertionError. For simulations, some time after all
        jobs were done: what is left then would stay for ever."""
        for job in self._core.jobs.values():
            assert not job.holdings, "something is still held"
            assert not (job.runs or job.loans or job.heirs or job.unpublished), "something is still under way"
            assert not (job.lent_to or job.fresh_claims), "something is still expected or to be said"
            known = sum(map(self._core.alive, job.claims))
            assert known == len(job.claims), "a node that is gone still has a claim"
        assert not self._parts.copies.busy, "copies are still being made"
        assert not self._parts.samples.busy, "samples are still shared"
        assert not self._parts.helper.busy, "samples are still rendered for others"
        most = _QUIET_ALARMS * (1 + len(self._core.jobs))
        assert self._core.alarms_set() <= most, "alarms pile up"

    # --- events -------------------------------------------------------------------------------------

    def _dispatch(self, event: SchedEvent) -> None:
        core = self._core
        match event:
            case TimerFired(token):
                alarm = core.due(token)
                if alarm is not None:
                    self._notice_gap(token)
                    self._alarms.ring(alarm)
            case MessageReceived(sender, message):
                core.heard_at = core.now
                if core.vanished.pop(sender, None) is not None:
                    self._parts.reach.on_back()
                self._inbox.receive(sender, message)
            case SendFailed(to, message):
                self._inbox.returned(to, message)
            case RenderProgress() | RenderPreparing() | RenderEnded() | RenderDone() | RenderFailed():
                self._on_render(event)
            case BlobReady(root):
                self._on_blob(event)
                self._parts.copies.on_blob(root, here=True)
                self._parts.audits.on_blob(root, here=True)
                self._parts.samples.on_blob(root, here=True)
                self._parts.scrub.on_blob(root, here=True)
            case BlobFailed(root):
                self._on_blob(event)
                self._parts.copies.on_blob(root, here=False)
                self._parts.audits.on_blob(root, here=False)
                self._parts.samples.on_blob(root, here=False)
                self._parts.scrub.on_blob(root, here=False)
            case Compared():
                self._parts.audits.on_compared(event)
            case ev.Start(unix_ms):
                core.unix_offset_ms = unix_ms - round(core.now * 1000)
                self._start()
            case ev.Restore(records):
                self._parts.restoring.collect(records)
            case ev.SubmitJob():
                self._submit(event)
            case ev.PeerUp(peer):
                self._presence.peer_up(peer)
            case ev.PeerChanged(peer):
                self._presence.peer_changed(peer)
            case ev.PeerDown(node):
                self._presence.peer_down(node)
            case ev.PeerVanished(node):
                self._presence.peer_vanished(node)
            case ev.SetCapacity():
                core.capacity = event
                self._parts.thief.stir()
                for job in core.jobs.values():
                    core.touch(job)
            case ev.ActOnJob() | ev.RetryJob() | ev.Watch() | ev.ForgetJob():
                wished = core.jobs.get(event.job)
                if wished is not None:
                    self._on_wish(wished, event)
            case ev.DiskDamaged():
                core.wake(("scrub",), core.now + core.config.settle_seconds)
            case ev.Leave():
                self._presence.leave()
            case ev.Woke(asleep):
                self._presence.slept(asleep)
            case _:
                assert_never(event)

    def _notice_gap(self, token: object) -> None:
        """A timer that fires late tells for how long this process did not run."""
        due = token[-1] if isinstance(token, tuple) else self._core.now
        late = self._core.now - max(due, self._before)
        if late > self._core.config.late_seconds:
            self._presence.woke(late)

    def _on_wish(self, job: Job, event: ev.ActOnJob | ev.RetryJob | ev.Watch | ev.ForgetJob) -> None:
        """What somebody on this node wants of a job."""
        if isinstance(event, ev.Watch):
            self._parts.replication.watch(job)
        elif isinstance(event, ev.ForgetJob):
            self._parts.ends.forget(job)
        elif isinstance(event, ev.RetryJob):
            self._parts.spread.write(job, EditName.RETRY, number=job.facts.failures.epoch + 1)
            self._parts.thief.stir()
        else:
            self._parts.spread.write(job, event.name, event.subject, event.number, event.words, event.nodes)
            self._parts.thief.stir()

    def _start(self) -> None:
        core = self._core
        core.woke_at = core.now
        self._parts.restoring.finish()
        self._parts.audits.spread_distrust()
        if core.jobs:
            core.wake(("scrub",), core.now + core.config.recopy_seconds / 2)
        for job in core.jobs.values():
            core.wake(("away", job.id), core.now + core.config.recopy_seconds)
        core.wake(("roll",), core.now + core.config.roll_call_seconds * core.rng.uniform(0.2, 1.0))

    def _submit(self, event: ev.SubmitJob) -> None:
        core = self._core
        if event.job in core.jobs:
            return
        record = JobRecord(event.manifest, event.policy, event.submitter, event.signature)
        job = self._parts.books.open(record, event.job)
        self._parts.books.write_down(job)
        core.out.append(Pin(job.id, job.manifest.scene_root))
        self._parts.scenes.have(job)
        self._parts.adoption.adopt(job, job.facts.missing)
        self._parts.spread.appoint(job)
        self._parts.spread.announce(job)
        self._parts.scenes.make_durable(job)

    def _on_render(self, event: RenderNews) -> None:
        job = self._core.jobs.get(event.job)
        if job is not None and isinstance(event, RenderFailed) and event.scene_gone:
            self._parts.scenes.gone(job)
        if self._parts.audits.on_render(event) or self._parts.helper.on_render(event):
            if job is not None and isinstance(event, RenderFailed) and event.scene_needs:
                self._parts.failing.too_large(job, event)
            return
        if job is None:
            return
        if isinstance(event, RenderProgress):
            self._parts.runner.on_progress(job, event)
        elif isinstance(event, RenderPreparing):
            self._parts.runner.on_preparing(job, event)
        elif isinstance(event, RenderEnded):
            self._parts.runner.on_ended(job, event)
        elif isinstance(event, RenderDone):
            self._parts.runner.on_done(job, event)
        else:
            self._parts.runner.on_failed(job, event)

    def _on_blob(self, event: BlobReady | BlobFailed) -> None:
        if self._parts.scenes.on_blob(event.root, here=isinstance(event, BlobReady)):
            self._parts.thief.stir()

    # --- what follows from any event ----------------------------------------------------------------

    def _settle(self) -> None:
        core = self._core
        stirred: dict[JobId, None] = {}
        while core.touched:
            touched = list(core.touched)
            core.touched.clear()
            for job_id in touched:
                job = core.jobs.get(job_id)
                if job is not None:
                    self._settle_job(job)
                    stirred[job_id] = None
        if not core.jobs:
            return
        self._parts.audits.start(self._parts.slots.room_for_one)
        self._parts.runner.fill()
        if stirred and self._parts.lender.has_parked:
            self._parts.lender.serve_parked()
        for job_id in stirred:
            job = core.jobs.get(job_id)
            if job is not None:
                self._parts.inviting.look(job)
        self._parts.thief.seek()
        for job_id in dict.fromkeys([*stirred, *core.touched]):
            job = core.jobs.get(job_id)
            if job is not None:
                self._parts.replication.plan_flush(job)
        core.touched.clear()

    def _settle_job(self, job: Job) -> None:
        core = self._core
        self._parts.sharing.see(job)
        self._parts.ends.look(job)
        self._parts.samples.prune(job)
        self._parts.helper.prune(job)
        self._parts.replication.look(job)
        self._parts.replication.plan_pulse(job)
        self._parts.audits.look(job)
        if job.ended:
            return
        self._parts.runner.prune(job)
        if core.follows(job) and job.usage.due(core.now):
            job.usage.see(core.now, job.nodes_at_work())
        self._parts.scenes.want(job)
        self._parts.scenes.make_durable(job)
        if core.keeps(job):
            core.wake(("patrol", job.id), core.now + core.config.settle_seconds / 2)
