"""Disks and engines of simulated render nodes: what Fetch, Render, Persist and their kin do.

A disk outlives its node's lives; a kill may tear off the last records written. Engines render one unit after
the other, its buckets in ascending order, and say how far they are. Those that can do so sample by sample, and
take what others rendered of a bucket as the real one does.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from mesh.model.ids import Digest, JobId
from mesh.model.units import Unit
from mesh.sched.events import Record
from mesh.wire.effects import (
    Attempt,
    BlobFailed,
    BlobReady,
    Compare,
    Compared,
    Effect,
    Fetch,
    KeepBlob,
    MergeSamples,
    Persist,
    Pin,
    Render,
    RenderDone,
    RenderEnded,
    RenderFailed,
    RenderPreparing,
    RenderProgress,
    Shorten,
    SplitSamples,
    StopRender,
    Unpin,
)
from tools.sim.host import Host
from tools.sim.pixels import HashedPictures, Pictures, is_small, samples_of
from tools.sim.rendering import Rendering
from tools.sim.simulation import Simulation

PIXEL_BYTES = 100_000
SMALL_BYTES = 100
"""Of every other unit's pixels, which travel with the request to keep them."""
PREPARING_SECONDS = 5.0
"""Between two signs of an engine that opens a scene."""
_ROUNDING = 1e-6
"""Seconds; sums of less may not move the clock at all."""
STORE_SECONDS = 0.005
"""From the end of rendering until the pixels are durable."""


@dataclass(slots=True)
class Disk:
    """What survives a kill."""

    records: dict[tuple[JobId, tuple[str, ...]], object] = field(default_factory=dict)
    blobs: dict[Digest, None] = field(default_factory=dict)
    full: bool = False


