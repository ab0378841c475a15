"""Numbers as people read them: durations, sizes, shares, counts. Pure, and without any library."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

_BUILD = 7
"""Letters of a build that tell it from others at a glance."""


def percent(fraction: float) -> str:
    """`97 %`; never 100 before all is done, never 0 after something is."""
    whole = int(fraction * 100)
    return f"{max(whole, 1) if fraction > 0 else 0:3d} %"


def duration(seconds: float | None) -> str:
    """`48 s`, `1:35`, `2:03:10`, `3 d 4 h`; a dash where it is not known."""
    if seconds is None:
        return "–"
    whole = round(max(seconds, 0.0))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def size(count: float) -> str:
    """Bytes with SI prefixes: `3.2 GB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def clock(unix_ms: int) -> str:
    """Local time of day."""
    return datetime.fromtimestamp(unix_ms / 1000).strftime("%H:%M:%S")


def engine_words(engines: Iterable[str]) -> str:
    """Each engine with its build, as short as a commit, and without its name where the build begins with that too."""
    return ", ".join(_engine(*one.partition(" ")) for one in engines)


def _engine(name: str, _space: str, build: str) -> str:
    number = build.removeprefix(f"{name}-")
    return f"{name} {number[:_BUILD]}".rstrip()
