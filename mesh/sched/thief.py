"""The idle side of stealing: whom to ask, what to do with the answers, when to stop asking.

One request is out at a time. After two refusals the node parks: it leaves lifelines with a few nodes,
which push work to it when they have some (Saraswat et al., PPoPP 2011), and asks again ever more rarely.
A grant that answers no open request, such as one that comes after its time-out, is sent back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mesh.model.ids import JobId, NodeId
from mesh.sched.core import Core
from mesh.sched.estimates import speed_of
from mesh.sched.intervals import from_numbers
from mesh.sched.job import Job
from mesh.sched.lender import Lender
from mesh.sched.rules import Victim, choose_victim
from mesh.sched.runner import Runner
from mesh.wire.sched import GrantTaken, StealDeny, StealGrant, StealRequest, Want, WorkReturned

_REFUSALS = 2
_WANTS = 16
_UNKNOWN_RTT = 0.01


@dataclass(frozen=True, slots=True)
class Steals:
    """What stealing has cost in this life, for the benchmarks."""

    asked: int
    granted: int
    seconds: float
    """A steal, as measured of late."""


@dataclass(slots=True)
class Asking:
    request: int
    victim: NodeId
    at: float


class Thief:
    def __init__(self, core: Core, runner: Runner, lender: Lender) -> None:
        self._core = core
        self._runner = runner
        self._lender = lender
        self._asking: Asking | None = None
        self._requests = 0
        self._lifeline: int | None = None
        """Number of the request that waits with others."""
        self._refusals = 0
        self._refused_by: dict[NodeId, None] = {}
        self._hints: dict[NodeId, int] = {}
        self._parked_until = 0.0
        self._pause = core.config.park_seconds
        self._asked = 0
        self._granted = 0

    def steals(self) -> Steals:
        return Steals(self._asked, self._granted, self._core.steal_seconds)

    def stir(self) -> None:
        """Something changed that makes asking worth while again."""
        self._parked_until = 0.0
        self._pause = self._core.config.park_seconds
        self._refusals = 0
        self._refused_by.clear()

    def seek(self) -> None:
        """Asks somebody for work where this node is idle or about to be, or could do more deserving work
        than what it has."""
        core = self._core
        if self._asking is not None or core.leaving or not self._runner.slot_within(core.ahead()):
            return
        jobs, busy_anyway = self._runner.wanted()
        if busy_anyway:
            jobs = [job for job in jobs if job.refused_until <= core.now][:1]
        elif core.now < self._parked_until:
            return
        if not jobs:
            return
        wants = self._wants(jobs)
        victim = choose_victim(self._victims(wants), core.rng)
        if victim is not None and self._refusals < _REFUSALS:
            self._ask(victim.node, wants, self._runner.idle())
        elif busy_anyway:
            jobs[0].refused_until = core.now + core.config.park_seconds
            self._refusals = 0
            self._refused_by.clear()
        elif self._runner.idle():
            self._park(wants)

    def on_grant(self, job: Job | None, sender: NodeId, grant: StealGrant) -> None:
        core = self._core
        asking = self._asking
        expected = asking is not None and (asking.victim, asking.request) == (sender, grant.request)
        waited = grant.request == self._lifeline
        if grant.boot != core.boot or not (expected or waited) or job is None or job.ended or core.leaving:
            core.send(sender, WorkReturned(grant.job, grant.spans))
            return
        if expected and asking is not None:
            self._asking = None
            cost = core.now - asking.at
            base = core.config.steal_cost_seconds
            core.steal_seconds = max(base, 0.8 * core.steal_seconds + 0.2 * cost)
        self._granted += 1
        self.stir()
        spans = job.facts.missing.common(from_numbers(grant.spans, job.layout.total))
        claim = job.claims.get(sender)
        if claim is not None:
            claim.spans.remove_all(spans)
        taken = self._lender.take_granted(job, spans)
        core.story.tell(core.now, job.id, list(taken), f"granted by {sender.hex()[:8]}")
        core.send(sender, GrantTaken(job.id, grant.request))
        core.claims_changed(job)

    def on_deny(self, sender: NodeId, deny: StealDeny) -> None:
        if self._asking is None or self._asking.request != deny.request or deny.boot != self._core.boot:
            return
        self._hints.pop(sender, None)
        for hint in deny.hints:
            if hint.node != self._core.me:
                self._hints[hint.node] = hint.spare
        self._refused(sender)

    def on_timeout(self, request: int) -> None:
        if self._asking is not None and self._asking.request == request:
            self._refused(self._asking.victim)

    def on_peer_down(self, node: NodeId) -> None:
        self._hints.pop(node, None)
        if self._asking is not None and self._asking.victim == node:
            self._refused(node)

    def forget_requests(self) -> None:
        """After a sleep: whatever was asked for is not wanted any more."""
        self._asking = None
        self._lifeline = None
        self._hints.clear()
        self.stir()

    def _refused(self, by: NodeId) -> None:
        self._asking = None
        self._refusals += 1
        self._refused_by[by] = None

    def _wants(self, jobs: list[Job]) -> tuple[Want, ...]:
        core = self._core
        return tuple(Want(job.id, speed_of(job, core.me, core.now)) for job in jobs[:_WANTS])

    def _victims(self, wants: tuple[Want, ...]) -> list[Victim]:
        """Nodes that are known to have work; where none is known, those who should know more."""
        core = self._core
        spare: dict[NodeId, int] = {}
        for want in wants:
            job = core.jobs[want.job]
            for node, claim in job.claims.items():
                if claim.spare:
                    spare[node] = spare.get(node, 0) + claim.spare
        spare.update(self._hints)
        known = [node for node in spare if self._may_ask(node)]
        if not known:
            askable = [node for want in wants for node in self._who_may_know(want.job)]
            known = [node for node in dict.fromkeys(askable) if self._may_ask(node)]
        return [Victim(node, spare.get(node, 0), self._rtt(node)) for node in known]

    def _who_may_know(self, job_id: JobId) -> list[NodeId]:
        job = self._core.jobs[job_id]
        if self._core.follows(job) and job.claims:
            return []  # the claims are here, and nobody has anything to spare
        return [job.submitter, *job.keepers]

    def _may_ask(self, node: NodeId) -> bool:
        return node != self._core.me and node in self._core.peers and node not in self._refused_by

    def _rtt(self, node: NodeId) -> float:
        info = self._core.peers.get(node)
        return _UNKNOWN_RTT if info is None or info.rtt is None else info.rtt

    def _ask(self, victim: NodeId, wants: tuple[Want, ...], idle: bool) -> None:
        core = self._core
        self._requests += 1
        self._asked += 1
        self._asking = Asking(self._requests, victim, core.now)
        core.send(victim, StealRequest(self._requests, core.boot, wants, parked=False, idle=idle))
        patience = core.config.steal_seconds + 4 * self._rtt(victim)
        core.wake(("steal", self._requests), core.now + patience)

    def _park(self, wants: tuple[Want, ...]) -> None:
        """Leaves word with a few nodes, and sleeps."""
        core = self._core
        self._requests += 1
        self._lifeline = self._requests
        for node in self._lifelines(wants):
            self._asked += 1
            core.send(node, StealRequest(self._lifeline, core.boot, wants, parked=True, idle=True))
        self._refusals = 0
        self._refused_by.clear()
        self._hints.clear()
        self._parked_until = core.now + self._pause * core.rng.uniform(0.75, 1.25)
        self._pause = min(2 * self._pause, core.config.park_most_seconds)
        core.wake(("park",), self._parked_until)

    def _lifelines(self, wants: tuple[Want, ...]) -> list[NodeId]:
        """Nodes that render, or own most, then those who know, then anybody: log2 of the mesh and a few."""
        core = self._core
        count = core.config.lifelines + int(math.log2(len(core.peers) + 1))
        worth: dict[NodeId, int] = {node: spare + 1 for node, spare in self._hints.items()}
        for want in wants:
            job = core.jobs[want.job]
            for node, claim in job.claims.items():
                worth[node] = max(worth.get(node, 0), claim.spans.size)
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
