"""One authenticated connection to one peer: messages in, messages out, and what became of them.

WebSocket pings do three things at once: they keep the connection open, find out that it is dead, and
confirm. A pong means that the peer has read everything sent before its ping, so what is unconfirmed when
the connection breaks is what possibly never arrived.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import trio

from mesh.model.ids import NodeId, short
from mesh.net.websocket import BAD_DATA, Broken, HungUp, WebSocket
from mesh.wire import codec
from mesh.wire.base import Message

logger = logging.getLogger(__name__)


class Kind(StrEnum):
    """What a connection carries. Control messages never queue behind bulk."""

    CONTROL = "control"
    BULK = "bulk"

    @property
    def path(self) -> str:
        return f"/v1/{self.value}"

    @property
    def limit(self) -> int:
        """Bytes of the longest frame."""
        return 1 << 20 if self is Kind.CONTROL else 2 << 20

    @property
    def bundle(self) -> int:
        """Bytes from which on no further message joins a frame."""
        return 64 << 10

    @property
    def queue_messages(self) -> int:
        return 8192 if self is Kind.CONTROL else 1024

    @property
    def queue_bytes(self) -> int:
        """Bulk holds the answer to one request of 64 blocks."""
        return (8 if self is Kind.CONTROL else 72) << 20


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds."""

    confirm: float = 0.2
    """From sending to the ping that confirms it; longer saves pings."""
    keepalive: float = 30.0
    """An idle connection is asked so often whether it still stands; gossip finds out who died long before."""
    pong: float = 20.0
    """Until a peer that does not answer counts as gone."""
    idle: float = 120.0
    """Without a message in either direction until a connection is closed."""
    retire: float = 2.0
    """Until the loser of two connections is closed: what is on its way has arrived by then."""
    first_backoff: float = 0.1
    longest_backoff: float = 5.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message waiting to be sent, and its bytes."""

    message: Message
    data: bytes


Take = Callable[["Connection"], list[Outgoing]]
"""Gives what to put into the next frame; nothing means wait."""

OnMessages = Callable[[NodeId, Sequence[Message]], Awaitable[None]]
"""Takes the messages of one frame, in order."""


class Connection:
    """Runs until it breaks, falls idle, or is retired."""

    def __init__(
        self, peer: NodeId, kind: Kind, dialler: NodeId, websocket: WebSocket, timing: Timing
    ) -> None:
        self.peer = peer
        self.kind = kind
        self.dialler = dialler
        """The end that dialled it."""
        self._websocket = websocket
        self._timing = timing
        self._scope = trio.CancelScope()
        self._unconfirmed: deque[Message] = deque()
        self._sent = trio.Event()
        self._wake = trio.Event()
        self._used = 0.0
        self._retire_at = math.inf
        self.hung_up = False
        """It ended because the other side was gone without a word."""

    def wake(self) -> None:
        """There may be something to take."""
        self._wake.set()

    def retire(self) -> None:
        """Close soon: once what this end sent is confirmed, and the other end has had time for the same."""
        self._retire_at = min(self._retire_at, trio.current_time() + self._timing.retire)
        self._sent.set()

    def abandon(self) -> None:
        """Close now."""
        self._scope.cancel()

    async def run(self, take: Take, on_messages: OnMessages) -> list[Message]:
        """Returns what possibly never arrived. Only `on_messages`'s own errors come out of it."""
        self._used = trio.current_time()
        with self._scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._until_broken, nursery, self._write, take)
                nursery.start_soon(self._until_broken, nursery, self._confirm)
                await self._until_broken(nursery, self._read, on_messages)
        return list(self._unconfirmed)

    async def _until_broken(
        self, nursery: trio.Nursery, work: Callable[..., Awaitable[None]], *arguments: object
    ) -> None:
        try:
            await work(*arguments)
        except Broken as error:
            self.hung_up = self.hung_up or isinstance(error, HungUp)
            logger.debug("%s connection to %s ended: %s", self.kind, short(self.peer), error)
        nursery.cancel_scope.cancel()

    async def _read(self, on_messages: OnMessages) -> None:
        while True:
            data = await self._websocket.receive()
            self._used = trio.current_time()
            try:
                messages = codec.decode_all(data, self.kind.limit)
            except codec.BadMessage as error:
                logger.warning(
                    "Node %s sent what is no message (%s); connection closed.", short(self.peer), error
                )
                await self._websocket.close(BAD_DATA)
                return
            await on_messages(self.peer, messages)

    async def _write(self, take: Take) -> None:
        while True:
            outgoing = take(self)
            if not outgoing:
                self._wake = trio.Event()
                await self._wake.wait()
                continue
            self._unconfirmed.extend(each.message for each in outgoing if len(each.data) <= self.kind.bundle)
            self._used = trio.current_time()
            self._sent.set()
            await self._websocket.send(codec.bundle([each.data for each in outgoing]))

    async def _confirm(self) -> None:
        while trio.current_time() < self._used + self._timing.idle:
            if self._retire_at < math.inf and not self._unconfirmed:
                await trio.sleep_until(self._retire_at)
                return
            with trio.move_on_after(self._timing.keepalive):
                await self._sent.wait()
                await trio.sleep(self._timing.confirm)
            self._sent = trio.Event()
            count = len(self._unconfirmed)
            await self._websocket.ping(self._timing.pong)
            for _ in range(count):
                self._unconfirmed.popleft()
