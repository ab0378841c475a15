"""Engine hosts for tests, and what they tell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import trio

from mesh.engines.adapter import KERNEL_CACHE
from mesh.engines.host import EngineHost
from mesh.engines.news import EngineNews, EnginePreparing, EngineProgress
from mesh.model.ids import Digest
from mesh.model.manifest import EngineName, Manifest, RenderSettings


def sleeping_job(milliseconds: int = 8, seed: int = 0) -> Manifest:
    """A job of 8 buckets a frame that takes `milliseconds` a frame."""
    return Manifest(
        name="nap",
        submitter="tester@here",
        submitted_ms=0,
        scene_root=Digest(bytes(32)),
        entry="none",
        frames=(1, 2, 3),
        engine=EngineName.SLEEP,
        engine_build="sleep-1",
        settings=RenderSettings(width=64, height=32, bucket=16, samples=milliseconds, seed=seed),
    )


class Listener:
    """Collects what the host tells, and lets a test wait for the next answer. Neither progress is one, nor that a
    scene is still being opened, which is told or not by how busy the machine is."""

    def __init__(self) -> None:
        self.progress: list[EngineProgress] = []
        self._answers, self._queue = trio.open_memory_channel[EngineNews](100)

    def __call__(self, news: Sequence[EngineNews]) -> None:
        for each in news:
            if isinstance(each, EngineProgress):
                self.progress.append(each)
            elif not isinstance(each, EnginePreparing):
                self._answers.send_nowait(each)

    async def next(self) -> EngineNews:
        with trio.fail_after(20):
            return await self._queue.receive()


def with_host(tmp_path: Path, body: Callable[[EngineHost, Listener], Awaitable[None]]) -> None:
    async def main() -> None:
        listener = Listener()
        host = EngineHost(tmp_path / "spool", 1, listener, {KERNEL_CACHE: str(tmp_path / "kernels")})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(host.run)
            await body(host, listener)
            nursery.cancel_scope.cancel()
        assert host.pid is None

    trio.run(main)
