"""The node's end of the session protocol: one renderer process, started when work comes, outlived by none.

A crash, hang or memory overrun of the renderer costs the unit it was rendering, never the node: that is
answered with EngineFailed carrying the last lines of its log. What waited behind it goes to a fresh process.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import trio

from mesh.engines.diligence import LOOK_SECONDS, Diligence
from mesh.engines.news import (
    EngineDone,
    EngineFailed,
    EngineNews,
    EnginePreparing,
    EngineProgress,
    EngineWarned,
)
from mesh.engines.open_scenes import OpenScenes, SceneKey
from mesh.engines.protocol import (
    Compiling,
    Done,
    Failed,
    Merge,
    Open,
    Opened,
    Progress,
    Refused,
    RenderUnit,
    Reopening,
    Shorten,
    Split,
    Stop,
    Stopped,
    Warned,
)
from mesh.engines.renderer import Renderer
from mesh.model.manifest import Manifest
from mesh.model.status import Stage
from mesh.model.units import SampleRange, Unit
from mesh.wire.base import Message
from mesh.wire.codec import BadMessage
from mesh.wire.effects import Attempt

IDLE_SECONDS = 300.0
"""After this long without work the renderer's memory is given back."""

STOP_SECONDS = 5.0
"""How long a renderer may take to give a unit up before its process is ended, and the scenes it has open with it."""

CANCEL_SECONDS = 0.5
"""And how long where nobody wants anything of the job any more, and the machine is to be free for others."""

_LOOK_SECONDS = 0.1
"""Between two looks at a renderer that is to give a unit up."""


@dataclass(slots=True)
class _Task:
    """A unit asked for and not yet answered."""

    attempt: Attempt
    unit: Unit
    scene: SceneKey
    session: int
    target: Path
    limit: int
    """The unit's stop, lowered by Shorten."""
    samples: SampleRange | None
    """Only these are wanted, of its one bucket."""
    sources: list[Path] = field(default_factory=list)
    """Files that hold samples of other nodes."""
    patience: float | None = None
    """Given up: the seconds that the renderer has for letting go of it."""

    @property
    def stopping(self) -> bool:
        return self.patience is not None

    def clear_up(self) -> None:
        """Removes what only the renderer needed."""
        for source in self.sources:
            source.unlink(missing_ok=True)


