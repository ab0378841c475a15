"""The renderer process: `python -m mesh.engines.child`. Speaks the session protocol on its pipes.

One thread reads requests, so that a unit can be stopped while it renders; the main thread renders; a third
sends the answers, those of many short units together.
"""

from __future__ import annotations

import gc
import os
import queue
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, TypeVar

from mesh.engines.adapter import EngineSession, UnitStopped, compiles_first, opener
from mesh.engines.memory import SceneTooLarge, die_first, limit_memory, machine_memory
from mesh.engines.protocol import (
    PAYLOAD_MAX,
    Close,
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
    frame,
    read_message,
)
from mesh.errors import MeshError
from mesh.wire.base import Message

Result = TypeVar("Result")

PROGRESS_SECONDS = 0.2
"""The least time between two reports of progress."""

GATHER_SECONDS = 0.002
"""The least time between two writes of answers."""


class Attempt:
    """One unit in this process, waiting or running: how the reader thread steers it."""

    def __init__(self, request: RenderUnit, child: Child) -> None:
        self.request = request
        self._child = child
        self._limit = request.unit.stop
        self._shared: list[Split | Merge] = []
        self._reported = time.monotonic()

    def progress(self, fraction: float) -> None:
        now = time.monotonic()
        if now - self._reported >= PROGRESS_SECONDS:
            self._reported = now
            self._child.say(Progress(self.request.attempt, min(1.0, max(0.0, fraction))))

    def limit(self) -> int:
        return self._limit

    def shared(self) -> Sequence[Split | Merge]:
        return self._shared

    def warn(self, sentence: str) -> None:
        self._child.say(Warned(self.request.attempt, sentence))

    def steer(self, said: Stop | Shorten | Split | Merge) -> None:
        if isinstance(said, Split | Merge):
            self._shared.append(said)
        else:
            self._limit = min(self._limit, said.stop if isinstance(said, Shorten) else 0)


class Child:
    def __init__(self, requests: BinaryIO, answers: BinaryIO) -> None:
        self._requests = requests
        self._answers = answers
        self._to_say: deque[bytes] = deque()
        self._news = threading.Event()
        self._writing = threading.Lock()
        self._todo: queue.SimpleQueue[Open | Close | Attempt] = queue.SimpleQueue()
        self._attempts: dict[int, Attempt] = {}
        self._sessions: dict[int, EngineSession] = {}
        self._opened: dict[int, Open] = {}
        """What was opened, also where it was closed again to make room."""

    def say(self, message: Message) -> None:
        self._to_say.append(frame(message))
        self._news.set()

    def flush(self) -> None:
        """Write what was said."""
        with self._writing:
            data = b"".join(self._to_say.popleft() for _ in range(len(self._to_say)))
            self._answers.write(data)
            self._answers.flush()

    def _write(self) -> None:
        try:
            while True:
                self._news.wait()
                self._news.clear()
                self.flush()
                time.sleep(GATHER_SECONDS)
        except BrokenPipeError:
            os._exit(0)  # the node is gone

    def run(self) -> None:
        threading.Thread(target=self._read, name="requests", daemon=True).start()
        threading.Thread(target=self._write, name="answers", daemon=True).start()
        while True:
            task = self._todo.get()
            if isinstance(task, Open):
                self._open(task)
            elif isinstance(task, Close):
                self._opened.pop(task.session, None)
                self._close(task.session)
            else:
                self._render(task)
                self._attempts.pop(task.request.attempt, None)

    def _read(self) -> None:
        """Queues work in order, and steers what is under way at once."""
        while (message := read_message(self._requests)) is not None:
            if isinstance(message, RenderUnit):
                attempt = self._attempts[message.attempt] = Attempt(message, self)
                self._todo.put(attempt)
            elif isinstance(message, Stop | Shorten | Split | Merge):
                running = self._attempts.get(message.attempt)
                if running is not None:
                    running.steer(message)
            elif isinstance(message, Open | Close):
                self._todo.put(message)
        # The node is gone: nobody wants the pixels, and a kernel in flight cannot be interrupted.
        os._exit(0)

    def _open(self, request: Open) -> None:
        try:
            open_scene = opener(request.engine)
            if compiles_first(request.engine):
                self.say(Compiling(request.session))
            session = self._alone_if_need_be(lambda: open_scene(request), request.session)
        except SceneTooLarge as error:
            self.say(Refused(request.session, str(error), error.least))
        except MeshError as error:
            self.say(Refused(request.session, str(error)))
        except MemoryError:
            found = SceneTooLarge.found(request.entry)
            self.say(Refused(request.session, str(found), found.least))
        else:
            self._sessions[request.session] = session
            self._opened[request.session] = request
            self.say(Opened(request.session, session.warnings[:256]))

    def _session(self, number: int) -> EngineSession | None:
        """An open scene, opened again where others needed its room."""
        request = self._opened.get(number)
        if number not in self._sessions and request is not None:
            self.say(Reopening(number))
            self._sessions[number] = self._alone_if_need_be(lambda: opener(request.engine)(request), number)
            self.say(Opened(number))
        return self._sessions.get(number)

    def _alone_if_need_be(self, work: Callable[[], Result], session: int) -> Result:
        """What fits into the memory only where no other scene is open is done after the others are closed. Raises
        MemoryError where that is not enough, and what `work` raises."""
        try:
            return work()
        except MemoryError:
            if not self._sessions.keys() - {session}:
                raise
        for other in self._sessions.keys() - {session}:
            self._close(other)
        gc.collect()
        return work()

    def _close(self, number: int) -> None:
        session = self._sessions.pop(number, None)
        if session is not None:
            session.close()

    def _render(self, attempt: Attempt) -> None:
        request = attempt.request
        number = request.attempt
        if attempt.limit() <= request.unit.start:
            self.say(Stopped(number))
            return
        began = time.monotonic()
        try:
            session = self._session(request.session)
            if session is None:
                self.say(Failed(number, "the scene is not open", retryable=True))
                return
            unit, payload = self._alone_if_need_be(
                lambda: session.render(request.unit, attempt, request.samples), request.session
            )
            if len(payload) > PAYLOAD_MAX:
                Path(request.target).write_bytes(payload)
        except UnitStopped:
            self.say(Stopped(number))
        except MeshError as error:
            self.say(Failed(number, str(error), retryable=False))
        except OSError as error:
            self.say(Failed(number, f"the pixels could not be written to {request.target}: {error.strerror}"))
        except MemoryError:
            scene = self._opened[request.session].entry
            found = SceneTooLarge.found(f"Frame {request.unit.frame} of {scene}")
            self.say(Failed(number, str(found), needs=found.least))
        else:
            seconds = time.monotonic() - began
            self.say(Done(number, unit, seconds, payload if len(payload) <= PAYLOAD_MAX else None))


def main() -> None:
    limit_memory(machine_memory())
    die_first()
    # Whatever a library prints must not reach the pipe: give it standard error instead.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    os.nice(10)
    child = Child(sys.stdin.buffer, answers)
    try:
        child.run()
    except BaseException:  # noqa: BLE001 - the process ends; an orderly end would wait for the reader
        traceback.print_exc()
        sys.stderr.flush()
        child.flush()
        os._exit(1)


if __name__ == "__main__":
    main()
