"""Connections between members: who gets in, what arrives, and what comes back when it does not."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
import trio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mesh.identity import certificates
from mesh.identity.certificates import Role, make_node, pem, utc_now
from mesh.identity.files import write_private
from mesh.identity.identity import Identity, joiner_context
from mesh.model.ids import Digest, NodeId
from mesh.net.connection import Kind, Timing
from mesh.net.endpoint import open_endpoint
from mesh.net.errors import PortInUse
from mesh.net.links import TooLong
from mesh.net.tls import connected
from mesh.net.websocket import Broken, WebSocket, dialled
from mesh.wire import codec
from mesh.wire.base import Message
from mesh.wire.blocks import BLOCK_DATA_MAX, BlockData, BlockForm, BlockMissing, BlockRequest
from tests.net_nodes import Network, Node, make_mesh, network, run

QUICK = Timing(confirm=0.01, keepalive=0.05, pong=5.0, idle=60.0, retire=1.0)


def control(number: int) -> BlockMissing:
    """A small message that is not in the test nodes' bulk set."""
    return BlockMissing((Digest(number.to_bytes(32, "big")),))


def block(size: int = BLOCK_DATA_MAX) -> BlockData:
    return BlockData(Digest(b"d" * 32), BlockForm.PLAIN, b"\x5a" * size)


def test_messages_arrive_in_order_and_answers_use_the_same_connection(tmp_path: Path) -> None:
    ann_identity, bob_identity = make_mesh(tmp_path, "ann", "bob")

    async def test() -> None:
        async with network() as net:
            ann, bob = await net.start(ann_identity), await net.start(bob_identity)
            del net.addresses[ann.id]

            for number in range(1000):
                ann.links.send(bob.id, control(number))
            received = [await bob.inbox.receive() for _ in range(1000)]
            bob.links.send(ann.id, control(7))

            assert received == [(ann.id, control(number)) for number in range(1000)]
            assert await ann.inbox.receive() == (bob.id, control(7))

    run(test)


def test_what_cannot_be_delivered_comes_back(tmp_path: Path) -> None:
    ann_identity, bob_identity = make_mesh(tmp_path, "ann", "bob")

    async def test() -> None:
        async with network() as net:
            ann = await net.start(ann_identity)

            ann.links.send(bob_identity.node_id, control(1))
            assert await ann.failed.receive() == (bob_identity.node_id, control(1))

            closed = await open_endpoint("127.0.0.1", 0)
            await closed.aclose()
            net.addresses[bob_identity.node_id] = ("127.0.0.1", closed.port)
            ann.links.send(bob_identity.node_id, control(2))
            assert await ann.failed.receive() == (bob_identity.node_id, control(2))

    run(test)


def test_a_node_that_was_out_of_reach_is_reached_when_it_is_back(tmp_path: Path) -> None:
    ann_identity, bob_identity = make_mesh(tmp_path, "ann", "bob")

    async def test() -> None:
        async with network() as net:
            ann = await net.start(ann_identity, timing=Timing(first_backoff=0.0, longest_backoff=0.0))
            ann.links.send(bob_identity.node_id, control(1))
            await ann.failed.receive()

            bob = await net.start(bob_identity)
            ann.links.send(bob.id, control(2))

            assert await bob.inbox.receive() == (ann.id, control(2))

    run(test)


def test_during_a_backoff_sending_fails_without_a_dial(tmp_path: Path) -> None:
    ann_identity, bob_identity = make_mesh(tmp_path, "ann", "bob")

    async def test() -> None:
        asked = []
        async with network() as net:
            ann = await net.start(ann_identity, resolve=asked.append, timing=Timing(first_backoff=600.0))
            for number in range(3):
                ann.links.send(bob_identity.node_id, control(number))
                assert await ann.failed.receive() == (bob_identity.node_id, control(number))

        assert asked == [bob_identity.node_id]

    run(test)


