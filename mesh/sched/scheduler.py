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
from mesh.sched.audits import Audits
from mesh.sched.books import Books
from mesh.sched.config import SchedConfig
from mesh.sched.copies import Copies
from mesh.sched.core import Alarm, Core
from mesh.sched.ends import Ends
from mesh.sched.inbox import Inbox
from mesh.sched.job import Job
from mesh.sched.lender import Lender
from mesh.sched.life import UnitState
from mesh.sched.market import Market
from mesh.sched.peers import Peers, abilities
from mesh.sched.replication import Replication
from mesh.sched.rescue import Rescue
from mesh.sched.restoring import Restoring
from mesh.sched.rights import Everybody, Rights
from mesh.sched.runner import Runner
from mesh.sched.scenes import Scenes
from mesh.sched.scrub import Scrub
from mesh.sched.sharing import Sharing
from mesh.sched.spread import Spread
from mesh.sched.thief import Steals, Thief
from mesh.sched.views import Views
from mesh.wire.effects import (
    Attempt,
    BlobFailed,
    BlobReady,
    Compared,
    Effect,
    MessageReceived,
    Pin,
    RenderDone,
    RenderEnded,
    RenderFailed,
    RenderProgress,
    SendFailed,
    TimerFired,
    Together,
)
from mesh.wire.sched import (
    MAX_SPAN_NUMBERS,
    EditName,
    JobRecord,
    WorkReturned,
)

