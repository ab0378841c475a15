"""Timers that can be moved although no timer is ever cancelled, and the sign that we were starved.

A timer whose time came long before it fired tells that this process did not run: answers may lie unread
in its socket, so nobody may be blamed yet.
"""

from __future__ import annotations

from enum import Enum

from mesh.gossip.events import Clock, GossipTimer
from mesh.wire.effects import Effect, SetTimer


class Firing(Enum):
    STALE = "stale"
    """Moved or stopped since it was set."""
    DUE = "due"
    LATE = "late"
    """Due, but so late that we must have been asleep."""


class Timers:
    def __init__(self, late: float) -> None:
        self._late = late
        self._due: dict[GossipTimer, float] = {}

    def set(self, clock: Clock, at: float, out: list[Effect], key: int | bytes = 0) -> None:
        """Sets the timer, or moves it."""
        token = GossipTimer(clock, key)
        self._due[token] = at
        out.append(SetTimer(token, at))

    def stop(self, clock: Clock, key: int | bytes = 0) -> None:
        self._due.pop(GossipTimer(clock, key), None)

    def is_set(self, clock: Clock, key: int | bytes = 0) -> bool:
        return GossipTimer(clock, key) in self._due

    def fired(self, token: GossipTimer, now: float) -> Firing:
        due = self._due.get(token)
        if due is None or now < due:
            return Firing.STALE
        del self._due[token]
        return Firing.LATE if now - due > self._late else Firing.DUE
