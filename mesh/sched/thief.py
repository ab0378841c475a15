"""The idle side of stealing: whom to ask, what to do with the answers, when to stop asking.

One request is out at a time. Where nobody is known to have work, or after two refusals, the node parks: its
claims say that it is idle, and the keeper that hears them tells it who comes to have work (`inviting.py`). Where
no keeper hears it, it leaves lifelines with a few nodes, which push work to it when they have some (Saraswat et
al., PPoPP 2011), and asks again ever more rarely; but none where all are about to be done. A grant that answers no
open request, such as one that comes after its time-out, is sent back.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from mesh.model.ids import JobId, NodeId
from mesh.sched.core import Core
from mesh.sched.estimates import speed_of
from mesh.sched.helping import Helper
from mesh.sched.intervals import from_numbers
from mesh.sched.job import Job
from mesh.sched.lender import Lender
from mesh.sched.market import Market
from mesh.sched.rules import Victim, choose_victim
from mesh.sched.runner import Runner
from mesh.sched.slots import Slots
from mesh.wire.ledger import Hint
from mesh.wire.stealing import INVITATION, GrantTaken, StealDeny, StealGrant, StealRequest, Want, WorkReturned

_REFUSALS = 2
_WANTS = 16
_PEEK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Steals:
    """What stealing has cost in this life, for the benchmarks."""

    asked: int
    """Requests for work, lifelines among them."""
    granted: int
    """Those that brought some."""
    dealt: int
    """Of both: what fetched this node's part of a new job, where it was told of the job."""
    announced: int
    """Times that this node told its keepers that it is idle."""
    seconds: float
    """A steal, as measured of late."""


@dataclass(slots=True)
class Asking:
    request: int
    victim: NodeId
    at: float
    dealt: Job | None = None
    """The new job that a patron was asked for."""


