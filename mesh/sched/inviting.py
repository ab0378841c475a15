"""A keeper's word to those who have nothing to do: who has come to have work.

Whoever finds no work says so in its claims, which go to its home among the keepers anyhow, and then keeps quiet:
it asks when it is told whom to ask. So a thousand nodes that idle at the end of a job make as many attempts to
steal as there is work to be had.
"""

from __future__ import annotations

from mesh.model.ids import NodeId
from mesh.sched.core import Core
from mesh.sched.estimates import spare_of, speed_of
from mesh.sched.job import Job
from mesh.sched.market import Market
from mesh.sched.relief import Relief
from mesh.wire.ledger import Hint
from mesh.wire.stealing import INVITATION, StealDeny

_ENOUGH_IN_VAIN = 3
"""Where nobody is to be named to so many of those who wait, the others are not tried."""
_AGAIN_SECONDS = 0.25
"""Who was told and still says that it is idle may be told again after so long."""


class Inviting:
    def __init__(self, core: Core, market: Market, relief: Relief) -> None:
        self._core = core
        self._market = market
        self._relief = relief

    def look(self, job: Job) -> None:
        """Tells those who wait, as many as there is work for; news of claims come gathered, so no more often. Where
        nobody says anything it comes with the keeper's patrols."""
        core, waiting = self._core, job.waiting
        if not waiting.untold and not waiting.told:
            return
        due = waiting.looked_at + core.config.flush_seconds
        if core.now < due:
            core.wake(("invite", job.id), due)
            return
        waiting.looked_at = core.now
        waiting.wait_again(core.now - _AGAIN_SECONDS)
        in_vain = 0
        for thief, speed in list(waiting.untold.items()):
            if in_vain >= _ENOUGH_IN_VAIN:
                return
            if self._invite(job, thief, speed):
                waiting.tell(thief, core.now)
                core.wake(("invite", job.id), core.now + _AGAIN_SECONDS)
            else:
                in_vain += 1

    def _invite(self, job: Job, thief: NodeId, speed: float) -> bool:
        core = self._core
        peer = core.peers.get(thief)
        if peer is None or job.paused:
            return False
        spare = spare_of(job, core.me, core.capacity.threads, core.now)
        mine = Hint(job.id, core.me, spare, speed=speed_of(job, core.me, core.now))
        hint = self._market.introduction(job, thief, speed, mine)
        pace = 1 / speed if speed > 0 else 0.0
        hint = hint or self._relief.straggler(job, thief, pace) or self._relief.mine(job, thief, pace)
        if hint is None:
            return False
        core.send(thief, StealDeny(INVITATION, peer.boot, (hint,)))
        return True
