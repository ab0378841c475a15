"""A stand-in for the frame writer: what a frame is made of can be read back from its files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from mesh.engines.protocol import WriteFrame, Written


@dataclass
class JoiningWriter:
    """In place of the writer's process: writes the payloads one after another as the frame."""

    written: list[WriteFrame] = field(default_factory=list)
    error: Exception | None = None

    def __enter__(self) -> JoiningWriter:
        return self

    def __exit__(self, *_: object) -> None:
        """There is no process to end."""

    def write(self, request: WriteFrame) -> Written:
        if self.error is not None:
            raise self.error
        data = b"|".join(Path(payload).read_bytes() for payload in request.payloads)
        for file in request.files:
            Path(file).write_bytes(data)
        self.written.append(request)
        return Written(tuple((file, hashlib.sha256(data).hexdigest()) for file in request.files))
