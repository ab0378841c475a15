"""Asks the allegedly dead whether they agree: how a healed partition is noticed."""

from __future__ import annotations

import random

from mesh.gossip.config import GossipConfig
from mesh.gossip.events import Clock
from mesh.gossip.formulas import shared_interval
from mesh.gossip.myself import Myself
from mesh.gossip.outbox import Outbox
from mesh.gossip.seeking import HELLO, Seeker
from mesh.gossip.table import Table
from mesh.gossip.tribunal import Tribunal
from mesh.model.status import NodeState
from mesh.wire.gossip import Handle, Ping

_MOST_SHOWN = 2
"""Accusations that go along, for the accused to deny."""


class Knocker:
    def __init__(
        self,
        config: GossipConfig,
        myself: Myself,
        table: Table,
        outbox: Outbox,
        tribunal: Tribunal,
        seeker: Seeker,
        rng: random.Random,
    ) -> None:
        self._config = config
        self._myself = myself
        self._table = table
        self._outbox = outbox
        self._tribunal = tribunal
        self._seeker = seeker
        self._rng = rng

    def start(self, now: float) -> None:
        self._outbox.timer(Clock.KNOCK, now + self._config.knock_interval * self._rng.random())

    def tick(self, now: float) -> None:
        config = self._config
        wait = shared_interval(config.knock_interval, self._table.live, config.knock_nodes)
        self._outbox.timer(Clock.KNOCK, now + wait * self._rng.uniform(0.75, 1.25))
        dead = self._table.in_state(NodeState.DEAD)
        if dead:
            self.knock(self._rng.choice(dead), now)

    def knock(self, handle: Handle, now: float) -> None:
        target, me = self._table[handle], self._myself.known
        ping = Ping(HELLO, me.handle, handle, target.claim.boot)
        shown = self._tribunal.accusations_of(handle)[:_MOST_SHOWN]
        self._seeker.expect()
        self._outbox.datagram(target.claim.address, [ping, me.record, *shown], now)
