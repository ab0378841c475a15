"""One table of everybody for thousands of nodes, since one each would not fit into memory."""

from __future__ import annotations

import random
from collections.abc import Iterable

from mesh.model.ids import NodeId
from mesh.sched.dealing import node_of
from mesh.sched.events import PeerInfo
from mesh.sched.peers import Peers


class SharedPeers(Peers):
    """Everybody but the node that looks."""

    def __init__(self, me: NodeId, everybody: Peers) -> None:
        super().__init__()
        self._me = me
        self._everybody = everybody

    def __contains__(self, node: NodeId) -> bool:
        return node != self._me and node in self._everybody

    def __len__(self) -> int:
        return len(self._everybody) - 1

    def get(self, node: NodeId) -> PeerInfo | None:
        return None if node == self._me else self._everybody.get(node)

    def nodes(self) -> list[NodeId]:
        return [node for node in self._everybody.nodes() if node != self._me]

    def row(self, low: bytes, high: bytes) -> list[bytes]:
        return [key for key in self._everybody.row(low, high) if node_of(key) != self._me]

    def infos(self) -> Iterable[PeerInfo]:
        return (info for info in self._everybody.infos() if info.node != self._me)

    def sample(self, rng: random.Random, count: int) -> list[NodeId]:
        return [node for node in self._everybody.sample(rng, count + 1) if node != self._me][:count]