SchedEvent = (
    TimerFired
    | MessageReceived
    | SendFailed
    | RenderProgress
    | RenderEnded
    | RenderDone
    | RenderFailed
    | BlobReady
    | BlobFailed
    | Compared
    | ev.Start
    | ev.Restore
    | ev.SubmitJob
    | ev.PeerUp
    | ev.PeerChanged
    | ev.PeerDown
    | ev.SetCapacity
    | ev.ActOnJob
    | ev.RetryJob
    | ev.Watch
    | ev.ForgetJob
    | ev.DiskDamaged
    | ev.Leave
    | ev.Woke
)


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
        core = self._core = Core(me, boot, config, rng, peers)
        self._books = Books(core)
        self._market = Market(core)
        self._replication = Replication(core, self._books, self._market)
        self._spread = Spread(core, self._books, rights or Everybody())
        self._scenes = Scenes(core, self._books)
        self._copies = Copies(core, self._books)
        self._audits = Audits(core, self._books)
        self._scrub = Scrub(core, self._books)
        self._books.on_audit = self._audits.judged
        self._sharing = Sharing(core)
        self._runner = Runner(core, self._books, self._sharing, self._copies.on_stored)
        self._lender = Lender(core, self._sharing, self._market)
        self._thief = Thief(core, self._runner, self._lender, self._market)
        self._rescue = Rescue(core, self._lender)
        self._ends = Ends(core, self._runner, self._copies, self._replication, self._audits)
        self._restoring = Restoring(core, self._books, self._copies)
        self._inbox = Inbox(
            core,
            self._spread,
            self._replication,
            self._lender,
            self._thief,
            self._scenes,
            self._copies,
            self._market,
        )
        self.views = Views(core)

    def handle(self, event: SchedEvent | Together, now: float) -> list[Effect]:
        """What to do about `event`. Raises only for mistakes in our own code."""
        core = self._core
        core.now = max(core.now, now)
        for one in event.events if isinstance(event, Together) else (event,):
            self._dispatch(one)
        self._settle()
        self._books.write_logs()
        effects, core.out = core.out, []
        return effects

    @property
    def steals(self) -> Steals:
        return self._thief.steals()

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
            known = sum(map(self._core.alive, job.claims))
            assert known == len(job.claims), "a node that is gone still has a claim"
        assert not self._copies.busy, "copies are still being made"

    # --- events -------------------------------------------------------------------------------------

    def _dispatch(self, event: SchedEvent) -> None:
        core = self._core
        match event:
            case TimerFired(token):
                alarm = core.due(token)
                if alarm is not None:
                    self._on_alarm(alarm)
            case MessageReceived(sender, message):
                self._inbox.receive(sender, message)
            case SendFailed(to, message):
                self._inbox.returned(to, message)
            case RenderProgress() | RenderEnded() | RenderDone() | RenderFailed():
                self._on_render(event)
            case BlobReady(root):
                self._on_blob(event)
                self._copies.on_blob(root, here=True)
                self._audits.on_blob(root, here=True)
                self._scrub.on_blob(root, here=True)
            case BlobFailed(root):
                self._on_blob(event)
                self._copies.on_blob(root, here=False)
                self._audits.on_blob(root, here=False)
                self._scrub.on_blob(root, here=False)
            case Compared():
                self._audits.on_compared(event)
            case ev.Start(unix_ms):
                core.unix_offset_ms = unix_ms - round(core.now * 1000)
                self._start()
            case ev.Restore(records):
                self._restoring.collect(records)
            case ev.SubmitJob():
                self._submit(event)
            case ev.PeerUp(peer):
                self._peer_up(peer)
            case ev.PeerChanged(peer):
                self._peer_changed(peer)
            case ev.PeerDown(node):
                self._peer_down(node)
            case ev.SetCapacity():
                core.capacity = event
                self._thief.stir()
                for job in core.jobs.values():
                    core.touch(job)
            case ev.ActOnJob() | ev.RetryJob() | ev.Watch() | ev.ForgetJob():
                wished = core.jobs.get(event.job)
                if wished is not None:
                    self._on_wish(wished, event)
            case ev.DiskDamaged():
                core.wake(("scrub",), core.now + core.config.settle_seconds)
            case ev.Leave():
                self._leave()
            case ev.Woke(seconds):
                self._runner.slept(seconds)
                self._woke()
            case _:
                assert_never(event)

    def _on_wish(self, job: Job, event: ev.ActOnJob | ev.RetryJob | ev.Watch | ev.ForgetJob) -> None:
        """What somebody on this node wants of a job."""
        if isinstance(event, ev.Watch):
            self._replication.watch(job)
        elif isinstance(event, ev.ForgetJob):
            self._ends.forget(job)
        elif isinstance(event, ev.RetryJob):
            self._spread.write(job, EditName.RETRY, number=job.facts.epoch + 1)
            self._thief.stir()
        else:
            self._spread.write(job, event.name, event.subject, event.number, event.words, event.nodes)
            self._thief.stir()

    def _start(self) -> None:
        core = self._core
        self._restoring.finish()
        self._audits.spread_distrust()
        if core.jobs:
            core.wake(("scrub",), core.now + core.config.recopy_seconds / 2)
        core.wake(("roll",), core.now + core.config.roll_call_seconds * core.rng.uniform(0.2, 1.0))

    def _submit(self, event: ev.SubmitJob) -> None:
        core = self._core
        if event.job in core.jobs:
            return
        record = JobRecord(event.manifest, event.policy, event.submitter, event.signature)
        job = self._books.open(record, event.job)
        self._books.write_down(job)
        core.out.append(Pin(job.id, job.manifest.scene_root))
        self._scenes.have(job)
        self._lender.adopt(job, job.facts.missing)
        self._spread.appoint(job)
        self._spread.announce(job)
        self._scenes.make_durable(job)

    def _on_render(self, event: RenderProgress | RenderEnded | RenderDone | RenderFailed) -> None:
        job = self._core.jobs.get(event.job)
        if self._audits.on_render(event) or job is None:
            return
        if isinstance(event, RenderProgress):
            self._runner.on_progress(job, event)
        elif isinstance(event, RenderEnded):
            self._runner.on_ended(job, event)
        elif isinstance(event, RenderDone):
            self._runner.on_done(job, event)
        else:
            self._runner.on_failed(job, event)

    def _on_blob(self, event: BlobReady | BlobFailed) -> None:
        if self._scenes.on_blob(event.root, here=isinstance(event, BlobReady)):
            self._thief.stir()

    # --- peers --------------------------------------------------------------------------------------

    def _peer_up(self, peer: ev.PeerInfo) -> None:
        core = self._core
        if peer.node == core.me:
            return
        core.peers.put(peer)
        core.names[peer.node] = peer.name
        self._spread.greet(peer.node)
        for job in core.jobs.values():
            self._replication.stir(job)
            core.wake(("appoint", job.id), core.now + core.config.rescue_seconds)
            if job.facts.failed_by:
                self._books.reconsider_blocks(job)
        core.wake(("copies",), core.now + core.config.settle_seconds)

    def _peer_changed(self, peer: ev.PeerInfo) -> None:
        core = self._core
        known = core.peers.get(peer.node)
        if known is None:
            self._peer_up(peer)
        elif peer.boot == known.boot:
            core.peers.put(peer)
            if abilities(peer) != abilities(known):
                for job in core.jobs.values():
                    core.touch(job)
        elif peer.boot > known.boot:
            # It died and came back: what it vouched for in its earlier life is gone, its disk is not.
            self._peer_down(peer.node)
            self._peer_up(peer)

    def _peer_down(self, node: NodeId) -> None:
        core = self._core
        if node not in core.peers:
            return
        core.peers.drop(node)
        self._rescue.on_peer_down(node)
        self._lender.on_peer_down(node)
        self._thief.on_peer_down(node)
        for job in core.jobs.values():
            self._replication.on_peer_down(job, node)
            if node in job.keepers or node == job.submitter:
                core.wake(("appoint", job.id), core.now + core.config.rescue_seconds)
            if job.facts.failed_by:
                self._books.reconsider_blocks(job)
        core.wake(("recopy", node), core.now + core.config.recopy_seconds)

    # --- coming and going ---------------------------------------------------------------------------

    def _leave(self) -> None:
        """Hands everything back that is not rendered yet."""
        core = self._core
        core.leaving = True
        for job in core.jobs.values():
            self._runner.stop_all(job, UnitState.OWNED)
            owned = job.holdings.owned.copy()
            heirs = core.live_keepers(job) or core.peers.nodes()
            if owned and heirs:
                job.holdings.release(owned)
                core.send(heirs[0], WorkReturned(job.id, owned.numbers(MAX_SPAN_NUMBERS)))
                core.claims_changed(job)

    def _woke(self) -> None:
        """Time has passed unnoticed: others have taken over what was owned here, so let go of it first."""
        core = self._core
        self._thief.forget_requests()
        for job in core.jobs.values():
            job.loans.clear()
            job.holdings.release([(0, job.layout.total)])
            self._rescue.reset(job)
            core.claims_changed(job)

    # --- alarms -------------------------------------------------------------------------------------

    def _on_alarm(self, alarm: Alarm) -> None:
        core = self._core
        match alarm:
            case ("roll",):
                self._spread.roll_call()
                core.wake(alarm, core.now + core.config.roll_call_seconds * core.rng.uniform(0.75, 1.25))
            case ("park",) | ("ahead",):
                pass  # settling is all that is wanted
            case ("serve",):
                self._lender.serve_parked()
            case ("steal", int(request)):
                self._thief.on_timeout(request)
            case ("scrub",):
                self._scrub.begin()
            case ("copies",):
                for job in core.jobs.values():
                    self._copies.make_again(job)
            case ("recopy", bytes(node)):
                if NodeId(node) not in core.peers:
                    self._copies.on_holder_gone(NodeId(node))
            case ("asked", _):
                pass  # only keeps this node from asking again at once
            case (str(), bytes(job_id), *_):
                job_or_none = core.jobs.get(JobId(job_id))
                if job_or_none is not None:
                    core.touch(job_or_none)
                    self._on_job_alarm(job_or_none, alarm)
            case _:
                raise AssertionError(f"unknown alarm {alarm}")

    def _on_job_alarm(self, job: Job, alarm: Alarm) -> None:
        core = self._core
        match alarm:
            case ("flush", _):
                self._replication.flush(job)
            case ("renew", _):
                self._replication.renew(job)
            case ("pulse", _):
                self._replication.pulse(job)
            case ("patrol", _):
                if core.keeps(job) and not job.ended:
                    self._rescue.patrol(job)
            case ("adopt", _, bytes(node)):
                self._rescue.on_turn(job, NodeId(node))
            case ("dealt", _):
                self._spread.on_dealt(job)
            case ("rumour", _):
                self._spread.rumour(job)
            case ("appoint", _):
                self._spread.appoint(job)
            case ("compare", _, bytes(node)):
                if NodeId(node) in core.peers:
                    self._replication.compare(job, NodeId(node))
            case ("loan", _, bytes(thief), int(request)):
                self._lender.on_grant_failed(job, NodeId(thief), request)
            case ("stall", _):
                self._runner.on_stall(job)
            case ("audit", _, int(attempt)):
                self._audits.on_stall(job, Attempt(attempt))
            case ("keep", _):
                self._copies.look_for_late(job)
            case ("publish", _):
                self._copies.publish_restored(job)
            case ("scene", _) | ("durable", _):
                pass  # settling looks after both
            case ("retain", _):
                self._ends.retain_over(job)
            case _:
                raise AssertionError(f"unknown alarm {alarm}")

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
        self._audits.start(self._runner.room_for_one)
        self._runner.fill()
        if stirred and self._lender.has_parked:
            self._lender.serve_parked()
        self._thief.seek()
        for job_id in dict.fromkeys([*stirred, *core.touched]):
            job = core.jobs.get(job_id)
            if job is not None:
                self._replication.plan_flush(job)
        core.touched.clear()

    def _settle_job(self, job: Job) -> None:
        core = self._core
        self._ends.look(job)
        self._replication.look(job)
        self._replication.plan_pulse(job)
        self._audits.look(job)
        if job.ended:
            return
        self._runner.prune(job)
        self._scenes.want(job)
        self._scenes.make_durable(job)
        if core.keeps(job):
            core.wake(("patrol", job.id), core.now + core.config.settle_seconds / 2)
