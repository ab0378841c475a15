"""The collector's end of the frame writer: a child process that holds the image libraries."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from mesh.engines.protocol import (
    CheckLook,
    MakePreview,
    WriteFailed,
    WriteFrame,
    Written,
    frame,
    read_message,
)
from mesh.errors import ExitCode, MeshError
from mesh.model.look import Look
from mesh.model.unfinished import unfinished


class WriterRefused(MeshError):
    """{reason}"""

    def __init__(self, *, reason: str, code: int) -> None:
        super().__init__(reason=reason)
        self.exit_code = ExitCode(code)


class WriterDied(MeshError):
    """The process that writes frames ended by itself while writing {what} ({how}). Nothing half-written
    was left; run the command again with --skip-existing, and with --debug to see its messages."""


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "mesh.engines.writer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Ctrl-C in the terminal is for the command, which decides what becomes of the frame.
        start_new_session=True,
    )


class WriterClient:
    """Writes frames one after another. Blocking; use as a context manager, or `close` it."""

    def __init__(self) -> None:
        self._process = _start()

    def __enter__(self) -> WriterClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Of the process that writes at present."""
        return self._process.pid

    def write(self, request: WriteFrame) -> Written:
        """Raises WriterRefused with the sentence to show, WriterDied if the process is gone."""
        return self._ask(request, f"frame {request.frame}")

    def check(self, look: Look) -> None:
        """Raises WriterRefused where frames cannot be written with this look."""
        self._ask(CheckLook(look), "nothing yet")

    def preview(self, request: MakePreview) -> Written:
        return self._ask(request, Path(request.target).name)

    def _ask(self, request: WriteFrame | MakePreview | CheckLook, what: str) -> Written:
        if self._process.poll() is not None:
            self.close()
            self._process = _start()
        assert self._process.stdin and self._process.stdout
        try:
            self._process.stdin.write(frame(request))
            self._process.stdin.flush()
            answer = read_message(self._process.stdout)
        except BrokenPipeError:
            answer = None
        except BaseException:
            # Ctrl-C. A large frame takes minutes, and its answer would be taken for that to what is asked next.
            self._give_up(request)
            raise
        if isinstance(answer, WriteFailed):
            raise WriterRefused(reason=answer.reason, code=answer.exit_code)
        if not isinstance(answer, Written):
            self._process.kill()
            raise WriterDied(what=what, how=f"status {self._process.wait()}")
        return answer

    def _give_up(self, request: WriteFrame | MakePreview | CheckLook) -> None:
        """End the process, and remove what it was writing; the next request starts another."""
        self._process.kill()
        self._process.wait()
        match request:
            case WriteFrame(files=targets):
                pass
            case MakePreview(target=target):
                targets = (target,)
            case CheckLook():
                targets = ()
        for target in targets:
            unfinished(Path(target), self._process.pid).unlink(missing_ok=True)

    def close(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdout.close()
        # A writer that died with a request unread leaves a broken pipe, and nothing to say about it.
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
