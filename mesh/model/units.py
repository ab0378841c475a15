"""Buckets, units, samples: the pieces a job is cut into. Pure arithmetic on ranges.

A frame is cut by a fixed grid of square buckets, numbered row by row from the top left. A unit is a run
of consecutive buckets of one frame; a whole frame is the run of all of them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Rect:
    """Pixels `x0 <= x < x1`, `y0 <= y < y1`; y grows downwards."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        return self.y1 - self.y0


@dataclass(frozen=True, slots=True)
class Grid:
    """The bucket grid of a frame of `width` x `height` pixels; edge buckets are smaller."""

    width: int
    height: int
    bucket: int

    @property
    def columns(self) -> int:
        return -(-self.width // self.bucket)

    @property
    def rows(self) -> int:
        return -(-self.height // self.bucket)

    @property
    def count(self) -> int:
        return self.columns * self.rows

    def rect(self, index: int) -> Rect:
        """The pixels of bucket `index`. Raises IndexError outside the grid."""
        if not 0 <= index < self.count:
            raise IndexError(f"bucket {index} of {self.count}")
        row, column = divmod(index, self.columns)
        x0, y0 = column * self.bucket, row * self.bucket
        return Rect(x0, y0, min(x0 + self.bucket, self.width), min(y0 + self.bucket, self.height))


@dataclass(frozen=True, slots=True, order=True)
class Unit:
    """Buckets `start <= b < stop` of `frame`: what is granted, stolen and rendered."""

    frame: int
    start: int
    stop: int

    @property
    def size(self) -> int:
        """In buckets."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True, order=True)
class SampleRange:
    """Samples `start <= s < stop` of every pixel of a bucket. Samples are added in blocks; a range has those blocks
    whose first sample is in it, so that ranges which share out all samples share out all blocks."""

    start: int
    stop: int