@dataclass(slots=True)
class FarmWorld:
    """`bucket_seconds` says how long one bucket takes on a host; `fails` whether a unit fails there."""

    rng: random.Random
    bucket_seconds: Callable[[int, JobId, int], float]
    """(host, job, frame) -> seconds."""
    fails: Callable[[int, Unit], str | None] = lambda _host, _unit: None
    scene_too_large: Callable[[int], int] = lambda _host: 0
    """Bytes that a scene takes at least, where a host finds out that it has fewer; 0 where it has enough."""
    opening_seconds: Callable[[int], float] = lambda _host: 0.0
    """How long an engine is at opening a scene, which it does once in a life; infinite where it hangs then."""
    lies: Callable[[int, Unit], bool] = lambda _host, _unit: False
    """Whether a host makes false pixels of a unit."""
    steps: int = 10
    """Progress reports of a unit; 0 for an engine that says nothing until it is done."""
    fetch_seconds: float = 0.005
    torn: float = 0.0
    """Probability that a kill tears off the last few records."""
    rendered: float = 0
    """Buckets, whether they were needed or not."""
    lies_in_samples: Callable[[int], bool] = lambda _host: False
    """Whether a host makes false sums of samples for others."""
    blind: bool = False
    """What is false of others' samples passes the engines' look at some of their pixels."""
    pictures: Pictures = field(default_factory=HashedPictures)
    merged: int = 0
    """Ranges of samples that engines took from others."""
    started: list[tuple[float, int, Unit]] = field(default_factory=list)
    disks: dict[int, Disk] = field(default_factory=dict)
    busy: dict[int, float] = field(default_factory=dict)
    """Seconds each host has spent rendering."""
    spent: dict[JobId, float] = field(default_factory=dict)
    """Seconds all hosts have spent on each job."""
    _opened: dict[tuple[int, int, Digest], float] = field(default_factory=dict)
    """(host, life, scene) -> when it is open."""
    _engines: dict[int, dict[Attempt, Rendering]] = field(default_factory=dict)
    """What each host's engine has, in its order; it renders the first."""
    _written: dict[int, list[tuple[JobId, tuple[str, ...]]]] = field(default_factory=dict)

    def disk(self, host: Host) -> Disk:
        return self.disks.setdefault(host.place.index, Disk())

    def records(self, host: Host) -> tuple[Record, ...]:
        """What a new life of `host` is given back, in key order."""
        found = sorted(self.disk(host).records.items(), key=lambda item: item[0])
        return tuple(Record(job, key, record) for (job, key), record in found)

    def booted(self, simulation: Simulation, host: Host) -> None:
        pass

    def killed(self, simulation: Simulation, host: Host) -> None:  # noqa: ARG002  # the World's signature
        index = host.place.index
        self._engines.pop(index, None)
        if self.torn and self.rng.random() < self.torn:
            for written in self._written.get(index, [])[-self.rng.randrange(1, 6) :]:
                self.disk(host).records.pop(written, None)

    def perform(self, simulation: Simulation, host: Host, effect: Effect) -> None:
        disk = self.disk(host)
        match effect:
            case Fetch():
                self._fetch(simulation, host, effect)
            case KeepBlob(_, root):
                if disk.full:
                    simulation.deliver(host, BlobFailed(root, "the disk is full"), STORE_SECONDS)
                else:
                    disk.blobs[root] = None
                    simulation.deliver(host, BlobReady(root), STORE_SECONDS)
            case Render():
                self._render(simulation, host, effect)
            case Shorten(_, unit, attempt, stop):
                rendering = self._engine(host).get(attempt)
                if rendering is not None:
                    begun = -(-rendering.done // rendering.ticks)
                    rendering.stop = min(rendering.stop, max(stop, unit.start + begun))
            case SplitSamples() | MergeSamples():
                self._share(host, effect)
            case StopRender():
                self._leave(simulation, host, effect.attempt)
            case Persist():
                self._persist(host, effect)
            case Compare():
                equal = self.pictures.alike(effect)
                found = Compared(effect.job, effect.renderer, effect.pixels, effect.piece, equal)
                simulation.deliver(host, found)
            case Pin() | Unpin():
                pass
            case _:
                raise TypeError(f"{effect} is not of this world")

    # --- disks --------------------------------------------------------------------------------------

    def _persist(self, host: Host, effect: Persist) -> None:
        records = self.disk(host).records
        if not effect.key:
            for key in [key for key in records if key[0] == effect.job]:
                del records[key]
        elif effect.record is None:
            records.pop((effect.job, effect.key), None)
        else:
            records[effect.job, effect.key] = effect.record
            if self.torn:
                self._written.setdefault(host.place.index, []).append((effect.job, effect.key))

    def _fetch(self, simulation: Simulation, host: Host, effect: Fetch) -> None:
        disk = self.disk(host)
        if effect.root in disk.blobs:
            simulation.deliver(host, BlobReady(effect.root))
            return
        life = host.life

        def arrive() -> None:
            if host.life != life or not host.running:
                return
            source = self._source(simulation, host, effect)
            if disk.full:
                simulation.deliver(host, BlobFailed(effect.root, "the disk is full"))
            elif source:
                disk.blobs[effect.root] = None
                simulation.deliver(host, BlobReady(effect.root))
            else:
                simulation.deliver(host, BlobFailed(effect.root, "nobody has it"))

        simulation.at(simulation.now + self.fetch_seconds, arrive)

    def _source(self, simulation: Simulation, host: Host, effect: Fetch) -> bool:
        """Whether a live holder can be reached that has it."""
        for node in effect.holders:
            other = simulation.host_of(node)
            reachable = simulation.network.connectable(host.place.index, other.place.index)
            if other.running and reachable and effect.root in self.disk(other).blobs:
                return True
        return False

    @property
    def rendering(self) -> list[int]:
        """The hosts whose engines have something to render."""
        return [index for index, engine in self._engines.items() if engine]

    # --- engines ------------------------------------------------------------------------------------

    def _engine(self, host: Host) -> dict[Attempt, Rendering]:
        return self._engines.setdefault(host.place.index, {})

    def _render(self, simulation: Simulation, host: Host, effect: Render) -> None:
        here = self.disk(host).blobs
        assert effect.manifest.scene_root in here, f"{host.place.index} was to render without the scene"
        engine = self._engine(host)
        engine[effect.attempt] = rendering = Rendering.of(effect, simulation.now)
        if len(engine) == 1:
            self._begin(simulation, host, rendering)

    def _leave(self, simulation: Simulation, host: Host, attempt: Attempt) -> None:
        """One unit less; if it was the one being rendered, the next is begun."""
        engine = self._engine(host)
        was_first = bool(engine) and next(iter(engine)) == attempt
        if engine.pop(attempt, None) is not None and was_first and engine:
            self._begin(simulation, host, next(iter(engine.values())))

    def _begin(self, simulation: Simulation, host: Host, rendering: Rendering) -> None:
        effect = rendering.effect
        self.started.append((simulation.now, host.place.index, effect.unit))
        rendering.began = simulation.now
        reason = self.fails(host.place.index, effect.unit)
        needs = self.scene_too_large(host.place.index)
        if needs:
            reason = "the scene does not fit into memory"
        if reason is not None:
            failed = RenderFailed(effect.job, effect.unit, effect.attempt, reason, scene_needs=needs)
            self._after(
                simulation, host, rendering, 0.05, lambda: self._end(simulation, host, rendering, failed)
            )
            return
        self._open(simulation, host, rendering)

    def _open(self, simulation: Simulation, host: Host, rendering: Rendering) -> None:
        """Renders, once the scene is open; says until then that it works, unless it hangs."""
        effect = rendering.effect
        seconds = self.opening_seconds(host.place.index)
        scene = (host.place.index, host.life, effect.manifest.scene_root)
        left = self._opened.setdefault(scene, simulation.now + seconds) - simulation.now
        if left == math.inf:
            return
        if left < _ROUNDING:
            self._go_on(simulation, host, rendering)
            return

        def look() -> None:
            simulation.deliver(host, RenderPreparing(effect.job, effect.unit, effect.attempt))
            self._open(simulation, host, rendering)

        self._after(simulation, host, rendering, min(left, PREPARING_SECONDS), look)

    def _go_on(self, simulation: Simulation, host: Host, rendering: Rendering) -> None:
        """Renders the next few buckets, or samples."""
        effect = rendering.effect
        unit = effect.unit
        chunk = max(1, rendering.total // self.steps) if self.steps else rendering.total
        count = min(chunk, rendering.left, rendering.until_cut())
        rendering.begun = count
        pace = self.bucket_seconds(host.place.index, effect.job, unit.frame)
        seconds = count / rendering.ticks * pace

        def step() -> None:
            now_count = min(count, rendering.left)
            rendering.advance(now_count)
            self.rendered += now_count / rendering.ticks
            self.busy[host.place.index] = self.busy.get(host.place.index, 0.0) + seconds
            self.spent[effect.job] = self.spent.get(effect.job, 0.0) + seconds
            if rendering.left <= 0:
                self._finish(simulation, host, rendering)
                return
            fraction = rendering.done / rendering.total
            simulation.deliver(host, RenderProgress(effect.job, unit, effect.attempt, fraction))
            self._go_on(simulation, host, rendering)

        self._after(simulation, host, rendering, seconds, step)

    def _finish(self, simulation: Simulation, host: Host, rendering: Rendering) -> None:
        effect = rendering.effect
        whole = -(-rendering.done // rendering.ticks)
        unit = Unit(effect.unit.frame, effect.unit.start, effect.unit.start + whole)
        if self.disk(host).full:
            failed = RenderFailed(effect.job, unit, effect.attempt, "the disk is full")
            self._end(simulation, host, rendering, failed)
            return
        index = host.place.index
        lies = self.lies(index, unit) or (effect.samples is not None and self.lies_in_samples(index))
        pixels = self.pictures.render(effect, unit, false=lies or rendering.spoilt)
        size, block = (SMALL_BYTES, b"root") if is_small(pixels) else (PIXEL_BYTES, b"")
        simulation.deliver(host, RenderEnded(effect.job, unit, effect.attempt, size))
        self.disk(host).blobs[pixels] = None
        seconds = simulation.now - rendering.began
        done = RenderDone(effect.job, unit, effect.attempt, pixels, size, seconds, block)
        self._leave(simulation, host, effect.attempt)
        simulation.deliver(host, done, STORE_SECONDS)

    def _share(self, host: Host, effect: SplitSamples | MergeSamples) -> None:
        """What others render as well, or have rendered, where that does not come too late and is true."""
        rendering = self._engine(host).get(effect.attempt)
        if rendering is None:
            return
        job, unit = rendering.effect.job, rendering.effect.unit
        first = (effect.bucket - unit.start) * rendering.ticks
        if isinstance(effect, SplitSamples):
            rendering.split(first + effect.sample)
            return
        bucket = Unit(unit.frame, effect.bucket, effect.bucket + 1)
        true = effect.sums == samples_of(job, bucket, effect.samples)
        if (true or self.blind) and effect.sums in self.disk(host).blobs:
            fits = rendering.merge(first + effect.samples.start, first + effect.samples.stop)
            self.merged += fits
            rendering.spoilt |= fits and not true

    def _end(self, simulation: Simulation, host: Host, rendering: Rendering, event: object) -> None:
        self._leave(simulation, host, rendering.effect.attempt)
        simulation.deliver(host, event)

    def _after(
        self,
        simulation: Simulation,
        host: Host,
        rendering: Rendering,
        seconds: float,
        action: Callable[[], None],
    ) -> None:
        """Does it if the rendering is still wanted then, and waits while its host is stopped."""
        attempt = rendering.effect.attempt

        def later() -> None:
            if self._engine(host).get(attempt) is not rendering:
                return
            if host.paused:
                simulation.at(simulation.now + 0.5, later)
            else:
                action()

        simulation.at(simulation.now + seconds, later)
