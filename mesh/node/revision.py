"""A number that grows with everything that people may be watching, and lets them wait until it has."""

from __future__ import annotations

import trio


class Revision:
    def __init__(self) -> None:
        self.number = 0
        self._changed = trio.Event()

    def bump(self) -> None:
        """Something changed. Never waits; who watches looks once all that comes with it is done."""
        self.number += 1
        if self._changed.statistics().tasks_waiting:
            self._changed.set()
            self._changed = trio.Event()

    async def wait_change(self, number: int) -> None:
        """Until it is another than this one."""
        while self.number == number:
            await self._changed.wait()
