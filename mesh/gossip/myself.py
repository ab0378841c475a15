"""Our own life as others are told it: what we publish, what we deny, and how we leave."""

from __future__ import annotations

from mesh.gossip.awareness import Awareness
from mesh.gossip.claims import Known, Opener
from mesh.gossip.config import GossipConfig
from mesh.gossip.events import Clock
from mesh.gossip.outbox import Outbox
from mesh.gossip.publishing import Publisher
from mesh.gossip.syncing import Syncer
from mesh.gossip.table import Table
from mesh.wire.gossip import Meta, Record


class Myself:
    def __init__(
        self,
        config: GossipConfig,
        publisher: Publisher,
        open_record: Opener,
        table: Table,
        outbox: Outbox,
        awareness: Awareness,
        syncer: Syncer,
    ) -> None:
        self._config = config
        self._publisher = publisher
        self._open = open_record
        self._table = table
        self._outbox = outbox
        self._awareness = awareness
        self._syncer = syncer
        self.leaving = False

    @property
    def known(self) -> Known:
        return self._table.own

    def update(self, meta: Meta, now: float) -> None:
        """Tells new metadata, once it is time to."""
        if self._publisher.update(meta):
            self.tell_again(now)

    def tell_again(self, now: float) -> None:
        """Publishes what we are, once it is time to."""
        if not self.leaving:
            self._outbox.timer(Clock.PUBLISH, self._publisher.next_time(now, self._table.live))

    def publish(self, now: float) -> None:
        self._own(self._publisher.renew(now), now)

    def refute(self, now: float) -> None:
        """Somebody takes us for dead: say otherwise, louder than before."""
        if self.leaving:
            return
        self._awareness.add(1)
        if self._publisher.may_refute(now):
            self.publish(now)
        else:
            self._outbox.timer(Clock.PUBLISH, self._publisher.next_refutation())

    def leave(self, now: float) -> None:
        """Says goodbye, and stays for a moment in which it spreads."""
        if not self.leaving:
            self.leaving = True
            self._own(self._publisher.goodbye(now), now)
            self._outbox.timer(Clock.LEFT, now + self._config.leave_linger)

    def _own(self, record: Record, now: float) -> None:
        self._table.put(opened(self._open, record))
        self._syncer.changed()
        self._outbox.rumour(record, now)

    def check(self) -> None:
        assert self.known.version == self._publisher.version, "we do not know ourselves"


def opened(open_record: Opener, record: Record) -> Known:
    """A record that we made."""
    known = open_record(record)
    assert known is not None, "our own record does not hold"
    return known
