"""Who holds a result's pixels, from what nodes say of themselves. The order of learning does not matter.

A result names its first holders. Later each node may say that it holds the pixels too, or has lost them; of
two such words of one node, that of its later life counts, and within a life, where words are ordered, the
later one.
"""

from __future__ import annotations

from mesh.model.ids import Boot, Digest, NodeId
from mesh.wire.ledger import HolderFact, ResultFact


class Holders:
    def __init__(self) -> None:
        self._said: dict[Digest, dict[NodeId, tuple[Boot, bool]]] = {}
        self._lost: dict[Digest, None] = {}
        """Pixels that somebody has lost at some time."""

    def say(self, author: NodeId, boot: Boot, fact: HolderFact) -> None:
        said = self._said.setdefault(fact.pixels, {})
        if author not in said or said[author][0] <= boot:
            said[author] = (boot, fact.held)
        if not fact.held:
            self._lost[fact.pixels] = None

    def of(self, author: NodeId, fact: ResultFact) -> tuple[NodeId, ...]:
        """Who is believed to hold the pixels that `author` published."""
        held = dict.fromkeys((author, *fact.holders), True)
        held.update((node, word) for node, (_, word) in self._said.get(fact.pixels, {}).items())
        return tuple(node for node, word in held.items() if word)

    def anybody(self, author: NodeId, fact: ResultFact) -> bool:
        """Whether the pixels are held at all; nodes that are away count, for they come back with their disks."""
        return fact.pixels not in self._lost or bool(self.of(author, fact))

    def has_lost(self, node: NodeId, pixels: Digest) -> bool:
        """Whether `node` last said that it has them no more."""
        return not self._said.get(pixels, {}).get(node, (0, True))[1]
