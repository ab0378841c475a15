"""Carries out Render effects: unpack the scene, have the engine render, store the pixels, tell the machines."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import trio

from mesh.blocks.errors import BlockAbsent, BlockCorrupt, DiskFull
from mesh.engines.host import CANCEL_SECONDS, STOP_SECONDS, EngineHost
from mesh.engines.news import (
    EngineDone,
    EngineFailed,
    EngineNews,
    EnginePreparing,
    EngineProgress,
    EngineWarned,
)
from mesh.errors import MeshError
from mesh.model.ids import Digest, JobId
from mesh.model.status import Stage
from mesh.model.units import Unit
from mesh.node.disk import NodeDisk
from mesh.node.gathering import NotStored, Outcome
from mesh.sched.events import DiskDamaged
from mesh.wire.effects import (
    Attempt,
    MergeSamples,
    Render,
    RenderDone,
    RenderEnded,
    RenderFailed,
    RenderPreparing,
    RenderProgress,
    Shorten,
    SplitSamples,
    StopRender,
    Together,
)

logger = logging.getLogger(__name__)

_MOST_SUMS = 24 << 20
"""Bytes of the sums of a bucket whose samples may be shared out (`RenderSettings.divisible`)."""


@dataclass(slots=True)
class _Running:
    job: JobId
    unit: Unit
    scene: Digest
    limit: int
    """The unit's stop, lowered by Shorten."""
    of_frame: int
    """Buckets in a whole frame; 0 where only samples of one are rendered, which another node counts."""
    started: bool = False
    """The engine has it; before, its scene is being unpacked."""


