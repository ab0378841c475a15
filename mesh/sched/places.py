"""Where in a list the things of each key are. Most keys have one, and a bare number takes a quarter of a list of one:
a node remembers every result of every job of the last week."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Places(Generic[Key]):
    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: dict[Key, int | tuple[int, ...]] = {}

    def add(self, key: Key, place: int) -> None:
        before = self._found.get(key)
        self._found[key] = place if before is None else (*_all(before), place)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._found)

    def of(self, key: Key) -> tuple[int, ...]:
        """In the order in which they were added."""
        found = self._found.get(key)
        return () if found is None else _all(found)


def _all(found: int | tuple[int, ...]) -> tuple[int, ...]:
    return (found,) if isinstance(found, int) else found
