"""`python -m tools.watched_node ...`: the `mesh` command, whose node also writes down how long its steals take.

One number a line, in milliseconds, in `steals.txt` of its home: from the decision to ask until the grant is about
to be acted on, the ways through both nodes' queues, TLS and event loops included.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from mesh.cli import main
from mesh.node import runtime
from mesh.node.core import NodeCore
from mesh.wire.effects import MessageReceived, Send, Together
from mesh.wire.stealing import StealGrant, StealRequest

FILE = "steals.txt"


class WatchedCore(NodeCore):
    def __init__(self, *machines: Any) -> None:
        super().__init__(*machines)
        self._asked: dict[int, float] = {}

    def handle(self, event: object, now: float) -> list[Any]:
        for one in event.events if isinstance(event, Together) else (event,):
            if isinstance(one, MessageReceived) and isinstance(one.message, StealGrant):
                self._granted(one.message.request)
        effects = super().handle(event, now)
        requests = [
            effect.message
            for effect in effects
            if isinstance(effect, Send) and isinstance(effect.message, StealRequest)
        ]
        # Who leaves a lifeline waits for work, not for an answer.
        self._asked.update((one.request, time.perf_counter()) for one in requests if not one.parked)
        return effects

    def _granted(self, request: int) -> None:
        asked = self._asked.pop(request, None)
        if asked is not None:
            took = (time.perf_counter() - asked) * 1000
            with Path(os.environ["MESH_HOME"], FILE).open("a") as file:
                file.write(f"{took}\n")


if __name__ == "__main__":
    vars(runtime)["NodeCore"] = WatchedCore  # the class that Node makes its machines of
    main()
