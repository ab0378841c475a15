"""Where a stream of bytes is cut into blocks: a pure function of the bytes, in bounded memory.

Plain bytes are cut where their content says so (FastCDC, Xia et al., USENIX ATC 2016): a position ends a
block when a hash of the bytes before it meets a condition, hard before the desired size and easy after it,
so that an insertion changes only the blocks around it. Formats we know give a better plan (`formats.py`):
segments that never share a block. A format that cannot be parsed is cut plainly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mesh.blocks.formats import Grain, Segment, head_wanted, plan
from mesh.blocks.recipe import BLOCK_MAX

_WINDOW = 4 << 20
"""Bytes that are looked at together."""


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Of one grain: a block has `least` to `most` bytes (a segment's last one may have fewer); it ends where
    one in `hard` candidates does before `normal` bytes, and one in `easy` after. A candidate is one position in 256."""

    least: int
    normal: int
    most: int
    hard: int
    easy: int


_SIZES = {
    Grain.PLAIN: _Sizes(16 << 10, 56 << 10, BLOCK_MAX, 1 << 10, 1 << 6),
    Grain.FINE: _Sizes(1 << 10, 2 << 10, 16 << 10, 1 << 4, 1 << 2),
}


def cut(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes of `chunks` as blocks of 1 to `BLOCK_MAX` bytes. How they were cut into chunks, and what
    came before or after on this machine, has no influence."""
    stream = _Stream(chunks)
    head = 0
    while (wanted := head_wanted(bytes(stream.peek(min(head, 20))))) > head:
        head = wanted
    for segment in plan(bytes(stream.peek(head))):
        if segment.grain is Grain.WHOLE:
            yield from _cut_whole(stream, segment)
        else:
            yield from _cut_by_content(stream, segment)


def _cut_whole(stream: _Stream, segment: Segment) -> Iterator[bytes]:
    while block := stream.take(stream.room(BLOCK_MAX, segment.stop)):
        yield block


def _cut_by_content(stream: _Stream, segment: Segment) -> Iterator[bytes]:
    from mesh.blocks.gear import find_candidates  # here, as a node that never cuts should not pay for numpy

    sizes = _SIZES[segment.grain]
    while window := stream.peek(stream.room(_WINDOW, segment.stop)):
        is_last = len(window) < _WINDOW
        ends, hashes = find_candidates(window)
        hard = ends[hashes < (1 << 32) // sizes.hard]
        easy = ends[hashes < (1 << 32) // sizes.easy]
        start = 0
        while start < len(window) and (is_last or len(window) - start >= sizes.most):
            stop = start + sizes.most
            for marks, first, last in (
                (hard, start + sizes.least, start + sizes.normal),
                (easy, start + sizes.normal, stop),
            ):
                index = int(marks.searchsorted(first))
                if index < len(marks) and marks[index] < last:
                    stop = int(marks[index])
                    break
            block = stream.take(min(stop, len(window)) - start)
            yield block
            start += len(block)


class _Stream:
    """A buffer over chunks of any sizes."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._buffer = bytearray()
        self._read = 0
        self._offset = 0

    def room(self, most: int, stop: int | None) -> int:
        """Up to `most` bytes, not beyond offset `stop` of the whole stream."""
        return most if stop is None else max(0, min(most, stop - self._offset))

    def peek(self, count: int) -> bytearray:
        """The next `count` bytes, fewer at the end."""
        if len(self._buffer) - self._read < count:
            del self._buffer[: self._read]
            self._read = 0
        while len(self._buffer) < count + self._read:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            self._buffer += chunk
        return self._buffer[self._read : self._read + count]

    def take(self, count: int) -> bytes:
        block = bytes(self.peek(count))
        self._read += len(block)
        self._offset += len(block)
        return block
