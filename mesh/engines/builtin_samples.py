"""What is left to render of a unit: which samples a thread takes next, and which another node has rendered.

Buckets are rendered one after the other, the samples of each in passes over all of its rows: so the last samples
of a bucket are untouched for long, and another node can render them meanwhile. Nothing is given away for good.
Where a range is rendered elsewhere as well its sums are kept apart, and threads go on into it when they come
there; whichever sums are complete first count. Sums have no order, so it cannot show who was first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from mesh.engines.protocol import Merge, Split
from mesh.model.manifest import RenderSettings
from mesh.model.units import Grid, Rect, SampleRange, Unit
from mesh.render.film import BLOCK
from mesh.render.tally import Tally

_STRIP_SAMPLES = 32768
"""About how many samples a thread takes at a time: some tens of milliseconds."""
_PASSES = 32
"""In so many parts a bucket's samples are rendered at most, where they may be shared out."""
_PASS_SAMPLES = 64
"""And in parts that are no smaller, but for halves: coming back to a pixel whose surroundings have left the processor's
caches costs as much as a sample or two."""


@dataclass(slots=True)
class Stretch:
    """Consecutive samples of one bucket that are summed by themselves."""

    start: int
    stop: int
    at: int
    """All before this one have been handed out; of the pass that begins here, those of the rows before `row`."""
    row: int = 0
    out: int = 0
    """Tasks that threads are at."""
    sums: Tally | None = None
    given: bool = False
    """Another node's sums are here instead."""

    @property
    def complete(self) -> bool:
        return self.given or (self.at >= self.stop and not self.out)


@dataclass(frozen=True, slots=True)
class Task:
    """Some samples of some rows of one bucket, for one thread."""

    bucket: int
    rect: Rect
    samples: SampleRange
    stretch: Stretch


