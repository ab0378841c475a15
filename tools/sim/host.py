"""One simulated computer: a machine in its present life, its clock, its pauses and its slowness."""

from __future__ import annotations

import hashlib
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from mesh.model.ids import Boot, NodeId
from mesh.wire.effects import Address, Effect, TimerFired, Token

SOCKET_BUFFER = 512
"""Datagrams that wait unread for a process that does not run; what comes on top is lost."""


class Machine(Protocol):
    """Anything sans-I/O: a Membership, a Scheduler, a whole NodeCore."""

    def handle(self, event: Any, now: float) -> list[Effect]: ...

    def check(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Place:
    """What stays the same over all lives of a node."""

    index: int
    public_key: bytes
    node: NodeId
    name: str
    address: Address
    site: str = ""


def place(index: int, site: str = "") -> Place:
    """The usual place number `index`. Its key is made up, but hashes to its NodeId as a real one does."""
    key = hashlib.sha256(b"simulated node %d" % index).digest()
    host = f"10.{index >> 16 & 255}.{index >> 8 & 255}.{index & 255}"
    return Place(index, key, NodeId(hashlib.sha256(key).digest()), f"n{index}", (host, 7401), site)


@dataclass(frozen=True, slots=True)
class Birth:
    """A machine at the beginning of a life, and the events that it gets first."""

    machine: Machine
    events: tuple[object, ...] = ()


Factory = Callable[[Place, Boot, random.Random], Birth]


@dataclass(slots=True)
class Host:
    place: Place
    machine: Machine | None = None
    """None while the process does not run."""
    life: int = 0
    """Events that were meant for another life are dropped."""
    offset: float = 0.0
    """The node's monotonic clock minus the simulation's."""
    clock: float = 0.0
    """What the node's clock showed at its last step."""
    paused: bool = False
    step_cost: float = 0.0
    """Seconds that one step takes: 0 for a healthy machine, more for a starved one."""
    busy_until: float = 0.0
    timers: dict[int, tuple[float, Token]] = field(default_factory=dict)
    """Pending, by their number in the heap: due on the node's own clock."""
    late_timers: deque[TimerFired] = field(default_factory=deque)
    inbox: deque[object] = field(default_factory=deque)
    """What came while the machine was paused or busy."""

    @property
    def running(self) -> bool:
        return self.machine is not None

    def forget(self) -> None:
        """A life is over: what waited for it is lost."""
        self.machine = None
        self.life += 1
        self.paused = False
        self.timers.clear()
        self.late_timers.clear()
        self.inbox.clear()

    def next_waiting(self) -> object | None:
        """What a process that runs again handles next: timers before what lies in its sockets, which is
        the order that hurts a detector most."""
        if self.late_timers:
            return self.late_timers.popleft()
        return self.inbox.popleft() if self.inbox else None
