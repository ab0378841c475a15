"""The simulated network: what is lost, late, doubled, reordered or cut off between two nodes.

Nodes are numbers here. Loss of a datagram combines the mesh's, the sender's, the receiver's and the link's.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Network:
    """All probabilities are 0 to 1, all times seconds. Faults may be changed while the simulation runs."""

    rng: random.Random
    delay: float = 0.0005
    """Least one-way delay."""
    jitter: float = 0.0005
    """Mean of the exponential delay on top."""
    loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0
    """Share of datagrams that are held back by up to `held`."""
    held: float = 0.05
    egress_loss: dict[int, float] = field(default_factory=dict)
    """Loss of what a node sends."""
    ingress_loss: dict[int, float] = field(default_factory=dict)
    """Loss of what a node should receive."""
    link_loss: dict[tuple[int, int], float] = field(default_factory=dict)
    """By (from, to)."""
    site_delay: float = 0.0
    """One-way delay added between nodes of different sites."""
    sites: dict[int, str] = field(default_factory=dict)
    doubt: float = 0.0
    """Share of messages on connections that arrive although their sender is told that they did not: the
    connection breaks with the news of it."""
    bandwidth: float | None = None
    """Bytes per second of one connection; None for no limit."""
    _sides: dict[int, int] = field(default_factory=dict)
    _cut: dict[tuple[int, int], None] = field(default_factory=dict)

    def partition(self, groups: Iterable[Iterable[int]]) -> None:
        """Cuts the groups off from one another; who is in no group stays with the first."""
        self._sides = {node: side for side, group in enumerate(groups) for node in group}

    def cut(self, source: int, to: int) -> None:
        """Nothing passes from `source` to `to` any more; the other way stays open (a one-way partition)."""
        self._cut[source, to] = None

    def swizzle(self, nodes: Iterable[int]) -> None:
        """Cuts a random half of all ordered pairs among `nodes`: views that agree with no one's."""
        nodes = list(nodes)
        for a in nodes:
            for b in nodes:
                if a != b and self.rng.random() < 0.5:
                    self.cut(a, b)

    def heal(self) -> None:
        """Ends all partitions and cuts; losses and delays stay."""
        self._sides.clear()
        self._cut.clear()

    def passes(self, source: int, to: int) -> bool:
        """Whether anything can get from `source` to `to`."""
        return self._sides.get(source, 0) == self._sides.get(to, 0) and (source, to) not in self._cut

    def survival(self, source: int, to: int) -> float:
        """The probability that one datagram arrives."""
        if not self.passes(source, to):
            return 0.0
        kept = 1.0 - self.loss
        if self.egress_loss or self.ingress_loss or self.link_loss:
            kept *= 1.0 - self.egress_loss.get(source, 0.0)
            kept *= 1.0 - self.ingress_loss.get(to, 0.0)
            kept *= 1.0 - self.link_loss.get((source, to), 0.0)
        return kept

    def connectable(self, source: int, to: int) -> bool:
        """Whether a reliable connection works: both ways open, and losing less than TCP can bear."""
        return min(self.survival(source, to), self.survival(to, source)) > 0.4

    def segment(self, source: int, to: int) -> float:
        """The delay of one segment of a connection, with what its loss costs: a fifth of a second for
        the first repetition, and twice as long for each after it."""
        delay, repeat = self.latency(source, to), 0.2
        kept = self.survival(source, to)
        while kept < 1.0 and repeat < 10.0 and self.rng.random() >= kept:
            delay, repeat = delay + repeat, 2 * repeat
        return delay

    def latency(self, source: int, to: int) -> float:
        """One-way delay of one packet."""
        delay = self.delay + self.rng.expovariate(1.0) * self.jitter
        if self.site_delay and self.sites.get(source) != self.sites.get(to):
            delay += self.site_delay
        return delay

    def deliveries(self, source: int, to: int) -> list[float]:
        """The delays after which one datagram arrives: none where it is lost, two where it is doubled."""
        kept = self.survival(source, to)
        if kept < 1.0 and self.rng.random() >= kept:
            return []
        delays = [self.latency(source, to)]
        if self.reordering and self.rng.random() < self.reordering:
            delays[0] += self.rng.uniform(0, self.held)
        if self.duplication and self.rng.random() < self.duplication:
            delays.append(self.latency(source, to) + self.rng.uniform(0, self.held))
        return delays
