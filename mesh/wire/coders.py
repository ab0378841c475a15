"""Coders: from a dataclass to plain values and back, compiled once for each class from its type hints.

Plain values are what CBOR's core knows: int, float, bool, str, bytes, None and tuples. Nothing here knows
of bytes on the wire. Single values are checked by `mesh/wire/scalars.py`.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable
from enum import Enum
from operator import attrgetter
from typing import Annotated, Any, NoReturn, get_args, get_origin

from mesh.model.frames import MAX_FRAMES
from mesh.model.ids import DIGEST_SIZE, Digest, JobId, NodeId
from mesh.model.manifest import Manifest
from mesh.wire.base import AtMost, Range
from mesh.wire.scalars import (
    Check,
    Coder,
    Misfit,
    at_most_bytes,
    boolean,
    enumerated,
    exact_bytes,
    integer,
    misfit,
    real,
    text,
)

DEFAULT_LENGTH = 1024
DEFAULT_RANGE = Range(-(2**63), 2**63 - 1)

_MODEL_BOUNDS: dict[tuple[type, str], AtMost] = {(Manifest, "frames"): AtMost(MAX_FRAMES)}
"""Bounds of classes in `mesh/model`, which must not know of the wire."""

_IDS = (NodeId, Digest, JobId)

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
            raise misfit(cls.__name__, value)
        values = values_of(value)
        try:
            return [check(item) for check, item in zip(packs, values, strict=True)]
        except Misfit:
            _name_field(cls, names, packs, values)

    def unpack(plain: Any) -> Any:
        if type(plain) is not tuple or len(plain) < required:
            raise misfit(f"{cls.__name__} with {required} fields or more", plain)
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
        except Misfit as error:
            raise Misfit(f"{cls.__name__}.{name}: {error}") from None
    raise AssertionError("a check passed that had failed")


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
        return _both(exact_bytes(DIGEST_SIZE))
    if isinstance(hint, typing.NewType):
        return _coder(hint.__supertype__, bound)
    if get_origin(hint) in (typing.Union, types.UnionType):
        return _union(get_args(hint), bound)
    if get_origin(hint) is tuple:
        return _tuple(get_args(hint), bound)
    if hint is bool:
        return _both(boolean)
    if hint in (int, float):
        limits = bound or (DEFAULT_RANGE if hint is int else Range(-math.inf, math.inf))
        if not isinstance(limits, Range):
            raise TypeError(f"{hint.__name__} takes a Range")
        return _both(integer(limits) if hint is int else real(limits))
    if hint in (str, bytes):
        return _both((text if hint is str else at_most_bytes)(_length(bound)))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return enumerated(hint)
    if dataclasses.is_dataclass(hint):
        return coder_of(typing.cast("type[Any]", hint))
    raise TypeError(f"{hint} cannot travel")


def _length(bound: AtMost | Range | None) -> int:
    if isinstance(bound, Range):
        raise TypeError("text, bytes and tuples take AtMost")
    return DEFAULT_LENGTH if bound is None else bound.length


def _both(check: Check) -> Coder:
    return Coder(check, check)


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
        raise misfit(f"tuple of at most {length}", value)

    return check


def _row(items: list[Check]) -> Check:
    def check(value: Any) -> Any:
        if type(value) is tuple and len(value) == len(items):
            return tuple([item(each) for item, each in zip(items, value, strict=True)])
        raise misfit(f"tuple of {len(items)}", value)

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
            raise misfit(names, value) from None
        return (tag, pack_member(value))

    def unpack(plain: Any) -> Any:
        if type(plain) is tuple and len(plain) == 2:
            tag, fields = plain
            if type(tag) is int and 0 <= tag < len(unpacks):
                return unpacks[tag](fields)
        raise misfit(names, plain)

    return Coder(pack, unpack)
