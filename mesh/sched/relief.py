"""Relief of stragglers: a unit that takes its node too long is also started by an idle one.

What cannot be taken from a running unit, a bucket in hand or a frame that cannot be cut, would otherwise be
waited for at the end of a job: on a node that is slow or whose renderer stands still (the speculative
execution of Dean and Ghemawat, OSDI 2004; what is left is estimated as by Zaharia et al., OSDI 2008). The
first result counts, and `Runner.prune` withdraws the other unit. Each such start is an entry in the ledger, so
that all see how many there were; of a job's buckets only a small part is started again, each once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import nlargest

from mesh.model.ids import JobId, NodeId
from mesh.model.units import Unit
from mesh.sched.books import Books
from mesh.sched.core import Core
from mesh.sched.estimates import pace_of, time_left, under_way, usual_pace
from mesh.sched.intervals import Interval, IntervalSet
from mesh.sched.job import Claim, Job, Run
from mesh.sched.market import Market
from mesh.sched.news import StragglerRelieved
from mesh.sched.rules import worth_starting_again
from mesh.sched.samples import sharing_pays
from mesh.wire.ledger import Entry, Hint, ReliefFact
from mesh.wire.stealing import StealGrant, StealRequest, Want

_ALWAYS = 4
"""So many units may be started again in the smallest of jobs."""
_NAMED_SECONDS = 1.0
"""A straggler is named to one idle node at a time."""
_LOOK_SECONDS = 1.0
_MOST_SLOW = 16
"""A keeper of ten thousand nodes' claims is asked by all of them: it looks through them once in a while, and only
at the slowest for each."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Positions of a unit that somebody was asked to start as well."""

    start: int
    stop: int
    at: float


