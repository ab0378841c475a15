"""Who is known and in which state: the member table, and the ring that probes and rumours draw from.

The state of most members is ALIVE, so only the others' is stored; the records themselves are immutable and
shared. That keeps a table of ten thousand at a few hundred kilobytes.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Callable, Iterator

from mesh.gossip.claims import Known
from mesh.gossip.states import Fact, after
from mesh.model.status import NodeState
from mesh.wire.gossip import HANDLE_SIZE, Handle

NEAR = 2
"""Neighbours known on either side."""

_CIRCLE = 1 << (8 * HANDLE_SIZE)
"""As many handles as there can be."""


class Table:
    def __init__(self, me: Known, rng: random.Random) -> None:
        self.me = me.handle
        self._rng = rng
        self._known: dict[Handle, Known] = {me.handle: me}
        self._states: dict[Handle, NodeState] = {}
        self._ring: list[Handle] = []
        self._at = 0
        self._near: list[Handle] | None = None
        """The next NEAR members in the order of handles, then those before us, nearest first; None where that
        has to be found out anew."""
        self.down_since: dict[Handle, float] = {}
        """When each dead or departed member went, oldest first."""

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[Known]:
        return iter(self._known.values())

    @property
    def own(self) -> Known:
        """Our own record."""
        return self._known[self.me]

    @property
    def live(self) -> int:
        """Members that are alive or suspect, ourselves among them."""
        return len(self._ring) + 1

    def get(self, handle: Handle) -> Known | None:
        return self._known.get(handle)

    def __getitem__(self, handle: Handle) -> Known:
        return self._known[handle]

    def state(self, handle: Handle) -> NodeState | None:
        """None where the handle is unknown."""
        return self._states.get(handle, NodeState.ALIVE) if handle in self._known else None

    def is_live(self, handle: Handle) -> bool:
        return handle not in self.down_since and handle in self._known

    def put(self, known: Known) -> None:
        """Replaces the record of a member whose state does not change by it, such as our own."""
        self._known[known.handle] = known

    def apply(self, handle: Handle, fact: Fact, now: float, known: Known | None = None) -> None:
        """Moves a member through the transition table, `known` being its newer record if there is one.
        Raises IllegalTransition."""
        old = self.state(handle)
        new = after(old, fact)
        if known is not None:
            self._known[handle] = known
        was_live = old in (NodeState.ALIVE, NodeState.SUSPECT)
        if new is None:
            del self._known[handle], self._states[handle], self.down_since[handle]
            return
        if new is NodeState.ALIVE:
            self._states.pop(handle, None)
        else:
            self._states[handle] = new
        is_live = new in (NodeState.ALIVE, NodeState.SUSPECT)
        if is_live and not was_live:
            self.down_since.pop(handle, None)
            self._insert(handle)
        elif not is_live and new is not old:
            self.down_since.pop(handle, None)
            self.down_since[handle] = now
            if was_live:
                self._ring.remove(handle)
                self._moved(handle)

    def load(self, others: list[Known]) -> None:
        """Takes over many living members at once: what a simulation of a running mesh starts from."""
        self._known.update({known.handle: known for known in others})
        self._ring = [known.handle for known in others if known.handle != self.me]
        self._rng.shuffle(self._ring)
        self._near = None

    def _insert(self, handle: Handle) -> None:
        """At a random place of the ring, so that nodes probe a newcomer at different times."""
        self._ring.insert(self._rng.randrange(len(self._ring) + 1), handle)
        self._moved(handle)

    def next_in_ring(self) -> Known | None:
        """The next live member to probe: round robin in an order shuffled anew each time round, which
        bounds the time to the first probe of a crashed node (SWIM, section 4.3)."""
        if not self._ring:
            return None
        if self._at >= len(self._ring):
            self._at = 0
            self._rng.shuffle(self._ring)
        handle = self._ring[self._at]
        self._at += 1
        return self._known[handle]

    def neighbour(self, step: int) -> Known | None:
        """The live member `step` places after us (1 to NEAR) or before us (-1 to -NEAR) in the order of
        handles, in which all nodes stand in a circle. None where there are not that many."""
        near = self._neighbours()
        if abs(step) > len(self._ring):
            return None
        return self._known[near[step - 1 if step > 0 else len(near) // 2 - step - 1]]

    def is_near(self, handle: Handle) -> bool:
        """Whether it is one of our neighbours, and so we one of its."""
        return handle in self._neighbours()

    def _neighbours(self) -> list[Handle]:
        if self._near is None:
            order = sorted(self._ring)
            place, circle = bisect_left(order, self.me), range(min(NEAR, len(order)))
            after = [order[(place + each) % len(order)] for each in circle]
            before = [order[(place - 1 - each) % len(order)] for each in circle]
            self._near = [*after, *before]
        return self._near

    def _moved(self, handle: Handle) -> None:
        """`handle` came or went: that may concern our neighbourhood."""
        if self._near is None:
            return
        half = len(self._near) // 2
        way = self._way_to(handle)
        if half < NEAR or way <= self._way_to(self._near[half - 1]) or way >= self._way_to(self._near[-1]):
            self._near = None

    def _way_to(self, handle: Handle) -> int:
        """How far it is from us onwards, in the circle of all handles."""
        return (int.from_bytes(handle) - int.from_bytes(self.me)) % _CIRCLE

    def draw(self, count: int, fits: Callable[[Handle], bool]) -> list[Known]:
        """Up to `count` different random live members that fit; looks at a few more than that at most."""
        ring, chosen = self._ring, []
        if len(ring) <= 3 * count:
            handles = self._rng.sample(ring, len(ring))
        else:
            handles = [ring[place] for place in self._rng.sample(range(len(ring)), 3 * count)]
        for handle in handles:
            if fits(handle):
                chosen.append(self._known[handle])
                if len(chosen) == count:
                    break
        return chosen

    def count(self, state: NodeState) -> int:
        """Members in a state other than ALIVE."""
        return sum(each is state for each in self._states.values())

    def in_state(self, state: NodeState) -> list[Handle]:
        """Members in a state other than ALIVE, in the order they came to it."""
        return [handle for handle, each in self._states.items() if each is state]

    def check(self) -> None:
        """Raises AssertionError where the parts contradict each other."""
        down = {NodeState.DEAD, NodeState.LEFT}
        assert self.state(self.me) is NodeState.ALIVE, "we are always alive to ourselves"
        assert self._states.keys() <= self._known.keys(), "a state without a record"
        assert len(set(self._ring)) == len(self._ring), "twice in the ring"
        live = {h for h in self._known if self._states.get(h) not in down} - {self.me}
        assert set(self._ring) == live, "the ring is not the living"
        assert self._near is None or set(self._near) <= live, "a neighbour that is not alive"
        assert self.down_since.keys() == self._known.keys() - live - {self.me}, "down without a date"
        for handle, known in self._known.items():
            assert known.handle == handle, "filed under another's name"
            assert known.claim.left == (self._states.get(handle) is NodeState.LEFT) or handle == self.me, (
                "only a goodbye makes a departure"
            )
