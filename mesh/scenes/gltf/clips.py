"""Which of a file's clips play, and when their keyframes are, from the JSON alone. Standard library only.

Blender's exporter by default makes a clip of each object's action, so one shot is many clips that belong together;
a character's walk and run are clips too, of which only one can play. They are told apart by what they move.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mesh.scenes.gltf.cursor import Value
from mesh.scenes.gltf.pointers import pointer_of


@dataclass(frozen=True, slots=True)
class Keys:
    """When a clip's keyframes are, in seconds: the first and the last, None where the file does not state it; and the
    least mean step of a channel, 0 where none has two keyframes."""

    first: float | None
    last: float | None
    step: float


def played_together(animations: Sequence[Value]) -> tuple[int, ...]:
    """The clips that play where none is named: the first, and each later one that moves nothing which those before
    it move."""
    moved: set[str] = set()
    played: list[int] = []
    for at, animation in enumerate(animations):
        moves = {pointer_of(channel) for channel in animation.objects("channels")} - {""}
        if not moves & moved:
            played.append(at)
            moved |= moves
    return tuple(played)


def keys_of(animation: Value, accessors: Sequence[Value]) -> Keys:
    """glTF demands that accessors of times state their bounds."""
    firsts: list[float | None] = []
    lasts: list[float | None] = []
    steps = []
    for sampler in animation.objects("samplers"):
        index = sampler.index("input", len(accessors), "accessors")
        if index < 0:
            continue
        low, high = (next(iter(accessors[index].all_numbers(key)), None) for key in ("min", "max"))
        count = accessors[index].integer("count", 1)
        firsts.append(low)
        lasts.append(high)
        if count > 1 and low is not None and high is not None and high > low:
            steps.append((high - low) / (count - 1))
    return Keys(_stated(min, firsts), _stated(max, lasts), min(steps, default=0.0))


def _stated(choose: Callable[[list[float]], float], times: Sequence[float | None]) -> float | None:
    known = [time for time in times if time is not None]
    return choose(known) if known and len(known) == len(times) else None