def test_two_nodes_that_dial_at_once_lose_nothing_and_keep_one_connection(tmp_path: Path) -> None:
    ann_identity, bob_identity = make_mesh(tmp_path, "ann", "bob")
    count = 200

    async def test() -> None:
        async with network() as net:
            ann = await net.start(ann_identity, timing=QUICK)
            bob = await net.start(bob_identity, timing=QUICK)

            for number in range(count):
                ann.links.send(bob.id, control(number))
                bob.links.send(ann.id, control(number))
                if number % 20 == 0:
                    await trio.lowlevel.checkpoint()
            at_ann = {message async for _, message in _first(ann, count)}
            at_bob = {message async for _, message in _first(bob, count)}

            assert at_ann == at_bob == {control(number) for number in range(count)}
            assert ann.failed.statistics().current_buffer_used == 0
            assert bob.failed.statistics().current_buffer_used == 0
            while _connections(ann, bob.id) != 1 or _connections(bob, ann.id) != 1:
                await trio.lowlevel.checkpoint()
            assert _dialler(ann, bob.id) == _dialler(bob, ann.id)

    run(test)


async def _first(node: Node, count: int) -> AsyncIterator[tuple[NodeId, Message]]:
    for _ in range(count):
        yield await node.inbox.receive()


def _connections(node: Node, peer: NodeId) -> int:
    lane = node.links._lanes.get((peer, Kind.CONTROL))
    return 0 if lane is None else len(lane._connections)


def _dialler(node: Node, peer: NodeId) -> NodeId:
    return node.links._lanes[peer, Kind.CONTROL]._connections[0].dialler


def test_control_messages_overtake_a_big_transfer(tmp_path: Path) -> None:
    ann_identity, bob_identity = make_mesh(tmp_path, "ann", "bob")

    async def test() -> None:
        async with network() as net:
            ann, bob = await net.start(ann_identity), await net.start(bob_identity)
            bob.links.send(ann.id, control(0))
            await ann.inbox.receive()

            for _ in range(64):
                ann.links.send(bob.id, block())
            ann.links.send(bob.id, control(1))
            received = [(await bob.inbox.receive())[1] for _ in range(65)]

            assert received.count(block()) == 64
            assert received.index(control(1)) < 32

    run(test)


def test_a_full_queue_fails_what_comes_next_and_a_patient_sender_waits(tmp_path: Path) -> None:
    ann_identity, bob_identity = make_mesh(tmp_path, "ann", "bob")

    async def test() -> None:
        async with network() as net:
            ann, bob = await net.start(ann_identity), await net.start(bob_identity)
            for _ in range(80):
                ann.links.send(bob.id, block())
            returned, message = await ann.failed.receive()
            assert (returned, message) == (bob.id, block())

            await ann.links.send_when_room(bob.id, block(1))
            while (await bob.inbox.receive())[1] != block(1):
                pass

    run(test)


def test_a_message_no_frame_can_carry_is_our_mistake(tmp_path: Path) -> None:
    ann_identity, bob_identity = make_mesh(tmp_path, "ann", "bob")

    async def test() -> None:
        async with network() as net:
            ann = await net.start(ann_identity, bulk=())
            with pytest.raises(TooLong):
                ann.links.send(bob_identity.node_id, block())

    run(test)


def test_unconfirmed_messages_come_back_when_the_connection_breaks(tmp_path: Path) -> None:
    ann_identity, bob_identity = make_mesh(tmp_path, "ann", "bob")

    async def test() -> None:
        async with network() as net:
            ann = await net.start(ann_identity, timing=Timing(confirm=600.0))
            bob = await net.start(bob_identity)
            ann.links.send(bob.id, control(1))
            await bob.inbox.receive()

            bob.links.drop(ann.id)

            assert await ann.failed.receive() == (bob.id, control(1))

    run(test)


