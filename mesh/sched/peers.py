"""The other nodes as gossip tells of them, and fair ways to choose among them."""

from __future__ import annotations

import random
from bisect import bisect_left, insort
from collections.abc import Iterable

from mesh.model.ids import NodeId
from mesh.sched.dealing import key_of
from mesh.sched.events import PeerInfo

_MASK = 2**64 - 1


def mixed(key: bytes, node: NodeId) -> int:
    """64 bits that look random and that every node computes alike (the finaliser of splitmix64)."""
    value = int.from_bytes(key[:8], "big") ^ int.from_bytes(node[:8], "big")
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def rendezvous(key: bytes, nodes: Iterable[NodeId], count: int) -> list[NodeId]:
    """The `count` nodes that all agree on for `key` (highest random weight, Thaler and Ravishankar 1998)."""
    nodes = list(nodes)
    if len(nodes) > 1:
        nodes.sort(key=lambda node: (mixed(key, node), node), reverse=True)
    return nodes[:count]


class Peers:
    """Live peers, in a fixed order of arrival."""

    def __init__(self) -> None:
        self._infos: dict[NodeId, PeerInfo] = {}
        self._order: list[NodeId] = []
        self._places: dict[NodeId, int] = {}
        self._row: list[bytes] = []
        self.version = 0
        """Grows when somebody comes, goes or changes what it can do."""

    def __contains__(self, node: NodeId) -> bool:
        return node in self._infos

    def __len__(self) -> int:
        return len(self._infos)

    def get(self, node: NodeId) -> PeerInfo | None:
        return self._infos.get(node)

    def put(self, peer: PeerInfo) -> None:
        known = self._infos.get(peer.node)
        if known is None or abilities(known) != abilities(peer):
            self.version += 1
        if known is None:
            self._places[peer.node] = len(self._order)
            self._order.append(peer.node)
        if known is None or known.site != peer.site:
            if known is not None:
                self._leave_row(known)
            insort(self._row, key_of(peer.site, peer.node))
        self._infos[peer.node] = peer

    def drop(self, node: NodeId) -> None:
        known = self._infos.pop(node, None)
        if known is not None:
            self.version += 1
            self._leave_row(known)
            place, last = self._places.pop(node), self._order.pop()
            if last != node:
                self._order[place] = last
                self._places[last] = place

    def nodes(self) -> list[NodeId]:
        return list(self._order)

    def infos(self) -> Iterable[PeerInfo]:
        return self._infos.values()

    def row(self, low: bytes, high: bytes) -> list[bytes]:
        """The keys (`dealing.py`) of peers in a stretch of the row of all nodes."""
        return self._row[bisect_left(self._row, low) : bisect_left(self._row, high)]

    def _leave_row(self, peer: PeerInfo) -> None:
        del self._row[bisect_left(self._row, key_of(peer.site, peer.node))]

    def sample(self, rng: random.Random, count: int) -> list[NodeId]:
        """Some distinct peers, all with equal chances."""
        if count >= len(self._order):
            return list(self._order)
        return rng.sample(self._order, count)


def abilities(peer: PeerInfo) -> tuple[object, ...]:
    return peer.engines, peer.tags, peer.memory_bytes, peer.exclusive, peer.quarantined
