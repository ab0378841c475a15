"""Who holds a result's pixels, from what nodes say of themselves. The order of learning does not matter.

A result names its first holders. Later each node may say that it holds the pixels too, or has lost them; of
two such words of one node, that of its later life counts, and within a life, where words are ordered, the
later one. When what cannot be had is to be rendered again, those who are away are taken to hold nothing until
they have heard of that and say otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mesh.model.ids import Boot, Digest, NodeId
from mesh.wire.ledger import AwayFact, HolderFact, ResultFact


@dataclass(frozen=True, slots=True)
class _Word:
    boot: Boot
    held: bool
    after: int


_UNSAID = _Word(Boot(0), held=True, after=0)


class Holders:
    def __init__(self) -> None:
        self._said: dict[Digest, dict[NodeId, _Word]] = {}
        self._away: dict[Digest, dict[NodeId, int]] = {}
        """When nodes were last found away, by the number of the absence."""
        self.ever_lost: dict[Digest, None] = {}
        """Pixels that somebody has lost at some time, or that were out of reach."""

    def say(self, author: NodeId, boot: Boot, fact: HolderFact) -> None:
        said = self._said.setdefault(fact.pixels, {})
        if said.get(author, _UNSAID).boot <= boot:
            said[author] = _Word(boot, fact.held, fact.after)
        if not fact.held:
            self.ever_lost[fact.pixels] = None

    def miss(self, fact: AwayFact) -> None:
        """Its nodes are away, and what is on their disks out of reach."""
        for pixels in fact.pixels:
            away = self._away.setdefault(pixels, {})
            for node in fact.nodes:
                away[node] = max(fact.number, away.get(node, 0))
            self.ever_lost[pixels] = None

    def missed(self, node: NodeId, pixels: Digest) -> int:
        """The number of the absence for which `node` was last found away with these pixels; 0 for never."""
        return self._away.get(pixels, {}).get(node, 0)

    def said_after(self, node: NodeId, pixels: Digest) -> int:
        """Of the newest absence that `node` has answered, by saying that it holds these pixels."""
        return self._said.get(pixels, {}).get(node, _UNSAID).after

    def next_absence(self, pixels: Digest, nodes: Iterable[NodeId]) -> int:
        """The number of an AwayFact that is newer than all that these nodes have said of these pixels."""
        return 1 + max(self.said_after(node, pixels) for node in nodes)

    def vouch(self, node: NodeId, pixels: Digest) -> HolderFact:
        """What `node` says when it holds these pixels, whatever was said before."""
        return HolderFact(pixels, held=True, after=self.missed(node, pixels))

    def of(self, author: NodeId, fact: ResultFact) -> tuple[NodeId, ...]:
        """Who is believed to hold the pixels that `author` published."""
        nodes = dict.fromkeys((author, *fact.holders, *self._said.get(fact.pixels, ())))
        return tuple(node for node in nodes if not self.has_lost(node, fact.pixels))

    def anybody(self, author: NodeId, fact: ResultFact) -> bool:
        """Whether the pixels are held at all; nodes that are away count, for they come back with their disks."""
        return fact.pixels not in self.ever_lost or bool(self.of(author, fact))

    def has_lost(self, node: NodeId, pixels: Digest) -> bool:
        """Whether `node` last said that it has them no more, or was found away since."""
        word = self._said.get(pixels, {}).get(node, _UNSAID)
        return not word.held or self.missed(node, pixels) > word.after