class Relief:
    def __init__(self, core: Core, books: Books, market: Market) -> None:
        self._core = core
        self._books = books
        self._market = market
        self._named: dict[NodeId, float] = {}
        """When each straggler was last named to somebody who waits."""
        self._slow: dict[JobId, tuple[float, list[NodeId]]] = {}
        """When the claims of each job were looked through, and whose units will take longest."""
        self._offered: dict[tuple[JobId, NodeId, int], Offer] = {}
        """By job, helper and its request: what it has not answered yet."""

    def wish(self, thief: NodeId, request: StealRequest) -> tuple[Job, Run] | None:
        """The unit of this node's that a thief who waits, to whom nothing can be granted, should start."""
        core = self._core
        for want in request.wants:
            job = core.jobs.get(want.job)
            if job is None or job.ended or job.paused or not self._fits(job, thief):
                continue
            run = self._slowest(job, thief, want)
            if run is not None:
                return job, run
        return None

    def straggler(self, job: Job, thief: NodeId, pace: float) -> Hint | None:
        """A node that a `thief` who waits, of so many seconds a bucket, might relieve, as far as a keeper can
        tell from claims."""
        core = self._core
        if not core.follows(job) or not self._fits(job, thief) or self._market.anything(job, thief, pace):
            return None
        for node in self._slow_ones(job):
            claim = job.claims.get(node)
            if claim is None or node == thief or core.now - self._named.get(node, -1e9) < _NAMED_SECONDS:
                continue
            size = self._late_unit(job, claim, thief, pace)
            if size:
                self._named[node] = core.now
                return Hint(job.id, node, size, late=True)
        return None

    def mine(self, job: Job, thief: NodeId, pace: float) -> Hint | None:
        """This node itself, where a `thief` who waits for its word as a keeper might relieve it."""
        core = self._core
        if not self._fits(job, thief) or core.now - self._named.get(core.me, -1e9) < _NAMED_SECONDS:
            return None
        theirs = pace or job.facts.effort.pace
        if self._market.anything(job, thief, theirs):
            return None
        for run, left in self._mine_under_way(job):
            span = (run.start, run.stop)
            again = (run.queued or self._within_bounds(job, span)) and self._worth(
                job, span, left, thief, theirs
            )
            if again or sharing_pays(core, job, thief, left):
                self._named[core.me] = core.now
                return Hint(job.id, core.me, run.stop - run.start, late=True)
        return None

    # --- which --------------------------------------------------------------------------------------

    def _fits(self, job: Job, thief: NodeId) -> bool:
        info = self._core.peers.get(thief)
        return info is not None and self._core.can_render(job, info)

    def _slowest(self, job: Job, thief: NodeId, want: Want) -> Run | None:
        """The unit of this node's that will take longest, if that is worth while."""
        core = self._core
        theirs = 1 / want.speed if want.speed > 0 else job.facts.effort.pace
        if core.follows(job) and self._market.anything(job, thief, theirs):
            return None
        found, longest = None, 0.0
        for run, left in self._mine_under_way(job):
            span = (run.start, run.stop)
            allowed = run.queued or self._within_bounds(job, span)
            if left > longest and allowed and self._worth(job, span, left, thief, theirs):
                found, longest = run, left
        return found

    def _mine_under_way(self, job: Job) -> Iterator[tuple[Run, float]]:
        """What this node's engine has of a job, and the seconds until it will be rendered."""
        core = self._core
        mine = usual_pace(job, core.me)
        before = 0.0
        for run in job.runs.values():
            if run.ended or run.start == run.stop:
                continue
            done = run.fraction * (run.begun_stop - run.start)
            age = 0.0 if run.queued else core.now - run.began
            left = time_left(run.stop - run.start, done, run.moved - run.began, age, mine)
            before = left = left + (before if run.queued else 0.0)
            yield run, left

    def _slow_ones(self, job: Job) -> list[NodeId]:
        """Nodes whose units will take longest, by their claims, of those that may be started again."""
        core = self._core
        at, nodes = self._slow.get(job.id, (-1e9, []))
        if core.now - at >= _LOOK_SECONDS:
            left = {
                node: self._longest(job, claim) for node, claim in job.claims.items() if node in core.peers
            }
            nodes = nlargest(_MOST_SLOW, (node for node in left if left[node] > 0), key=left.__getitem__)
            lately = core.now - _LOOK_SECONDS
            self._slow = {key: kept for key, kept in self._slow.items() if kept[0] > lately}
            self._slow[job.id] = (core.now, nodes)
        return nodes

    def _longest(self, job: Job, claim: Claim) -> float:
        """Seconds that the slowest unit under way of a claim will take."""
        return max((left for _, left in self._under_way(job, claim)), default=0.0)

    def _under_way(self, job: Job, claim: Claim) -> list[tuple[Unit, float]]:
        """Units of a claim that are wanted and may be started again, and the seconds that are left of them."""
        return [
            (unit, left)
            for unit, left in under_way(job, claim, self._core.now)
            if job.facts.missing.within(*job.layout.span(unit))
            and self._within_bounds(job, job.layout.span(unit))
        ]

    def _late_unit(self, job: Job, claim: Claim, thief: NodeId, pace: float) -> int:
        """Buckets of a unit that its node takes too long for, or can share the samples of; 0 where there is none."""
        theirs = pace or job.facts.effort.pace
        for unit, left in self._under_way(job, claim):
            again = self._worth(job, job.layout.span(unit), left, thief, theirs)
            if again or sharing_pays(self._core, job, thief, left):
                return unit.size
        return 0

    def _worth(self, job: Job, span: Interval, left: float, thief: NodeId, pace: float) -> bool:
        """Whether `thief`, who takes so many seconds a bucket, is to start it again."""
        core = self._core
        size = span[1] - span[0]
        if pace <= 0 or thief in job.facts.failures.tried_by(*span):
            return False
        cost = core.cost(thief)
        return worth_starting_again(left, pace * size + cost, cost, core.config.grain_factor)

    def _within_bounds(self, job: Job, span: Interval) -> bool:
        """Whether it was not started again before by a node that is still there, and few others were."""
        core = self._core
        relieved = job.facts.relieved + span[1] - span[0]
        if len(job.facts.reliefs) >= _ALWAYS and relieved > core.config.relief_share * job.layout.total:
            return False
        offered = any(
            key[0] == job.id and offer.start < span[1] and span[0] < offer.stop and self._open(offer)
            for key, offer in self._offered.items()
        )
        helped = offered or any(
            first < span[1] and span[0] < last and core.alive(helper)
            for first, last, helper in job.facts.reliefs
        )
        return not helped

    # --- doing it -----------------------------------------------------------------------------------

    def offer(self, job: Job, run: Run, thief: NodeId, request: StealRequest) -> None:
        core = self._core
        span = (run.start, run.stop)
        self._offered = {key: offer for key, offer in self._offered.items() if self._open(offer)}
        self._offered[job.id, thief, request.request] = Offer(*span, core.now)
        pace = pace_of(job, core.me, core.now)
        core.send(thief, StealGrant(job.id, request.request, request.boot, span, pace, also=True))

    def _open(self, offer: Offer) -> bool:
        return self._core.now - offer.at < self._core.config.lease_seconds / 2

    def on_taken(self, job: Job, helper: NodeId, request: int) -> None:
        """An idle node has started what it was offered."""
        core = self._core
        offer = self._offered.pop((job.id, helper, request), None)
        if offer is None:
            return
        span = (offer.start, offer.stop)
        unit = job.layout.unit(*span)
        core.story.tell(core.now, job.id, [span], f"also started by {helper.hex()[:8]}")
        self._books.append(job, Entry(relief=ReliefFact(unit, helper)))
        core.notify(StragglerRelieved(job.id, unit, core.me, helper))

    def on_failed(self, job: Job, helper: NodeId, request: int) -> None:
        """The offer did not arrive."""
        self._offered.pop((job.id, helper, request), None)

    def on_returned(self, job: Job, helper: NodeId, spans: IntervalSet) -> None:
        """It does not want what it was offered."""
        for key, offer in list(self._offered.items()):
            if key[:2] == (job.id, helper) and spans.covers(offer.start, offer.stop):
                del self._offered[key]
