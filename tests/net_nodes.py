"""Nodes for tests of `mesh/net`: real sockets on loopback, real certificates, inboxes to wait on."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import trio

from mesh.identity import certificates
from mesh.identity.certificates import Role
from mesh.identity.folder import complete_join, found_mesh, joining_key
from mesh.identity.identity import Identity
from mesh.model.ids import Digest, NodeId
from mesh.net.connection import Kind
from mesh.net.endpoint import Endpoint, open_endpoint
from mesh.net.links import Door, Links
from mesh.net.tls import connected
from mesh.net.websocket import WebSocket, dialled
from mesh.wire.base import Message
from mesh.wire.blocks import BLOCK_DATA_MAX, BlockData, BlockForm, BlockMissing, BlockRequest
from mesh.wire.effects import Address

BULK = (BlockData, BlockRequest)
TEST_SECONDS = 30
T = TypeVar("T")


def run(test: Callable[..., Awaitable[T]], *arguments: object) -> T:
    """Runs an async test under trio; one that hangs fails."""

    async def bounded() -> T:
        with trio.fail_after(TEST_SECONDS):
            return await test(*arguments)

    return trio.run(bounded, strict_exception_groups=True)


def make_mesh(folder: Path, *names: str) -> list[Identity]:
    """Identities of one mesh; the first is the founder's."""
    founder = found_mesh(folder / names[0] / "identity", "studio", names[0])
    return [founder, *(make_member(founder, folder, name) for name in names[1:])]


def make_member(founder: Identity, folder: Path, name: str) -> Identity:
    place = folder / name / "identity"
    key = certificates.raw_public(joining_key(place).public_key())
    assert founder.own_issuer is not None
    certificate = founder.issue(key, name, Role.MEMBER)
    return complete_join(place, certificate, founder.own_issuer, founder.root, founder.gossip_keys)


@dataclass
class Node:
    identity: Identity
    endpoint: Endpoint
    links: Links
    inbox: trio.MemoryReceiveChannel[tuple[NodeId, Message]]
    failed: trio.MemoryReceiveChannel[tuple[NodeId, Message]]

    @property
    def id(self) -> NodeId:
        return self.identity.node_id

    @property
    def address(self) -> Address:
        return ("127.0.0.1", self.endpoint.port)


class Network:
    """Nodes that know each other's addresses; `addresses` may be changed to lie."""

    def __init__(self, nursery: trio.Nursery, stack: AsyncExitStack) -> None:
        self.addresses: dict[NodeId, Address] = {}
        self._nursery = nursery
        self._stack = stack

    async def start(self, identity: Identity, door: Door | None = None, **options: object) -> Node:
        endpoint = await open_endpoint("127.0.0.1", 0)
        self._stack.push_async_callback(endpoint.aclose)
        inbox_in, inbox = trio.open_memory_channel[tuple[NodeId, Message]](math.inf)
        failed_in, failed = trio.open_memory_channel[tuple[NodeId, Message]](math.inf)

        async def on_messages(node: NodeId, messages: Sequence[Message]) -> None:
            for message in messages:
                await inbox_in.send((node, message))

        async def on_send_failed(node: NodeId, message: Message) -> None:
            await failed_in.send((node, message))

        settings: dict[str, object] = {
            "on_messages": on_messages,
            "on_send_failed": on_send_failed,
            "resolve": self.addresses.get,
            "bulk": BULK,
            "door": door,
        }
        links = Links(identity, **(settings | options))  # type: ignore[arg-type]
        await self._nursery.start(links.serve, endpoint)
        node = Node(identity, endpoint, links, inbox, failed)
        self.addresses[node.id] = node.address
        return node


@asynccontextmanager
async def network() -> AsyncIterator[Network]:
    async with AsyncExitStack() as stack, trio.open_nursery() as nursery:
        yield Network(nursery, stack)
        nursery.cancel_scope.cancel()


def control(number: int) -> BlockMissing:
    """A small message that is not in the test nodes' bulk set."""
    return BlockMissing((Digest(number.to_bytes(32, "big")),))


def block(size: int = BLOCK_DATA_MAX) -> BlockData:
    return BlockData(Digest(b"d" * 32), BlockForm.PLAIN, b"\x5a" * size)


@asynccontextmanager
async def raw_connection(node: Node, identity: Identity) -> AsyncIterator[WebSocket]:
    """A control connection whose frames the test writes itself."""
    async with (
        connected(node.address, identity.client_context()) as (stream, _),
        dialled(stream, Kind.CONTROL.path) as websocket,
    ):
        yield websocket
