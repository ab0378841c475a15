"""Nothing is lost: a keeper computes what is missing and claimed by nobody, and adopts it.

What a dead node vouched for is adopted at once by whoever lent it, and otherwise by the keepers in an order
that all agree on, a fraction of a second apart, so that the first one's claims keep the others from doing
it too. A node whose process has ended (`PeerVanished`) need not be declared dead first. Everything else that is
found unclaimed for a while, whatever the reason, goes the same way.
"""

from __future__ import annotations

from mesh.model.ids import NodeId
from mesh.sched.adoption import Adoption
from mesh.sched.core import Core
from mesh.sched.intervals import IntervalSet
from mesh.sched.job import Claim, Job, Steady
from mesh.sched.peers import mixed, rendezvous


class Rescue:
    def __init__(self, core: Core, adoption: Adoption) -> None:
        self._core = core
        self._adoption = adoption
        self._left: dict[tuple[bytes, NodeId], IntervalSet] = {}
        """What dead nodes vouched for, until it is this keeper's turn."""

    def on_peer_down(self, node: NodeId) -> None:
        for job in self._core.jobs.values():
            claim = job.claims.pop(node, None)
            if claim is not None:
                self._leave(job, node, self._lapse(job, claim))

    def on_peer_vanished(self, node: NodeId) -> None:
        for job in self._core.jobs.values():
            claim = job.claims.get(node)
            if claim is not None:
                self._leave(job, node, self._lapse(job, claim))

    def _lapse(self, job: Job, claim: Claim) -> IntervalSet:
        """The node does not vouch for its claim any more; what that named."""
        left = claim.spans
        begun = job.layout.spans(activity.unit for activity in claim.activities)
        job.interrupted.add_all(begun.common(job.facts.missing))
        claim.lapse()
        return left

    def _leave(self, job: Job, node: NodeId, spans: IntervalSet) -> None:
        """`spans` are to be adopted when it is this keeper's turn."""
        core = self._core
        if not spans or job.ended:
            return
        core.touch(job)
        if core.keeps(job):
            self._left[job.id, node] = spans
            wait = core.config.rescue_seconds * (1 + self._rank(job, node))
            core.wake(("adopt", job.id, node), core.now + wait)

    def on_turn(self, job: Job, node: NodeId) -> None:
        """Nobody before this keeper has taken over all that `node` left."""
        left = self._left.pop((job.id, node), None)
        if left is not None:
            self._adoption.adopt_from(job, node, left)

    def patrol(self, job: Job) -> None:
        """Looks for missing work that nobody vouches for, and for work that two nodes vouch for."""
        core, config = self._core, self._core.config
        self._expire(job)
        unclaimed = job.facts.missing.copy()
        for claim in job.claims.values():
            unclaimed.remove_all(claim.spans)
        unclaimed.remove_all(job.holdings.claimed())
        job.orphans.see(unclaimed, core.now)
        wait = config.settle_seconds + config.rescue_seconds * self._rank(job, core.me)
        ripe = job.orphans.ripe(core.now, wait)
        if ripe:
            self._adoption.adopt_from(job, None, ripe)
        self._yield_clashes(job)

    def reset(self, job: Job) -> None:
        """After a sleep: others' claims count as fresh, for nothing was heard meanwhile."""
        job.orphans, job.clashes = Steady(), Steady()
        for claim in job.claims.values():
            claim.at = self._core.now

    def _expire(self, job: Job) -> None:
        """Claims that were not renewed within a lease are nobody's."""
        core = self._core
        for node, claim in list(job.claims.items()):
            if core.now - claim.at > core.config.lease_seconds and claim.spans:
                self._lapse(job, claim)
                core.story.tell(core.now, job.id, [(0, job.layout.total)], f"{node.hex()[:8]} fell silent")

    def _yield_clashes(self, job: Job) -> None:
        """Where this node and another own the same, one of them lets go: the one that all agree on."""
        core = self._core
        clashes = IntervalSet()
        if job.holdings.owned:
            for node, claim in job.claims.items():
                if mixed(job.id, node) > mixed(job.id, core.me):
                    clashes.add_all(job.holdings.owned.common(claim.spans))
        job.clashes.see(clashes, core.now)
        ripe = job.clashes.ripe(core.now, core.config.settle_seconds)
        if ripe:
            job.holdings.release(job.holdings.owned.common(ripe))
            core.claims_changed(job)

    def _rank(self, job: Job, about: NodeId) -> int:
        """This node's place in the order in which keepers take over."""
        core = self._core
        nodes = [core.me, *core.live_keepers(job)]
        return rendezvous(about if about != core.me else job.id, nodes, len(nodes)).index(core.me)
