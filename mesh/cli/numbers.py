"""Numbers as options take them: with the range in words, and without the `nan` and `inf` that click lets pass."""

from __future__ import annotations

import math
from typing import Any

import click


class _InWords(click.ParamType[Any]):
    """Of both kinds: how a range is shown in help and in errors."""

    min: Any
    max: Any
    min_open: bool

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        return "N" if isinstance(param, click.Option) else super().get_metavar(param, ctx)

    def _describe_range(self) -> str:
        return in_words(self.min, self.max, self.min_open)


class Whole(_InWords, click.IntRange):
    """A whole number in a range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return int(super().convert(value, param, ctx))
        except click.BadParameter:
            self.fail(f"{value} cannot be used; give a whole number, {self._describe_range()}", param, ctx)


class Finite(_InWords, click.FloatRange):
    """A number in a range, and neither infinite nor none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            number = float(super().convert(value, param, ctx))
        except click.BadParameter:
            number = math.nan
        if not math.isfinite(number):
            self.fail(f"{value} cannot be used; give a number, {self._describe_range()}", param, ctx)
        return number


def in_words(low: float | None, high: float | None, above: bool = False) -> str:
    """`1 to 1024`, `0 or more`, `above 0, at most 1000`; `above` leaves out `low` itself. Every range here has a `low`."""
    assert low is not None
    if above:
        return f"above {_plain(low)}" + ("" if high is None else f", at most {_plain(high)}")
    return f"{_plain(low)} or more" if high is None else f"{_plain(low)} to {_plain(high)}"


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)
