"""One sample traced again by the kernel that rendered it, and its path told in words and numbers."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mesh.engines.builtin_frame import BuiltinRenderer, Shot
from mesh.engines.builtin_notes import Names
from mesh.engines.protocol import Replay, Step, Story
from mesh.model.layers import LIGHT
from mesh.render.film import add_samples
from mesh.render.geometry import MATERIAL, OBJECT
from mesh.render.tally import UNIT, Bench, Tally, columns_of, light_of, make_bench, make_tally
from mesh.render.trace import FIRST_NUMBER, Event, Why, make_log
from mesh.render.world import World
from mesh.scenes.description import LightKind, Snapshot

# The numbers of each kind of row, by name and how many values each has; see `Event`.
_NUMBERS: dict[Event, tuple[tuple[str, int], ...]] = {
    Event.CAMERA: (("origin", 3), ("direction", 3), ("film", 2)),
    Event.PASS: (("position", 3), ("coverage", 1)),
    Event.VERTEX: (("position", 3), ("normal", 3), ("distance", 1), ("side", 1), ("throughput", 3)),
    Event.EMIT: (("radiance", 3), ("weight", 1), ("contribution", 3)),
    Event.LIGHT: (("direction", 3), ("distance", 1), ("unshadowed", 3), ("chance", 1), ("visible", 1), ("weight", 1)),
    Event.BOUNCE: (("direction", 3), ("density", 1), ("throughput", 3), ("cosine", 1)),
    Event.MISS: (("radiance", 3), ("weight", 1), ("contribution", 3), ("direction", 3)),
    Event.END: (),
    Event.RESULT: (("radiance", 3), ("clamp", 1), ("direct", 3)),
}  # fmt: skip
_COLUMNS = columns_of(())
_LIGHT = columns_of(LIGHT)
_SAME = 0.9999
"""Cosine, and share of a distance, from which on two directions or places are taken to be one."""
_WHY = {
    Why.DEEP: "the path is as long as it may be",
    Why.UNLIT_SURFACE: "the surface is unlit",
    Why.ABSORBED: "the surface takes all the light of that direction",
    Why.ROULETTE: "Russian roulette",
    Why.LAYERED: "too many surfaces were passed",
}


def replay(request: Replay) -> Story:
    """Raises MeshError where the scene or the settings are wrong."""
    frames = (request.frame,)
    renderer = BuiltinRenderer(Path(request.scene_dir), request.entry, request.settings, frames, 1)
    try:
        shot = renderer.shot(request.frame)
        taken = _taken(shot, request.x, request.y)
        sample = request.sample if request.sample >= 0 else _brightest(shot, request.x, request.y, taken)
        at = _moment_of(shot, sample)
        moment, world = shot.worlds[at]
        log = make_log()
        tally = _trace(world, request.x, request.y, sample, make_bench(), log, _LIGHT)
        fps = request.settings.fps
        snapshot = renderer.scene.at((request.frame - 1) / fps, moment.offset / fps)
        teller = _Teller(world, shot.names[at], snapshot)
        *steps, result = map(teller.step, log[1 : 1 + int(log[0, 0])])
    finally:
        renderer.close()
    radiance = dict(result.numbers)["radiance"]
    steps.append(replace(result, numbers=result.numbers + _passes(tally)))
    return Story(request.frame, request.x, request.y, sample, taken, moment.offset, radiance, tuple(steps))


def _trace(
    world: World,
    x: int,
    y: int,
    sample: int,
    bench: Bench,
    log: NDArray[np.float64] | None = None,
    columns: NDArray[np.int64] = _COLUMNS,
) -> Tally:
    tally = make_tally(1, columns)
    add_samples(*world, x, y, x + 1, y + 1, sample, sample + 1, tally, bench, log)
    return tally


def _passes(tally: Tally) -> tuple[tuple[str, tuple[float, ...]], ...]:
    """Where in the picture's light passes a sample is seen, and how much of it."""
    colors = ((layer, light_of(tally, layer)[0] / UNIT) for layer in LIGHT)
    return tuple((layer.value, tuple(color.tolist())) for layer, color in colors if color.any())


def _taken(shot: Shot, x: int, y: int) -> int:
    """How many samples the film takes of a pixel, which adaptive sampling decides."""
    bench, tally = make_bench(), make_tally(1, _COLUMNS)
    for moment, world in shot.worlds:
        add_samples(*world, x, y, x + 1, y + 1, moment.start, moment.stop, tally, bench, None)
    return int(tally.taken[0, 0])


def _brightest(shot: Shot, x: int, y: int, taken: int) -> int:
    """The sample that brings most light, the first of equals."""
    bench, best, most = make_bench(), 0, -1
    for sample in range(taken):
        sums = _trace(shot.worlds[_moment_of(shot, sample)][1], x, y, sample, bench).sums
        light = int(sums[0, 0]) + int(sums[0, 1]) + int(sums[0, 2])
        if light > most:
            best, most = sample, light
    return best


def _moment_of(shot: Shot, sample: int) -> int:
    """Where among the shot's worlds the one is in which the sample is taken."""
    return next(at for at, (moment, _) in enumerate(shot.worlds) if moment.start <= sample < moment.stop)


class _Teller:
    """Turns rows of a log into steps, with the names of things."""

    def __init__(self, world: World, names: Names, snapshot: Snapshot) -> None:
        self._world = world
        self._names = names
        self._snapshot = snapshot
        self._position = (0.0, 0.0, 0.0)

    def step(self, row: NDArray[np.float64]) -> Step:
        kind, bounce, instance, triangle = Event(int(row[0])), int(row[1]), int(row[2]), int(row[3])
        numbers, at = [], FIRST_NUMBER
        for name, size in _NUMBERS[kind]:
            values = tuple(row[at : at + size].tolist())
            at += size
            if all(map(math.isfinite, values)):
                numbers.append((name, values))
        found = dict(numbers)
        about = ""
        if kind is Event.VERTEX:
            self._position = found["position"]
        elif kind is Event.LIGHT:
            about = self._light(found["direction"], found.get("distance"))
        elif kind is Event.END:
            about = _WHY[Why(int(row[FIRST_NUMBER]))]
        ints = self._world.geometry.ints
        return Step(
            kind.name.lower(),
            bounce,
            self._names.objects[ints[instance, OBJECT]] if instance >= 0 else "",
            self._names.materials[ints[instance, MATERIAL]] if instance >= 0 else "",
            triangle,
            about,
            tuple(numbers),
        )

    def _light(self, direction: tuple[float, ...], distance: tuple[float, ...] | None) -> str:
        """What light is in that direction and at that distance of the last vertex."""
        for light in self._snapshot.lights:
            matrix = light.transform
            if light.kind is LightKind.DIRECTIONAL:
                if distance is None and sum(matrix[k][2] * direction[k] for k in range(3)) > _SAME:
                    return light.name
            elif distance is not None:
                reached = [self._position[k] + direction[k] * distance[0] - matrix[k][3] for k in range(3)]
                if math.hypot(*reached) < (1.0 - _SAME) * max(distance[0], 1.0):
                    return light.name
        return "the environment" if distance is None else "a shining surface"
