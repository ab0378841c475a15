"""The node's end of the session protocol: one renderer process, started when work comes, outlived by none.

A crash, hang or memory overrun of the renderer costs the unit it was rendering, never the node: that is
answered with EngineFailed carrying the last lines of its log. What waited behind it goes to a fresh process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import trio

from mesh.engines.protocol import (
    Close,
    Done,
    Failed,
    Merge,
    Open,
    Opened,
    Progress,
    Refused,
    RenderUnit,
    Shorten,
    Split,
    Stop,
    Stopped,
    Unframer,
    Warned,
    frame,
)
from mesh.model.manifest import Manifest
from mesh.model.units import SampleRange, Unit
from mesh.wire.base import Message
from mesh.wire.codec import BadMessage
from mesh.wire.effects import Attempt

OPEN_SCENES = 2
"""Scenes the renderer keeps open at once, so that two jobs taking turns do not reload theirs each time."""

IDLE_SECONDS = 300.0
"""After this long without work the renderer's memory is given back."""

STOP_SECONDS = 5.0
"""How long a renderer may take to give a unit up before its process is ended, and the scenes it has open with it."""

CANCEL_SECONDS = 0.5
"""And how long where nobody wants anything of the job any more, and the machine is to be free for others."""

_LOOK_SECONDS = 0.1
"""Between two looks at a renderer that is to give a unit up."""

LOG_BYTES = 32 << 10
_READ = 1 << 16


@dataclass(frozen=True, slots=True)
class EngineProgress:
    attempt: Attempt
    fraction: float


@dataclass(frozen=True, slots=True)
class EngineDone:
    """`payload` is that of `unit`: where it is short, its bytes, else a file, which whoever gets this owns."""

    attempt: Attempt
    unit: Unit
    payload: Path | bytes
    seconds: float


@dataclass(frozen=True, slots=True)
class EngineFailed:
    attempt: Attempt
    reason: str
    log: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class EngineWarned:
    """Something people should know about the scene, said once per opening of it, or about a unit."""

    attempt: Attempt
    sentence: str


EngineNews = EngineProgress | EngineDone | EngineFailed | EngineWarned


@dataclass(slots=True)
class _Task:
    """A unit asked for and not yet answered."""

    attempt: Attempt
    unit: Unit
    scene: _SceneKey
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


