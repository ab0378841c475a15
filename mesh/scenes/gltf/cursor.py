"""Reading untrusted JSON with checks: a `Value` knows what it is and where in which file it stands.

Every read states what is acceptable, and what is not acceptable becomes a BadScene that names the place
as a person would write it: `meshes[3].primitives[0].attributes.POSITION`. Standard library only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from mesh.scenes.errors import BadScene

MAX_MAGNITUDE = 1e15
"""No length, factor or time in a scene is larger; beyond it, products would overflow."""

EXPORT_AGAIN = "Export the scene again, or check it with the glTF validator."


@dataclass(frozen=True, slots=True)
class Value:
    """A JSON object (an absent one reads as empty) in `file` at `where`."""

    file: str
    where: str
    fields: Mapping[str, object]

    def fail(self, reason: str, hint: str = EXPORT_AGAIN, *, key: str = "") -> NoReturn:
        raise BadScene(file=self.file, where=self.place(key) or "the file", reason=reason, hint=hint)

    def place(self, key: str) -> str:
        if not key:
            return self.where
        return f"{self.where}.{key}" if self.where else key

    def has(self, key: str) -> bool:
        return key in self.fields

    def child(self, key: str) -> Value | None:
        """The object under `key`, None where absent."""
        if key not in self.fields:
            return None
        return self._object(self.fields[key], self.place(key))

    def required(self, key: str) -> Value:
        found = self.child(key)
        if found is None:
            self.fail("is missing", key=key)
        return found

    def extension(self, name: str) -> Value | None:
        extensions = self.child("extensions")
        return None if extensions is None else extensions.child(name)

    def objects(self, key: str) -> tuple[Value, ...]:
        """The array of objects under `key`, empty where absent."""
        place = self.place(key)
        return tuple(self._object(item, f"{place}[{at}]") for at, item in enumerate(self._array(key)))

    def text(self, key: str, default: str = "") -> str:
        found = self.fields.get(key, default)
        if not isinstance(found, str):
            self.fail(f"should be a string, not {_kind(found)}", key=key)
        return found

    def texts(self, key: str) -> tuple[str, ...]:
        found = self._array(key)
        if not all(isinstance(item, str) for item in found):
            self.fail("should hold strings only", key=key)
        return tuple(str(item) for item in found)

    def boolean(self, key: str, default: bool = False) -> bool:
        found = self.fields.get(key, default)
        if not isinstance(found, bool):
            self.fail(f"should be true or false, not {_kind(found)}", key=key)
        return found

    def integer(self, key: str, default: int | None = None, *, low: int = 0, high: int = 2**53) -> int:
        """A whole number from `low` to `high`; without a default it must be there."""
        if key not in self.fields:
            if default is None:
                self.fail("is missing", key=key)
            return default
        return self._whole(self.fields[key], self.place(key), low, high)

    def integers(self, key: str, *, high: int) -> tuple[int, ...]:
        place = self.place(key)
        return tuple(self._whole(x, f"{place}[{at}]", 0, high) for at, x in enumerate(self._array(key)))

    def index(self, key: str, count: int, what: str) -> int:
        """An index below `count`, or -1 where absent; `what` names the things counted."""
        if key not in self.fields:
            return -1
        found = self._whole(self.fields[key], self.place(key), 0, 2**53)
        if found >= count:
            self.fail(f"refers to {what}[{found}], but the file has only {count}", key=key)
        return found

    def indices(self, key: str, count: int, what: str) -> tuple[int, ...]:
        found = self.integers(key, high=2**53)
        for at, index in enumerate(found):
            if index >= count:
                self.fail(f"refers to {what}[{index}], but the file has only {count}", key=f"{key}[{at}]")
        return found

    def number(
        self,
        key: str,
        default: float | None = None,
        *,
        low: float = -MAX_MAGNITUDE,
        high: float = MAX_MAGNITUDE,
    ) -> float:
        """A finite number from `low` to `high`; without a default it must be there."""
        if key not in self.fields:
            if default is None:
                self.fail("is missing", key=key)
            return default
        return self._real(self.fields[key], self.place(key), low, high)

    def numbers(
        self,
        key: str,
        default: Sequence[float],
        *,
        low: float = -MAX_MAGNITUDE,
        high: float = MAX_MAGNITUDE,
    ) -> tuple[float, ...]:
        """As many finite numbers as `default` has."""
        if key not in self.fields:
            return tuple(default)
        found = self.all_numbers(key, low=low, high=high)
        if len(found) != len(default):
            self.fail(f"should have {len(default)} numbers, not {len(found)}", key=key)
        return found

    def all_numbers(
        self, key: str, *, low: float = -MAX_MAGNITUDE, high: float = MAX_MAGNITUDE
    ) -> tuple[float, ...]:
        place = self.place(key)
        return tuple(self._real(x, f"{place}[{at}]", low, high) for at, x in enumerate(self._array(key)))

    def choice(self, key: str, default: str, allowed: Sequence[str]) -> str:
        found = self.text(key, default)
        if found not in allowed:
            self.fail(f"is {found[:40]!r}; it should be one of {', '.join(allowed)}", key=key)
        return found

    def _array(self, key: str) -> Sequence[object]:
        found = self.fields.get(key, ())
        if not isinstance(found, list | tuple):
            self.fail(f"should be an array, not {_kind(found)}", key=key)
        return found

    def _object(self, found: object, place: str) -> Value:
        if not isinstance(found, dict):
            at = Value(self.file, place, {})
            at.fail(f"should be an object, not {_kind(found)}")
        return Value(self.file, place, found)

    def _whole(self, found: object, place: str, low: int, high: int) -> int:
        at = Value(self.file, place, {})
        if isinstance(found, float) and math.isfinite(found) and found == math.floor(found):
            found = int(found)
        if isinstance(found, bool) or not isinstance(found, int):
            at.fail(f"should be a whole number, not {_kind(found)}")
        if not low <= found <= high:
            allowed = f"at least {low}" if found < low else f"at most {high}"
            at.fail(f"is {_short(found)}; it should be {allowed}")
        return found

    def _real(self, found: object, place: str, low: float, high: float) -> float:
        at = Value(self.file, place, {})
        if isinstance(found, bool) or not isinstance(found, int | float):
            at.fail(f"should be a number, not {_kind(found)}")
        if not low <= found <= high:
            allowed = f"at least {low:g}" if found < low else f"at most {high:g}"
            at.fail(f"is {_short(found)}; it should be {allowed}")
        return float(found)


def _kind(found: object) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(found), "a number")


def _short(found: float) -> str:
    text = repr(found)
    return text if len(text) <= 24 else f"{text[:20]}..."