class Thief:
    def __init__(
        self, core: Core, slots: Slots, runner: Runner, lender: Lender, market: Market, helper: Helper
    ) -> None:
        self._core = core
        self._helper = helper
        self._slots = slots
        self._runner = runner
        self._lender = lender
        self._market = market
        self._asking: Asking | None = None
        self._handed: dict[JobId, None] = {}
        """Jobs that a patron has told of, and some that had one: to look for them among all takes a node with hundreds too
        long."""
        self._requests = 0
        self._lifelines: list[int] = []
        """Numbers of the requests that wait with others, since something was last worth asking for."""
        self._waits = False
        """Keepers were told that this node is idle."""
        self._refusals = 0
        self._refused_by: dict[NodeId, None] = {}
        self._parked_until = 0.0
        self._peek_at = 0.0
        self._pause = core.config.park_seconds
        self._parks = 0
        """Since something was last worth asking for."""
        self._asked = 0
        self._granted = 0
        self._dealt = 0
        self._announced = 0

    def steals(self) -> Steals:
        return Steals(self._asked, self._granted, self._dealt, self._announced, self._core.costs.latest)

    def see(self, job: Job) -> None:
        """It may have been dealt out: then somebody is to be asked for this node's part of it."""
        if job.patron is not None:
            self._handed[job.id] = None

    def stir(self) -> None:
        """Something changed that makes asking worth while again."""
        self._parked_until = 0.0
        self._pause = self._core.config.park_seconds
        self._parks = 0
        self._refusals = 0
        self._refused_by.clear()

    def seek(self) -> None:
        """Asks somebody for work where this node is idle or about to be, or could do more deserving work
        than what it has."""
        core = self._core
        if self._waits and not self._slots.idle():
            self._wait_no_more()
        if self._asking is not None or core.leaving or self._ask_patron():
            return
        if not self._slots.within(core.ahead()):
            return
        jobs, busy_anyway = self._runner.wanted()
        if busy_anyway:
            jobs = [job for job in jobs if job.refused_until <= core.now][:1]
        elif core.now < self._parked_until:
            self._peek(jobs)
            return
        if not jobs:
            return
        wants = self._wants(jobs)
        victim = choose_victim(self._victims(jobs), core.rng) if self._refusals < _REFUSALS else None
        if victim is not None:
            self._ask(victim.node, wants, self._slots.idle())
        elif busy_anyway:
            jobs[0].refused_until = core.now + core.config.park_seconds
            self._refusals = 0
            self._refused_by.clear()
        elif self._slots.idle():
            self._park(wants)

    def _peek(self, jobs: list[Job]) -> None:
        """A parked node that keeps a ledger sees by itself when somebody has come to have work."""
        core = self._core
        known = [job for job in jobs if core.follows(job)]
        if known and core.now >= self._peek_at and self._refusals < _REFUSALS:
            self._peek_at = core.now + _PEEK_SECONDS
            victim = choose_victim(self._victims(known), core.rng)
            if victim is not None:
                self._ask(victim.node, self._wants(known), self._slots.idle())

    def on_grant(self, job: Job | None, sender: NodeId, grant: StealGrant) -> None:
        core = self._core
        asking = self._asking
        expected = asking is not None and (asking.victim, asking.request) == (sender, grant.request)
        waited = grant.request in self._lifelines
        if grant.boot != core.boot or not (expected or waited) or job is None or job.ended or core.leaving:
            core.send(sender, WorkReturned(grant.job, grant.spans))
            return
        if expected and asking is not None:
            self._answered(asking)
            if asking.dealt is not None:
                self._dealt += 1
            else:
                core.costs.measured(core.peers.get(sender), core.now - asking.at)
        self._granted += 1
        job.heard_pace = grant.pace or job.heard_pace
        self.stir()
        if grant.samples is not None:
            if not (core.i_can_render(job) and self._helper.begin(job, sender, grant)):
                core.send(sender, WorkReturned(job.id, grant.spans))
            return
        spans = job.facts.missing.common(from_numbers(grant.spans, job.layout.total))
        claim = job.claims.get(sender)
        if claim is not None and not grant.also:
            claim.spans.remove_all(spans)
        taken = self._lender.take_granted(job, spans)
        if grant.also:
            job.helping.add_all(taken)
        core.story.tell(core.now, job.id, list(taken), f"granted by {sender.hex()[:8]}")
        core.send(sender, GrantTaken(job.id, grant.request))
        core.claims_changed(job)

    def on_deny(self, sender: NodeId, deny: StealDeny) -> None:
        if deny.boot != self._core.boot:
            return
        self._offer_relief(deny.hints)
        told = deny.request == INVITATION or deny.request in self._lifelines
        if told and self._asking is None:
            self._market.hear(sender, deny.hints)
            self._parked_until = 0.0  # a keeper where this node waits knows of work elsewhere
        if self._asking is None or self._asking.request != deny.request:
            return
        self._market.forget(sender)
        self._market.hear(sender, deny.hints)
        self._refused(self._asking)

    def _offer_relief(self, hints: Iterable[Hint]) -> None:
        """A keeper where this node waits knows who takes too long: wait there, to be given a part in it."""
        core = self._core
        if not self._lifelines or not self._slots.idle():
            return
        for hint in hints:
            job = core.jobs.get(hint.job) if hint.late else None
            if job is not None and self._runner.ready(job) and hint.node in core.peers:
                self._asked += 1
                wants = self._wants([job])
                number = self._lifelines[-1]
                core.send(hint.node, StealRequest(number, core.boot, wants, parked=True, idle=True))

    def on_timeout(self, request: int) -> None:
        if self._asking is not None and self._asking.request == request:
            self._refused(self._asking)

    def on_peer_down(self, node: NodeId) -> None:
        self._market.forget(node)
        if self._asking is not None and self._asking.victim == node:
            self._refused(self._asking)

    def forget_requests(self) -> None:
        """After a sleep: whatever was asked for is not wanted any more."""
        self._asking = None
        self._lifelines.clear()
        self._market.forget_all()
        self.stir()

    def _ask_patron(self) -> bool:
        """Asks whoever told of a new job for this node's part of it, and for those that it told of it."""
        for job_id in list(self._handed):
            job = self._core.jobs.get(job_id)
            if job is None or job.patron is None:
                del self._handed[job_id]
            elif self._runner.ready(job):
                if job.patron in self._core.peers and (self._slots.idle() or job.holdings):
                    self._ask(job.patron, self._wants([job]), self._slots.idle(), dealt=job)
                    return True
                job.patron = None
        return False

    def _answered(self, asking: Asking) -> None:
        self._asking = None
        if asking.dealt is not None:
            asking.dealt.patron = None
            self._core.touch(asking.dealt)

    def _refused(self, asking: Asking) -> None:
        self._answered(asking)
        if asking.dealt is None:
            self._refusals += 1
        self._refused_by[asking.victim] = None

    def _wants(self, jobs: list[Job]) -> tuple[Want, ...]:
        core = self._core
        return tuple(Want(job.id, speed_of(job, core.me, core.now)) for job in jobs[:_WANTS])

    def _victims(self, jobs: list[Job]) -> list[Victim]:
        """Nodes that are known to have work; where none is known, those who should know more."""
        core = self._core
        spare: dict[NodeId, int] = {}
        for job in jobs[:_WANTS]:
            for hint in self._market.victims(job):
                spare[hint.node] = spare.get(hint.node, 0) + hint.spare
        known = [node for node in spare if self._may_ask(node)]
        if not known:
            askable = [node for job in jobs[:_WANTS] for node in self._who_may_know(job)]
            known = [node for node in dict.fromkeys(askable) if self._may_ask(node)]
        return [Victim(node, spare.get(node, 0), core.cost(node)) for node in known]

    def _who_may_know(self, job: Job) -> list[NodeId]:
        if self._market.informed(job) or (job.waits and self._is_heard(job)):
            return []  # nobody has anything to spare, or this node will be told
        return [job.submitter, *job.keepers]

    def _may_ask(self, node: NodeId) -> bool:
        return node != self._core.me and node in self._core.peers and node not in self._refused_by

    def _ask(self, victim: NodeId, wants: tuple[Want, ...], idle: bool, dealt: Job | None = None) -> None:
        core = self._core
        self._requests += 1
        self._asked += 1
        self._asking = Asking(self._requests, victim, core.now, dealt)
        core.send(victim, StealRequest(self._requests, core.boot, wants, parked=False, idle=idle))
        patience = core.config.steal_seconds + 4 * core.cost(victim)
        core.wake(("steal", self._requests), core.now + patience)

    def _park(self, wants: tuple[Want, ...]) -> None:
        """Sees to it that this node is told of work, and sleeps: by the keepers that hear it, else by a few nodes
        where it leaves word, more of them each time that nothing came of it; nowhere while all are about to be done."""
        core = self._core
        self._requests += 1
        if self._parks == 0:
            self._lifelines.clear()
        self._lifelines.append(self._requests)
        self._parks += 1
        unheard = tuple(want for want in wants if not self._announce(core.jobs[want.job]))
        hopeful = tuple(want for want in unheard if self._market.goes_on(core.jobs[want.job]))
        for node in self._neighbours(hopeful) if hopeful else ():
            self._asked += 1
            core.send(node, StealRequest(self._requests, core.boot, hopeful, parked=True, idle=True))
        self._refusals = 0
        self._refused_by.clear()
        self._market.forget_all()
        pause = self._pause if unheard else core.config.park_most_seconds
        self._parked_until = core.now + pause * core.rng.uniform(0.75, 1.25)
        if hopeful or not unheard:  # else it looks again soon: somebody may be late by then
            self._pause = min(2 * self._pause, core.config.park_most_seconds)
        core.wake(("park",), self._parked_until)

    def _announce(self, job: Job) -> bool:
        """Has a keeper told that this node is idle; False where none would hear it. Said again after a long pause,
        in case that it was lost."""
        if not self._is_heard(job):
            return False
        if not job.waits or self._core.now >= self._parked_until > 0:
            self._announced += 1
            job.waits = self._waits = True
            self._core.claims_changed(job)
        return True

    def _is_heard(self, job: Job) -> bool:
        """Whether this node's claims go to a keeper that is there."""
        return not self._core.follows(job) and job.home in self._core.live_keepers(job)

    def _wait_no_more(self) -> None:
        self._waits = False
        for job in self._core.jobs.values():
            if job.waits:
                job.waits = False
                self._core.claims_changed(job)

    def _neighbours(self, wants: tuple[Want, ...]) -> list[NodeId]:
        """Nodes that have work to give, then those who know, then anybody. Who follows the ledgers sees by itself
        who has work, and needs one only, for stragglers."""
        core = self._core
        most = core.config.lifelines + int(math.log2(len(core.peers) + 1))
        count = min(1 + (self._parks - 1) * core.config.lifelines, most)
        if all(core.follows(core.jobs[want.job]) for want in wants):
            count = 1
        worth: dict[NodeId, int] = {}
        for want in wants:
            job = core.jobs[want.job]
            for hint in self._market.victims(job):
                worth[hint.node] = hint.spare + 1
            for node in (job.submitter, *job.keepers):
                worth.setdefault(node, 0)
        live = [node for node in worth if node in core.peers]
        core.rng.shuffle(live)
        live.sort(key=lambda node: -worth[node])
        chosen = live[:count]
        for node in core.peers.sample(core.rng, count):
            if len(chosen) >= count:
                break
            if node not in chosen:
                chosen.append(node)
        return chosen