@dataclass(slots=True)
class Work:
    """Of `samples` of a unit's buckets. Any thread may call anything.

    Buckets from `limit()` on are left out. `shared()` is all that was said so far of samples rendered elsewhere.
    """

    unit: Unit
    settings: RenderSettings
    samples: SampleRange
    limit: Callable[[], int]
    shared: Callable[[], Sequence[Split | Merge]]
    _grid: Grid = field(init=False)
    _step: int = field(init=False)
    _stretches: dict[int, list[Stretch]] = field(init=False)
    _lock: Lock = field(default_factory=Lock)
    _bucket: int = field(init=False)
    """All tasks of those before it have been handed out."""
    _heard: int = 0
    _rendered: int = 0
    """Samples, of all pixels."""
    _total: int = field(init=False)

    def __post_init__(self) -> None:
        settings, samples = self.settings, self.samples
        self._grid = Grid(settings.width, settings.height, settings.bucket)
        count = settings.samples
        step = max(-(-count // _PASSES), min(_PASS_SAMPLES, -(-count // 2)))
        self._step = -(-step // BLOCK) * BLOCK if settings.divisible else count
        buckets = range(self.unit.start, self.unit.stop)
        self._stretches = {index: [Stretch(samples.start, samples.stop, samples.start)] for index in buckets}
        self._bucket = self.unit.start
        pixels = sum(rect.width * rect.height for rect in map(self._grid.rect, buckets))
        self._total = pixels * (samples.stop - samples.start)

    @property
    def progress(self) -> float:
        """The share of the samples that was rendered here."""
        return self._rendered / self._total

    def done(self, bucket: int) -> bool:
        """Whether all of it is rendered, here or elsewhere."""
        return all(stretch.complete for stretch in self._stretches[bucket])

    def take(self) -> Task | Merge | None:
        """What a thread is to do next: render a task and `put` it back, or look at what another node rendered
        and `merge` it. None where nothing is left."""
        with self._lock:
            merge = self._listen()
            if merge is not None:
                return merge
            for bucket in range(self._bucket, min(self.unit.stop, self.limit())):
                for stretch in self._stretches[bucket]:
                    if not stretch.given and stretch.at < stretch.stop:
                        return self._cut(bucket, stretch)
                self._bucket = bucket + 1
            return None

    def put(self, task: Task, tally: Tally | None) -> Tally | None:
        """A task is rendered. Its sums are given back when they are those of the whole bucket; without any, its
        pixels are resolved already."""
        rect, stretch = task.rect, task.stretch
        with self._lock:
            stretch.out -= 1
            self._rendered += rect.width * rect.height * (task.samples.stop - task.samples.start)
            if tally is None or stretch.given:
                return None
            whole = self._grid.rect(task.bucket)
            if stretch.sums is None:
                stretch.sums = _no_sums(whole.width * whole.height, tally)
            first = (rect.y0 - whole.y0) * whole.width
            _add(stretch.sums, tally, slice(first, first + rect.width * rect.height))
            return self._whole(task.bucket)

    def merge(self, of: Merge, tally: Tally) -> Tally | None:
        """Another node's sums are true. Gives back what `put` does."""
        with self._lock:
            span = self._span(of)
            if span is None:
                return None
            stretches = self._stretches[of.bucket]
            for stretch in stretches[span]:
                stretch.given, stretch.sums = True, None
            stop = of.samples.stop
            stretches[span] = [Stretch(of.samples.start, stop, stop, sums=tally, given=True)]
            return self._whole(of.bucket)

    # --- with the lock held -------------------------------------------------------------------------

    def _listen(self) -> Merge | None:
        """Cuts where others render as well; returns what they have rendered, one at a time."""
        shared = self.shared()
        while self._heard < len(shared):
            said = shared[self._heard]
            self._heard += 1
            if isinstance(said, Split):
                self._split(said.bucket, said.sample)
            elif self._span(said) is not None:
                return said
        return None

    def _cut(self, bucket: int, stretch: Stretch) -> Task:
        rect = self._grid.rect(bucket)
        stop = min(stretch.at + self._step, stretch.stop)
        rows = max(1, _STRIP_SAMPLES // (rect.width * (stop - stretch.at)))
        y0 = rect.y0 + stretch.row
        y1 = min(y0 + rows, rect.y1)
        task = Task(bucket, Rect(rect.x0, y0, rect.x1, y1), SampleRange(stretch.at, stop), stretch)
        stretch.out += 1
        stretch.row = y1 - rect.y0
        if y1 == rect.y1:
            stretch.at, stretch.row = stop, 0
        return task

    def _split(self, bucket: int, sample: int) -> None:
        """Sums what comes from `sample` on apart, unless a thread is there already."""
        stretches = self._stretches.get(bucket, []) if self.settings.divisible else []
        for index, stretch in enumerate(stretches):
            begun = stretch.at + (self._step if stretch.row else 0)
            if max(stretch.start + 1, begun) <= sample < stretch.stop and not stretch.given:
                stretches.insert(index + 1, Stretch(sample, stretch.stop, sample))
                stretch.stop = sample
                return

    def _span(self, of: Merge) -> slice | None:
        """The stretches of a bucket that is not done which together are what `of` says."""
        stretches = self._stretches.get(of.bucket, [])
        starts = [stretch.start for stretch in stretches]
        stops = [stretch.stop for stretch in stretches]
        if of.samples.start not in starts or of.samples.stop not in stops:
            return None
        span = slice(starts.index(of.samples.start), stops.index(of.samples.stop) + 1)
        return None if all(stretch.complete for stretch in stretches[span]) else span

    def _whole(self, bucket: int) -> Tally | None:
        """The sums of the bucket, where all of them are here: they are wanted once."""
        if not self.done(bucket):
            return None
        parts = [stretch.sums for stretch in self._stretches[bucket] if stretch.sums is not None]
        for stretch in self._stretches[bucket]:
            stretch.sums = None
        total = parts[0]
        for part in parts[1:]:
            _add(total, part, slice(None))
        return total


def _no_sums(pixels: int, like: Tally) -> Tally:
    """Of nothing yet; of no mattes either, whose frames are not shared out."""
    return Tally(
        np.zeros((pixels, like.sums.shape[1]), np.int64),
        np.zeros((pixels, 3), np.int32),
        np.zeros((pixels, 2)),
        np.full((pixels, 2), -1, np.int32),
        np.empty((pixels, 2, 0), np.float32),
        np.empty((pixels, 2, 0), np.int32),
        np.zeros((pixels, 2), np.int32),
    )


def _add(total: Tally, part: Tally, pixels: slice) -> None:
    """Adds what has no order; ids are those of the first sample, which one part alone has."""
    for name in ("sums", "taken"):
        getattr(total, name)[pixels] += getattr(part, name)
    total.first[pixels] = np.maximum(total.first[pixels], part.first)
