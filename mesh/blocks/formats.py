"""Plans for cutting known formats, read from a file's first bytes. Knows no hashing.

A plan is a list of segments; a block never spans two. Whatever a plan says, cutting is only about how much
an edit changes: any plan gives back the same bytes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

PROBE_MAX = 64 << 20
"""Bytes of the longest head that a plan may ask for."""
_GATHERED = 16 << 10
"""Runs shorter than this share a segment with their neighbours."""

_GLB_HEADER = struct.Struct("<4sII")
_GLB_CHUNK = struct.Struct("<I4s")
_IMAGES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")


class Grain(Enum):
    """How finely a segment is cut."""

    PLAIN = "plain"
    FINE = "fine"
    """Text that people edit a few bytes of."""
    WHOLE = "whole"
    """Compressed bytes, where a small edit changes everything after it anyway."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes up to offset `stop` of the stream, from where the segment before ends; None is to the end."""

    stop: int | None
    grain: Grain


REST = Segment(None, Grain.PLAIN)


def head_wanted(head: bytes) -> int:
    """How many first bytes `plan` wants to see, judging by those at hand; never above `PROBE_MAX`."""
    if head[:4] != b"glTF":
        return 20
    if len(head) < 20:
        return 20
    _, version, _ = _GLB_HEADER.unpack_from(head)
    length, kind = _GLB_CHUNK.unpack_from(head, 12)
    return min(20 + length, PROBE_MAX) if version == 2 and kind == b"JSON" else 20


def plan(head: bytes) -> tuple[Segment, ...]:
    """Segments for a stream that begins with `head`; the last one is open-ended."""
    if head.startswith(_IMAGES):
        return (Segment(None, Grain.WHOLE),)
    if head[:4] == b"glTF" and len(head) >= 20:
        try:
            return (*_plan_glb(head), REST)
        except (ValueError, RecursionError):
            return (REST,)
    return (REST,)


def _plan_glb(head: bytes) -> Iterator[Segment]:
    """glTF 2.0 specification, 4.4: a header, a JSON chunk, a binary chunk of buffer views."""
    length, _ = _GLB_CHUNK.unpack_from(head, 12)
    document = json.loads(head[20 : 20 + length])
    base = 20 + length + 8
    starts: dict[int, Grain] = {}
    images = [image.get("bufferView") for image in _objects(document, "images")]
    packed = {number for number in images if isinstance(number, int)}
    for number, view in enumerate(_objects(document, "bufferViews")):
        if view.get("buffer", 0) == 0:
            offset = view.get("byteOffset", 0)
            if not isinstance(offset, int) or not 0 <= offset < 1 << 32:
                raise ValueError(f"a buffer view at {offset!r}")
            starts[base + offset] = Grain.WHOLE if number in packed else Grain.PLAIN
    # The chunk's header and the file's hold lengths, which any edit of the JSON changes: they go with it.
    yield Segment(base, Grain.FINE)
    yield from _gather(base, dict(sorted(starts.items())))


def _objects(document: object, key: str) -> list[dict[str, object]]:
    found = document.get(key, []) if isinstance(document, dict) else None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ValueError(f"{key} is not a list of objects")
    return found


def _gather(base: int, starts: dict[int, Grain]) -> Iterator[Segment]:
    """One segment a run, neighbours that are short together."""
    begin, grain = base, Grain.PLAIN
    for start, next_grain in starts.items():
        if start - begin >= _GATHERED:
            yield Segment(start, grain)
            begin, grain = start, next_grain
        elif start == begin:
            grain = next_grain
        else:
            grain = Grain.PLAIN
