"""The wire between two nodes, both in this process, beside what it is made of, in the same run.

Blocks of 1 MiB over a bulk connection, against trio-websocket as it comes (4 KiB reads) and against bare
TLS, which does no framing, no queueing and no checks; and round trips of a small message. Every
connection is TLS 1.3 with both certificates checked. Rounds alternate, and the best of each side counts,
so that a busy machine disturbs both alike.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import trio
import trio_websocket

from mesh.config.settings import DiscoveryConfig
from mesh.identity.certificates import Role
from mesh.identity.folder import found_mesh
from mesh.identity.identity import Identity
from mesh.identity.invites import InviteBook
from mesh.model.ids import Digest, NodeId
from mesh.net.door import Door
from mesh.net.endpoint import open_endpoint
from mesh.net.join import join_mesh
from mesh.net.links import Links
from mesh.net.tls import accepted, connected
from mesh.net.websocket import TlsStream
from mesh.wire.base import Message
from mesh.wire.blocks import BLOCK_DATA_MAX, BlockData, BlockForm, BlockMissing, BlockRequest
from tools.bench_report import Case, cost, rate

BLOCKS = 256
ROUND_TRIPS = 1000
ROUNDS = 3
TARGET_MB = 250.0
"""Megabytes a second, node to node."""

Handler = Callable[[TlsStream], Awaitable[None]]


def run() -> list[Case]:
    with tempfile.TemporaryDirectory() as folder:
        return trio.run(_measure, Path(folder))


async def _measure(folder: Path) -> list[Case]:
    ours, raw, default, trips, raw_trips = [], [], [], [], []
    async with _two_nodes(folder) as nodes:
        for _ in range(ROUNDS):
            ours.append(await nodes.throughput())
            raw.append(await _raw_throughput(nodes))
            default.append(await _default_throughput(nodes))
            trips.append(await nodes.round_trip())
            raw_trips.append(await _raw_round_trip(nodes))
    return [
        rate("blocks", max(ours), TARGET_MB, "target", "MB/s"),
        rate("blocks", max(ours), max(default), "trio-websocket as it comes", "MB/s"),
        rate("blocks", max(ours), max(raw), "bare TLS", "MB/s"),
        cost("round trip", min(trips), min(raw_trips), "bare TLS", "us"),
    ]


def _megabytes_per_second(started: float) -> float:
    return BLOCKS * BLOCK_DATA_MAX / 1e6 / (time.perf_counter() - started)


# --- ours -------------------------------------------------------------------------------------------


@dataclass
class _Nodes:
    """Two nodes that know each other, and what is waited for."""

    ann: Identity
    bob: Identity
    links: Links
    to: NodeId
    arrived: trio.MemoryReceiveChannel[Message]
    answered: trio.MemoryReceiveChannel[Message]
    ask: Callable[[], None]
    """Lets Bob send a request."""

    async def throughput(self) -> float:
        """Of blocks that go to the node that dialled, as they do to whoever asks for some."""
        block = BlockData(Digest(b"d" * 32), BlockForm.PLAIN, b"\x5a" * BLOCK_DATA_MAX)
        self.ask()
        await self.answered.receive()
        started = time.perf_counter()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send_blocks, block)
            for _ in range(BLOCKS):
                await self.arrived.receive()
        return _megabytes_per_second(started)

    async def _send_blocks(self, block: BlockData) -> None:
        for _ in range(BLOCKS):
            await self.links.send_when_room(self.to, block)

    async def round_trip(self) -> float:
        """In microseconds."""
        message = BlockMissing((Digest(b"d" * 32),))
        started = time.perf_counter()
        for _ in range(ROUND_TRIPS):
            self.links.send(self.to, message)
            await self.answered.receive()
        return (time.perf_counter() - started) / ROUND_TRIPS * 1e6


@asynccontextmanager
async def _two_nodes(folder: Path) -> AsyncIterator[_Nodes]:
    """Founds a mesh and joins it over the network, as two machines would."""
    ann = found_mesh(folder / "ann", "bench", "ann")
    book = InviteBook(ann)
    code = book.invite(Role.MEMBER, 1, time.time_ns() // 1_000_000 + 600_000)
    at_ann, answered = trio.open_memory_channel[Message](ROUND_TRIPS)
    at_bob, arrived = trio.open_memory_channel[Message](1)
    addresses: dict[NodeId, tuple[str, int]] = {}

    async def ann_hears(_node: NodeId, messages: Sequence[Message]) -> None:
        for message in messages:
            await at_ann.send(message)

    async def bob_hears(node: NodeId, messages: Sequence[Message]) -> None:
        for message in messages:
            if isinstance(message, BlockData):
                await at_bob.send(message)
            else:
                bob_links.send(node, message)

    async def failed(_node: NodeId, message: Message) -> None:
        raise RuntimeError(f"{type(message).__name__} was not delivered")

    door = Door(lambda: ann, book, list)
    links = Links(ann, ann_hears, failed, addresses.get, (BlockData, BlockRequest), door)
    ann_end, bob_end = await open_endpoint("127.0.0.1", 0), await open_endpoint("127.0.0.1", 0)
    async with trio.open_nursery() as nursery:
        await nursery.start(links.serve, ann_end)
        silent = DiscoveryConfig(enabled=False)
        bob = (await join_mesh(folder / "bob", code, "bob", ("127.0.0.1", ann_end.port), silent)).identity
        bob_links = Links(bob, bob_hears, failed, addresses.get, (BlockData, BlockRequest))
        await nursery.start(bob_links.serve, bob_end)
        addresses[bob.node_id] = ("127.0.0.1", bob_end.port)
        addresses[ann.node_id] = ("127.0.0.1", ann_end.port)
        ask = partial(bob_links.send, ann.node_id, BlockRequest(()))
        yield _Nodes(ann, bob, links, bob.node_id, arrived, answered, ask)
        nursery.cancel_scope.cancel()
    await ann_end.aclose()
    await bob_end.aclose()


# --- peers ------------------------------------------------------------------------------------------


@asynccontextmanager
async def _tls_server(nodes: _Nodes, handler: Handler) -> AsyncIterator[TlsStream]:
    """A TLS stream from Ann to a listener of Bob's that `handler` answers."""
    context = nodes.bob.server_context()

    async def answer(plain: trio.SocketStream) -> None:
        async with accepted(plain, context) as (stream, _):
            await handler(stream)

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(trio.serve_listeners, answer, listeners))
        async with connected(("127.0.0.1", port), nodes.ann.client_context()) as (stream, _):
            yield stream
        nursery.cancel_scope.cancel()


