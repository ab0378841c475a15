"""One renderer process: what is said to it, what it answers, and its last words; killed at the latest with its node."""

from __future__ import annotations

import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import psutil
import trio

from mesh.engines.protocol import Unframer, frame
from mesh.wire.base import Message
from mesh.wire.codec import BadMessage

LOG_BYTES = 32 << 10


class Renderer:
    """Started once there is something to say to it. All methods belong to the trio thread."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._outgoing: deque[bytes] = deque()
        self._wake = trio.Event()
        self._log = bytearray()
        self.logged = 0
        """Bytes that it has written to its log."""
        self._process: trio.Process | None = None
        self.returncode = 0
        """Once it has ended; negative where a signal ended it."""

    @property
    def pid(self) -> int | None:
        """None unless it runs."""
        return None if self._process is None else self._process.pid

    @property
    def log(self) -> str:
        """The end of what it wrote to its standard error."""
        return self._log.decode("utf-8", "replace")

    def worked(self) -> float:
        """Seconds of processors that it has used, with the processes that it started."""
        if self._process is None:
            return 0.0
        try:
            mine = psutil.Process(self._process.pid)
            # The first four: its own, and those of its children that have ended.
            return sum(sum(one.cpu_times()[:4]) for one in (mine, *mine.children(recursive=True)))
        except psutil.Error:
            return 0.0  # one of them ended just now

    def say(self, message: Message) -> None:
        """Sent as soon as the pipe takes it; lost where the process ends before."""
        self._outgoing.append(frame(message))
        self._wake.set()

    async def start(self) -> None:
        """Wait for the first message, and start the process."""
        await self._something_to_say()
        self._process = await trio.lowlevel.open_process(
            [sys.executable, "-m", "mesh.engines.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environment,
        )

    async def serve(self, hear: Callable[[Sequence[Message]], None]) -> None:
        """Tell `hear` what it answers, those that come together together, until it ends, is killed because this is
        cancelled, or `hear` raises BadMessage."""
        process = self._process
        assert process is not None and process.stdin and process.stdout and process.stderr
        async with process.stdin, process.stdout, process.stderr:
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._keep_log, process.stderr)
                    nursery.start_soon(self._write, process.stdin)
                    await self._read(process.stdout, hear)
                    nursery.cancel_scope.cancel()
            finally:
                process.kill()
                with trio.CancelScope(shield=True):
                    await process.wait()
                    with trio.move_on_after(1):
                        await self._keep_log(process.stderr)
                self.returncode = process.returncode or 0
                self._process = None

    async def _read(self, stream: trio.abc.ReceiveStream, hear: Callable[[Sequence[Message]], None]) -> None:
        unframer = Unframer()
        try:
            async for data in stream:
                hear(unframer.feed(bytes(data)))
        except (trio.BrokenResourceError, BadMessage):
            return

    async def _write(self, stream: trio.abc.SendStream) -> None:
        while True:
            await self._something_to_say()
            data = b"".join(self._outgoing)
            self._outgoing.clear()
            try:
                await stream.send_all(data)
            except trio.BrokenResourceError:
                return

    async def _something_to_say(self) -> None:
        while not self._outgoing:
            self._wake = trio.Event()
            await self._wake.wait()

    async def _keep_log(self, stream: trio.abc.ReceiveStream) -> None:
        try:
            async for data in stream:
                self._log += data
                self.logged += len(data)
                del self._log[:-LOG_BYTES]
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return
