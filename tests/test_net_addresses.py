"""Addresses of both families: what a node binds, what it tells others, and what it says when nobody is heard."""

from __future__ import annotations

import errno
import math
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from mesh.config.load import load_config
from mesh.config.settings import ANY_ADDRESS, DiscoveryConfig, NodeConfig
from mesh.config.values import read_endpoint, write_endpoint
from mesh.errors import BadConfig
from mesh.net import endpoint as endpoint_module
from mesh.net import interfaces
from mesh.net.endpoint import Datagrams, Endpoint, open_endpoint
from mesh.net.errors import NoMeshHeard, PortInUse
from mesh.net.interfaces import describe_search, own_address
from mesh.node.searching import what_was_tried
from mesh.wire.effects import Address
from tests.net_nodes import run


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback address")


class Card:
    def __init__(self, *addresses: str, isup: bool = True) -> None:
        self.isup = isup
        self.addresses = [Line(address) for address in addresses]


class Line:
    """One address, as psutil tells it."""

    def __init__(self, address: str) -> None:
        self.family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.address, self.netmask, self.broadcast = address, None, None


LOOPBACK = Card("127.0.0.1", "::1")


def with_cards(monkeypatch: pytest.MonkeyPatch, **cards: Card) -> None:
    lines = {name: card.addresses for name, card in cards.items()}
    monkeypatch.setattr(interfaces.psutil, "net_if_addrs", lambda: lines)
    monkeypatch.setattr(interfaces.psutil, "net_if_stats", lambda: cards)


ALL = ("0.0.0.0", "::")


@pytest.mark.parametrize(
    ("bound", "cards", "told"),
    [
        (("192.0.2.9",), {"lo": LOOPBACK}, "192.0.2.9"),
        (ALL, {"lo": LOOPBACK, "eth0": Card("192.0.2.2", "2001:db8::2")}, "192.0.2.2"),
        (ALL, {"lo": LOOPBACK, "eth0": Card("2001:db8::2")}, "2001:db8::2"),
        (ALL, {"lo": LOOPBACK, "eth0": Card("fe80::2%eth0")}, "127.0.0.1"),
        (("::",), {"lo": LOOPBACK, "eth0": Card("192.0.2.2", "2001:db8::2")}, "2001:db8::2"),
        (("::",), {"lo": LOOPBACK, "eth0": Card("192.0.2.2")}, "::1"),
        (("0.0.0.0",), {"lo": LOOPBACK, "eth0": Card("2001:db8::2")}, "127.0.0.1"),
        (ALL, {}, "127.0.0.1"),
        (("::",), {}, "::1"),
    ],
)
def test_a_node_tells_the_address_that_others_can_use(
    monkeypatch: pytest.MonkeyPatch, bound: tuple[str, ...], cards: dict[str, Card], told: str
) -> None:
    with_cards(monkeypatch, **cards)

    assert own_address(bound, DiscoveryConfig()) == told


@pytest.mark.parametrize(
    ("config", "cards", "sentence"),
    [
        (
            DiscoveryConfig(),
            {"lo": LOOPBACK, "eth0": Card("192.0.2.2", "fe80::2%eth0")},
            "UDP port 7402 on lo (127.0.0.1 ::1), eth0 (192.0.2.2 fe80::2)",
        ),
        (
            DiscoveryConfig(enabled=False),
            {"lo": LOOPBACK},
            "no beacons, since discovery is off",
        ),
        (
            DiscoveryConfig(deny=("lo",)),
            {"lo": LOOPBACK, "eth0": Card("192.0.2.2", isup=False)},
            "UDP port 7402 on no interface at all: none is up, or [discovery] in mesh.toml allows none",
        ),
    ],
)
def test_where_was_looked_is_said(
    monkeypatch: pytest.MonkeyPatch, config: DiscoveryConfig, cards: dict[str, Card], sentence: str
) -> None:
    with_cards(monkeypatch, **cards)

    assert describe_search(config) == sentence


def test_a_node_whose_others_are_silent_says_what_it_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with_cards(monkeypatch, lo=LOOPBACK)
    asked = [("192.0.2.4", 7401), ("2001:db8::5", 7401), *(("192.0.2.9", port) for port in (1, 2, 3, 4))]

    assert what_was_tried(NodeConfig(), 7401, asked) == (
        "nobody has answered for 10 s. Tried 192.0.2.4:7401, [2001:db8::5]:7401, 192.0.2.9:1, 192.0.2.9:2, 2 more, "
        "and UDP port 7402 on lo (127.0.0.1 ::1). This node goes on looking; if others run, check that no firewall "
        "stops TCP and UDP 7401 and UDP 7402."
    )


def test_a_joiner_that_hears_nobody_says_what_it_tried() -> None:
    error = NoMeshHeard(seconds=6.0, tried="UDP port 7402 on lo (127.0.0.1)", port=7402)

    assert "Tried: UDP port 7402 on lo (127.0.0.1)." in str(error)
    assert "no firewall stops UDP port 7402" in str(error)


