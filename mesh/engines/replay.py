"""The replayer process: `python -m mesh.engines.replay`. Answers one request for a sample's path, and ends.

A child of whoever asks, so that the compiled renderer stays out of the command and of the node.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mesh.engines.adapter import KERNEL_CACHE
from mesh.engines.memory import SceneTooLarge, die_first, limit_memory, machine_memory
from mesh.engines.protocol import Refused, Replay, frame, read_message
from mesh.errors import MeshError
from mesh.render.cachekey import kernel_environment
from mesh.wire.base import Message


def answer(request: Replay) -> Message:
    # numba reads its settings when it is first imported, which is on the next line.
    os.environ.update(kernel_environment(Path(os.environ[KERNEL_CACHE])))
    from mesh.engines.builtin_replay import replay

    try:
        return replay(request)
    except MeshError as error:
        return Refused(0, str(error))
    except MemoryError:
        return Refused(0, str(SceneTooLarge.found(request.entry)))


def main() -> None:
    limit_memory(machine_memory())
    die_first()
    # What a library prints must not get into the answer: it goes to standard error instead.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    request = read_message(sys.stdin.buffer)
    assert isinstance(request, Replay)
    answers.write(frame(answer(request)))
    answers.flush()


if __name__ == "__main__":
    main()
