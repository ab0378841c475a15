"""Push-pull: two nodes make their tables equal over the authenticated connection.

Unlike memberlist's, it does not send whole tables: the opener sends a digest of 12 bytes a member, and
only what differs follows, both ways. So a mesh that starts cold spreads each record about once to each
node, and the periodic exchange of a calm mesh costs little.
"""

from __future__ import annotations

import random
import zlib

from mesh.gossip.claims import Known
from mesh.gossip.config import GossipConfig
from mesh.gossip.events import Clock
from mesh.gossip.formulas import sync_interval
from mesh.gossip.outbox import Outbox
from mesh.gossip.table import Table
from mesh.gossip.tribunal import Tribunal
from mesh.model.ids import NodeId
from mesh.model.status import NodeState
from mesh.wire.gossip import ENTRY_SIZE, SYNC_ACCUSATIONS, SYNC_RECORDS, Sync, SyncRecords, SyncWanted


def entries_of(digest: bytes) -> set[bytes]:
    """A digest's entries; a broken end is left out."""
    whole = len(digest) - len(digest) % ENTRY_SIZE
    return {digest[at : at + ENTRY_SIZE] for at in range(0, whole, ENTRY_SIZE)}


class Syncer:
    def __init__(
        self, config: GossipConfig, table: Table, outbox: Outbox, tribunal: Tribunal, rng: random.Random
    ) -> None:
        self._config = config
        self._table = table
        self._outbox = outbox
        self._tribunal = tribunal
        self._rng = rng
        self._digest: bytes | None = None
        self._next = float("inf")
        self._eager = float("inf")
        """Seconds to the next push-pull, while those of late introduced strangers."""

    def changed(self) -> None:
        """Something in the table is not as it was."""
        self._digest = None

    def open_with(self, node: NodeId) -> None:
        self._outbox.send(node, Sync(self._table.own.record, self.digest()))

    def start(self, now: float) -> None:
        calm = sync_interval(self._config.sync_interval, self._table.live)
        self._next = now + calm * self._rng.random()
        self._outbox.timer(Clock.SYNC, self._next)

    def tick(self, now: float) -> None:
        """Opens a push-pull with somebody, and comes back later."""
        for partner in self._table.draw(1, lambda h: self._table.state(h) is NodeState.ALIVE):
            self.open_with(partner.node)
        calm = sync_interval(self._config.sync_interval, self._table.live)
        interval = min(calm, self._eager)
        self._eager = min(calm, 2 * self._eager)
        self._next = now + interval * self._rng.uniform(0.75, 1.25)
        self._outbox.timer(Clock.SYNC, self._next)

    def soon(self, now: float) -> None:
        """The last one introduced strangers, so there may be more: come back soon, and from then on at
        intervals that double until all is calm. Never later than planned already, or the many push-pulls
        of a mesh that starts would put off one another."""
        self._eager = self._config.eager_interval
        at = now + self._eager * self._rng.uniform(0.5, 1.5)
        if at < self._next:
            self._next = at
            self._outbox.timer(Clock.SYNC, at)

    def answer(self, sender: NodeId, sync: Sync) -> None:
        """Sends what the opener lacks or has otherwise, and asks for what it has beyond that."""
        theirs, mine = entries_of(sync.digest), self._entries()
        self._send_records(sender, [known for entry, known in mine.items() if entry not in theirs])
        wanted = b"".join(sorted(theirs - mine.keys()))
        if wanted:
            self._outbox.send(sender, SyncWanted(wanted))

    def fetch(self, sender: NodeId, wanted: SyncWanted) -> None:
        """Sends the records that the other side asked for."""
        entries = entries_of(wanted.entries)
        self._send_records(sender, [known for entry, known in self._entries().items() if entry in entries])

    def _send_records(self, to: NodeId, members: list[Known]) -> None:
        """In parts; each with the accusations of its members, the first also with all open suspicions'."""
        suspects = self._table.in_state(NodeState.SUSPECT)
        for start in range(0, max(len(members), len(suspects) and 1), SYNC_RECORDS):
            part = members[start : start + SYNC_RECORDS]
            about = dict.fromkeys([*suspects, *(known.handle for known in part)])
            accusations = [each for handle in about for each in self._tribunal.accusations_of(handle)]
            records = tuple(known.record for known in part)
            self._outbox.send(to, SyncRecords(records, tuple(accusations[:SYNC_ACCUSATIONS])))
            suspects = []

    def digest(self) -> bytes:
        if self._digest is None:
            self._digest = b"".join(self._entries())
        return self._digest

    def _entries(self) -> dict[bytes, Known]:
        """By what the digest says of them. That differs also where one side takes a member for dead and
        the other does not, so that the accusations are exchanged."""
        entries = {known.entry: known for known in self._table}
        for handle in self._table.in_state(NodeState.DEAD):
            known = self._table[handle]
            del entries[known.entry]
            entries[known.entry[:8] + zlib.crc32(b"dead" + known.entry).to_bytes(4, "big")] = known
        return entries
