"""The built-in path tracer with one scene open: what a session asks for pixels.

Keeps the scene, its textures and trees, and the last frame's world; a new frame rebuilds only what moved.
Threads share a frame by taking strips of its buckets; which thread takes which changes no pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from mesh.engines.builtin_geometry import GeometryKeeper
from mesh.engines.builtin_light import (
    choose_camera,
    choose_pose,
    gather_lights,
    read_environment,
    white_level,
)
from mesh.engines.builtin_materials import albedos_wanted, pack_materials
from mesh.engines.builtin_notes import Names, frame_facts, seen_names
from mesh.engines.builtin_outline import outline
from mesh.engines.builtin_shutter import Moment, moments
from mesh.model.manifest import RenderSettings
from mesh.model.units import Grid, Rect, Unit
from mesh.render.albedo import albedo_tables
from mesh.render.camera import camera_record
from mesh.render.film import Bench, add_samples, columns_of, make_bench, make_tally, resolve
from mesh.render.filter import make_filter
from mesh.render.pixels import Notes, Payload, encode
from mesh.render.sampler import make_sequence
from mesh.render.world import Limits, Shade, Tables, World
from mesh.scenes import open_scene
from mesh.scenes.description import Scene

_STRIP_SAMPLES = 32768
"""About how many samples a thread takes at a time: some tens of milliseconds."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame: its world at each moment of the shutter, and what its files say about it."""

    frame: int
    worlds: tuple[tuple[Moment, World], ...]
    facts: tuple[tuple[str, str], ...]
    names: tuple[Names, ...]
    """At each moment: what has shrunk to nothing is no object then."""


@dataclass(frozen=True, slots=True)
class _Strip:
    """Some rows of one bucket."""

    bucket: int
    rect: Rect


