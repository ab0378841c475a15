"""The life of a unit at one node: which of a job's positions this node owns, renders, stores or has lent.

The sets are disjoint; every move between them is checked against one table. Published positions are not
remembered here: the ledger knows them.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from mesh.sched.intervals import Interval, IntervalSet


class UnitState(Enum):
    ABSENT = "absent"
    """Not this node's concern."""
    OWNED = "owned"
    """To be rendered here, unless somebody takes it."""
    RUNNING = "running"
    STORED = "stored"
    """Rendered and on disk here; a second copy is being made."""
    LENT = "lent"
    """Handed to another node, whose claims do not speak for it yet."""
    PUBLISHED = "published"
    """In the ledger."""


_S = UnitState
TRANSITIONS: dict[UnitState, frozenset[UnitState]] = {
    _S.ABSENT: frozenset({_S.OWNED, _S.STORED}),  # granted, adopted; found on disk after a restart
    _S.OWNED: frozenset({_S.RUNNING, _S.LENT, _S.ABSENT, _S.PUBLISHED}),
    _S.RUNNING: frozenset({_S.STORED, _S.OWNED, _S.LENT, _S.ABSENT, _S.PUBLISHED}),
    _S.STORED: frozenset({_S.PUBLISHED, _S.ABSENT}),
    _S.LENT: frozenset({_S.OWNED, _S.ABSENT, _S.PUBLISHED}),
    _S.PUBLISHED: frozenset(),
}
"""From each state, the states that may follow."""

_HELD = (UnitState.OWNED, UnitState.RUNNING, UnitState.STORED, UnitState.LENT)


class IllegalTransition(AssertionError):
    """A mistake in our own code: positions were moved that were not where they were said to be."""


class Holdings:
    """One node's positions of one job, by state."""

    __slots__ = ("_sets",)

    def __init__(self) -> None:
        self._sets = {state: IntervalSet() for state in _HELD}

    @property
    def owned(self) -> IntervalSet:
        return self._sets[UnitState.OWNED]

    @property
    def running(self) -> IntervalSet:
        return self._sets[UnitState.RUNNING]

    @property
    def stored(self) -> IntervalSet:
        return self._sets[UnitState.STORED]

    @property
    def lent(self) -> IntervalSet:
        return self._sets[UnitState.LENT]

    def __bool__(self) -> bool:
        return any(self._sets.values())

    def move(self, spans: Iterable[Interval], source: UnitState, target: UnitState) -> None:
        """Moves positions. Raises IllegalTransition where the table forbids it or they are not in `source`."""
        if target not in TRANSITIONS[source]:
            raise IllegalTransition(f"{source} to {target}")
        here, there = self._sets.get(source), self._sets.get(target)
        for start, stop in list(spans):
            if here is not None and here.remove(start, stop) != stop - start:
                raise IllegalTransition(f"{start}-{stop} is not {source}")
            if there is not None and there.add(start, stop) != stop - start:
                raise IllegalTransition(f"{start}-{stop} is already {target}")

    def take(self, spans: Iterable[Interval]) -> IntervalSet:
        """Owns whatever of `spans` is not held in any state; returns that."""
        fresh = IntervalSet(spans)
        for held in self._sets.values():
            fresh.remove_all(held)
        self.move(fresh, UnitState.ABSENT, UnitState.OWNED)
        return fresh

    def release(self, spans: Iterable[Interval], target: UnitState = UnitState.ABSENT) -> None:
        """Whatever of `spans` is OWNED or LENT moves to `target`: ABSENT or PUBLISHED."""
        for start, stop in list(spans):
            for state in (UnitState.OWNED, UnitState.LENT):
                held = self._sets[state].within(start, stop)
                if held:
                    self.move(held, state, target)

    def claimed(self) -> IntervalSet:
        """What this node vouches for: everything it holds, in every state."""
        whole = IntervalSet()
        for held in self._sets.values():
            whole.add_all(held)
        return whole

    def check(self) -> None:
        total = sum(held.size for held in self._sets.values())
        assert total == self.claimed().size, "a position is in two states"
