"""Connections between members: what arrives, in which order, and what comes back when it does not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from mesh.model.ids import NodeId
from mesh.net.connection import Kind, Timing
from mesh.net.endpoint import open_endpoint
from mesh.net.errors import PortInUse
from mesh.net.links import TooLong
from mesh.wire.base import Message
from tests.net_nodes import Node, block, control, make_mesh, network, run

QUICK = Timing(confirm=0.01, keepalive=0.05, pong=5.0, idle=60.0, retire=1.0)


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


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    async def test() -> None:
        first = await open_endpoint("127.0.0.1", 0)
        with pytest.raises(PortInUse, match=f"Port {first.port}"):
            await open_endpoint("127.0.0.1", first.port)
        await first.aclose()
        again = await open_endpoint("127.0.0.1", first.port)
        await again.aclose()

    run(test)
