"""Who is believed to have work to give: from the claims of those who keep a ledger, else from hearsay.

A keeper knows the claims of all, and tells each worker a few rich nodes near it, in every summary and every
refusal; so a thief knows whom to ask before it runs dry, without asking for it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import replace

from mesh.model.ids import NodeId
from mesh.sched.core import Core
from mesh.sched.estimates import speed_of, under_way
from mesh.sched.job import Claim, Job
from mesh.sched.rules import worth_asking
from mesh.wire.ledger import Hint

_FEW = 64
"""So many claims are looked through whenever somebody asks."""
_DRAWN = 8
"""Of so many rich nodes drawn by chance the richest are named: not the same to everybody."""
_FAR = 2
"""Nodes of other sites among those named where there are enough near ones."""
_HEARSAY = 32
_HALF_SECONDS = 0.5
"""After so long others have taken half of what somebody was said to have."""
_WEIGHED = 8
"""Rich nodes that are weighed against each other."""
_NAMED_SECONDS = 0.1
_TABLE_SECONDS = 5e-5
"""For each claim, between two tables of who is rich: ten thousand are looked through twice a second."""
_CAUTION = 4.0


class Market:
    def __init__(self, core: Core) -> None:
        self._core = core
        self._heard: dict[NodeId, tuple[Hint, float]] = {}
        """By node: what was said, and when."""
        self._named: dict[NodeId, float] = {}
        """When each rich node was last named to somebody who waits."""

    # --- hearsay ------------------------------------------------------------------------------------

    def hear(self, sender: NodeId, hints: Iterable[Hint]) -> None:
        """What `sender` said; it was on the way for a while."""
        at = self._core.now - self._core.cost(sender)
        for hint in hints:
            if hint.node != self._core.me and not hint.late:
                self._heard.pop(hint.node, None)
                self._heard[hint.node] = hint, at
        while len(self._heard) > _HEARSAY:
            del self._heard[next(iter(self._heard))]

    def forget(self, node: NodeId) -> None:
        self._heard.pop(node, None)
        self._named.pop(node, None)

    def forget_all(self) -> None:
        self._heard.clear()

    def informed(self, job: Job) -> bool:
        """Whether nobody could tell this node much about the job that it does not know."""
        core = self._core
        if core.follows(job) and job.claims:
            return True
        return core.now - job.hinted_at < core.config.pulse_seconds

    # --- what is worth asking for -------------------------------------------------------------------

    def victims(self, job: Job) -> list[Hint]:
        """Nodes that this one might ask, and would hardly be refused by."""
        core = self._core
        speed = speed_of(job, core.me, core.now)
        return [
            hint
            for hint in self.hints(job, core.me, _WEIGHED)
            if self._pays(hint, speed, core.cost(hint.node))
        ]

    def introduction(self, job: Job, thief: NodeId, speed: float, mine: Hint | None = None) -> Hint | None:
        """Somebody with work that an idle `thief`, of so many buckets a second, has not heard of yet; each is
        named once in a while, for whoever is named first will take it. `mine`: what this node has itself."""
        core = self._core
        info = core.peers.get(thief)
        if info is None or not core.follows(job):
            return None
        hints = self.hints(job, thief, _WEIGHED)
        for hint in hints if mine is None else (*hints, mine):
            victim = core.myself() if hint.node == core.me else core.peers.get(hint.node)
            named = self._named.get(hint.node, -1.0)
            if victim is None or core.now - named < _NAMED_SECONDS:
                continue
            if self._pays(hint, speed, core.costs.between(info.site, victim.site)):
                self._named[hint.node] = core.now
                return hint
        return None

    def anything(self, job: Job, thief: NodeId, pace: float) -> bool:
        """Whether somebody is believed to have work that is worth a steal to `thief`, of so many seconds a
        bucket."""
        core = self._core
        speed = 1 / pace if pace > 0 else 0.0
        return any(self._pays(hint, speed, core.cost(hint.node)) for hint in self.hints(job, thief, _WEIGHED))

    def goes_on(self, job: Job) -> bool:
        """Whether somebody will be at work for so long that it may yet have use for another, or this node cannot
        tell: it keeps no ledger, or what is missing is on its way to someone."""
        core = self._core
        working = {node: claim for node, claim in job.claims.items() if claim.spans and node in core.peers}
        if not working or not core.follows(job):
            return True
        worth = core.config.grain_factor
        return not all(self._ends(job, claim, worth * core.cost(node)) for node, claim in working.items())

    def _ends(self, job: Job, claim: Claim, seconds: float) -> bool:
        """Whether a node is at its work, by its claim, and will be done with all of it before so many seconds."""
        now = self._core.now
        pace = 1 / claim.speed if claim.speed > 0 else job.facts.effort.pace
        if pace <= 0 or not claim.activities:
            return False
        spare = self._left(job, claim.spare, now - claim.at, 1 / pace)
        return spare * pace < seconds and all(left < seconds for _, left in under_way(job, claim, now))

    def _pays(self, hint: Hint, speed: float, cost: float) -> bool:
        return worth_asking(hint.spare, hint.speed, speed, cost, self._core.config.grain_factor)

    # --- what is believed ---------------------------------------------------------------------------

    def hints(self, job: Job, thief: NodeId, count: int) -> list[Hint]:
        """A few nodes that `thief` might ask, near ones first."""
        core = self._core
        info = core.peers.get(thief)
        site = core.capacity.site if info is None else info.site
        avoid = (thief, core.me)
        if not core.follows(job):
            return [
                self._by_now(job, hint, core.now - at)
                for hint, at in self._heard.values()
                if hint.job == job.id and hint.node not in avoid and hint.node in core.peers
            ][-count:]
        by_site = self._rich(job)
        near = self._draw(job, by_site.get(site, ()), avoid, count)
        others = [each for each in by_site if each != site]
        if not others:
            return near
        room = max(count - len(near), min(_FAR, count))
        far: list[Hint] = []
        for each in core.rng.sample(others, min(len(others), room)):
            far += self._draw(job, by_site[each], avoid, 1)
        return near[: count - len(far)] + far

    def _by_now(self, job: Job, hint: Hint, age: float) -> Hint:
        """What is left of hearsay: the node works on, and others were told the same."""
        speed = hint.speed or speed_of(job, self._core.me, self._core.now)
        left = self._left(job, hint.spare, age, speed)
        return replace(hint, spare=int(left * 0.5 ** (age / _HALF_SECONDS)))

    def _left(self, job: Job, spare: int, age: float, speed: float) -> int:
        """What a node has at least left of `spare`, for it works on: all of it where nobody can tell how long
        the job's units take."""
        sure = max(0.0, 1.0 - _CAUTION * job.facts.effort.unevenness)
        return max(0, spare - int(sure * age * speed))

    def _draw(self, job: Job, rich: Sequence[NodeId], avoid: Container[NodeId], count: int) -> list[Hint]:
        """The richest of a few, by what they say now: the table is older."""
        core = self._core
        drawn = rich if len(rich) <= _DRAWN else core.rng.sample(rich, _DRAWN)
        found = []
        for node in drawn:
            claim = job.claims.get(node)
            if claim is not None and claim.spare and node not in avoid and node in core.peers:
                # Who is at another job has all of it still.
                pace = claim.speed if claim.activities else 0.0
                left = self._left(job, claim.spare, core.now - claim.at + core.cost(node), pace)
                found.append(Hint(job.id, node, left, speed=claim.speed))
        found.sort(key=lambda hint: -hint.spare)
        return found[:count]

    def _rich(self, job: Job) -> dict[str, list[NodeId]]:
        """Nodes with spare work, by site. Claims come gathered over the flushing time, so a table of that age is as
        good as new; that of very many claims is made less often, for it costs as much as they are many."""
        core = self._core
        fresh = max(core.config.flush_seconds, len(job.claims) * _TABLE_SECONDS)
        if core.now - job.rich_at >= fresh or len(job.claims) <= _FEW:
            job.rich, job.rich_at = {}, core.now
            for node, claim in job.claims.items():
                info = core.peers.get(node) if claim.spare else None
                if info is not None and self._pays(
                    Hint(job.id, node, claim.spare, False, claim.speed), 0.0, core.config.steal_cost_seconds
                ):
                    job.rich.setdefault(info.site, []).append(node)
        return job.rich