class EngineHost:
    """Renders units in a child process. All methods belong to the trio thread and return at once."""

    def __init__(
        self,
        spool: Path,
        threads: int,
        tell: Callable[[Sequence[EngineNews]], None],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`tell` gets what the renderer said at one time, in order."""
        self._spool = spool
        self._tell = tell
        self._environment = {**os.environ, **(environment or {})}
        self._renderer = Renderer(self._environment)
        self._scenes = OpenScenes(threads, self._say)
        self._tasks: dict[Attempt, _Task] = {}
        self._news: list[EngineNews] = []
        self._stopped = trio.Event()
        self._opening: set[int] = set()
        """Sessions that the renderer has not answered for."""
        self._compiling = False

    @property
    def stage(self) -> Stage:
        """What the renderer is at where it has work and no pixels of it."""
        first = next(iter(self._tasks.values()), None)
        if first is None:
            return Stage.READY
        if self._compiling:
            return Stage.COMPILING
        return Stage.OPENING if first.session in self._opening else Stage.READY

    @property
    def pid(self) -> int | None:
        """Of the running renderer process."""
        return self._renderer.pid

    @property
    def log(self) -> str:
        """The end of what the running renderer process has written, of whatever units."""
        return self._renderer.log

    def render(
        self,
        attempt: Attempt,
        manifest: Manifest,
        unit: Unit,
        scene_dir: Path,
        samples: SampleRange | None = None,
    ) -> None:
        """Ask for a unit, or for some samples of a unit of one bucket. Answered by EngineDone or EngineFailed, unless `stop` comes first."""
        target = self._spool / f"{os.getpid()}-{attempt}.pixels"
        scene = self._scenes.key(scene_dir, manifest)
        self._ask(_Task(attempt, unit, scene, 0, target, unit.stop, samples))

    def _ask(self, task: _Task) -> None:
        task.session = self._scenes.session(task.scene)
        self._tasks[task.attempt] = task
        self._say(RenderUnit(task.session, task.attempt, task.unit, str(task.target), task.samples))
        if task.limit < task.unit.stop:
            self._say(Shorten(task.attempt, task.limit))

    def stop(self, attempt: Attempt, patience: float = STOP_SECONDS) -> None:
        """Give an attempt up; nothing more will be heard of it. A renderer that is at it still after `patience`
        seconds is ended."""
        task = self._tasks.get(attempt)
        if task is not None and not task.stopping:
            task.patience = patience
            self._say(Stop(attempt))
            self._stopped.set()

    def shorten(self, attempt: Attempt, stop: int) -> None:
        task = self._tasks.get(attempt)
        if task is not None:
            task.limit = min(task.limit, stop)
            self._say(Shorten(attempt, stop))

    def split(self, attempt: Attempt, bucket: int, sample: int) -> None:
        """Samples of a bucket from this one on are rendered elsewhere as well."""
        if attempt in self._tasks:
            self._say(Split(attempt, bucket, sample))

    def merge(self, attempt: Attempt, bucket: int, samples: SampleRange, source: Path) -> None:
        """Their sums are in the file `source`, which this owns from now on."""
        task = self._tasks.get(attempt)
        if task is None:
            source.unlink(missing_ok=True)
        else:
            task.sources.append(source)
            self._say(Merge(attempt, bucket, samples, str(source)))

    def _say(self, message: Message) -> None:
        if isinstance(message, Open):
            self._opening.add(message.session)
        self._renderer.say(message)

    async def run(self) -> None:
        """Serve until cancelled; the renderer process ends with it."""
        self._spool.mkdir(parents=True, exist_ok=True)
        while True:
            await self._renderer.start()
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._end_idle, nursery.cancel_scope)
                    nursery.start_soon(self._end_deaf, nursery.cancel_scope)
                    nursery.start_soon(self._look_at_it)
                    await self._renderer.serve(self._hear)
                    nursery.cancel_scope.cancel()
            finally:
                self._bury()

    async def _end_idle(self, scope: trio.CancelScope) -> None:
        """Ends a renderer that has had no work for long."""
        idle = 0.0
        while idle < IDLE_SECONDS:
            await trio.sleep(1)
            idle = 0.0 if self._tasks else idle + 1
        scope.cancel()

    async def _end_deaf(self, scope: trio.CancelScope) -> None:
        """Ends a renderer that will not let go of a unit which was given up: a kernel, a scene that is being opened and
        a compiler cannot be interrupted. Units that wait behind another are answered in their turn."""
        held: tuple[Attempt, float] | None = None
        while True:
            at = next(iter(self._tasks.values()), None)
            if at is None or at.patience is None:
                held = None
            elif held is None or held[0] != at.attempt:
                held = at.attempt, trio.current_time()
            elif trio.current_time() - held[1] >= at.patience:
                scope.cancel()
                return
            if any(task.stopping for task in self._tasks.values()):
                await trio.sleep(_LOOK_SECONDS)
            else:
                self._stopped = trio.Event()
                await self._stopped.wait()

    async def _look_at_it(self) -> None:
        """Tells that there will be pixels, as long as the renderer has none and is seen to work."""
        diligence = Diligence(trio.current_time())
        while True:
            await trio.sleep(LOOK_SECONDS)
            at = next(iter(self._tasks.values()), None)
            if at is None or self.stage is Stage.READY:
                continue
            works = diligence.look(trio.current_time(), self._renderer.worked(), self._renderer.logged)
            if works and not at.stopping:
                self._tell([EnginePreparing(at.attempt)])

    def _hear(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._answer(message)
        self._tell_news()

    def _answer(self, message: Message) -> None:
        if isinstance(message, Progress | Done | Refused):
            self._compiling = False
        match message:
            case Progress(attempt=number, fraction=fraction):
                task = self._tasks.get(Attempt(number))
                if task is not None and not task.stopping:
                    self._news.append(EngineProgress(task.attempt, fraction))
            case Done(attempt=number, unit=unit, seconds=seconds, payload=payload):
                task = self._tasks.pop(Attempt(number), None)
                if task is None:
                    return
                task.clear_up()
                if not task.stopping:
                    at = task.target if payload is None else payload
                    self._news.append(EngineDone(task.attempt, unit, at, seconds))
                elif payload is None:
                    task.target.unlink(missing_ok=True)
            case Failed(attempt=number, reason=reason, retryable=retryable, needs=needs):
                self._fail(Attempt(number), reason, retryable, unit_needs=needs)
            case Stopped(attempt=number):
                task = self._tasks.pop(Attempt(number), None)
                if task is not None:
                    task.clear_up()
            case Warned(attempt=number, sentence=sentence):
                if number in self._tasks:
                    self._news.append(EngineWarned(Attempt(number), sentence))
            case Compiling():
                self._compiling = True
            case Reopening(session=session):
                self._opening.add(session)
            case Refused(session=session, reason=reason, needs=needs):
                self._opening.discard(session)
                self._scenes.refused(session)
                for attempt in [a for a, task in self._tasks.items() if task.session == session]:
                    self._fail(attempt, reason, retryable=needs > 0, scene_needs=needs)
            case Opened(session=session, warnings=warnings):
                self._opening.discard(session)
                first = next((a for a, task in self._tasks.items() if task.session == session), None)
                if first is not None:
                    self._news.extend(EngineWarned(first, sentence) for sentence in warnings)
            case _:
                raise BadMessage(f"a renderer does not say {type(message).__name__}")

    def _fail(
        self, attempt: Attempt, reason: str, retryable: bool, *, scene_needs: int = 0, unit_needs: int = 0
    ) -> None:
        task = self._tasks.pop(attempt, None)
        if task is None:
            return
        self._opening.discard(task.session)
        task.clear_up()
        task.target.unlink(missing_ok=True)
        if not task.stopping:
            log = self._renderer.log
            self._news.append(EngineFailed(attempt, reason, log, retryable, scene_needs, unit_needs))

    def _tell_news(self) -> None:
        news, self._news = self._news, []
        if news:
            self._tell(news)

    def _bury(self) -> None:
        """The process is gone: its scenes are closed, the unit it rendered has failed, and the next process
        gets the others."""
        self._scenes.all_closed()
        self._opening.clear()
        self._compiling = False
        returncode = self._renderer.returncode
        if returncode < 0:
            how = f"was ended by {signal.Signals(-returncode).name}"
            if returncode == -signal.SIGKILL:
                how += ", as systems do when memory runs out"
        else:
            how = f"ended with status {returncode}"
        rendered = next(iter(self._tasks), None)
        if rendered is not None:
            self._fail(rendered, f"the renderer {how}", retryable=True)
        self._renderer = Renderer(self._environment)
        waiting, self._tasks = self._tasks, {}
        for task in waiting.values():
            if not task.stopping:
                self._ask(task)
        self._tell_news()
