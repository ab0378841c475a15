"""The frame writer process: `python -m mesh.engines.writer`. Puts payloads together and encodes images.

A child of the command that collects, so that frames belong to whoever collects them, and image libraries
stay out of the command and of the node. Answers one request after another until its input closes.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

from mesh.engines.memory import FrameTooLarge, limit_memory, machine_memory
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
from mesh.render import ocio, output
from mesh.render.pixels import decode
from mesh.render.preview import write_preview
from mesh.wire.base import Message


def answer(request: Message) -> Message:
    """What became of one request."""
    match request:
        case WriteFrame():
            return _report(f"frame {request.frame}", lambda: _write_frame(request))
        case MakePreview():
            return _report("the preview", lambda: _make_preview(request))
        case CheckLook():
            return _report("the look", lambda: _check_look(request))
        case _:
            raise ValueError(f"a writer is not asked for {type(request).__name__}")


def _report(what: str, write: Callable[[], tuple[str, ...]]) -> Message:
    try:
        files = write()
        return Written(tuple((file, _sha256(file)) for file in files))
    except MeshError as error:
        return WriteFailed(str(error), int(error.exit_code))
    except MemoryError:
        large = FrameTooLarge(what=what[0].upper() + what[1:], total=machine_memory() / 1e9)
        return WriteFailed(str(large), int(large.exit_code))
    except OSError as error:
        return WriteFailed(f"{error.filename} cannot be read: {error.strerror}.", int(ExitCode.REFUSED))


def _write_frame(request: WriteFrame) -> tuple[str, ...]:
    payloads = (decode(Path(payload).read_bytes()) for payload in request.payloads)
    scratch = Path(request.payloads[0]).parent if request.payloads else None
    assembled = output.assemble(payloads, scratch)
    for file in request.files:
        output.write_frame(assembled, Path(file), request.metadata, request.look)
    return request.files


def _check_look(request: CheckLook) -> tuple[str, ...]:
    if request.look.ocio is not None:
        ocio.checked(request.look.ocio)
    return ()


def _make_preview(request: MakePreview) -> tuple[str, ...]:
    write_preview([Path(file) for file in request.files], Path(request.target), request.fps)
    return (request.target,)


def _sha256(file: str) -> str:
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def main() -> None:
    limit_memory(machine_memory())
    # What a library prints must not get into the answers: it goes to standard error instead.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while (request := read_message(sys.stdin.buffer)) is not None:
        answers.write(frame(answer(request)))
        answers.flush()


if __name__ == "__main__":
    main()
