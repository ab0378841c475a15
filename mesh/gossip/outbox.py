"""What one step sends: datagrams with rumours packed beside probes, within the packet and the rate limits."""

from __future__ import annotations

from collections.abc import Callable

from mesh.gossip.claims import Known
from mesh.gossip.config import GossipConfig
from mesh.gossip.events import Clock
from mesh.gossip.formulas import retransmit_limit
from mesh.gossip.rumours import RumourQueue
from mesh.gossip.table import NEAR, Table
from mesh.gossip.timers import Timers
from mesh.model.ids import NodeId
from mesh.wire.base import Message
from mesh.wire.effects import Address, Effect, Notify, Send, SendDatagram
from mesh.wire.gossip import Accusation, Record

SizeOf = Callable[[Message], int]
"""Bytes of a message once encoded."""

ARRAY_HEAD = 3
"""Most bytes that the array around a datagram's messages costs."""


class Outbox:
    """Collects effects until `flush`; knows nothing of why they are sent."""

    def __init__(self, config: GossipConfig, table: Table, timers: Timers, size_of: SizeOf) -> None:
        self._config = config
        self._table = table
        self._timers = timers
        self._size_of = size_of
        self._rumours = RumourQueue(config.max_rumours)
        self._effects: list[Effect] = []
        self._allowance = 0.0
        self._refilled = 0.0
        self._round = 0

    def flush(self) -> list[Effect]:
        effects, self._effects = self._effects, []
        return effects

    def notify(self, event: object) -> None:
        self._effects.append(Notify(event))

    def send(self, to: NodeId, message: Message) -> None:
        self._effects.append(Send(to, message))

    def timer(self, clock: Clock, at: float, key: int | bytes = 0) -> None:
        self._timers.set(clock, at, self._effects, key)

    def rumour(self, message: Record | Accusation, now: float) -> None:
        """Tell everybody. A newer record of a node replaces the older one."""
        size = self._size_of(message)
        if isinstance(message, Accusation):
            self._rumours.put((message.target, message.accuser), message, size)
        else:
            self._rumours.put(message.public_key, message, size)
        if not self._timers.is_set(Clock.GOSSIP):
            self.timer(Clock.GOSSIP, now + self._config.gossip_interval / 4)

    def drop_accusation(self, accusation: Accusation) -> None:
        """Stop telling what no longer holds."""
        self._rumours.drop((accusation.target, accusation.accuser))

    def datagram(self, to: Address, messages: list[Message], now: float) -> None:
        """Sends `messages`, with rumours in the room that they leave."""
        used = sum(map(self._size_of, messages)) + ARRAY_HEAD
        room = min(self._config.packet - used, self._config.piggyback, int(self._allow(now)))
        if room > 0 and self._rumours:
            rumours, size = self._rumours.take(room, self._limit())
            self._allowance -= size
            messages = messages + [each for each in rumours if each not in messages]
        self._effects.append(SendDatagram(to, tuple(messages)))

    def gossip_round(self, now: float) -> None:
        """Tells rumours to a few random nodes, and comes back while there are any left."""
        if not self._rumours:
            return
        self.timer(Clock.GOSSIP, now + self._config.gossip_interval)
        limit = self._limit()
        for target in self._targets():
            room = min(self._config.packet - ARRAY_HEAD, int(self._allow(now)))
            rumours, size = self._rumours.take(room, limit)
            if not rumours:
                break
            self._allowance -= size
            self._effects.append(SendDatagram(target.claim.address, tuple(rumours)))

    def _targets(self) -> list[Known]:
        """Random nodes, one of them replaced by a neighbour: the next, the one before, the next but one ..."""
        if not self._config.neighbours:
            return self._table.draw(self._config.fanout, lambda _: True)
        self._round = (self._round + 1) % (2 * NEAR)
        distance = self._round // 2 + 1
        neighbour = self._table.neighbour(-distance if self._round % 2 else distance)
        if neighbour is None:
            return self._table.draw(self._config.fanout, lambda _: True)
        return [neighbour, *self._table.draw(self._config.fanout - 1, lambda each: each != neighbour.handle)]

    def _limit(self) -> int:
        return retransmit_limit(self._config.retransmit_mult, self._table.live)

    def _allow(self, now: float) -> float:
        """Bytes of rumours that may go out now: a token bucket of two packets' depth."""
        config = self._config
        gained = max(0.0, now - self._refilled) * config.gossip_rate
        self._allowance = min(2.0 * config.packet, self._allowance + gained)
        self._refilled = now
        return self._allowance

    def check(self) -> None:
        self._rumours.check()
        assert not self._rumours or self._timers.is_set(Clock.GOSSIP), "rumours without a round to tell them"