class Rendering:
    """`answer(event)` hands an event to the node's machines; `warn(job, sentence)` reaches people;
    `rendered(buckets, of_frame)` counts; `cancelled(job)` is asked of jobs whose units are given up."""

    def __init__(
        self,
        disk: NodeDisk,
        spool: Path,
        threads: int,
        environment: dict[str, str],
        answer: Callable[[object], None],
        warn: Callable[[JobId, str], None],
        rendered: Callable[[int, int], None],
        cancelled: Callable[[JobId], bool],
    ) -> None:
        self._disk = disk
        self._scenes, self._pixels = spool / "scenes", spool / "pixels"
        self._answer = answer
        self._warn = warn
        self._rendered = rendered
        self._cancelled = cancelled
        self._running: dict[Attempt, _Running] = {}
        self._unpacking: dict[Digest, trio.Lock] = {}
        self._unpacked: dict[Digest, Path] = {}
        self._nursery: trio.Nursery | None = None
        self.host = EngineHost(self._pixels, threads, self._hear_all, environment)

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled. Whatever an earlier life left in the spool is removed first."""
        for folder in (self._scenes, self._pixels):
            await trio.to_thread.run_sync(shutil.rmtree, folder, True)
            folder.mkdir(parents=True)
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self.host.run)
            task_status.started()

    def render(self, effect: Render) -> None:
        manifest, unit = effect.manifest, effect.unit
        counts = 0 if effect.samples else manifest.grid.count
        running = _Running(effect.job, unit, manifest.scene_root, unit.stop, counts)
        self._running[effect.attempt] = running
        folder = self._unpacked.get(running.scene)
        if folder is None:
            self._start(self._render_when_unpacked, effect, running)
        else:
            self._render(effect, running, folder)

    @property
    def stage(self) -> Stage:
        """What this node is at before the first pixels of its work."""
        if any(not running.started for running in self._running.values()):
            return Stage.OPENING
        return self.host.stage

    def stop(self, effect: StopRender) -> None:
        running = self._running.pop(effect.attempt, None)
        if running is not None and running.started:
            # Whoever gives up one unit of a job may well want the next, of the scene that is open.
            self.host.stop(effect.attempt, CANCEL_SECONDS if self._cancelled(effect.job) else STOP_SECONDS)

    def shorten(self, effect: Shorten) -> None:
        running = self._running.get(effect.attempt)
        if running is not None:
            running.limit = min(running.limit, effect.stop)
            if running.started:
                self.host.shorten(effect.attempt, effect.stop)

    def split(self, effect: SplitSamples) -> None:
        self.host.split(effect.attempt, effect.bucket, effect.sample)

    def merge(self, effect: MergeSamples) -> None:
        self._start(self._merge, effect)

    async def _merge(self, effect: MergeSamples) -> None:
        first = effect.samples.start
        source = self._pixels / f"{os.getpid()}-{effect.attempt}-{effect.bucket}-{first}.samples"
        try:
            await self._disk.get_file(effect.sums, source, _MOST_SUMS)
        except (MeshError, OSError) as error:
            # The engine renders them itself then.
            logger.warning("samples that another node rendered cannot be read: %s", error)
            _remove(source)
        else:
            self.host.merge(effect.attempt, effect.bucket, effect.samples, source)

    def keep_scenes(self, needed: set[Digest]) -> None:
        """Remove the unpacked files of all other scenes."""
        for root in [root for root in self._unpacking if root not in needed]:
            del self._unpacking[root]
            self._unpacked.pop(root, None)
            folder = self._folder(root)
            self._start(trio.to_thread.run_sync, shutil.rmtree, folder, True)

    def _folder(self, root: Digest) -> Path:
        return self._scenes / root.hex()

    def _start(self, task: Callable[..., object], *args: object) -> None:
        assert self._nursery is not None
        self._nursery.start_soon(task, *args)  # type: ignore[arg-type]

    async def _render_when_unpacked(self, effect: Render, running: _Running) -> None:
        folder = self._folder(running.scene)
        try:
            async with self._unpacking.setdefault(running.scene, trio.Lock()):
                await self._disk.materialise(running.scene, folder)
        except MeshError as error:
            gone = isinstance(error, BlockAbsent | BlockCorrupt)
            if self._running.pop(effect.attempt, None) is not None:
                failed = RenderFailed(running.job, running.unit, effect.attempt, str(error), scene_gone=gone)
                self._answer(failed)
            if gone:
                self._answer(DiskDamaged())
            return
        if running.scene in self._unpacking:
            self._unpacked[running.scene] = folder
        self._answer(RenderPreparing(running.job, running.unit, effect.attempt))
        self._render(effect, running, folder)

    def _render(self, effect: Render, running: _Running, folder: Path) -> None:
        if self._running.get(effect.attempt) is running:
            running.started = True
            self.host.render(effect.attempt, effect.manifest, effect.unit, folder, effect.samples)
            if running.limit < effect.unit.stop:
                self.host.shorten(effect.attempt, running.limit)

    def _hear_all(self, news: Sequence[EngineNews]) -> None:
        events = [event for each in news if (event := self._hear(each)) is not None]
        if events:
            self._answer(Together(tuple(events)))

    def _hear(self, news: EngineNews) -> RenderProgress | RenderPreparing | RenderEnded | None:
        """What to tell the machines at once."""
        running = self._running.get(news.attempt)
        if running is None:
            if isinstance(news, EngineDone) and isinstance(news.payload, Path):
                _remove(news.payload)
            return None
        match news:
            case EngineProgress(attempt=attempt, fraction=fraction):
                return RenderProgress(running.job, running.unit, attempt, fraction)
            case EnginePreparing(attempt=attempt):
                return RenderPreparing(running.job, running.unit, attempt)
            case EngineWarned(sentence=sentence):
                self._warn(running.job, sentence)
            case EngineDone(payload=bytes(payload)):
                self._disk.gathering.put(running.job, payload, partial(self._stored, news, running))
                return RenderEnded(running.job, news.unit, news.attempt, len(payload), news.seconds)
            case EngineDone(payload=Path() as payload):
                self._start(self._store, news, payload, running)
                return RenderEnded(running.job, news.unit, news.attempt, _size_of(payload), news.seconds)
            case EngineFailed():
                self._start(self._report, news, running)
        return None

    def _stored(self, news: EngineDone, running: _Running, outcome: Outcome) -> RenderDone | RenderFailed:
        """What became of a short payload, for the machines; those whose unit was given up ignore it."""
        self._running.pop(news.attempt, None)
        if isinstance(outcome, NotStored):
            reason = f"its pixels could not be stored: {outcome.reason}"
            return RenderFailed(running.job, running.unit, news.attempt, reason)
        assert isinstance(news.payload, bytes)
        self._count(news, running)
        size = len(news.payload)
        return RenderDone(
            running.job, news.unit, news.attempt, outcome.root, size, news.seconds, outcome.block
        )

    def _count(self, news: EngineDone, running: _Running) -> None:
        if running.of_frame:
            self._rendered(news.unit.size, running.of_frame)

    async def _store(self, news: EngineDone, payload: Path, running: _Running) -> None:
        try:
            pixels, size = await self._disk.put_file(payload)
        except (DiskFull, OSError) as error:
            answer: RenderDone | RenderFailed = RenderFailed(
                running.job, running.unit, news.attempt, f"its pixels could not be stored: {error}"
            )
        else:
            answer = RenderDone(running.job, news.unit, news.attempt, pixels, size, news.seconds)
            self._count(news, running)
        finally:
            _remove(payload)
        if self._running.pop(news.attempt, None) is not None:
            self._answer(answer)

    async def _report(self, news: EngineFailed, running: _Running) -> None:
        log: Digest | None = None
        if news.log:
            with_log = _once(news.log.encode())
            try:
                log, _ = await self._disk.put_stream(with_log)
            except DiskFull:
                # The failure itself matters more than its log.
                log = None
        if self._running.pop(news.attempt, None) is not None:
            self._answer(
                RenderFailed(
                    running.job,
                    running.unit,
                    news.attempt,
                    news.reason,
                    log,
                    news.retryable,
                    scene_needs=news.scene_needs,
                    unit_needs=news.unit_needs,
                )
            )


def _size_of(payload: Path) -> int:
    try:
        return payload.stat().st_size
    except OSError:
        return 0  # storing it will say what is wrong


def _remove(payload: Path) -> None:
    payload.unlink(missing_ok=True)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
