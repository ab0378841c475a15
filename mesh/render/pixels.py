"""The pixel payload: what a rendered unit travels as. Loads neither numba nor an image library.

A payload is a fixed header, then each bucket of the unit in order: the length of its compressed bytes,
and those bytes: zstd of float32 values, little-endian, channel by channel, row by row. Byte planes are
kept together (all first bytes, then all second ...), which halves what zstd makes of floats. The same
pixels give the same bytes, so a payload's digest names a result.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import zstandard
from numpy.typing import NDArray

from mesh.errors import MeshError
from mesh.model.units import Grid, Unit

CHANNELS = (
    "R", "G", "B", "A",
    "albedo.R", "albedo.G", "albedo.B",
    "normal.X", "normal.Y", "normal.Z",
    "depth.Z", "samples.N", "object.I", "material.I",
)  # fmt: skip
"""Every payload's channels, in order. Ids are -1 where the ray met nothing; depth is infinite there."""

_MAGIC = b"MPX1"
_HEADER = struct.Struct("<4s7I")
_LENGTH = struct.Struct("<I")
_LARGEST_SIDE = 1 << 17
_LARGEST_BUCKET = 4096
_LEVEL = 3
Pixels = NDArray[np.float32]


class BadPixels(MeshError):
    """The pixels of a rendered unit are damaged or of another format: {reason}. They must be rendered again."""


@dataclass(frozen=True, slots=True, eq=False)
class Payload:
    """One unit's pixels: for each of its buckets, in order, float32 (height, width, channels)."""

    unit: Unit
    grid: Grid
    buckets: tuple[Pixels, ...]


def encode(payload: Payload) -> bytes:
    """The payload as bytes. Raises ValueError where a bucket has not its rectangle's shape."""
    unit, grid = payload.unit, payload.grid
    parts = [
        _HEADER.pack(
            _MAGIC, unit.frame, unit.start, unit.stop, grid.width, grid.height, grid.bucket, len(CHANNELS)
        )
    ]
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    for index, pixels in zip(range(unit.start, unit.stop), payload.buckets, strict=True):
        rect = grid.rect(index)
        if pixels.shape != (rect.height, rect.width, len(CHANNELS)):
            raise ValueError(f"bucket {index} has shape {pixels.shape}")
        planes = np.ascontiguousarray(pixels.transpose(2, 0, 1), "<f4").view(np.uint8)
        packed = compressor.compress(planes.reshape(-1, 4).T.tobytes())
        parts += [_LENGTH.pack(len(packed)), packed]
    return b"".join(parts)


def decode(data: bytes) -> Payload:
    """Read a payload from anywhere; raises BadPixels unless every byte is in its place."""
    if len(data) < _HEADER.size:
        raise BadPixels(reason="it is cut short")
    magic, frame, start, stop, width, height, bucket, channels = _HEADER.unpack_from(data)
    if magic != _MAGIC or channels != len(CHANNELS):
        raise BadPixels(reason="its header is not one this version writes")
    if not (0 < width <= _LARGEST_SIDE and 0 < height <= _LARGEST_SIDE and 0 < bucket <= _LARGEST_BUCKET):
        raise BadPixels(reason=f"its frame is {width} x {height} in buckets of {bucket}")
    grid = Grid(width, height, bucket)
    if not 0 <= start < stop <= grid.count:
        raise BadPixels(reason=f"it claims buckets {start} to {stop} of {grid.count}")
    buckets = []
    offset = _HEADER.size
    decompressor = zstandard.ZstdDecompressor()
    for index in range(start, stop):
        rect = grid.rect(index)
        if offset + _LENGTH.size > len(data):
            raise BadPixels(reason="it is cut short")
        (length,) = _LENGTH.unpack_from(data, offset)
        offset += _LENGTH.size
        buckets.append(_unpack(decompressor, data[offset : offset + length], length, rect.height, rect.width))
        offset += length
    if offset != len(data):
        raise BadPixels(reason="more bytes follow its last bucket")
    return Payload(Unit(frame, start, stop), grid, tuple(buckets))


def _unpack(
    decompressor: zstandard.ZstdDecompressor, packed: bytes, length: int, height: int, width: int
) -> Pixels:
    expected = 4 * height * width * len(CHANNELS)
    if len(packed) != length:
        raise BadPixels(reason="it is cut short")
    try:
        # The size is checked before a byte is unpacked: a payload cannot ask for more memory than its frame.
        if zstandard.frame_content_size(packed) != expected:
            raise BadPixels(reason="a bucket has the wrong size")
        raw = decompressor.decompress(packed, max_output_size=expected, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise BadPixels(reason=f"a bucket cannot be unpacked ({error})") from error
    if len(raw) != expected:
        raise BadPixels(reason="a bucket has the wrong size")
    planes = np.frombuffer(raw, np.uint8).reshape(4, -1).T
    floats = np.ascontiguousarray(planes).view("<f4").reshape(len(CHANNELS), height, width)
    return np.ascontiguousarray(floats.transpose(1, 2, 0), np.float32)
