"""The rendering slots of this node: what its engine has, how long that keeps it busy, and whether the disk keeps up."""

from __future__ import annotations

import math
from itertools import islice

from mesh.sched.core import Core
from mesh.sched.estimates import seconds_left
from mesh.sched.job import Run
from mesh.wire.effects import Attempt

_MOST_STORING = 16
_MOST_STORING_BYTES = 16 << 20
"""Units whose pixels are on their way to the disk at one time, and their bytes: more of them only where they
are small."""

_MOST_AHEAD = 128
"""Units that the engine has and has not begun."""


class Slots:
    def __init__(self, core: Core) -> None:
        self._core = core
        self._engine: dict[Attempt, Run] = {}
        """What the engine has, in the order in which it renders it."""
        self._storing: dict[Attempt, int] = {}
        """Bytes of pixels that are on their way to the disk."""

    # --- questions ----------------------------------------------------------------------------------

    def idle(self) -> bool:
        """Whether a slot is free, and the disk keeps up with what was rendered."""
        busy = len(self._engine) + self._core.aside
        return busy < self._core.capacity.units and self._disk_keeps_up()

    def room_for_one(self) -> bool:
        """Whether something else may be given to the engine, to be rendered when a slot is free."""
        if self.idle():
            return True
        ahead = self._core.config.engine_ahead_seconds
        return not self._core.aside and self._disk_keeps_up() and self.busy_for() <= ahead

    def _disk_keeps_up(self) -> bool:
        return len(self._storing) < _MOST_STORING or sum(self._storing.values()) < _MOST_STORING_BYTES

    def within(self, seconds: float) -> bool:
        """Whether a slot is free, or will be soon."""
        if self._core.capacity.units <= 0:
            return False
        return self.idle() or self.busy_for() <= seconds

    def busy_for(self) -> float:
        """Seconds until the engine has nothing to do in one of its slots; infinite while nobody knows."""
        core = self._core
        begun, queued = [math.inf], 0.0
        for run in self._engine.values():
            left = seconds_left(core.jobs[run.job], run, core.me, core.now)
            if run.queued:
                queued += left / core.capacity.units
            else:
                begun.append(left)
        return min(begun) + queued

    def may_look_ahead(self) -> bool:
        """Whether the engine is to have more than it renders now."""
        return bool(self._engine) and not self._core.aside and self._disk_keeps_up()

    @property
    def full(self) -> bool:
        """Whether the engine has as much as is any use."""
        return len(self._engine) >= self._core.capacity.units + _MOST_AHEAD

    # --- what happens -------------------------------------------------------------------------------

    def take(self, run: Run) -> None:
        """The engine gets another unit, and begins it at once or queues it."""
        run.queued = len(self._engine) >= self._core.capacity.units
        self._engine[run.attempt] = run

    def leave(self, attempt: Attempt) -> None:
        """The engine is done with a unit, in whatever way, and begins the next that it has."""
        core = self._core
        if self._engine.pop(attempt, None) is None:
            return
        for run in islice(self._engine.values(), core.capacity.units):
            if run.queued:
                run.queued = False
                run.began = run.moved = core.now

    def storing(self, attempt: Attempt, size: int) -> None:
        """So many bytes of a unit's pixels go to the disk."""
        self._storing[attempt] = size

    def stored(self, attempt: Attempt) -> None:
        """They are there, or given up."""
        self._storing.pop(attempt, None)
