"""Finding others: addresses at which somebody may listen, asked now and, where told so, again and again.

An address is asked with a Ping that names nobody; whoever answers sends its record along. Answers come
only from our own mesh, because nobody else can open the datagram.
"""

from __future__ import annotations

from dataclasses import dataclass

from mesh.gossip.config import GossipConfig
from mesh.gossip.events import Clock, Heard
from mesh.gossip.outbox import Outbox
from mesh.gossip.syncing import Syncer
from mesh.gossip.table import Table
from mesh.gossip.timers import Timers
from mesh.model.ids import Boot
from mesh.wire.effects import Address
from mesh.wire.gossip import Handle, Ping, handle_of

_MOST_SOUGHT = 256
_MOST_ASKED = 512
_AGAIN = 1.0
"""Seconds for which an address that was just asked is left alone."""

HELLO = 0
"""The probe number of a Ping that asks who is there; no other probe has it."""


@dataclass(slots=True)
class _Sought:
    interval: float
    next_at: float
    inhabitant: Handle | None = None
    """The member last seen to live there."""


class Seeker:
    def __init__(
        self, config: GossipConfig, table: Table, timers: Timers, outbox: Outbox, syncer: Syncer
    ) -> None:
        self._config = config
        self._table = table
        self._timers = timers
        self._outbox = outbox
        self._syncer = syncer
        self._sought: dict[Address, _Sought] = {}
        self._asked: dict[Address, float] = {}
        self._expected = 0
        """Answers that may still come to questions we asked."""

    def heard(self, event: Heard, now: float) -> None:
        known = self._table.get(handle_of(event.node)) if event.node is not None else None
        if known is not None and self._table.is_live(known.handle) and known.claim.address in event.addresses:
            return
        for address in event.addresses:
            if event.keep and len(self._sought) < _MOST_SOUGHT:
                wait = self._config.seek_interval
                self._sought.setdefault(address, _Sought(wait, now + wait))
            self.ask(address, now)
        self._wake(now)

    def ask(self, address: Address, now: float) -> None:
        """Asks who is there, unless that was asked a moment ago."""
        if now - self._asked.get(address, float("-inf")) < _AGAIN:
            return
        self._asked.pop(address, None)
        self._asked[address] = now
        if len(self._asked) > _MOST_ASKED:
            del self._asked[next(iter(self._asked))]
        me = self._table.own
        if address != me.claim.address:
            self.expect()
            self._outbox.datagram(address, [Ping(HELLO, me.handle, Handle(b""), Boot(0)), me.record], now)

    def expect(self) -> None:
        """A Ping with HELLO goes out."""
        self._expected = min(self._expected + 1, _MOST_ASKED)

    def answered(self, sender: Handle) -> None:
        """An Ack of HELLO came: opens a push-pull with whoever sent it. As many are taken as were asked for."""
        known = self._table.get(sender)
        if known is None or sender == self._table.me:
            return
        if not self._expected:
            return
        self._expected -= 1
        self._syncer.open_with(known.node)

    def tick(self, now: float) -> None:
        """Asks again wherever nobody known lives."""
        for address, sought in self._sought.items():
            if sought.next_at > now:
                continue
            if self._is_inhabited(address, sought):
                sought.interval = self._config.seek_interval
            else:
                self.ask(address, now)
                sought.interval = min(2 * sought.interval, self._config.seek_limit)
            sought.next_at = now + sought.interval
        self._wake(now)

    def _is_inhabited(self, address: Address, sought: _Sought) -> bool:
        """Whether a live member is there; the whole table is searched only where it is not the same as ever."""
        if sought.inhabitant is None or not self._lives_at(sought.inhabitant, address):
            at = (known.handle for known in self._table if self._lives_at(known.handle, address))
            sought.inhabitant = next(at, None)
        return sought.inhabitant is not None

    def _lives_at(self, handle: Handle, address: Address) -> bool:
        known = self._table.get(handle)
        return known is not None and known.claim.address == address and self._table.is_live(handle)

    def _wake(self, now: float) -> None:
        if self._sought:
            first = min(sought.next_at for sought in self._sought.values())
            self._outbox.timer(Clock.SEEK, max(first, now + 0.1))

    def check(self) -> None:
        assert len(self._sought) <= _MOST_SOUGHT
        assert len(self._asked) <= _MOST_ASKED
        assert not self._sought or self._timers.is_set(Clock.SEEK), "addresses that nobody asks again"
