"""What is to be sent to one peer over one kind of connection, and over which connection. Does no I/O.

Two nodes that dial each other at the same moment end up with two connections. Both ends prefer the one
dialled by the node with the smaller id, let the other drain, and so lose nothing. Of two connections from
one dialler the older is a leftover: nobody dials while it has a connection.
"""

from __future__ import annotations

from collections import deque

import trio

from mesh.model.ids import NodeId
from mesh.net.connection import Connection, Kind, Outgoing, Timing
from mesh.wire.base import Message

MAX_BUNDLE = 1024
"""Messages in one frame."""


class Lane:
    def __init__(self, peer: NodeId, kind: Kind, timing: Timing) -> None:
        self.peer = peer
        self.kind = kind
        self.dialling = False
        self.doubtful = False
        """The peer was suddenly gone: a dial is to show whether it is still there."""
        self.retry_at = 0.0
        """Before this time (trio's clock) no dial is tried."""
        self._timing = timing
        self._backoff = timing.first_backoff
        self._queue: deque[Outgoing] = deque()
        self._queued_bytes = 0
        self._connections: list[Connection] = []
        self._room = trio.Event()

    @property
    def waiting(self) -> int:
        """Messages not yet handed to a connection."""
        return len(self._queue)

    @property
    def connected(self) -> bool:
        return bool(self._connections)

    @property
    def forgettable(self) -> bool:
        return not (self._queue or self._connections or self.dialling)

    def has_room(self, size: int) -> bool:
        return (
            len(self._queue) < self.kind.queue_messages and self._queued_bytes + size <= self.kind.queue_bytes
        )

    async def wait_for_room(self, size: int) -> None:
        while not self.has_room(size):
            await self._room.wait()

    def put(self, outgoing: Outgoing) -> None:
        self._queue.append(outgoing)
        self._queued_bytes += len(outgoing.data)
        if self._connections:
            self._preferred().wake()

    def take(self, connection: Connection) -> list[Outgoing]:
        """The next frame's messages, if `connection` is the one to send over."""
        if not self._queue or connection is not self._preferred():
            return []
        taken = [self._queue.popleft()]
        size = len(taken[0].data)
        while self._queue and len(taken) < MAX_BUNDLE and size + len(self._queue[0].data) <= self.kind.bundle:
            taken.append(self._queue.popleft())
            size += len(taken[-1].data)
        self._queued_bytes -= size
        self._tell_of_room()
        return taken

    def take_all(self) -> list[Message]:
        """Empties the queue, for there is no way to send it."""
        messages = [outgoing.message for outgoing in self._queue]
        self._queue.clear()
        self._queued_bytes = 0
        self._tell_of_room()
        return messages

    @property
    def wants_dial(self) -> bool:
        return bool(self._queue or self.doubtful) and not (self._connections or self.dialling)

    def add(self, connection: Connection) -> None:
        self._backoff, self.retry_at = self._timing.first_backoff, 0.0
        for other in self._connections:
            if other.dialler == connection.dialler:
                other.abandon()
        self._connections = [other for other in self._connections if other.dialler != connection.dialler]
        self._connections.append(connection)
        preferred = self._preferred()
        for other in self._connections:
            if other is not preferred:
                other.retire()
        preferred.wake()

    def remove(self, connection: Connection) -> None:
        self._connections = [other for other in self._connections if other is not connection]
        if self._connections:
            self._preferred().wake()

    def abandon(self) -> None:
        """Closes every connection."""
        for connection in self._connections:
            connection.abandon()

    def back_off(self, now: float) -> None:
        """A dial failed."""
        self.retry_at = now + self._backoff
        self._backoff = min(2 * self._backoff, self._timing.longest_backoff)

    def _preferred(self) -> Connection:
        return min(self._connections, key=lambda connection: connection.dialler)

    def _tell_of_room(self) -> None:
        self._room.set()
        self._room = trio.Event()
