"""The root of all messages, and the bounds that annotate their fields. Knows no encoding.

A message is a frozen slotted dataclass deriving from `Message`, listed in `wire/messages.py` under a
number that is never reused. The codec reads the fields' types: int, float, bool, str, bytes, enums, ids,
`T | None`, tuples, and nested frozen dataclasses. New fields go at the end and have defaults, so that
older nodes ignore them and newer nodes fill them in.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """Anything a node may say to another."""


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds an int or float, both ends included: `Annotated[int, Range(0, 255)]`."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class AtMost:
    """Bounds the length of bytes, of a str (in UTF-8 bytes) or of a tuple: `Annotated[str, AtMost(64)]`.
    Unbounded fields are held to 1024."""

    length: int
