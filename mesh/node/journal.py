"""The node's event log for people: the newest few hundred sentences, and a way to wait for the next."""

from __future__ import annotations

import time
from collections import deque

import trio

from mesh.model.status import EventStatus

KEPT = 500


class Journal:
    def __init__(self) -> None:
        self._events: deque[EventStatus] = deque(maxlen=KEPT)
        self._number = 0
        self._news = trio.Event()

    def say(self, kind: str, text: str, *, node: bytes | None = None, job: bytes | None = None) -> None:
        """Add a sentence; `kind` is one word for programs, such as `node-dead`."""
        self._number += 1
        self._events.append(
            EventStatus(
                number=self._number,
                unix_ms=time.time_ns() // 1_000_000,
                kind=kind,
                text=text,
                node=None if node is None else node.hex(),
                job=None if job is None else job.hex(),
            )
        )
        self._news.set()
        self._news = trio.Event()

    def newest(self, count: int) -> tuple[EventStatus, ...]:
        return tuple(self._events)[-count:]

    def after(self, number: int) -> tuple[EventStatus, ...]:
        return tuple(event for event in self._events if event.number > number)

    async def wait_after(self, number: int) -> tuple[EventStatus, ...]:
        """The events newer than `number`; at least one."""
        while not (events := self.after(number)):
            await self._news.wait()
        return events
