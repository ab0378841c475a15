"""How each type of field is checked and turned into plain values, compiled once per class from its hints.

Plain values are what CBOR's core knows: int, float, bool, str, bytes, None and tuples. Nothing here knows
of bytes on the wire. The same checks run in both directions, so that what we send is what others accept.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from operator import attrgetter
from typing import Annotated, Any, NoReturn, get_args, get_origin

from mesh.model.frames import MAX_FRAMES
from mesh.model.ids import DIGEST_SIZE, Digest, JobId, NodeId
from mesh.model.manifest import Manifest
from mesh.wire.base import AtMost, Range

DEFAULT_LENGTH = 1024
DEFAULT_RANGE = Range(-(2**63), 2**63 - 1)
WIDEST_RANGE = Range(-(2**64), 2**64 - 1)
"""What CBOR's major types 0 and 1 hold; beyond lie bignums, which we neither write nor read."""

_MODEL_BOUNDS: dict[tuple[type, str], AtMost] = {(Manifest, "frames"): AtMost(MAX_FRAMES)}
"""Bounds of classes in `mesh/model`, which must not know of the wire."""

_IDS = (NodeId, Digest, JobId)


class Misfit(ValueError):
    """A value does not fit the type its field declares. Becomes BadMessage or Unencodable in the codec."""


Check = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Coder:
    """`pack` makes a plain value of a field's value, `unpack` the reverse; both raise Misfit."""

    pack: Check
    unpack: Check


_coders: dict[type[Any], Coder] = {}


def coder_of(cls: type[Any]) -> Coder:
    """The coder of a dataclass, a tuple of its fields in order; compiled at its first use.

    Unpacking ignores further elements and leaves missing ones to the defaults. Raises TypeError for a
    class or a field that cannot travel, which is a mistake in our own code.
    """
    coder = _coders.get(cls)
    if coder is None:
        coder = _coders[cls] = _compile(cls)
    return coder


def _compile(cls: type[Any]) -> Coder:
    if not dataclasses.is_dataclass(cls):
        raise TypeError(f"{cls.__name__} is not a dataclass")
    fields = dataclasses.fields(cls)
    if any(field.kw_only or not field.init for field in fields):
        raise TypeError(f"{cls.__name__} has fields that are not positional")
    hints = typing.get_type_hints(cls, include_extras=True)
    names = [field.name for field in fields]
    coders = [_field_coder(cls, name, hints[name]) for name in names]
    required = sum(
        field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        for field in fields
    )
    packs, unpacks = [coder.pack for coder in coders], [coder.unpack for coder in coders]
    values_of = _values_of(names)

    def pack(value: Any) -> list[Any]:
        if type(value) is not cls:
            _refuse(cls.__name__, value)
        values = values_of(value)
        try:
            return [check(item) for check, item in zip(packs, values, strict=True)]
        except Misfit:
            _name_field(cls, names, packs, values)

    def unpack(plain: Any) -> Any:
        if type(plain) is not tuple or len(plain) < required:
            _refuse(f"{cls.__name__} with {required} fields or more", plain)
        try:
            return cls(*[check(item) for check, item in zip(unpacks, plain, strict=False)])
        except Misfit:
            _name_field(cls, names, unpacks, plain)

    return Coder(pack, unpack)


