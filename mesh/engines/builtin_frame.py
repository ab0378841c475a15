"""The built-in path tracer with one scene open: what a session asks for pixels.

Keeps the scene, its textures and trees, and the last frame's world; a new frame rebuilds only what moved.
Threads share a frame by taking tasks (`builtin_samples.py`); which thread takes which changes no pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from random import SystemRandom

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
from mesh.engines.builtin_samples import Task, Work
from mesh.engines.builtin_shutter import Moment, moments
from mesh.engines.memory import check_memory
from mesh.engines.protocol import Merge, Split
from mesh.model.manifest import RenderSettings
from mesh.model.units import Grid, Rect, SampleRange, Unit
from mesh.render.albedo import albedo_tables
from mesh.render.camera import camera_record
from mesh.render.film import BLOCK, add_samples, resolve
from mesh.render.filter import make_filter
from mesh.render.pixels import BadPixels, Notes, Payload, encode
from mesh.render.sampler import make_sequence
from mesh.render.samples import Part, decode_sums, encode_sums
from mesh.render.tally import Bench, Tally, columns_of, make_bench, make_tally
from mesh.render.world import Limits, Shade, Tables, World
from mesh.scenes import open_scene
from mesh.scenes.description import Scene

_LOOKED_AT = 32
"""So many pixels of what another node rendered are looked at: who falsifies a tenth of them is found out in 29 cases
out of 30."""


_MOST_BYTES = 512 << 20
"""Of pixels that are held at once. What is more of a unit is left to the scheduler, which has it rendered next: a frame
of 16384 x 16384 pixels would be 15 GB."""


def unheard(_sentence: str) -> None:
    """Where nobody shares samples, there is nothing to warn of."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame: its world at each moment of the shutter, and what its files say about it."""

    frame: int
    worlds: tuple[tuple[Moment, World], ...]
    facts: tuple[tuple[str, str], ...]
    names: tuple[Names, ...]
    """At each moment: what has shrunk to nothing is no object then."""


