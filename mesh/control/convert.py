"""Dataclasses to plain JSON values and back, and their JSON schemas, all from the same type hints.

Digests and other bytes are hex, enums their value, tuples lists, None null. Knows no HTTP.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Hashable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Json = Any
"""What `json.loads` returns: None, bool, int, float, str, list, dict."""

T = TypeVar("T")


class BadValue(ValueError):
    """A JSON value that does not fit its type: the message says where and why."""


def to_json(value: object) -> Json:
    """`value`, made of dataclasses, dictionaries, tuples, enums, bytes and scalars, as JSON values."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {str(name): to_json(item) for name, item in value.items()}
    if is_dataclass(value):
        return {name: to_json(getattr(value, name)) for name in value.__dataclass_fields__}
    raise TypeError(f"{type(value).__name__} has no JSON form")


def from_json(kind: type[T], value: Json, where: str = "body") -> T:
    """`value` as a `kind`. Unknown fields are ignored, so that older programs read newer ones' answers.

    Raises BadValue for a wrong type, a missing field or bytes that are no hex.
    """
    read: Callable[[Json, str], T] = _plan(cast(Hashable, kind))
    return read(value, where)


_Read = Callable[[Json, str], Any]


@cache
def _plan(kind: Hashable) -> _Read:
    """The function that reads a `kind`; made once a type, since results come by the thousand."""
    plain = _plain(kind)
    origin, arguments = get_origin(plain), get_args(plain)
    if origin in (Union, types.UnionType):
        return _optional(arguments)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return _run_of(_plan(arguments[0]))
        return _row_of(tuple(_plan(argument) for argument in arguments))
    if is_dataclass(plain):
        return _record_of(plain)
    if issubclass(plain, Enum):
        return _member_of(plain)
    return _hex if plain is bytes else _scalar(plain)


def _plain(kind: Any) -> Any:
    """What a NewType stands for."""
    while hasattr(kind, "__supertype__"):
        kind = kind.__supertype__
    return kind


def _optional(arguments: tuple[Any, ...]) -> _Read:
    inner = [argument for argument in arguments if argument is not type(None)]
    if len(inner) != 1 or len(arguments) != 2:
        raise TypeError(f"only `T | None` has a JSON form, not {arguments}")
    read = _plan(inner[0])
    return lambda value, where: None if value is None else read(value, where)


def _run_of(read: _Read) -> _Read:
    def run(value: Json, where: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise BadValue(f"{where} must be a list")
        return tuple(read(item, f"{where}[{index}]") for index, item in enumerate(value))

    return run


def _row_of(reads: tuple[_Read, ...]) -> _Read:
    def row(value: Json, where: str) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) != len(reads):
            raise BadValue(f"{where} must be a list of {len(reads)}")
        pairs = zip(reads, value, strict=True)
        return tuple(read(item, f"{where}[{index}]") for index, (read, item) in enumerate(pairs))

    return row


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    read: _Read
    required: bool


def _record_of(kind: Any) -> _Read:
    hints = get_type_hints(kind)
    plan = [
        _Field(one.name, _plan(hints[one.name]), one.default is MISSING and one.default_factory is MISSING)
        for one in fields(kind)
    ]

    def record(value: Json, where: str) -> Any:
        if not isinstance(value, dict):
            raise BadValue(f"{where} must be an object")
        given = {
            one.name: one.read(value[one.name], f"{where}.{one.name}") for one in plan if one.name in value
        }
        for one in plan:
            if one.required and one.name not in given:
                raise BadValue(f"{where}.{one.name} is missing")
        return kind(**given)

    return record


def _member_of(kind: type[Enum]) -> _Read:
    def member(value: Json, where: str) -> Enum:
        try:
            return kind(value)
        except ValueError:
            raise BadValue(f"{where} must be one of {', '.join(str(one.value) for one in kind)}") from None

    return member


def _hex(value: Json, where: str) -> bytes:
    try:
        return bytes.fromhex(value)
    except (TypeError, ValueError):
        raise BadValue(f"{where} must be hex") from None


_SCALARS: dict[type, tuple[type, ...]] = {str: (str,), bool: (bool,), int: (int,), float: (int, float)}


def _scalar(kind: type) -> _Read:
    allowed = _SCALARS[kind]

    def scalar(value: Json, where: str) -> Any:
        if not isinstance(value, allowed) or (isinstance(value, bool) and kind is not bool):
            raise BadValue(f"{where} must be of type {kind.__name__}")
        if isinstance(value, float) and not math.isfinite(value):
            raise BadValue(f"{where} must be finite")
        return kind(value)

    return scalar


def schema(kind: Any, components: dict[str, Json]) -> Json:
    """The JSON schema of `kind` (OpenAPI 3.1); dataclasses go into `components` and are referred to."""
    kind = _plain(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return {"anyOf": [schema(argument, components) for argument in arguments]}
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return {"type": "array", "items": schema(arguments[0], components)}
        row = [schema(argument, components) for argument in arguments]
        return {"type": "array", "prefixItems": row, "minItems": len(row), "maxItems": len(row)}
    if is_dataclass(kind):
        return _record_schema(kind, components)
    if issubclass(kind, Enum):
        return {"type": "string", "enum": [one.value for one in kind]}
    if kind is bytes:
        return {"type": "string", "pattern": "^([0-9a-f]{2})*$"}
    names = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
    return {"type": names[kind]}


def _record_schema(kind: Any, components: dict[str, Json]) -> Json:
    name = kind.__name__
    if name not in components:
        components[name] = {}
        hints = get_type_hints(kind)
        components[name] = {
            "type": "object",
            "properties": {one.name: schema(hints[one.name], components) for one in fields(kind)},
            "required": [
                one.name for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING
            ],
        }
    return {"$ref": f"#/components/schemas/{name}"}
