"""What a bad peer can do: lose its own connection, and no more."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
import trio

from mesh.model.ids import Digest
from mesh.net.connection import Kind
from mesh.net.tls import connected
from mesh.net.websocket import Broken
from mesh.wire import codec
from mesh.wire.blocks import BlockRequest
from tests.net_nodes import control, make_mesh, network, raw_connection, run


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xff" * 100,
        b"\x81\x82\x18\x63",
        codec.bundle([b"\x83\x18\x50\x01\x02"]),
        b"\x00" * ((1 << 20) + 1),
    ],
    ids=["empty", "noise", "cut short", "wrong fields", "too long"],
)
def test_a_malformed_frame_costs_its_sender_that_connection_only(tmp_path: Path, frame: bytes) -> None:
    ann_identity, bob_identity = make_mesh(tmp_path, "ann", "bob")

    async def test() -> None:
        async with network() as net:
            ann, bob = await net.start(ann_identity), await net.start(bob_identity)
            bob.links.send(ann.id, BlockRequest(()))
            await ann.inbox.receive()

            async with raw_connection(ann, bob_identity) as websocket:
                await websocket.send(frame)
                with pytest.raises(Broken):
                    await websocket.receive()

            bob.links.send(ann.id, BlockRequest((Digest(b"d" * 32),)))
            assert await ann.inbox.receive() == (bob.id, BlockRequest((Digest(b"d" * 32),)))
            assert bob.links.connected(ann.id, Kind.BULK)

    run(test)


def test_a_message_from_the_future_is_ignored(tmp_path: Path) -> None:
    ann_identity, bob_identity = make_mesh(tmp_path, "ann", "bob")

    async def test() -> None:
        async with network() as net:
            ann = await net.start(ann_identity)
            async with raw_connection(ann, bob_identity) as websocket:
                await websocket.send(codec.bundle([b"\x82\x19\x27\x0f\x01", codec.encode(control(1))]))

                assert await ann.inbox.receive() == (bob_identity.node_id, control(1))

    run(test)


async def hung_up(stream: trio.abc.ReceiveStream) -> None:
    """Returns when the other end has closed `stream`, politely or not."""
    with suppress(trio.BrokenResourceError):
        while await stream.receive_some():
            pass


def test_noise_instead_of_tls_does_not_disturb_the_node(tmp_path: Path) -> None:
    ann_identity, bob_identity = make_mesh(tmp_path, "ann", "bob")

    async def test() -> None:
        async with network() as net:
            ann, bob = await net.start(ann_identity), await net.start(bob_identity)
            for noise in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\x00" * 500):
                async with await trio.open_tcp_stream(*ann.address) as stream:
                    if noise:
                        await stream.send_all(noise)
                    await stream.send_eof()
                    await hung_up(stream)

            bob.links.send(ann.id, control(1))
            assert await ann.inbox.receive() == (bob.id, control(1))

    run(test)


def test_noise_instead_of_http_does_not_disturb_the_node(tmp_path: Path) -> None:
    ann_identity, bob_identity = make_mesh(tmp_path, "ann", "bob")

    async def test() -> None:
        async with network() as net:
            ann, bob = await net.start(ann_identity), await net.start(bob_identity)
            for noise in (b"\x00" * 5000, b"GET /v1/control HTTP/1.1\r\nHost: x\r\n\r\n", b"x" * 100_000):
                async with connected(ann.address, bob_identity.client_context()) as (stream, _):
                    await stream.send_all(noise)
                    await hung_up(stream)

            bob.links.send(ann.id, control(1))
            assert await ann.inbox.receive() == (bob.id, control(1))

    run(test)
