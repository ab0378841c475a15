"""The pixel payload: what a rendered unit travels as. Loads neither numba nor an image library.

A payload is a fixed header, then compressed pieces, each after its length: the notes (JSON), and every
bucket of the unit in order (float32 values, little-endian, channel by channel, row by row). Byte planes are
kept together (all first bytes, then all second ...), which halves what zstd makes of floats. The same
pixels give the same bytes, so a payload's digest names a result.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from mesh.errors import MeshError
from mesh.model.layers import Layer, channels_of, layers_of_bits, layers_to_bits
from mesh.model.tolerance import EXACT, Tolerance
from mesh.model.units import Grid, Unit
from mesh.render.alike import alike

_MAGIC = b"MPX2"
_HEADER = struct.Struct("<4s7I")
_LENGTH = struct.Struct("<I")
_LARGEST_SIDE = 1 << 17
_LARGEST_BUCKET = 4096
_LARGEST_NOTES = 64 << 20
_LEVEL = 3
Pixels = NDArray[np.float32]


class BadPixels(MeshError):
    """The pixels of a rendered unit are damaged or of another format: {reason}. They must be rendered again."""


@dataclass(frozen=True, slots=True)
class Notes:
    """What files say about a frame beside its pixels, by the engine's knowledge; the same in all units of it,
    but for the names, which are those of what is seen in the unit's Cryptomatte channels."""

    facts: tuple[tuple[str, str], ...] = ()
    names: tuple[tuple[Layer, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Payload:
    """One unit's pixels: for each of its buckets, in order, float32 (height, width, channels of `layers`)."""

    unit: Unit
    grid: Grid
    buckets: tuple[Pixels, ...]
    layers: tuple[Layer, ...] = ()
    notes: Notes = field(default_factory=Notes)

    @property
    def channels(self) -> tuple[str, ...]:
        return channels_of(self.layers)


def encode(payload: Payload) -> bytes:
    """The payload as bytes. Raises ValueError where a bucket has not its rectangle's shape."""
    unit, grid = payload.unit, payload.grid
    layers = layers_to_bits(payload.layers)
    head = _HEADER.pack(
        _MAGIC, unit.frame, unit.start, unit.stop, grid.width, grid.height, grid.bucket, layers
    )
    return pack(head, _pieces_of(payload))


def _pieces_of(payload: Payload) -> Iterator[bytes]:
    """One at a time: a unit can be a large part of the memory there is."""
    unit, grid, channels = payload.unit, payload.grid, len(payload.channels)
    yield _notes_to_bytes(payload.notes)
    for index, pixels in zip(range(unit.start, unit.stop), payload.buckets, strict=True):
        rect = grid.rect(index)
        if pixels.shape != (rect.height, rect.width, channels):
            raise ValueError(f"bucket {index} has shape {pixels.shape}")
        yield to_planes(np.ascontiguousarray(pixels.transpose(2, 0, 1), "<f4"))


def decode(data: bytes) -> Payload:
    """Read a payload from anywhere; raises BadPixels unless every byte is in its place."""
    if len(data) < _HEADER.size:
        raise BadPixels(reason="it is cut short")
    magic, frame, start, stop, width, height, bucket, bits = _HEADER.unpack_from(data)
    if magic != _MAGIC:
        raise BadPixels(reason="its header is not one this version writes")
    if not (0 < width <= _LARGEST_SIDE and 0 < height <= _LARGEST_SIDE and 0 < bucket <= _LARGEST_BUCKET):
        raise BadPixels(reason=f"its frame is {width} x {height} in buckets of {bucket}")
    grid = Grid(width, height, bucket)
    if not 0 <= start < stop <= grid.count:
        raise BadPixels(reason=f"it claims buckets {start} to {stop} of {grid.count}")
    try:
        layers = layers_of_bits(bits)
    except ValueError as error:
        raise BadPixels(reason=str(error)) from error
    pieces = Pieces(data, _HEADER.size)
    notes = _notes_of_bytes(pieces.next(None))
    channels = len(channels_of(layers))
    buckets = []
    for index in range(start, stop):
        rect = grid.rect(index)
        raw = pieces.next(4 * rect.height * rect.width * channels)
        buckets.append(_unpack(raw, rect.height, rect.width, channels))
    pieces.end()
    return Payload(Unit(frame, start, stop), grid, tuple(buckets), layers, notes)


def pack(head: bytes, pieces: Iterable[bytes]) -> bytes:
    """A header, and pieces after it, compressed."""
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    packed = (compressor.compress(piece) for piece in pieces)
    return b"".join((head, *(_LENGTH.pack(len(piece)) + piece for piece in packed)))


def to_planes(numbers: NDArray[Any]) -> bytes:
    """The bytes of contiguous numbers: all first bytes, then all second ..."""
    return numbers.reshape(-1).view(np.uint8).reshape(-1, numbers.itemsize).T.tobytes()


def of_planes(raw: bytes, kind: str) -> NDArray[Any]:
    """Numbers of a numpy type such as `<f4`, one after the other."""
    planes = np.frombuffer(raw, np.uint8).reshape(np.dtype(kind).itemsize, -1).T
    return np.ascontiguousarray(planes).view(kind).reshape(-1)


class Pieces:
    """The compressed pieces after a header of `head` bytes, one after the other."""

    def __init__(self, data: bytes, head: int) -> None:
        self._data = data
        self._at = head
        self._decompressor = zstandard.ZstdDecompressor()

    def next(self, expected: int | None) -> bytes:
        """The next piece's bytes, `expected` of them; notes, whose size is not known, where None."""
        if self._at + _LENGTH.size > len(self._data):
            raise BadPixels(reason="it is cut short")
        (length,) = _LENGTH.unpack_from(self._data, self._at)
        start = self._at + _LENGTH.size
        self._at = start + length
        packed = self._data[start : self._at]
        if len(packed) != length:
            raise BadPixels(reason="it is cut short")
        try:
            # The size is checked before a byte is unpacked: a payload cannot ask for more memory than its frame.
            size = zstandard.frame_content_size(packed)
            if size > _LARGEST_NOTES or size < 0 if expected is None else size != expected:
                raise BadPixels(reason="a piece has the wrong size")
            raw = self._decompressor.decompress(packed, max_output_size=size, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise BadPixels(reason=f"a piece cannot be unpacked ({error})") from error
        if len(raw) != size:
            raise BadPixels(reason="a piece has the wrong size")
        return raw

    def end(self) -> None:
        if self._at != len(self._data):
            raise BadPixels(reason="more bytes follow its last bucket")


def same_piece(whole: bytes, unit: Unit, piece: bytes, of: Unit, tolerance: Tolerance = EXACT) -> bool:
    """Whether the payload `whole`, said to be of `unit`, shows in the buckets of `of` what the payload `piece` does: the
    very bits, or pixels within `tolerance`. A payload that is damaged, or of something else, does not."""
    try:
        ours, theirs = decode(piece), decode(whole)
    except BadPixels:
        return False
    if (theirs.unit, ours.unit) != (unit, of) or (theirs.grid, theirs.layers) != (ours.grid, ours.layers):
        return False
    first = of.start - unit.start
    claimed = theirs.buckets[first : first + of.size]
    if len(claimed) != of.size:
        return False
    if tolerance == EXACT:
        pairs = zip(claimed, ours.buckets, strict=True)
        return all(one.tobytes() == other.tobytes() for one, other in pairs)
    return all(
        alike(_values(one), _values(other), tolerance)
        for one, other in zip(claimed, ours.buckets, strict=True)
    )


def _values(pixels: Pixels) -> NDArray[np.float64]:
    return pixels.reshape(-1, pixels.shape[2]).astype(np.float64)


def _unpack(raw: bytes, height: int, width: int, channels: int) -> Pixels:
    floats = of_planes(raw, "<f4").reshape(channels, height, width)
    return np.ascontiguousarray(floats.transpose(1, 2, 0), np.float32)


def _notes_to_bytes(notes: Notes) -> bytes:
    value = {"facts": notes.facts, "names": notes.names}
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _notes_of_bytes(raw: bytes) -> Notes:
    try:
        value = json.loads(raw)
        facts = tuple((_text(key), _text(fact)) for key, fact in value["facts"])
        names = tuple((Layer(layer), tuple(map(_text, seen))) for layer, seen in value["names"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadPixels(reason="its notes are not understood") from error
    return Notes(facts, names)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
