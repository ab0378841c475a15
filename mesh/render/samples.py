"""Sums of samples on their way between nodes: what one of them rendered of a bucket that another one finishes.

A fixed header says of what they are, then come the sums (int64, channel by channel) and the ids of the first sample
(int32), in byte planes as in `pixels.py`. How many samples were taken follows from the range. Nothing is compressed:
equal sums are equal bytes whatever library a node has, for their digest is what the node that rendered them signs.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mesh.model.layers import Layer, layers_to_bits
from mesh.model.units import Grid, SampleRange
from mesh.render.pixels import BadPixels, of_planes, to_planes

_MAGIC = b"MPS2"
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
    return b"".join((part.head, *map(to_planes, numbers)))


def decode_sums(data: bytes, part: Part, channels: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Reads what anybody may have sent; raises BadPixels unless it is of `part`, every byte in its place."""
    head = part.head
    if not data.startswith(head):
        raise BadPixels(reason="they are samples of something else")
    rect = part.grid.rect(part.bucket)
    pixels = rect.width * rect.height
    ids = len(head) + 8 * pixels * channels
    if len(data) != ids + 4 * pixels * 2:
        raise BadPixels(reason=f"they are {len(data)} bytes long")
    sums = of_planes(data[len(head) : ids], "<i8").reshape(channels, pixels)
    first = of_planes(data[ids:], "<i4").reshape(2, pixels)
    return np.ascontiguousarray(sums.T, np.int64), np.ascontiguousarray(first.T, np.int32)
