"""Timers for machines under trio: one heap, one task."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Sequence

import trio

from mesh.wire.effects import Token


class Timers:
    """Calls `fire(tokens)` when the time of some timers has come, of all that are due at once: who is late already is
    not to do after each what need be done once. Times are trio's clock, in seconds."""

    def __init__(self, fire: Callable[[Sequence[Token]], None]) -> None:
        self._fire = fire
        self._heap: list[tuple[float, int, Token]] = []
        self._numbers = itertools.count()
        self._earlier = trio.Event()

    def set(self, token: Token, at: float) -> None:
        if not self._heap or at < self._heap[0][0]:
            self._earlier.set()
        heapq.heappush(self._heap, (at, next(self._numbers), token))

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            self._earlier = trio.Event()
            with trio.move_on_at(self._heap[0][0] if self._heap else math.inf):
                await self._earlier.wait()
            now = trio.current_time()
            due: list[Token] = []
            while self._heap and self._heap[0][0] <= now:
                due.append(heapq.heappop(self._heap)[2])
            if due:
                self._fire(due)
