"""Checks of single values: numbers, text, bytes and enums, each within its bounds. Knows no dataclasses.

The same check runs in both directions, so that what we send is what others accept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from mesh.wire.base import Range

WIDEST_RANGE = Range(-(2**64), 2**64 - 1)
"""What CBOR's major types 0 and 1 hold; beyond lie bignums, which we neither write nor read."""


class Misfit(ValueError):
    """A value does not fit the type its field declares. Becomes BadMessage or Unencodable in the codec."""


Check = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Coder:
    """`pack` makes a plain value of a field's value, `unpack` the reverse; both raise Misfit."""

    pack: Check
    unpack: Check


def misfit(expected: str, value: object) -> Misfit:
    """The error that says what was expected and what came."""
    size = f" of {len(value)}" if isinstance(value, (bytes, str, tuple)) else ""
    return Misfit(f"expected {expected}, got {type(value).__name__}{size}")


def boolean(value: Any) -> Any:
    if value is True or value is False:
        return value
    raise misfit("bool", value)


def integer(limits: Range) -> Check:
    low, high = limits.low, limits.high
    if low < WIDEST_RANGE.low or high > WIDEST_RANGE.high:
        raise TypeError("integers beyond 64 bits cannot travel")

    def check(value: Any) -> Any:
        if type(value) is int and low <= value <= high:
            return value
        raise misfit(f"int in {low} to {high}", value)

    return check


def real(limits: Range) -> Check:
    low, high = limits.low, limits.high

    def check(value: Any) -> Any:
        if type(value) is float and low <= value <= high and value - value == 0.0:
            return value
        if type(value) is int and low <= value <= high and abs(value) <= 2**53:
            return float(value)
        raise misfit(f"finite float in {low} to {high}", value)

    return check


def exact_bytes(length: int) -> Check:
    def check(value: Any) -> Any:
        if type(value) is bytes and len(value) == length:
            return value
        raise misfit(f"{length} bytes", value)

    return check


def at_most_bytes(length: int) -> Check:
    def check(value: Any) -> Any:
        if type(value) is bytes and len(value) <= length:
            return value
        raise misfit(f"at most {length} bytes", value)

    return check


def text(length: int) -> Check:
    def check(value: Any) -> Any:
        if type(value) is str and len(value) <= length:
            if value.isascii():
                return value
            try:
                if len(value.encode()) <= length:
                    return value
            except UnicodeEncodeError:
                raise misfit("text without lone surrogates", value) from None
        raise misfit(f"text of at most {length} bytes", value)

    return check


def enumerated(cls: type[Enum]) -> Coder:
    """Enums travel as their values, which must be int or str."""
    members: dict[Any, Enum] = {member.value: member for member in cls}
    if not all(type(value) in (int, str) for value in members):
        raise TypeError(f"the values of {cls.__name__} are neither int nor str")

    def pack(value: Any) -> Any:
        if type(value) is cls:
            return value.value
        raise misfit(cls.__name__, value)

    def unpack(plain: Any) -> Any:
        if type(plain) in (int, str) and plain in members:
            return members[plain]
        raise misfit(cls.__name__, plain)

    return Coder(pack, unpack)
