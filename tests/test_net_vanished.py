"""A peer whose connection breaks without a goodbye is looked for at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from mesh.identity.identity import Identity
from mesh.model.ids import NodeId
from mesh.net.connection import Kind
from mesh.net.endpoint import open_endpoint
from mesh.net.tls import connected
from mesh.net.websocket import dialled
from mesh.wire import codec
from tests.net_nodes import Node, control, make_mesh, network, run


@asynccontextmanager
async def dialled_by(peer: Identity, node: Node) -> AsyncIterator[trio.SocketStream]:
    """A connection that `peer` has made to `node`, used by both; the plain stream below it."""
    async with (
        connected(node.address, peer.client_context()) as (stream, _),
        dialled(stream, Kind.CONTROL.path) as websocket,
    ):
        await websocket.send(codec.bundle([codec.encode(control(1))]))
        await node.inbox.receive()
        yield stream.transport_stream


def test_a_peer_that_is_suddenly_gone_is_dialled_at_once(tmp_path: Path) -> None:
    ann_identity, bob_identity = make_mesh(tmp_path, "ann", "bob")
    refused_in, refused = trio.open_memory_channel[NodeId](8)

    async def test() -> None:
        async with network() as net:
            ann = await net.start(ann_identity, on_refused=refused_in.send_nowait)
            endpoint = await open_endpoint("127.0.0.1", 0)
            net.addresses[bob_identity.node_id] = ("127.0.0.1", endpoint.port)
            # given a connection on which nothing waits to be sent
            async with dialled_by(bob_identity, ann) as plain:
                # when bob's process ends: nobody listens any more, and the connection breaks
                await endpoint.aclose()
                await trio.aclose_forcefully(plain)
                # then ann looks for bob by herself, and finds nobody
                assert await refused.receive() == bob_identity.node_id

    run(test)


def test_a_peer_that_hangs_up_and_still_listens_is_reached_again(tmp_path: Path) -> None:
    ann_identity, bob_identity = make_mesh(tmp_path, "ann", "bob")
    refused_in, refused = trio.open_memory_channel[NodeId](8)

    async def test() -> None:
        looked_up = trio.Event()
        async with network() as net:
            bob = await net.start(bob_identity)

            def resolve(_node: NodeId) -> tuple[str, int]:
                looked_up.set()
                return bob.address

            ann = await net.start(ann_identity, on_refused=refused_in.send_nowait, resolve=resolve)
            async with dialled_by(bob_identity, ann) as plain:
                await trio.aclose_forcefully(plain)
                await looked_up.wait()
            ann.links.send(bob.id, control(2))
            assert await bob.inbox.receive() == (ann.id, control(2))
            with pytest.raises(trio.WouldBlock):
                refused.receive_nowait()

    run(test)


def test_a_goodbye_is_no_reason_to_look_for_a_peer(tmp_path: Path) -> None:
    ann_identity, bob_identity = make_mesh(tmp_path, "ann", "bob")

    async def test() -> None:
        looked_up: list[NodeId] = []
        async with network() as net:
            ann = await net.start(ann_identity, resolve=looked_up.append)
            async with dialled_by(bob_identity, ann):
                pass
            # ann has seen the end of it when her side of a second connection is the only one
            async with dialled_by(bob_identity, ann):
                assert looked_up == []

    run(test)