def test_a_confirmed_message_does_not_come_back(tmp_path: Path) -> None:
    ann_identity, bob_identity = make_mesh(tmp_path, "ann", "bob")

    async def test() -> None:
        async with network() as net:
            ann = await net.start(ann_identity, timing=QUICK)
            bob = await net.start(bob_identity, timing=Timing(idle=600.0))
            ann.links.send(bob.id, control(1))
            await bob.inbox.receive()
            connection = ann.links._lanes[bob.id, Kind.CONTROL]._connections[0]
            while connection._unconfirmed:
                await trio.lowlevel.checkpoint()

            ann.links.drop(bob.id)
            ann.links.send(bob.id, control(2))
            assert await bob.inbox.receive() == (ann.id, control(2))

            with pytest.raises(trio.WouldBlock):
                ann.failed.receive_nowait()

    run(test)


def test_an_idle_connection_closes_and_is_dialled_again(tmp_path: Path) -> None:
    ann_identity, bob_identity = make_mesh(tmp_path, "ann", "bob")

    async def test() -> None:
        async with network() as net:
            ann = await net.start(ann_identity, timing=Timing(confirm=0.01, keepalive=0.01, idle=0.05))
            bob = await net.start(bob_identity)
            ann.links.send(bob.id, control(1))
            await bob.inbox.receive()
            while ann.links.connected(bob.id):
                await trio.lowlevel.checkpoint()

            ann.links.send(bob.id, control(2))
            assert await bob.inbox.receive() == (ann.id, control(2))

    run(test)


# --- who gets in ------------------------------------------------------------------------------------


async def refused(net: Network, dialler: Node, wanted: NodeId) -> bool:
    """Whether a message from `dialler` to `wanted` comes back."""
    dialler.links.send(wanted, control(1))
    return await dialler.failed.receive() == (wanted, control(1))


def test_a_node_of_another_mesh_is_refused_at_both_ends(tmp_path: Path) -> None:
    (ann_identity,) = make_mesh(tmp_path / "one", "ann")
    (eve_identity,) = make_mesh(tmp_path / "two", "eve")

    async def test() -> None:
        async with network() as net:
            ann, eve = await net.start(ann_identity), await net.start(eve_identity)

            assert await refused(net, eve, ann.id)
            assert await refused(net, ann, eve.id)

    run(test)


def test_a_server_refuses_another_meshs_certificate_even_from_a_careless_client(tmp_path: Path) -> None:
    (ann_identity,) = make_mesh(tmp_path / "one", "ann")
    (eve_identity,) = make_mesh(tmp_path / "two", "eve")
    context = joiner_context()
    context.load_cert_chain(eve_identity.folder / "node.crt", eve_identity.folder / "node.key")

    run(_knock_is_refused, ann_identity, context)


def test_without_a_certificate_only_the_joiners_path_is_there(tmp_path: Path) -> None:
    (ann_identity,) = make_mesh(tmp_path, "ann")

    run(_knock_is_refused, ann_identity, joiner_context())


async def _knock_is_refused(identity: Identity, context: ssl.SSLContext) -> None:
    async def door(_websocket: object) -> None:
        raise AssertionError("nobody who asks for another path reaches the door")

    async with network() as net:
        node = await net.start(identity, door=door)
        for kind in Kind:
            with pytest.raises(Broken):
                async with connected(node.address, context) as (stream, _), dialled(stream, kind.path):
                    raise AssertionError("let in")


def test_an_expired_certificate_is_refused(tmp_path: Path) -> None:
    ann_identity, bob_identity = make_mesh(tmp_path, "ann", "bob")
    assert ann_identity.issuer_key is not None
    expired = make_node(
        ann_identity.issuer_key,
        ann_identity.issuer,
        bob_identity.public_key,
        "bob",
        Role.MEMBER,
        utc_now() - timedelta(days=91),
    )
    write_private(bob_identity.folder / "node.crt", pem(expired) + pem(ann_identity.issuer))

    async def test() -> None:
        async with network() as net:
            ann, bob = await net.start(ann_identity), await net.start(bob_identity)

            assert await refused(net, bob, ann.id)
            assert await refused(net, ann, bob.id)

    run(test)


