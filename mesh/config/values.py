"""How a setting's value is written, in TOML and on the command line: a reader for each kind of value.

A reader turns what somebody wrote into the field's type, or raises ValueError with what is allowed instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

DEFAULT_PORT = 7401
Reader = Callable[[object], Any]


def text(pattern: str, allowed: str) -> Reader:
    compiled = re.compile(pattern)

    def read(value: object) -> str:
        if not isinstance(value, str) or compiled.fullmatch(value) is None:
            raise ValueError(allowed)
        return value

    return read


def integer(low: int, high: int) -> Reader:
    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return value

    return read


def number(low: float, high: float) -> Reader:
    def read(value: object) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"a number from {low:g} to {high:g}")
        return float(value)

    return read


def choice(*names: str) -> Reader:
    def read(value: object) -> str:
        if value not in names:
            raise ValueError("one of " + ", ".join(names))
        return str(value)

    return read


def tuple_of(read_one: Reader) -> Reader:
    def read(value: object) -> tuple[Any, ...]:
        items = value.split(",") if isinstance(value, str) else value
        if not isinstance(items, list | tuple):
            raise ValueError("a list")
        return tuple(
            read_one(item.strip() if isinstance(item, str) else item) for item in items if item != ""
        )

    return read


def flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}
_UNITS |= {f"{letter}i": 1024**power for power, letter in enumerate("kmgt", start=1)}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?i?)b?", re.IGNORECASE)


def size(low: int, allowed: str) -> Reader:
    """Bytes, `low` at the least: `20 GB`, `20 GiB`, or a bare number."""

    def read(value: object) -> int:
        match = _SIZE.fullmatch(str(value).strip())
        if match is None or isinstance(value, bool) or match[2].lower() not in _UNITS:
            raise ValueError(allowed)
        amount = int(float(match[1]) * _UNITS[match[2].lower()])
        if amount < low:
            raise ValueError(allowed)
        return amount

    return read


def read_endpoint(value: object) -> tuple[str, int]:
    """`HOST`, `HOST:PORT` or `[IPV6]:PORT`; the port is 7401 where none is given. Raises ValueError."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\s:\[\]/]+))(?::(\d{1,5}))?", str(value))
    if match is None or not 0 < int(match[3] or DEFAULT_PORT) < 65536:
        raise ValueError("HOST or HOST:PORT, such as 192.168.1.20:7401")
    return match[1] or match[2], int(match[3] or DEFAULT_PORT)


def write_endpoint(address: tuple[str, int]) -> str:
    """What `read_endpoint` reads."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


read_memory = size(1, "a size such as 16 GB")
"""Bytes of `16 GB`, `512 MiB` and the like. Raises ValueError."""