async def _raw_throughput(nodes: _Nodes) -> float:
    finished = trio.Event()

    async def count(stream: TlsStream) -> None:
        left = BLOCKS * BLOCK_DATA_MAX
        while left:
            left -= len(await stream.receive_some(256 << 10))
        finished.set()

    async with _tls_server(nodes, count) as stream:
        block = b"\x5a" * BLOCK_DATA_MAX
        started = time.perf_counter()
        for _ in range(BLOCKS):
            await stream.send_all(block)
        await finished.wait()
        return _megabytes_per_second(started)


async def _default_throughput(nodes: _Nodes) -> float:
    """From the answering to the dialling end, like ours: that direction is not masked."""
    block = b"\x5a" * BLOCK_DATA_MAX

    async def send(stream: TlsStream) -> None:
        async with trio.open_nursery() as nursery:
            request = await trio_websocket.wrap_server_stream(nursery, stream)
            connection = await request.accept()
            for _ in range(BLOCKS):
                await connection.send_message(block)
            await trio.sleep_forever()

    async with _tls_server(nodes, send) as stream, trio.open_nursery() as nursery:
        limit = 2 * BLOCK_DATA_MAX
        connection = await trio_websocket.wrap_client_stream(
            nursery, stream, "bench", "/", max_message_size=limit
        )
        started = time.perf_counter()
        for _ in range(BLOCKS):
            await connection.get_message()
        figure = _megabytes_per_second(started)
        nursery.cancel_scope.cancel()
    return figure


async def _raw_round_trip(nodes: _Nodes) -> float:
    async def echo(stream: TlsStream) -> None:
        while data := await stream.receive_some(1024):
            await stream.send_all(data)

    async with _tls_server(nodes, echo) as stream:
        started = time.perf_counter()
        for _ in range(ROUND_TRIPS):
            await stream.send_all(b"\x5a" * 40)
            await stream.receive_some(1024)
        return (time.perf_counter() - started) / ROUND_TRIPS * 1e6