def test_a_certificate_made_by_a_mere_node_is_refused(tmp_path: Path) -> None:
    ann_identity, bob_identity = make_mesh(tmp_path, "ann", "bob")
    key = Ed25519PrivateKey.generate()
    forged = make_node(
        bob_identity.node_key,
        bob_identity.certificate,
        certificates.raw_public(key.public_key()),
        "eve",
        Role.ADMIN,
        utc_now(),
    )
    chain = tmp_path / "eve.crt"
    chain.write_bytes(pem(forged) + pem(bob_identity.certificate) + pem(bob_identity.issuer))
    (tmp_path / "eve.key").write_bytes(_pem_key(key))
    context = joiner_context()
    context.load_cert_chain(chain, tmp_path / "eve.key")

    run(_knock_is_refused, ann_identity, context)


def test_an_issuers_key_is_not_a_node(tmp_path: Path) -> None:
    (ann_identity,) = make_mesh(tmp_path, "ann")
    context = joiner_context()
    context.load_cert_chain(ann_identity.folder / "issuer.crt", ann_identity.folder / "issuer.key")

    run(_knock_is_refused, ann_identity, context)


def _pem_key(key: Ed25519PrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_the_node_that_answers_must_be_the_one_that_was_dialled(tmp_path: Path) -> None:
    ann_identity, bob_identity, carol_identity = make_mesh(tmp_path, "ann", "bob", "carol")

    async def test() -> None:
        async with network() as net:
            ann, bob = await net.start(ann_identity), await net.start(bob_identity)
            net.addresses[carol_identity.node_id] = bob.address

            assert await refused(net, ann, carol_identity.node_id)
            with pytest.raises(trio.WouldBlock):
                bob.inbox.receive_nowait()

    run(test)


def test_a_node_that_is_no_longer_welcome_is_refused_and_dropped(tmp_path: Path) -> None:
    ann_identity, bob_identity = make_mesh(tmp_path, "ann", "bob")
    unwelcome: set[NodeId] = set()

    async def test() -> None:
        async with network() as net:
            ann = await net.start(ann_identity, refuses=unwelcome.__contains__)
            bob = await net.start(bob_identity, timing=Timing(confirm=600.0, first_backoff=0.0))
            bob.links.send(ann.id, control(1))
            await ann.inbox.receive()

            unwelcome.add(bob.id)
            ann.links.drop(bob.id)

            assert await bob.failed.receive() == (ann.id, control(1))
            assert await refused(net, bob, ann.id)
            assert await refused(net, ann, bob.id)

    run(test)


@asynccontextmanager
async def raw_connection(node: Node, identity: Identity) -> AsyncIterator[WebSocket]:
    """A control connection whose frames the test writes itself."""
    async with (
        connected(node.address, identity.client_context()) as (stream, _),
        dialled(stream, Kind.CONTROL.path) as websocket,
    ):
        yield websocket


# --- what a bad peer can do -------------------------------------------------------------------------


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


def test_a_renewed_certificate_is_shown_from_then_on(tmp_path: Path) -> None:
    ann_identity, bob_identity = make_mesh(tmp_path, "ann", "bob")
    assert ann_identity.own_issuer is not None
    renewed = ann_identity.renewed(
        ann_identity.issue(ann_identity.public_key, "ann", Role.ADMIN), ann_identity.own_issuer
    )

    async def test() -> None:
        async with network() as net:
            ann = await net.start(ann_identity)
            ann.links.use(renewed)
            async with connected(ann.address, bob_identity.client_context()) as (_, certificate):
                assert certificate == certificates.der(renewed.certificate)

    run(test)


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    async def test() -> None:
        first = await open_endpoint("127.0.0.1", 0)
        with pytest.raises(PortInUse, match=f"Port {first.port}"):
            await open_endpoint("127.0.0.1", first.port)
        await first.aclose()
        again = await open_endpoint("127.0.0.1", first.port)
        await again.aclose()

    run(test)


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
