"""Finding each other on a network, here on loopback alone, and the datagram socket."""

from __future__ import annotations

import math
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from mesh.config.settings import DiscoveryConfig
from mesh.identity.certificates import Role
from mesh.identity.invites import InviteBook
from mesh.model.ids import NodeId
from mesh.net import interfaces
from mesh.net.beacons import (
    MAGIC,
    QUESTION,
    Beacon,
    Beacons,
    Heard,
    decode_beacon,
    encode_beacon,
    listen_for_meshes,
)
from mesh.net.door import Door
from mesh.net.endpoint import Datagrams, open_endpoint
from mesh.net.interfaces import Interface, usable_interfaces
from mesh.net.join import join_mesh
from mesh.wire.effects import Address
from tests.net_nodes import make_mesh, network, run
from tests.wire_strategies import instances


@pytest.fixture
def config() -> DiscoveryConfig:
    """Discovery on loopback, on a port nobody else uses."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return DiscoveryConfig(loopback_only=True, port=probe.getsockname()[1])


def a_beacon(name: str, mesh: bytes = b"studio 1", port: int = 7401) -> Beacon:
    return Beacon(mesh, NodeId(name.encode().ljust(32)), port, "studio", name)


class Ears:
    """Beacons of several nodes and what each has heard."""

    def __init__(self, nursery: trio.Nursery, config: DiscoveryConfig) -> None:
        self._nursery = nursery
        self._config = config

    def start(self, beacon: Beacon) -> trio.MemoryReceiveChannel[Heard]:
        heard_in, heard = trio.open_memory_channel[Heard](math.inf)
        self._nursery.start_soon(Beacons(self._config, beacon, heard_in.send).serve)
        return heard


def with_ears(config: DiscoveryConfig, test: Callable[[Ears], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with trio.open_nursery() as nursery:
            await test(Ears(nursery, config))
            nursery.cancel_scope.cancel()

    run(bounded)


async def names_heard(heard: trio.MemoryReceiveChannel[Heard], count: int) -> set[str]:
    names: set[str] = set()
    while len(names) < count:
        names.add((await heard.receive()).beacon.node_name)
    return names


def test_nodes_of_one_machine_all_hear_each_other_and_not_themselves(config: DiscoveryConfig) -> None:
    async def test(ears: Ears) -> None:
        ann, bob, carol = (ears.start(a_beacon(name)) for name in ("ann", "bob", "carol"))

        assert await names_heard(ann, 2) == {"bob", "carol"}
        assert await names_heard(bob, 2) == {"ann", "carol"}
        assert await names_heard(carol, 2) == {"ann", "bob"}

    with_ears(config, test)


def test_what_is_heard_names_the_senders_host_and_port(config: DiscoveryConfig) -> None:
    async def test(ears: Ears) -> None:
        ears.start(a_beacon("bob", port=7777))
        heard = await ears.start(a_beacon("ann")).receive()

        assert heard == Heard(a_beacon("bob", port=7777), ("127.0.0.1", 7777))

    with_ears(config, test)


def test_two_meshes_on_one_network_do_not_mix(config: DiscoveryConfig) -> None:
    async def test(ears: Ears) -> None:
        ann = ears.start(a_beacon("ann"))
        ears.start(a_beacon("bob"))
        await names_heard(ann, 1)

        ears.start(a_beacon("eve", mesh=b"others 1"))
        everyone = await listen_for_meshes(config, 10.0, enough=lambda heard: heard.beacon.node_name == "eve")
        assert "eve" in {heard.beacon.node_name for heard in everyone}
        # Eve's beacon reached ann's socket before any of carol's.
        ears.start(a_beacon("carol"))

        names = set()
        while "carol" not in names:
            names.add((await ann.receive()).beacon.node_name)
        assert "eve" not in names

    with_ears(config, test)


def test_who_starts_asks_first_so_that_others_answer_at_once(config: DiscoveryConfig) -> None:
    async def test(ears: Ears) -> None:
        with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as listener:
            listener.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_REUSEADDR, 1)
            await listener.bind(("", config.port))
            ears.start(a_beacon("ann"))

            assert await listener.recv(1000) == QUESTION

    with_ears(config, test)


def test_noise_on_the_port_is_ignored(config: DiscoveryConfig) -> None:
    async def test(ears: Ears) -> None:
        ann = ears.start(a_beacon("ann"))
        with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as noise:
            noise.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_BROADCAST, 1)
            for data in (b"", b"hello", MAGIC, MAGIC + b"\xff" * 400, b"x" * 5000):
                await noise.sendto(data, ("127.255.255.255", config.port))
        ears.start(a_beacon("bob"))

        assert await names_heard(ann, 1) == {"bob"}

    with_ears(config, test)


PROGRAM = """
import sys, trio
from mesh.config.settings import DiscoveryConfig
from mesh.model.ids import NodeId
from mesh.net.beacons import Beacon, Beacons