def _values_of(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """A function from an instance to the tuple of the attributes `names`."""
    if len(names) >= 2:
        return attrgetter(*names)
    return lambda value: tuple(getattr(value, name) for name in names)


def _name_field(cls: type[Any], names: list[str], checks: list[Check], values: tuple[Any, ...]) -> NoReturn:
    """Runs the checks again, slowly, to raise the Misfit with the name of its field."""
    for name, check, value in zip(names, checks, values, strict=False):
        try:
            check(value)
        except Misfit as misfit:
            raise Misfit(f"{cls.__name__}.{name}: {misfit}") from None
    raise AssertionError("a check passed that had failed")


def _refuse(expected: str, value: object) -> NoReturn:
    size = f" of {len(value)}" if isinstance(value, (bytes, str, tuple)) else ""
    raise Misfit(f"expected {expected}, got {type(value).__name__}{size}")


def _field_coder(cls: type[Any], name: str, hint: Any) -> Coder:
    bound = _MODEL_BOUNDS.get((cls, name))
    try:
        return _coder(hint, bound)
    except TypeError as error:
        raise TypeError(f"{cls.__name__}.{name}: {error}") from None


def _coder(hint: Any, bound: AtMost | Range | None = None) -> Coder:
    """The coder of any supported type hint."""
    if get_origin(hint) is Annotated:
        inner, *notes = get_args(hint)
        bounds = [note for note in notes if isinstance(note, (AtMost, Range))]
        if len(bounds) != 1:
            raise TypeError(f"{hint} needs one Range or AtMost")
        return _coder(inner, bounds[0])
    if hint in _IDS:
        return _both(_exact_bytes(DIGEST_SIZE))
    if isinstance(hint, typing.NewType):
        return _coder(hint.__supertype__, bound)
    if get_origin(hint) in (typing.Union, types.UnionType):
        return _union(get_args(hint), bound)
    if get_origin(hint) is tuple:
        return _tuple(get_args(hint), bound)
    if hint is bool:
        return _both(_boolean)
    if hint in (int, float):
        limits = bound or (DEFAULT_RANGE if hint is int else Range(-math.inf, math.inf))
        if not isinstance(limits, Range):
            raise TypeError(f"{hint.__name__} takes a Range")
        return _both(_integer(limits) if hint is int else _real(limits))
    if hint in (str, bytes):
        return _both((_text if hint is str else _at_most_bytes)(_length(bound)))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _enum(hint)
    if dataclasses.is_dataclass(hint):
        return coder_of(typing.cast("type[Any]", hint))
    raise TypeError(f"{hint} cannot travel")


def _length(bound: AtMost | Range | None) -> int:
    if isinstance(bound, Range):
        raise TypeError("text, bytes and tuples take AtMost")
    return DEFAULT_LENGTH if bound is None else bound.length


def _both(check: Check) -> Coder:
    return Coder(check, check)


# --- scalars ----------------------------------------------------------------------------------------


def _boolean(value: Any) -> Any:
    if value is True or value is False:
        return value
    _refuse("bool", value)


def _integer(limits: Range) -> Check:
    low, high = limits.low, limits.high
    if low < WIDEST_RANGE.low or high > WIDEST_RANGE.high:
        raise TypeError("integers beyond 64 bits cannot travel")

    def check(value: Any) -> Any:
        if type(value) is int and low <= value <= high:
            return value
        _refuse(f"int in {low} to {high}", value)

    return check


def _real(limits: Range) -> Check:
    low, high = limits.low, limits.high

    def check(value: Any) -> Any:
        if type(value) is float and low <= value <= high and value - value == 0.0:
            return value
        if type(value) is int and low <= value <= high and abs(value) <= 2**53:
            return float(value)
        _refuse(f"finite float in {low} to {high}", value)

    return check


def _exact_bytes(length: int) -> Check:
    def check(value: Any) -> Any:
        if type(value) is bytes and len(value) == length:
            return value
        _refuse(f"{length} bytes", value)

    return check


def _at_most_bytes(length: int) -> Check:
    def check(value: Any) -> Any:
        if type(value) is bytes and len(value) <= length:
            return value
        _refuse(f"at most {length} bytes", value)

    return check


def _text(length: int) -> Check:
    def check(value: Any) -> Any:
        if type(value) is str and len(value) <= length:
            if value.isascii():
                return value
            try:
                if len(value.encode()) <= length:
                    return value
            except UnicodeEncodeError:
                _refuse("text without lone surrogates", value)
        _refuse(f"text of at most {length} bytes", value)

    return check


def _enum(cls: type[Enum]) -> Coder:
    """Enums travel as their values, which must be int or str."""
    members: dict[Any, Enum] = {member.value: member for member in cls}
    if not all(type(value) in (int, str) for value in members):
        raise TypeError(f"the values of {cls.__name__} are neither int nor str")

    def pack(value: Any) -> Any:
        return value.value if type(value) is cls else _refuse(cls.__name__, value)

    def unpack(plain: Any) -> Any:
        if type(plain) in (int, str) and plain in members:
            return members[plain]
        _refuse(cls.__name__, plain)

    return Coder(pack, unpack)


# --- compounds --------------------------------------------------------------------------------------


def _tuple(items: tuple[Any, ...], bound: AtMost | Range | None) -> Coder:
    if len(items) == 2 and items[1] is Ellipsis:
        item = _coder(items[0])
        length = _length(bound)
        return Coder(_many(item.pack, length), _many(item.unpack, length))
    if bound is not None:
        raise TypeError("a tuple of fixed length takes no bound")
    coders = [_coder(hint) for hint in items]
    return Coder(_row([coder.pack for coder in coders]), _row([coder.unpack for coder in coders]))


def _many(item: Check, length: int) -> Check:
    def check(value: Any) -> Any:
        if type(value) is tuple and len(value) <= length:
            return tuple([item(each) for each in value])
        _refuse(f"tuple of at most {length}", value)

    return check


def _row(items: list[Check]) -> Check:
    def check(value: Any) -> Any:
        if type(value) is tuple and len(value) == len(items):
            return tuple([item(each) for item, each in zip(items, value, strict=True)])
        _refuse(f"tuple of {len(items)}", value)

    return check


def _union(choices: tuple[Any, ...], bound: AtMost | Range | None) -> Coder:
    """`T | None`, or `A | B | ...` of dataclasses, which travel as (place in the union, fields): the
    order of a union is part of the protocol, and new members go to its end."""
    members = [choice for choice in choices if choice is not type(None)]
    coder = _coder(members[0], bound) if len(members) == 1 else _tagged(members)
    if len(members) == len(choices):
        return coder

    def pack(value: Any) -> Any:
        return None if value is None else coder.pack(value)

    def unpack(plain: Any) -> Any:
        return None if plain is None else coder.unpack(plain)

    return Coder(pack, unpack)


def _tagged(members: list[Any]) -> Coder:
    if not all(dataclasses.is_dataclass(member) for member in members):
        raise TypeError("only dataclasses, or one type and None, can make a union")
    unpacks = [coder_of(member).unpack for member in members]
    tags = {member: (tag, coder_of(member).pack) for tag, member in enumerate(members)}
    names = " | ".join(member.__name__ for member in members)

    def pack(value: Any) -> Any:
        try:
            tag, pack_member = tags[type(value)]
        except KeyError:
            _refuse(names, value)
        return (tag, pack_member(value))

    def unpack(plain: Any) -> Any:
        if type(plain) is tuple and len(plain) == 2:
            tag, fields = plain
            if type(tag) is int and 0 <= tag < len(unpacks):
                return unpacks[tag](fields)
        _refuse(names, plain)

    return Coder(pack, unpack)