class BuiltinRenderer:
    """Opens `entry` inside `scene_dir`. Raises MeshError where the scene or the settings are wrong, SceneTooLarge
    or MemoryError where it does not fit here."""

    def __init__(
        self, scene_dir: Path, entry: str, settings: RenderSettings, frames: tuple[int, ...], threads: int
    ) -> None:
        self._settings = settings
        self._scene = open_scene(
            scene_dir / entry,
            scene=settings.scene,
            clip=settings.clip,
            variant=settings.variant,
            foreseen=partial(check_memory, entry),
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
        self._grid = Grid(settings.width, settings.height, settings.bucket)
        self._shot: Shot | None = None
        self._threads = max(threads, 1)
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="render")
        self._benches: SimpleQueue[Bench] = SimpleQueue()
        for _ in range(self._threads):
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
                else self._scene.at((frame - 1) / settings.fps, moment.offset / settings.fps)
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
        self,
        unit: Unit,
        progress: Callable[[float], None],
        limit: Callable[[], int],
        shared: Callable[[], Sequence[Split | Merge]] = tuple,
        warn: Callable[[str], None] = unheard,
    ) -> tuple[Unit, bytes]:
        """The unit's encoded pixels, and the unit they cover.

        Buckets from `limit()` on are left out, and those that would be too much for the memory; where that leaves
        none, the unit is empty and so are the bytes. `progress` is told the finished share, from this thread. `shared()` is what was said so far of
        samples that another node renders as well; `warn` is told of those that are not true.
        """
        shot = self.shot(unit.frame)
        asked, unit = unit, self._that_fits(unit)
        work = Work(unit, self._settings, SampleRange(0, self._settings.samples), limit, shared)
        buckets = {index: self._black(self._grid.rect(index)) for index in range(unit.start, unit.stop)}

        def carry_out(task: Task | Merge, bench: Bench) -> None:
            if isinstance(task, Merge):
                tally = self._read_true(shot, task, bench, warn)
                whole = None if tally is None else work.merge(task, tally)
            else:
                tally = self._sum(shot, task.rect, task.samples, bench)
                if task.samples == work.samples:
                    rect = self._grid.rect(task.bucket)
                    out = buckets[task.bucket][task.rect.y0 - rect.y0 : task.rect.y1 - rect.y0]
                    resolve(tally, self._columns, bench, out)
                    tally = None
                whole = work.put(task, tally)
            if whole is not None:
                resolve(whole, self._columns, bench, buckets[task.bucket])

        self._share_out(work, carry_out, lambda share: progress(share * unit.size / asked.size))
        done: list[NDArray[np.float32]] = []
        while len(done) < unit.size and work.done(unit.start + len(done)):
            done.append(buckets[unit.start + len(done)])
        covered = Unit(unit.frame, unit.start, unit.start + len(done))
        if not done:
            return covered, b""
        layers = self._settings.layers
        notes = Notes(shot.facts, seen_names(shot.names, layers, done))
        return covered, encode(Payload(covered, self._grid, tuple(done), layers, notes))

    def _that_fits(self, unit: Unit) -> Unit:
        """As much of a unit as is rendered at once, a bucket at least."""
        side = self._settings.bucket
        most = max(1, _MOST_BYTES // (4 * side * side * len(self._columns)))
        return Unit(unit.frame, unit.start, min(unit.stop, unit.start + most))

    def render_samples(
        self, unit: Unit, samples: SampleRange, progress: Callable[[float], None], limit: Callable[[], int]
    ) -> bytes:
        """The encoded sums of some samples of a unit of one bucket, for the node that renders the others; no
        bytes where it was given up."""
        shot = self.shot(unit.frame)
        work = Work(unit, self._settings, samples, limit, tuple)
        found: list[Tally] = []

        def carry_out(task: Task | Merge, bench: Bench) -> None:
            assert isinstance(task, Task)
            whole = work.put(task, self._sum(shot, task.rect, task.samples, bench))
            if whole is not None:
                found.append(whole)

        self._share_out(work, carry_out, progress)
        if not found:
            return b""
        return encode_sums(self._part(unit.frame, unit.start, samples), found[0].sums, found[0].first)

    def _share_out(
        self,
        work: Work,
        carry_out: Callable[[Task | Merge, Bench], None],
        progress: Callable[[float], None],
    ) -> None:
        """Has all threads work until nothing is left."""
        told: SimpleQueue[bool] = SimpleQueue()

        def work_on() -> None:
            bench = self._benches.get()
            try:
                while (task := work.take()) is not None:
                    carry_out(task, bench)
                    told.put(True)
            finally:
                self._benches.put(bench)
                told.put(False)

        threads = [self._pool.submit(work_on) for _ in range(self._threads)]
        ended = 0
        while ended < len(threads):
            if told.get():
                progress(work.progress)
            else:
                ended += 1
        for thread in threads:
            thread.result()

    def _black(self, rect: Rect) -> NDArray[np.float32]:
        return np.zeros((rect.height, rect.width, len(self._columns)), np.float32)

    def _sum(self, shot: Shot, rect: Rect, samples: SampleRange, bench: Bench) -> Tally:
        """What those blocks of samples come to that begin within `samples`."""
        tally = make_tally(rect.width * rect.height, self._columns)
        for moment, world in shot.worlds:
            start, stop = blocks_within(moment, samples)
            if start < stop:
                add_samples(*world, rect.x0, rect.y0, rect.x1, rect.y1, start, stop, tally, bench, None)
        return tally

    def _part(self, frame: int, bucket: int, samples: SampleRange) -> Part:
        return Part(frame, bucket, self._grid, self._settings.layers, samples)

    def _read_true(self, shot: Shot, said: Merge, bench: Bench, warn: Callable[[str], None]) -> Tally | None:
        """The sums that another node says are those of some samples, where they are: some pixels of them are
        rendered again, and nobody can foresee which."""
        rect = self._grid.rect(said.bucket)
        part = self._part(shot.frame, said.bucket, said.samples)
        like = self._sum(shot, Rect(rect.x0, rect.y0, rect.x0 + 1, rect.y0 + 1), said.samples, bench)
        try:
            sums, first = decode_sums(Path(said.source).read_bytes(), part, like.sums.shape[1])
        except (BadPixels, OSError) as error:
            warn(f"samples of another node cannot be read: {error}")
            return None
        pixels = rect.width * rect.height
        for pixel in SystemRandom().sample(range(pixels), min(pixels, _LOOKED_AT)):
            x, y = rect.x0 + pixel % rect.width, rect.y0 + pixel // rect.width
            mine = self._sum(shot, Rect(x, y, x + 1, y + 1), said.samples, bench)
            if not np.array_equal(mine.sums[0], sums[pixel]) or not np.array_equal(
                mine.first[0], first[pixel]
            ):
                warn(
                    f"samples of bucket {said.bucket} of frame {shot.frame} that another node rendered are false"
                )
                return None
        taken = np.tile(like.taken, (pixels, 1))
        return make_tally(pixels, self._columns)._replace(sums=sums, first=first, taken=taken)

    def close(self) -> None:
        self._pool.shutdown(wait=True)


def blocks_within(moment: Moment, samples: SampleRange) -> tuple[int, int]:
    """The samples of a moment's blocks that begin within `samples`, from one to before another."""

    def edge(sample: int) -> int:
        blocks = -(-(max(sample, moment.start) - moment.start) // BLOCK)
        return min(moment.start + blocks * BLOCK, moment.stop)

    return edge(samples.start), edge(samples.stop)
