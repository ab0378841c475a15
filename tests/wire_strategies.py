"""Hypothesis strategies for anything that can travel, derived from the same annotations as the codec."""

from __future__ import annotations

import dataclasses
import types
import typing
from enum import Enum
from typing import Annotated, Any, get_args, get_origin

from hypothesis import strategies as st

from mesh.model.ids import Digest, JobId, NodeId
from mesh.wire.base import AtMost, Range


def instances(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Any instance of a dataclass that can travel, small ones first."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return st.builds(cls, *[values(hints[field.name]) for field in dataclasses.fields(cls)])


def values(hint: Any, bound: AtMost | Range | None = None) -> st.SearchStrategy[Any]:
    """Any value of a type hint, within its bounds."""
    if get_origin(hint) is Annotated:
        inner, *notes = get_args(hint)
        return values(inner, notes[0])
    if hint in (NodeId, Digest, JobId):
        return st.binary(min_size=32, max_size=32)
    if isinstance(hint, typing.NewType):
        return values(hint.__supertype__, bound)
    if get_origin(hint) in (typing.Union, types.UnionType):
        return st.one_of(
            [st.none() if each is type(None) else values(each, bound) for each in get_args(hint)]
        )
    if get_origin(hint) is tuple:
        items = get_args(hint)
        if len(items) == 2 and items[1] is Ellipsis:
            most = 8 if bound is None else min(8, bound.length)
            return st.lists(values(items[0]), max_size=most).map(tuple)
        return st.tuples(*[values(item) for item in items])
    if hint is bool:
        return st.booleans()
    if hint is int:
        low, high = (-(2**63), 2**63 - 1) if bound is None else (int(bound.low), int(bound.high))
        return st.integers(low, high)
    if hint is float:
        low, high = (None, None) if bound is None else (bound.low, bound.high)
        return st.floats(low, high, allow_nan=False, allow_infinity=False)
    if hint is bytes:
        return st.binary(max_size=1024 if bound is None else min(1024, bound.length))
    if hint is str:
        # Four bytes are the most a character takes, so a quarter of the bound always fits.
        most = 64 if bound is None else min(64, bound.length // 4)
        return st.text(max_size=most)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    return instances(hint)
