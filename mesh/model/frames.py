"""Frame sets as artists write them: `1-240`, `1-240x2`, `1,5,10-20`, after Blender and Netrender."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from mesh.errors import BadFrameSet

MAX_FRAMES = 1_000_000
MAX_FRAME = 10_000_000

_PART = re.compile(r"^\s*(-?\d+)\s*(?:-\s*(-?\d+)\s*(?:x\s*(\d+)\s*)?)?$")


def parse_frames(text: str) -> tuple[int, ...]:
    """The frames that `text` names, ascending, each once.

    Raises BadFrameSet when a part is no range, runs backwards, has a step of nothing, names a frame below 0
    or above 10,000,000, or when the whole is empty or longer than 1,000,000 frames.
    """
    frames: set[int] = set()
    for part in text.split(","):
        if not part.strip():
            raise BadFrameSet(text=text, reason="it has an empty part" if text.strip() else "it is empty")
        match = _PART.match(part)
        if match is None:
            raise BadFrameSet(text=text, reason=f"{part.strip()!r} is neither a frame nor a range")
        first = int(match[1])
        last = first if match[2] is None else int(match[2])
        step = 1 if match[3] is None else int(match[3])
        if last < first:
            raise BadFrameSet(text=text, reason=f"{part.strip()!r} runs backwards")
        if step == 0:
            raise BadFrameSet(text=text, reason=f"{part.strip()!r} has a step of 0")
        if first < 0 or last > MAX_FRAME:
            raise BadFrameSet(text=text, reason=f"{part.strip()!r} is outside 0-{MAX_FRAME}")
        if (last - first) // step >= MAX_FRAMES:
            raise BadFrameSet(text=text, reason=f"it names more than {MAX_FRAMES} frames")
        frames.update(range(first, last + 1, step))
    if len(frames) > MAX_FRAMES:
        raise BadFrameSet(text=text, reason=f"it names more than {MAX_FRAMES} frames")
    return tuple(sorted(frames))


def format_frames(frames: Iterable[int]) -> str:
    """The shortest frame set naming `frames`; `parse_frames` reads it back."""
    return ",".join(_format_run(run) for run in _runs(sorted(set(frames))))


def frames_in_words(frames: Iterable[int]) -> str:
    """`frame 12`, `frames 1-3,7`."""
    distinct = set(frames)
    return f"frame{'s' * (len(distinct) != 1)} {format_frames(distinct)}"


def _runs(frames: list[int]) -> Iterator[list[int]]:
    """Cuts ascending frames into runs of one step each."""
    run: list[int] = []
    for frame in frames:
        if len(run) >= 2 and frame - run[-1] != run[1] - run[0]:
            yield from _split_pair(run)
            run = []
        run.append(frame)
    if run:
        yield from _split_pair(run)


def _split_pair(run: list[int]) -> Iterator[list[int]]:
    """A pair with a gap reads better as two frames than as a stepped range."""
    if len(run) == 2 and run[1] - run[0] > 1:
        yield run[:1]
        yield run[1:]
    else:
        yield run


def _format_run(run: list[int]) -> str:
    if len(run) == 1:
        return str(run[0])
    step = {b - a for a, b in pairwise(run)}.pop()
    return f"{run[0]}-{run[-1]}" + (f"x{step}" if step > 1 else "")
