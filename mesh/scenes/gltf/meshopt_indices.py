"""Index streams of EXT_meshopt_compression: triangle lists and plain sequences.

Source: the extension's text, appendix A, modes 1 and 2. Standard library only.
"""

from __future__ import annotations

_TRIANGLES_HEADER = 0xE1
_SEQUENCE_HEADER = 0xD1
_CODE_TABLE = 16
_SEQUENCE_TAIL = 4
_MASK = 0xFFFFFFFF


class StreamEnds(Exception):
    """A compressed stream is shorter than what it promises, or is none at all."""


class _Reader:
    """Variable-length numbers from a stream, from `at` to before `end`."""

    def __init__(self, data: memoryview, at: int, end: int) -> None:
        self._data = data
        self._at = at
        self._end = end

    def byte(self) -> int:
        if self._at >= self._end:
            raise StreamEnds("it ends too early")
        self._at += 1
        return self._data[self._at - 1]

    def number(self) -> int:
        """LEB128, at most five bytes."""
        found = 0
        for shift in range(0, 35, 7):
            byte = self.byte()
            found |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
        return found & _MASK

    def index_after(self, last: int) -> int:
        """An index as its zigzag difference from `last`."""
        return (last + unzigzag(self.number())) & _MASK


def unzigzag(number: int) -> int:
    return (number >> 1) ^ -(number & 1)


class _Fifos:
    """The last 16 edges and vertices, newest first."""

    def __init__(self) -> None:
        self._edges = [(0, 0)] * 16
        self._vertices = [0] * 16
        self._edge_at = 0
        self._vertex_at = 0

    def edge(self, age: int) -> tuple[int, int]:
        return self._edges[(self._edge_at - 1 - age) & 15]

    def vertex(self, age: int) -> int:
        return self._vertices[(self._vertex_at - 1 - age) & 15]

    def push_vertex(self, vertex: int) -> None:
        self._vertices[self._vertex_at] = vertex
        self._vertex_at = (self._vertex_at + 1) & 15

    def push_edge(self, a: int, b: int) -> None:
        self._edges[self._edge_at] = (a, b)
        self._edge_at = (self._edge_at + 1) & 15


def decode_triangles(data: memoryview, count: int) -> list[int]:
    """`count` indices, three a triangle, each triangle one code byte and now and then more."""
    if not data or data[0] != _TRIANGLES_HEADER:
        raise StreamEnds("its header is not that of triangles")
    triangles = count // 3
    table_at = len(data) - _CODE_TABLE
    if count % 3 or 1 + triangles > table_at:
        raise StreamEnds("it is too short")
    reader = _Reader(data, 1 + triangles, table_at)
    fifos = _Fifos()
    following = last = 0
    indices: list[int] = []
    for code in data[1 : 1 + triangles]:
        if code < 0xF0:
            a, b = fifos.edge(code >> 4)
            choice = code & 15
            if choice == 0:
                c = following
                following += 1
            elif choice < 13:
                c = fifos.vertex(choice)
            else:
                c = last = reader.index_after(last) if choice == 15 else (last + (choice * 2 - 27)) & _MASK
            if choice == 0 or choice >= 13:
                fifos.push_vertex(c)
            fifos.push_edge(c, b)
            fifos.push_edge(a, c)
        else:
            pair = data[table_at + (code & 15)] if code < 0xFE else reader.byte()
            if code >= 0xFE and pair == 0:
                following = 0
            choices = (15 if code == 0xFF else 0, pair >> 4, pair & 15)
            corners = []
            # All new vertices are numbered first, then the explicit ones are read.
            for choice in choices:
                corners.append(following if choice == 0 else fifos.vertex(choice - 1))
                following += choice == 0
            if code >= 0xFE:
                for at, choice in enumerate(choices):
                    if choice == 15:
                        corners[at] = last = reader.index_after(last)
            for corner, choice in zip(corners, choices, strict=True):
                if choice == 0 or (choice == 15 and code >= 0xFE):
                    fifos.push_vertex(corner)
            a, b, c = corners
            fifos.push_edge(b, a)
            fifos.push_edge(c, b)
            fifos.push_edge(a, c)
        indices += (a, b, c)
    return indices


def decode_sequence(data: memoryview, count: int) -> list[int]:
    """`count` indices, each a difference from one of two running values."""
    if not data or data[0] != _SEQUENCE_HEADER:
        raise StreamEnds("its header is not that of an index sequence")
    if 1 + count + _SEQUENCE_TAIL > len(data):
        raise StreamEnds("it is too short")
    reader = _Reader(data, 1, len(data) - _SEQUENCE_TAIL)
    last = [0, 0]
    indices = []
    for _ in range(count):
        number = reader.number()
        which = number & 1
        last[which] = (last[which] + unzigzag(number >> 1)) & _MASK
        indices.append(last[which])
    return indices
