"""What a node says to others and hears from them: messages over links, datagrams, and blocks that peers ask for.

Everything heard becomes an event for the machines; nothing here decides anything.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import trio

from mesh.config.values import write_endpoint
from mesh.identity.identity import Identity
from mesh.model.ids import NodeId
from mesh.net.door import Door
from mesh.net.endpoint import Datagrams, Endpoint
from mesh.net.links import Links
from mesh.net.renewal import RenewalDesk
from mesh.node.disk import NodeDisk
from mesh.node.seals import Seals
from mesh.sched.events import PeerVanished
from mesh.wire.base import Message
from mesh.wire.blocks import BLOCK_MESSAGES, BlockData, BlockMissing, BlockRequest
from mesh.wire.codec import BadMessage, decode_all, encode_all
from mesh.wire.effects import (
    Address,
    DatagramReceived,
    MessageReceived,
    SendDatagram,
    SendFailed,
    Together,
)

logger = logging.getLogger(__name__)

MAX_DATAGRAM = 2048
"""Bytes of one datagram's messages; gossip keeps far below."""

_WAITING_DATAGRAMS = 4096


class Traffic:
    """`resolve` knows where a node listens; `feed(event)` hands what is heard to the node's machines."""

    def __init__(
        self,
        identity: Identity,
        endpoint: Endpoint,
        seals: Seals,
        door: Door,
        renewals: RenewalDesk | None,
        disk: NodeDisk,
        resolve: Callable[[NodeId], Address | None],
        feed: Callable[[object], None],
    ) -> None:
        self._endpoint = endpoint
        self._seals = seals
        self._disk = disk
        self._feed = feed
        self._links = Links(
            identity,
            self._on_messages,
            self._on_send_failed,
            resolve,
            bulk=BLOCK_MESSAGES.values(),
            door=door,
            renewer=renewals,
            on_refused=lambda node: feed(PeerVanished(node)),
        )
        self._datagrams = Datagrams(endpoint.datagrams, seals.seal, seals.unseal, self._on_datagram)
        self._outbox: tuple[trio.MemorySendChannel[SendDatagram], trio.MemoryReceiveChannel[SendDatagram]]
        self._outbox = trio.open_memory_channel(_WAITING_DATAGRAMS)

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; sending works once this has started."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self._links.serve, self._endpoint)
            nursery.start_soon(self._datagrams.serve)
            nursery.start_soon(self._send_datagrams)
            task_status.started()

    def use(self, identity: Identity) -> None:
        """From now on show this certificate; it was renewed."""
        self._links.use(identity)

    def send(self, to: NodeId, message: Message) -> None:
        """Queues `message`; where it surely or possibly does not arrive, SendFailed is fed."""
        self._links.send(to, message)

    def send_datagram(self, effect: SendDatagram) -> None:
        # A full queue is a lost datagram, which gossip is made for.
        if self._outbox[0].statistics().current_buffer_used < _WAITING_DATAGRAMS:
            self._outbox[0].send_nowait(effect)

    def drop(self, node: NodeId) -> None:
        """Closes every connection to a node that is gone."""
        self._links.drop(node)

    async def _on_messages(self, sender: NodeId, messages: Sequence[Message]) -> None:
        async def answer(data: BlockData | BlockMissing) -> None:
            await self._links.send_when_room(sender, data)

        received: list[MessageReceived] = []
        for message in messages:
            if isinstance(message, BlockRequest):
                self._disk.serve(message, answer)
            else:
                received.append(MessageReceived(sender, message))
        if received:
            self._feed(Together(tuple(received)))
        await trio.lowlevel.checkpoint()

    async def _on_send_failed(self, to: NodeId, message: Message) -> None:
        if not isinstance(message, BlockData | BlockMissing):
            self._feed(SendFailed(to, message))
        await trio.lowlevel.checkpoint()

    async def _on_datagram(self, source: Address, data: bytes) -> None:
        try:
            messages = decode_all(data, MAX_DATAGRAM)
        except BadMessage as error:
            logger.debug("A datagram from %s makes no sense: %s.", write_endpoint(source), error)
            return
        self._feed(DatagramReceived(source, messages, self._seals.is_behind(source)))
        await trio.lowlevel.checkpoint()

    async def _send_datagrams(self) -> None:
        async for effect in self._outbox[1]:
            await self._datagrams.send(effect.to, encode_all(effect.messages))