port, name = sys.argv[1:]
heard = set()

async def on_heard(other):
    heard.add(other.beacon.node_name)
    if len(heard) == 2:
        print(sorted(heard), flush=True)

beacon = Beacon(b"studio 1", NodeId(name.encode().ljust(32)), 7401, "studio", name)
trio.run(Beacons(DiscoveryConfig(loopback_only=True, port=int(port)), beacon, on_heard).serve)
"""


def test_separate_processes_share_the_port(config: DiscoveryConfig) -> None:
    names = ("ann", "bob", "carol")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(config.port), name],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent.parent,
        )
        for name in names
    ]
    try:
        heard = [process.stdout.readline().strip() for process in processes if process.stdout]
    finally:
        for process in processes:
            process.kill()
            process.communicate()

    assert heard == ["['bob', 'carol']", "['ann', 'carol']", "['ann', 'bob']"]


def test_discovery_that_is_off_does_nothing() -> None:
    off = DiscoveryConfig(enabled=False)

    async def test() -> None:
        async def on_heard(_heard: Heard) -> None:
            raise AssertionError("heard something")

        await Beacons(off, a_beacon("ann"), on_heard).serve()
        assert await listen_for_meshes(off, 60.0) == ()

    run(test)


def test_a_port_that_cannot_be_had_costs_discovery_and_not_the_node(config: DiscoveryConfig) -> None:
    async def test() -> None:
        with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as selfish:
            await selfish.bind(("", config.port))
            assert await listen_for_meshes(config, 60.0) == ()

    run(test)


def test_a_joiner_finds_the_mesh_of_its_code_by_ear(tmp_path: Path, config: DiscoveryConfig) -> None:
    (ann_identity,) = make_mesh(tmp_path, "ann")
    book = InviteBook(ann_identity)
    code = book.invite(Role.MEMBER, 1, 2**62)

    async def test() -> None:
        async with network() as net, trio.open_nursery() as nursery:
            ears = Ears(nursery, config)
            ann = await net.start(ann_identity, door=Door(lambda: ann_identity, book, list))
            ears.start(a_beacon("eve", mesh=b"others 1"))
            mesh = ann_identity.fingerprint[:8]
            ears.start(Beacon(mesh, NodeId(b"not there".ljust(32)), 9, "studio", "dan"))
            ears.start(Beacon(mesh, ann.id, ann.endpoint.port, "studio", "ann", admits=True))

            joined = await join_mesh(tmp_path / "bob", code, "bob", None, config)

            assert joined.identity.fingerprint == ann_identity.fingerprint
            nursery.cancel_scope.cancel()

    run(test)


@given(instances(Beacon))
def test_a_beacon_survives_the_round_trip(beacon: Beacon) -> None:
    expected = beacon if len(beacon.mesh) == 8 and beacon.port else None

    assert decode_beacon(encode_beacon(beacon)) == expected


@given(st.binary(max_size=300))
def test_any_bytes_are_a_beacon_or_nothing(data: bytes) -> None:
    for received in (data, MAGIC + data):
        beacon = decode_beacon(received)
        assert beacon is None or decode_beacon(encode_beacon(beacon)) == beacon


class Card:
    """What psutil says of an interface."""

    def __init__(self, address: str, netmask: str, broadcast: str | None, isup: bool = True) -> None:
        self.family = socket.AF_INET
        self.address = address
        self.netmask = netmask
        self.broadcast = broadcast
        self.isup = isup


CARDS = {
    "lo": Card("127.0.0.1", "255.0.0.0", None),
    "eth0": Card("192.0.2.2", "255.255.255.0", "192.0.2.255"),
    "wlan0": Card("198.51.100.2", "255.255.255.0", "198.51.100.255"),
    "tun0": Card("203.0.113.2", "255.255.255.255", None),
    "eth1": Card("192.0.2.3", "255.255.255.0", "192.0.2.255", isup=False),
}


@pytest.mark.parametrize(
    ("config", "names"),
    [
        (DiscoveryConfig(), ["lo", "eth0", "wlan0", "tun0"]),
        (DiscoveryConfig(allow=("eth0",)), ["lo", "eth0"]),
        (DiscoveryConfig(deny=("eth0", "lo")), ["wlan0", "tun0"]),
        (DiscoveryConfig(loopback_only=True), ["lo"]),
        (DiscoveryConfig(allow=("eth0",), deny=("eth0",)), ["lo"]),
    ],
)
def test_interfaces_follow_the_lists(
    monkeypatch: pytest.MonkeyPatch, config: DiscoveryConfig, names: list[str]
) -> None:
    monkeypatch.setattr(
        interfaces.psutil, "net_if_addrs", lambda: {name: [card] for name, card in CARDS.items()}
    )
    monkeypatch.setattr(interfaces.psutil, "net_if_stats", lambda: CARDS)

    assert [each.name for each in usable_interfaces(config)] == names


def test_every_interface_is_called_by_its_own_broadcast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        interfaces.psutil, "net_if_addrs", lambda: {name: [card] for name, card in CARDS.items()}
    )
    monkeypatch.setattr(interfaces.psutil, "net_if_stats", lambda: CARDS)

    found = {each.name: each for each in usable_interfaces(DiscoveryConfig())}

    assert found["lo"] == Interface("lo", "127.0.0.1", "127.255.255.255")
    assert found["eth0"].broadcast == "192.0.2.255"
    assert found["tun0"].broadcast == ""


def test_datagrams_are_sealed_on_the_way_and_strangers_are_counted() -> None:
    def unseal(_: tuple[str, int], data: bytes) -> bytes | None:
        return data[::-1] if data.endswith(b"!") else None

    async def test() -> None:
        received_in, received = trio.open_memory_channel[tuple[Address, bytes]](math.inf)

        async def on_datagram(source: Address, data: bytes) -> None:
            await received_in.send((source, data))

        ann, bob = await open_endpoint("127.0.0.1", 0), await open_endpoint("127.0.0.1", 0)
        sender = Datagrams(ann.datagrams, lambda _, data: data[::-1], unseal, on_datagram)
        receiver = Datagrams(bob.datagrams, lambda _, data: data[::-1], unseal, on_datagram)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(receiver.serve)
            await sender.send(("127.0.0.1", bob.port), b"not sealed for us")
            await sender.send(("127.0.0.1", bob.port), b"!hello")
            await sender.send(("127.0.0.1", 1), b"nobody there")
            await sender.send(("127.0.0.1", bob.port), b"!" * 70_000)

            assert await received.receive() == (("127.0.0.1", ann.port), b"!hello")
            assert receiver.refused == 1
            nursery.cancel_scope.cancel()
        await ann.aclose()
        await bob.aclose()

    run(test)
