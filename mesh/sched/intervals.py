"""Sets of integers as sorted disjoint half-open intervals: positions of a job, by the million.

Looking up costs O(log n) and changing O(n) in the number n of intervals (a memory move, not a loop), so a
job of 100,000 frames done in any order stays cheap. Knows nothing of jobs.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

Interval = tuple[int, int]


class IntervalSet:
    """`start <= position < stop` for each interval; touching intervals are merged."""

    __slots__ = ("_size", "_starts", "_stops")

    def __init__(self, intervals: Iterable[Interval] = ()) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []
        self._size = 0
        for start, stop in intervals:
            self.add(start, stop)

    @property
    def size(self) -> int:
        """How many positions."""
        return self._size

    def __bool__(self) -> bool:
        return bool(self._starts)

    def __len__(self) -> int:
        """How many intervals."""
        return len(self._starts)

    def __iter__(self) -> Iterator[Interval]:
        return iter(list(zip(self._starts, self._stops, strict=True)))

    def __reversed__(self) -> Iterator[Interval]:
        return iter(list(zip(reversed(self._starts), reversed(self._stops), strict=True)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, IntervalSet):
            return NotImplemented
        return self._starts == other._starts and self._stops == other._stops

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"IntervalSet({list(self)})"

    def copy(self) -> IntervalSet:
        twin = IntervalSet()
        twin._starts, twin._stops, twin._size = self._starts[:], self._stops[:], self._size
        return twin

    def clear(self) -> None:
        self._starts.clear()
        self._stops.clear()
        self._size = 0

    def add(self, start: int, stop: int) -> int:
        """Adds positions and returns how many of them were new."""
        if start >= stop:
            return 0
        low = bisect_left(self._stops, start)
        high = bisect_right(self._starts, stop)
        before = 0
        if low < high:
            start = min(start, self._starts[low])
            before = sum(self._stops[low:high]) - sum(self._starts[low:high])
            stop = max(stop, self._stops[high - 1])
        self._starts[low:high] = [start]
        self._stops[low:high] = [stop]
        new = stop - start - before
        self._size += new
        return new

    def remove(self, start: int, stop: int) -> int:
        """Removes positions and returns how many of them were there."""
        if start >= stop:
            return 0
        low = bisect_right(self._stops, start)
        high = bisect_left(self._starts, stop)
        if low >= high:
            return 0
        first, last = self._starts[low], self._stops[high - 1]
        before = sum(self._stops[low:high]) - sum(self._starts[low:high])
        rest = [(a, b) for a, b in ((first, min(start, last)), (max(stop, first), last)) if a < b]
        self._starts[low:high] = [a for a, _ in rest]
        self._stops[low:high] = [b for _, b in rest]
        removed = before - sum(b - a for a, b in rest)
        self._size -= removed
        return removed

    def __contains__(self, position: int) -> bool:
        at = bisect_right(self._starts, position) - 1
        return at >= 0 and position < self._stops[at]

    def covers(self, start: int, stop: int) -> bool:
        """Whether every position of the interval is here."""
        if start >= stop:
            return True
        at = bisect_right(self._starts, start) - 1
        return at >= 0 and stop <= self._stops[at]

    def within(self, start: int, stop: int) -> list[Interval]:
        """The parts of the interval that are here."""
        low = bisect_right(self._stops, start)
        high = bisect_left(self._starts, stop)
        if low >= high:
            return []
        return [
            (max(a, start), min(b, stop))
            for a, b in zip(self._starts[low:high], self._stops[low:high], strict=True)
        ]

    def outside(self, start: int, stop: int) -> list[Interval]:
        """The parts of the interval that are not here."""
        gaps = []
        for a, b in self.within(start, stop):
            if start < a:
                gaps.append((start, a))
            start = b
        if start < stop:
            gaps.append((start, stop))
        return gaps

    def add_all(self, others: Iterable[Interval]) -> int:
        return sum(self.add(start, stop) for start, stop in others)

    def remove_all(self, others: Iterable[Interval]) -> int:
        return sum(self.remove(start, stop) for start, stop in others)

    def common(self, others: Iterable[Interval]) -> IntervalSet:
        """The positions that are here and in `others`."""
        both = IntervalSet()
        for start, stop in others:
            both.add_all(self.within(start, stop))
        return both

    def without(self, others: Iterable[Interval]) -> IntervalSet:
        """The positions that are here and not in `others`."""
        rest = self.copy()
        rest.remove_all(others)
        return rest

    def back(self, count: int) -> list[Interval]:
        """The last `count` positions, in ascending intervals."""
        taken: list[Interval] = []
        for start, stop in zip(reversed(self._starts), reversed(self._stops), strict=True):
            if count <= 0:
                break
            cut = max(start, stop - count)
            taken.append((cut, stop))
            count -= stop - cut
        return taken[::-1]

    def numbers(self, most: int) -> tuple[int, ...]:
        """Start, stop, start, stop ...: as it travels. At most `most` numbers, the largest intervals kept."""
        pairs = list(self)
        if 2 * len(pairs) > most:
            pairs = sorted(sorted(pairs, key=lambda pair: pair[0] - pair[1])[: most // 2])
        return tuple(number for pair in pairs for number in pair)


def from_numbers(numbers: tuple[int, ...], limit: int) -> IntervalSet:
    """The reverse of `IntervalSet.numbers`, for positions below `limit`; what makes no sense is left out."""
    return IntervalSet(
        (start, min(stop, limit)) for start, stop in zip(numbers[::2], numbers[1::2], strict=False)
    )