@dataclass(frozen=True, slots=True)
class _SceneKey:
    """What must be equal for two units to share one open scene."""

    scene_dir: Path
    manifest: Manifest


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
        self._threads = threads
        self._tell = tell
        self._environment = {**os.environ, **(environment or {})}
        self._tasks: dict[Attempt, _Task] = {}
        self._sessions: dict[_SceneKey, int] = {}
        self._latest: tuple[_SceneKey, int] | None = None
        self._news: list[EngineNews] = []
        self._next_session = 1
        self._outgoing: deque[bytes] = deque()
        self._wake = trio.Event()
        self._stopped = trio.Event()
        self._log = bytearray()
        self._process: trio.Process | None = None

    @property
    def pid(self) -> int | None:
        """Of the running renderer process."""
        return None if self._process is None else self._process.pid

    def render(
        self,
        attempt: Attempt,
        manifest: Manifest,
        unit: Unit,
        scene_dir: Path,
        samples: SampleRange | None = None,
    ) -> None:
        """Ask for a unit, or for some samples of a unit of one bucket. Answered by EngineDone or EngineFailed, unless `stop` comes first."""
        latest = self._latest
        if latest is not None and latest[0].manifest is manifest and latest[0].scene_dir == scene_dir:
            scene = latest[0]
        else:
            scene = _SceneKey(scene_dir, manifest)
        target = self._spool / f"{os.getpid()}-{attempt}.pixels"
        self._ask(_Task(attempt, unit, scene, 0, target, unit.stop, samples))

    def _ask(self, task: _Task) -> None:
        task.session = self._session(task.scene)
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

    def _session(self, key: _SceneKey) -> int:
        """The open session for `key`, newest last; opens it, and closes the oldest, where need be."""
        # A key holds all frames of a job: hashing it for each unit would take long.
        if self._latest is not None and self._latest[0] is key:
            return self._latest[1]
        session = self._sessions.pop(key, None)
        if session is None:
            session = self._next_session
            self._next_session += 1
            manifest = key.manifest
            if len(self._sessions) >= OPEN_SCENES:
                self._say(Close(self._sessions.pop(next(iter(self._sessions)))))
            self._say(
                Open(
                    session,
                    manifest.engine,
                    str(key.scene_dir),
                    manifest.entry,
                    manifest.settings,
                    manifest.frames,
                    self._threads,
                )
            )
        self._sessions[key] = session
        self._latest = (key, session)
        return session

    def _say(self, message: Message) -> None:
        self._outgoing.append(frame(message))
        self._wake.set()

    async def run(self) -> None:
        """Serve until cancelled; the renderer process ends with it."""
        self._spool.mkdir(parents=True, exist_ok=True)
        while True:
            while not self._outgoing:
                self._wake = trio.Event()
                await self._wake.wait()
            await self._one_process()

    async def _one_process(self) -> None:
        """From the start of a renderer to its end, whichever way it ends."""
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", "mesh.engines.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environment,
        )
        self._process = process
        self._log.clear()
        assert process.stdin and process.stdout and process.stderr
        async with process.stdin, process.stdout, process.stderr:
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._keep_log, process.stderr)
                    nursery.start_soon(self._write, process.stdin)
                    nursery.start_soon(self._end_idle, nursery.cancel_scope)
                    nursery.start_soon(self._end_deaf, nursery.cancel_scope)
                    await self._read(process.stdout)
                    nursery.cancel_scope.cancel()
            finally:
                process.kill()
                with trio.CancelScope(shield=True):
                    await process.wait()
                    with trio.move_on_after(1):
                        await self._keep_log(process.stderr)
                self._process = None
                self._bury(process.returncode or 0)

    async def _read(self, stream: trio.abc.ReceiveStream) -> None:
        unframer = Unframer()
        try:
            async for data in stream:
                for message in unframer.feed(bytes(data)):
                    self._answer(message)
                self._tell_news()
        except (trio.BrokenResourceError, BadMessage):
            return

    async def _write(self, stream: trio.abc.SendStream) -> None:
        while True:
            while self._outgoing:
                data = b"".join(self._outgoing)
                self._outgoing.clear()
                try:
                    await stream.send_all(data)
                except trio.BrokenResourceError:
                    return
            self._wake = trio.Event()
            await self._wake.wait()

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

    async def _keep_log(self, stream: trio.abc.ReceiveStream) -> None:
        try:
            async for data in stream:
                self._log += data
                del self._log[:-LOG_BYTES]
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return

    def _answer(self, message: Message) -> None:
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
            case Failed(attempt=number, reason=reason, retryable=retryable):
                self._fail(Attempt(number), reason, retryable)
            case Stopped(attempt=number):
                task = self._tasks.pop(Attempt(number), None)
                if task is not None:
                    task.clear_up()
            case Warned(attempt=number, sentence=sentence):
                if number in self._tasks:
                    self._news.append(EngineWarned(Attempt(number), sentence))
            case Refused(session=session, reason=reason, elsewhere=elsewhere):
                self._sessions = {k: s for k, s in self._sessions.items() if s != session}
                self._latest = None
                for attempt in [a for a, task in self._tasks.items() if task.session == session]:
                    self._fail(attempt, reason, retryable=elsewhere)
            case Opened(session=session, warnings=warnings):
                first = next((a for a, task in self._tasks.items() if task.session == session), None)
                if first is not None:
                    self._news.extend(EngineWarned(first, sentence) for sentence in warnings)
            case _:
                raise BadMessage(f"a renderer does not say {type(message).__name__}")

    def _fail(self, attempt: Attempt, reason: str, retryable: bool) -> None:
        task = self._tasks.pop(attempt, None)
        if task is None:
            return
        task.clear_up()
        task.target.unlink(missing_ok=True)
        if not task.stopping:
            log = self._log.decode("utf-8", "replace")
            self._news.append(EngineFailed(attempt, reason, log, retryable))

    def _tell_news(self) -> None:
        news, self._news = self._news, []
        if news:
            self._tell(news)

    def _bury(self, returncode: int) -> None:
        """The process is gone: its scenes are closed, the unit it rendered has failed, and the next process
        gets the others."""
        self._sessions.clear()
        self._latest = None
        self._outgoing.clear()
        if returncode < 0:
            how = f"was ended by {signal.Signals(-returncode).name}"
            if returncode == -signal.SIGKILL:
                how += ", as systems do when memory runs out"
        else:
            how = f"ended with status {returncode}"
        rendered = next(iter(self._tasks), None)
        if rendered is not None:
            self._fail(rendered, f"the renderer {how}", retryable=True)
        waiting, self._tasks = self._tasks, {}
        for task in waiting.values():
            if not task.stopping:
                self._ask(task)
        self._tell_news()
