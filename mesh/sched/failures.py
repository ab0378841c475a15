"""Who has failed at which units of a job, and what was tried so often that nobody tries it again.

A retry begins a new epoch: failures of earlier ones are remembered, and forgiven. That a scene does not fit into a node's
memory is no failure of a unit: it tells how much a node must have. That node does not try again, and where two nodes say
so, nobody does who has less: one alone could keep everybody from the job.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import nlargest
from itertools import pairwise

from mesh.model.ids import NodeId
from mesh.sched.intervals import Interval
from mesh.sched.layout import Layout
from mesh.wire.ledger import FailureFact


class Failures:
    def __init__(self, layout: Layout, attempts: int) -> None:
        """What `attempts` units failed at is given up."""
        self._layout = layout
        self._attempts = attempts
        self.epoch = 0
        """Failures of an earlier epoch are forgiven: the RETRY register."""
        self.all: list[tuple[NodeId, FailureFact]] = []
        """In the order in which this node learned of them, forgiven ones too."""
        self.by_node: dict[NodeId, int] = {}
        """In this epoch."""
        self.too_small: dict[NodeId, int] = {}
        """Nodes whose memory the scene did not fit into, in this epoch, and how many bytes it takes by their account."""
        self.memory = 0
        """Bytes that it takes at least by the account of two nodes."""
        self._by_frame: dict[int, list[tuple[NodeId, FailureFact]]] = {}

    def learn(self, author: NodeId, fact: FailureFact, place: int) -> None:
        """Takes in a failure at the frame that is at this place of the job."""
        self.all.append((author, fact))
        self._by_frame.setdefault(place, []).append((author, fact))
        self._blame(author, fact)

    def forgive(self, epoch: int) -> None:
        """All failures of epochs before this one."""
        self.epoch = epoch
        self.by_node.clear()
        self.too_small.clear()
        self.memory = 0
        for author, fact in self.all:
            self._blame(author, fact)

    def _blame(self, author: NodeId, fact: FailureFact) -> None:
        if fact.epoch >= self.epoch and fact.memory:
            self.too_small[author] = max(fact.memory, self.too_small.get(author, 0))
            _, self.memory = nlargest(2, (*self.too_small.values(), 0))
        elif fact.epoch >= self.epoch:
            self.by_node[author] = self.by_node.get(author, 0) + 1

    def places(self) -> list[int]:
        """Of frames at which anybody ever failed."""
        return list(self._by_frame)

    def tried_by(self, start: int, stop: int) -> list[NodeId]:
        """Who has failed at any of these positions of one frame, in this epoch."""
        return [
            author
            for author, (first, last), _ in self._tries(start // self._layout.buckets)
            if first < stop and start < last
        ]

    def in_vain(self, place: int) -> Iterator[Interval]:
        """Positions of one frame at which enough units have failed, or one that would fail anywhere, in this epoch."""
        tries = self._tries(place)
        edges = sorted({edge for _, span, _ in tries for edge in span})
        for start, stop in pairwise(edges):
            over = [fact for _, (first, last), fact in tries if first <= start and stop <= last]
            if len(over) >= self._attempts or any(not fact.retryable for fact in over):
                yield start, stop

    def _tries(self, place: int) -> list[tuple[NodeId, Interval, FailureFact]]:
        return [
            (author, self._layout.span(fact.unit), fact)
            for author, fact in self._by_frame.get(place, ())
            if fact.epoch >= self.epoch and not fact.memory
        ]
