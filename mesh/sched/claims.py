"""What nodes vouch for: saying what this one means to finish, and remembering what the others said.

A claim replaces what its node said before, is renewed while there is progress, and is passed on by keepers
and by nodes that somebody watches through.
"""

from __future__ import annotations

from mesh.model.ids import NodeId
from mesh.sched.core import Core
from mesh.sched.estimates import spare_of, speed_of
from mesh.sched.intervals import from_numbers
from mesh.sched.job import Claim, Job
from mesh.wire.fields import MAX_SPAN_NUMBERS
from mesh.wire.ledger import Activity, ClaimSet


class Claims:
    def __init__(self, core: Core) -> None:
        self._core = core

    def renew(self, job: Job) -> None:
        """Says again what this node vouches for, for it makes progress."""
        if job.holdings:
            self._core.claims_changed(job)

    def news(self, job: Job) -> list[ClaimSet]:
        core = self._core
        claims = []
        if job.claims_dirty:
            job.claims_dirty = False
            claims.append(self.mine(job))
        for node in job.fresh_claims:
            claim = job.claims.get(node)
            if claim is not None:
                claims.append(
                    ClaimSet(
                        node,
                        claim.boot,
                        claim.stamp,
                        max(0.0, core.now - claim.at),
                        claim.spans.numbers(MAX_SPAN_NUMBERS),
                        claim.spare,
                        claim.speed,
                        claim.activities,
                    )
                )
        job.fresh_claims.clear()
        if job.holdings:
            core.wake(("renew", job.id), core.now + core.config.lease_seconds / 3)
        return claims

    def mine(self, job: Job) -> ClaimSet:
        core = self._core
        job.stamp += 1
        activities = tuple(
            Activity(job.layout.unit(run.start, run.stop), run.fraction, max(0.0, core.now - run.began))
            for run in job.runs.values()
            if run.start < run.stop
        )
        return ClaimSet(
            core.me,
            core.boot,
            job.stamp,
            0.0,
            job.holdings.claimed().numbers(MAX_SPAN_NUMBERS),
            spare_of(job, core.me, core.capacity.threads, core.now),
            speed_of(job, core.me, core.now),
            activities[:16],
            idle=job.waits and not job.holdings,
        )

    def hear(self, job: Job, sender: NodeId, said: ClaimSet) -> None:
        core = self._core
        if said.node == core.me:
            return
        if said.node in job.distrusted:
            return
        peer = core.peers.get(said.node)
        if peer is not None and peer.boot > said.boot:
            return  # words of an earlier life
        known = job.claims.get(said.node)
        if known is not None and (known.boot, known.stamp) >= (said.boot, said.stamp):
            return
        at = core.now - said.age
        if said.node in core.vanished:
            if at < core.vanished[said.node] + core.config.settle_seconds:
                return  # words from before it ended, that others pass on
            del core.vanished[said.node]
        spans = from_numbers(said.spans, job.layout.total)
        job.claims[said.node] = Claim(
            said.boot, said.stamp, spans, said.spare, said.speed, said.activities, at
        )
        core.touch(job)
        job.waiting.leave(said.node)
        if said.idle and sender == said.node and core.keeps(job) and not job.ended:
            job.waiting.join(said.node, said.speed)
        if (core.keeps(job) and sender not in job.keepers) or job.watchers:
            job.fresh_claims[said.node] = None
