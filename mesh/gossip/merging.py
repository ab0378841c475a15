"""The receiving side of push-pull: takes in what another table has, and answers what it asks for."""

from __future__ import annotations

from mesh.gossip import claims
from mesh.gossip.detector import Detector
from mesh.gossip.knocking import Knocker
from mesh.gossip.registrar import Registrar
from mesh.gossip.syncing import Syncer
from mesh.gossip.table import Table
from mesh.model.ids import NodeId
from mesh.model.status import NodeState
from mesh.wire.gossip import Sync, SyncRecords, SyncWanted, handle_of

_MOST_KNOCKS = 16
"""Doors of the allegedly dead that one push-pull makes us knock at."""


class Merger:
    def __init__(
        self, table: Table, syncer: Syncer, registrar: Registrar, detector: Detector, knocker: Knocker
    ) -> None:
        self._table = table
        self._syncer = syncer
        self._registrar = registrar
        self._detector = detector
        self._knocker = knocker

    def received(self, sender: NodeId, message: Sync | SyncRecords | SyncWanted, now: float) -> None:
        match message:
            case Sync():
                self._registrar.learn(message.record, now)
                self._syncer.answer(sender, message)
            case SyncRecords():
                self._merge(message, now)
            case SyncWanted():
                self._syncer.fetch(sender, message)

    def _merge(self, batch: SyncRecords, now: float) -> None:
        """Where there were strangers among the records there may be more, so the next push-pull comes soon. Those
        who are dead to us and not to the sender are asked themselves."""
        strangers, disputed = 0, []
        for record in batch.records:
            handle = handle_of(claims.node_of(record.public_key))
            state = self._table.state(handle)
            self._registrar.learn(record, now, rumour=state is NodeState.ALIVE)
            strangers += state is None
            if state is NodeState.DEAD and self._table.state(handle) is NodeState.DEAD:
                disputed.append(handle)
        for accusation in batch.accusations:
            self._detector.accused(accusation, now)
        for handle in disputed[:_MOST_KNOCKS]:
            self._knocker.knock(handle, now)
        if strangers or disputed:
            self._syncer.soon(now)
