"""Notices that this machine slept, by clocks that nobody sets: the time of day may jump by hours, and means nothing.

A steady clock may stand still while the machine is asleep (Linux, macOS); another one counts on there, and the
difference grows by the time asleep.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

Clock = Callable[[], float]
"""Seconds since some moment."""


_COUNTING = {"linux": "CLOCK_BOOTTIME", "darwin": "CLOCK_MONOTONIC"}
"""By platform: the clock that counts while the machine sleeps. Elsewhere the steady one does that itself."""


def sleepless() -> float:
    """A clock that counts while the machine sleeps and is never set."""
    name = _COUNTING.get(sys.platform)
    return time.monotonic() if name is None else time.clock_gettime(getattr(time, name))


class Slumber:
    def __init__(self, steady: Clock, through_sleep: Clock = sleepless) -> None:
        """`steady` is the clock that the machines are given."""
        self._steady = steady
        self._through_sleep = through_sleep
        self._ahead = self._difference()

    def asleep(self) -> float:
        """Seconds that the machine slept since this was last asked, and that `steady` did not count."""
        before, self._ahead = self._ahead, self._difference()
        return max(0.0, self._ahead - before)

    def _difference(self) -> float:
        return self._through_sleep() - self._steady()
