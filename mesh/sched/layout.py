"""A job's buckets numbered through in render order: positions, and the way between them and units.

Position p is bucket `p % buckets` of the frame that is rendered `p // buckets`-th. All nodes compute the
same order from manifest and policy.
"""

from __future__ import annotations

from collections.abc import Iterable

from mesh.model.manifest import Manifest
from mesh.model.policy import FrameOrder
from mesh.model.units import Unit
from mesh.sched.intervals import Interval, IntervalSet


class Layout:
    __slots__ = ("_frames", "_places", "buckets", "total")

    def __init__(self, manifest: Manifest, order: FrameOrder) -> None:
        self.buckets = manifest.grid.count
        """Of one frame."""
        self._frames = _ordered(manifest.frames, order)
        self._places: dict[int, int] | None = None
        self.total = len(self._frames) * self.buckets

    def frame(self, place: int) -> int:
        """The frame rendered `place`-th."""
        return self._frames[place]

    def place(self, frame: int) -> int:
        """The reverse of `frame`. Raises KeyError for a frame that is not of the job."""
        guess = frame - self._frames[0]
        if 0 <= guess < len(self._frames) and self._frames[guess] == frame:
            return guess  # frames in a row, as they mostly are, need no table
        if self._places is None:
            self._places = {number: place for place, number in enumerate(self._frames)}
        return self._places[frame]

    def positions(self, frames: Iterable[int]) -> IntervalSet:
        """The positions of those of `frames` that are of the job."""
        mine = set(self._frames)
        return IntervalSet(self.bounds(self.place(frame)) for frame in frames if frame in mine)

    def bounds(self, place: int) -> Interval:
        """The positions of one frame."""
        return place * self.buckets, (place + 1) * self.buckets

    def frame_end(self, position: int) -> int:
        """One past the last position of the frame that `position` belongs to."""
        return (position // self.buckets + 1) * self.buckets

    def span(self, unit: Unit) -> Interval:
        """The positions of `unit`. Raises KeyError for a frame or buckets that are not of the job."""
        if not 0 <= unit.start < unit.stop <= self.buckets:
            raise KeyError(unit)
        base = self.place(unit.frame) * self.buckets
        return base + unit.start, base + unit.stop

    def spans(self, units: Iterable[Unit]) -> IntervalSet:
        """The positions of units that somebody else named; those that are not of the job are left out."""
        known = IntervalSet()
        for unit in units:
            try:
                known.add(*self.span(unit))
            except KeyError:
                continue
        return known

    def unit(self, start: int, stop: int) -> Unit:
        """The unit of an interval that lies within one frame."""
        place, first = divmod(start, self.buckets)
        return Unit(self._frames[place], first, first + stop - start)


def _ordered(frames: tuple[int, ...], order: FrameOrder) -> tuple[int, ...]:
    if order is FrameOrder.SCATTERED:
        return tuple(frames[index] for index in _bit_reversed(len(frames)))
    if order is FrameOrder.FIRST_LAST_MIDDLE:
        return tuple(frames[index] for index in _halving(len(frames)))
    return frames


def _bit_reversed(count: int) -> list[int]:
    """0 to count - 1 in the order of their reversed bits (van der Corput's sequence)."""
    bits = max(count - 1, 1).bit_length()
    reverse = (int(format(number, f"0{bits}b")[::-1], 2) for number in range(1 << bits))
    return [index for index in reverse if index < count]


def _halving(count: int) -> list[int]:
    """First, last, then the middle of every gap, gap by gap, level by level."""
    order = [0, count - 1][: min(count, 2)]
    gaps = [(0, count - 1)]
    while gaps:
        smaller = []
        for low, high in gaps:
            middle = (low + high) // 2
            if low < middle < high:
                order.append(middle)
                smaller += [(low, middle), (middle, high)]
        gaps = smaller
    return order