@pytest.mark.parametrize("address", [("render.example", 7401), ("192.0.2.1", 1), ("2001:db8::1", 65535)])
def test_an_address_survives_being_written_and_read(address: Address) -> None:
    assert read_endpoint(write_endpoint(address)) == address


def test_an_advertised_host_that_fits_no_datagram_is_refused() -> None:
    with pytest.raises(BadConfig, match="at most 64 letters"):
        load_config(None, {"listen.advertise": "x" * 65})


async def exchange(ann: Endpoint, bob: Endpoint, host: str) -> tuple[Address, bytes]:
    """What bob receives of ann, who sends to bob at `host`."""
    heard_in, heard = trio.open_memory_channel[tuple[Address, bytes]](math.inf)

    async def on_datagram(source: Address, data: bytes) -> None:
        await heard_in.send((source, data))

    sender, receiver = (
        Datagrams(end.datagrams, lambda _, data: data, lambda _, data: data, on_datagram)
        for end in (ann, bob)
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receiver.serve)
        await sender.send((host, bob.port), b"hello")
        got = await heard.receive()
        nursery.cancel_scope.cancel()
    return got


@needs_ipv6
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_node_is_reached_over_either_family(host: str) -> None:
    async def test() -> None:
        ann, bob = await open_endpoint(ANY_ADDRESS, 0), await open_endpoint(ANY_ADDRESS, 0)
        try:
            assert await exchange(ann, bob, host) == ((host, ann.port), b"hello")
            async with await trio.open_tcp_stream(host, bob.port) as stream:
                assert stream.socket.getpeername()[:2] == (host, bob.port)
        finally:
            await ann.aclose()
            await bob.aclose()

    run(test)


def test_a_name_stands_for_all_its_addresses() -> None:
    known = {str(address[0]) for *_, address in socket.getaddrinfo("localhost", None)}

    async def test() -> None:
        endpoint = await open_endpoint("localhost", 0)
        try:
            assert set(endpoint.hosts) == known
            sockets = [*endpoint.datagrams, *(listener.socket for listener in endpoint.listeners)]
            assert {each.getsockname()[1] for each in sockets} == {endpoint.port}
        finally:
            await endpoint.aclose()

    run(test)


def without_ipv6(monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    """A machine that says `error` to everything about `::`."""
    bind = endpoint_module._bind_too

    async def bind_ipv4(endpoint: Endpoint, host: str) -> Endpoint:
        if host == "::":
            raise OSError(error, "no")
        return await bind(endpoint, host)

    monkeypatch.setattr(endpoint_module, "_bind_too", bind_ipv4)


@pytest.mark.parametrize("error", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
def test_a_machine_without_ipv6_listens_on_what_it_has(monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    without_ipv6(monkeypatch, error)

    async def test() -> None:
        endpoint = await open_endpoint(ANY_ADDRESS, 0)
        await endpoint.aclose()
        assert endpoint.hosts == ("0.0.0.0",)

    run(test)


def test_a_port_that_is_taken_in_one_family_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    without_ipv6(monkeypatch, errno.EADDRINUSE)

    async def test() -> None:
        with pytest.raises(PortInUse):
            await open_endpoint(ANY_ADDRESS, 0)

    run(test)


LONE_NETWORK = """
set -e
ip link set lo up
ip link add left type veth peer name right
ip link set left up
ip link set right up
ip -6 address add fd00:1::1/64 dev left nodad
exec "$@"
"""
PROGRAM = """
import sys, trio
from mesh.config.settings import DiscoveryConfig
from mesh.model.ids import NodeId
from mesh.net.beacons import Beacon, Beacons, listen_for_meshes

config = DiscoveryConfig(allow=("left",), deny=("lo",))
beacon = Beacon(b"studio 1", NodeId(bytes(32)), 7401, "studio", "bob")

async def on_heard(_heard):
    pass

async def main():
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Beacons(config, beacon, on_heard).serve)
        heard = await listen_for_meshes(config, 30.0, enough=lambda _: True)
        print(*(f"{one.beacon.node_name} at {one.address}" for one in heard))
        nursery.cancel_scope.cancel()

trio.run(main)
"""
IN_A_NAMESPACE = ["unshare", "--user", "--map-root-user", "--net"]


def can_make_networks() -> bool:
    if not (shutil.which("unshare") and shutil.which("ip") and has_ipv6()):
        return False
    made = subprocess.run(
        [*IN_A_NAMESPACE, "sh", "-c", LONE_NETWORK, "sh", "true"], capture_output=True, check=False
    )
    return made.returncode == 0


@pytest.mark.skipif(
    not can_make_networks(), reason="needs IPv6, iproute2 and the right to make a network namespace"
)
def test_nodes_of_a_network_without_ipv4_hear_each_other() -> None:
    done = subprocess.run(
        [*IN_A_NAMESPACE, "sh", "-c", LONE_NETWORK, "sh", sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent,
    )

    assert done.stdout == "bob at ('fd00:1::1', 7401)\n"
