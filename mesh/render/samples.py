"""Sums of samples on their way between nodes: what one of them rendered of a bucket that another one finishes.

A fixed header says of what they are, then come compressed pieces as in `pixels.py`: the sums (int64, channel by
channel) and the ids of the first sample (int32). How many samples were taken follows from the range.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mesh.model.layers import Layer, layers_to_bits
from mesh.model.units import Grid, SampleRange
from mesh.render.pixels import BadPixels, Pieces, of_planes, pack, to_planes

_MAGIC = b"MPS1"
_HEADER = struct.Struct("<4s8I")


@dataclass(frozen=True, slots=True)
class Part:
    """Samples of one bucket of a frame, of a job that both sides know."""

    frame: int
    bucket: int
    grid: Grid
    layers: tuple[Layer, ...]
    samples: SampleRange

    @property
    def head(self) -> bytes:
        grid, samples = self.grid, self.samples
        where = (self.frame, self.bucket, grid.width, grid.height, grid.bucket)
        return _HEADER.pack(_MAGIC, *where, layers_to_bits(self.layers), samples.start, samples.stop)


def encode_sums(part: Part, sums: NDArray[np.int64], first: NDArray[np.int32]) -> bytes:
    """`sums` (pixels, channels) and `first` (pixels, 2) of a tally as bytes."""
    numbers = np.ascontiguousarray(sums.T, "<i8"), np.ascontiguousarray(first.T, "<i4")
    return pack(part.head, map(to_planes, numbers))


def decode_sums(data: bytes, part: Part, channels: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Reads what anybody may have sent; raises BadPixels unless it is of `part`, every byte in its place."""
    head = part.head
    if not data.startswith(head):
        raise BadPixels(reason="they are samples of something else")
    rect = part.grid.rect(part.bucket)
    pixels = rect.width * rect.height
    pieces = Pieces(data, len(head))
    sums = of_planes(pieces.next(8 * pixels * channels), "<i8").reshape(channels, pixels)
    first = of_planes(pieces.next(4 * pixels * 2), "<i4").reshape(2, pixels)
    pieces.end()
    return np.ascontiguousarray(sums.T, np.int64), np.ascontiguousarray(first.T, np.int32)