class BuiltinRenderer:
    """Opens `entry` inside `scene_dir`. Raises MeshError where the scene or the settings are wrong."""

    def __init__(
        self, scene_dir: Path, entry: str, settings: RenderSettings, frames: tuple[int, ...], threads: int
    ) -> None:
        self._settings = settings
        self._scene = open_scene(
            scene_dir / entry, scene=settings.scene, clip=settings.clip, variant=settings.variant
        )
        self._environment = read_environment(scene_dir, self._scene, settings)
        self._materials = pack_materials(self._scene.materials, self._scene.images)
        self._albedo = albedo_tables(*albedos_wanted(self._scene.materials))
        self._keeper = GeometryKeeper(self._scene)
        first = self._scene.at(0.0)
        start = self._keeper.place(first)
        self._box = start.low, start.high
        self._outline = None if first.cameras else outline(self._scene, first)
        self._filter = make_filter()
        self._columns = columns_of(settings.layers)
        self._shot: Shot | None = None
        self._pool = ThreadPoolExecutor(max(threads, 1), thread_name_prefix="render")
        self._benches: SimpleQueue[Bench] = SimpleQueue()
        for _ in range(max(threads, 1)):
            self._benches.put(make_bench())
        # Settings that the scene cannot satisfy are refused now, not at the first frame.
        self.shot(frames[0] if frames else 1)

    @property
    def scene(self) -> Scene:
        return self._scene

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._scene.warnings

    def shot(self, frame: int) -> Shot:
        """Everything the kernels need for `frame`; the last one is kept."""
        if self._shot is None or self._shot.frame != frame:
            self._shot = self._build(frame)
        return self._shot

    def _build(self, frame: int) -> Shot:
        settings = self._settings
        snapshot = self._scene.at((frame - 1) / settings.fps)
        sequence = make_sequence(settings.seed, frame, settings.samples, settings.max_depth)
        worlds: list[tuple[Moment, World]] = []
        named = []
        clamp = settings.clamp
        for moment in moments(frame, settings):
            at = (
                snapshot
                if moment.offset == 0.0
                else self._scene.at((frame - 1 + moment.offset) / settings.fps)
            )
            placed = self._keeper.place(at, apart=settings.shutter > 0.0)
            pose = choose_pose(at, self._box, settings, frame + moment.offset, self._outline)
            names = Names.of(at, self._scene.materials)
            named.append(names)
            if not worlds:
                clamp *= max(1.0, white_level(at, placed, self._environment))
            world = World(
                placed.everything,
                Shade(placed.solid, placed.sheer, placed.sheer_ids, int(placed.has_sheer)),
                placed.geometry,
                self._materials,
                self._environment,
                gather_lights(at, placed, self._environment),
                sequence,
                Tables(
                    camera_record(pose, settings.width, settings.height),
                    self._filter,
                    self._albedo,
                    names.object_hashes,
                    names.material_hashes,
                ),
                Limits(
                    settings.max_depth,
                    np.float32(clamp),
                    settings.samples,
                    np.float32(settings.noise),
                ),
            )
            worlds.append((moment, world))
        camera = choose_camera(snapshot, settings)
        pose = choose_pose(snapshot, self._box, settings, frame, self._outline)
        facts = frame_facts(frame, settings, camera.name if camera else "", pose)
        return Shot(frame, tuple(worlds), facts, tuple(named))

    def render(
        self, unit: Unit, progress: Callable[[float], None], limit: Callable[[], int]
    ) -> tuple[Unit, bytes]:
        """The unit's encoded pixels, and the unit they cover.

        Buckets from `limit()` on are left out; where that leaves none, the unit is empty and so are the
        bytes. `progress` is told the finished share, from this thread.
        """
        shot = self.shot(unit.frame)
        grid = Grid(self._settings.width, self._settings.height, self._settings.bucket)
        done = tuple(self._render_buckets(shot, grid, unit, progress, limit))
        covered = Unit(unit.frame, unit.start, unit.start + len(done))
        if not done:
            return covered, b""
        layers = self._settings.layers
        notes = Notes(shot.facts, seen_names(shot.names, layers, done))
        return covered, encode(Payload(covered, grid, done, layers, notes))

    def _render_buckets(
        self,
        shot: Shot,
        grid: Grid,
        unit: Unit,
        progress: Callable[[float], None],
        limit: Callable[[], int],
    ) -> list[NDArray[np.float32]]:
        """The pixels of the unit's buckets in order, up to the first that is beyond the limit."""
        buckets: dict[int, NDArray[np.float32]] = {}
        for index in range(unit.start, unit.stop):
            rect = grid.rect(index)
            buckets[index] = np.zeros((rect.height, rect.width, len(self._columns)), np.float32)
        strips = [
            strip for index in range(unit.start, unit.stop) for strip in self._strips(index, grid.rect(index))
        ]

        def render_strip(strip: _Strip) -> bool:
            if strip.bucket >= limit():
                return False
            bench = self._benches.get()
            rect, whole = strip.rect, grid.rect(strip.bucket)
            out = buckets[strip.bucket][rect.y0 - whole.y0 : rect.y1 - whole.y0]
            expose(shot, rect, self._columns, bench, out)
            self._benches.put(bench)
            return True

        skipped = unit.stop
        results = zip(strips, self._pool.map(render_strip, strips), strict=True)
        for finished, (strip, rendered) in enumerate(results, 1):
            if not rendered:
                skipped = min(skipped, strip.bucket)
            progress(finished / len(strips))
        return [buckets[index] for index in range(unit.start, skipped)]

    def _strips(self, bucket: int, rect: Rect) -> Iterator[_Strip]:
        rows = max(1, _STRIP_SAMPLES // max(rect.width * self._settings.samples, 1))
        for y in range(rect.y0, rect.y1, rows):
            yield _Strip(bucket, Rect(rect.x0, y, rect.x1, min(y + rows, rect.y1)))

    def close(self) -> None:
        self._pool.shutdown(wait=True)


def expose(
    shot: Shot, rect: Rect, columns: NDArray[np.int64], bench: Bench, out: NDArray[np.float32]
) -> None:
    """Fill out float32 (height, width, columns) with the pixels of `rect`."""
    tally = make_tally(rect.width * rect.height, columns)
    for moment, world in shot.worlds:
        add_samples(*world, rect.x0, rect.y0, rect.x1, rect.y1, moment.start, moment.stop, tally, bench, None)
    resolve(tally, columns, bench, out)
