"""LAN discovery: nodes say where they are, on every interface, in one small datagram every few seconds.

Each beacon goes out twice, as multicast and as broadcast, since networks tend to drop one or the other. On
loopback both work too (broadcast to 127.255.255.255), so that several nodes on one machine hear each other
with no network at all. A beacon is a hint and no more: whoever follows it finds out by TLS who is there.
Who has just started asks, and is answered at once.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

import trio
from trio.socket import SocketType

from mesh.config import DiscoveryConfig
from mesh.model.ids import NodeId
from mesh.net.interfaces import Interface, usable_interfaces
from mesh.wire import codec
from mesh.wire.admission import Port
from mesh.wire.base import AtMost
from mesh.wire.effects import Address

logger = logging.getLogger(__name__)

GROUP = "239.255.74.1"
"""Of the range that stays within an organisation (RFC 2365)."""

MAGIC = b"render-mesh beacon 1\n"
QUESTION = MAGIC + b"?"
MAX_BEACON = 512
FINGERPRINT_SIZE = 8

FIRST_INTERVALS = (0.25, 0.5, 1.0, 2.0)
INTERVAL = 5.0
LEAST_INTERVAL = 0.25
"""However many ask."""


@dataclass(frozen=True, slots=True)
class Beacon:
    """What a node says of itself."""

    mesh: Annotated[bytes, AtMost(FINGERPRINT_SIZE)]
    """The first 8 bytes of the mesh's fingerprint."""
    node: NodeId
    port: Port
    mesh_name: Annotated[str, AtMost(64)]
    node_name: Annotated[str, AtMost(64)]
    admits: bool = False
    """Whether this node can sign a joiner's certificate."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A beacon and where it came from: the host it was sent from and the port it names."""

    beacon: Beacon
    address: Address


def encode_beacon(beacon: Beacon) -> bytes:
    return MAGIC + codec.encode_record(beacon)


def decode_beacon(data: bytes) -> Beacon | None:
    """None for whatever else arrives on that port."""
    if not data.startswith(MAGIC):
        return None
    try:
        beacon = codec.decode_record(Beacon, data[len(MAGIC) :], MAX_BEACON)
    except codec.BadMessage:
        return None
    return beacon if len(beacon.mesh) == FINGERPRINT_SIZE and beacon.port else None


class Beacons:
    """A member's beacons, and its ear for those of its own mesh."""

    def __init__(
        self,
        config: DiscoveryConfig,
        beacon: Beacon,
        on_heard: Callable[[Heard], Awaitable[None]],
    ) -> None:
        self._config = config
        self._beacon = beacon
        self._on_heard = on_heard
        self._asked = trio.Event()

    async def serve(self) -> None:
        """Sends and listens until cancelled. Returns at once where discovery is off or impossible; a node
        runs without it."""
        if not self._config.enabled:
            return
        async with _open(self._config) as socket:
            if socket is None:
                return
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._send, socket)
                nursery.start_soon(self._listen, socket)

    async def _send(self, socket: _BeaconSocket) -> None:
        data = encode_beacon(self._beacon)
        await socket.send(QUESTION)
        intervals = iter(FIRST_INTERVALS)
        while True:
            await socket.send(data)
            self._asked = trio.Event()
            await trio.sleep(LEAST_INTERVAL)
            with trio.move_on_after(next(intervals, INTERVAL) - LEAST_INTERVAL):
                await self._asked.wait()

    async def _listen(self, socket: _BeaconSocket) -> None:
        while True:
            data, host = await socket.receive()
            if data == QUESTION:
                self._asked.set()
                continue
            beacon = decode_beacon(data)
            if beacon and beacon.mesh == self._beacon.mesh and beacon.node != self._beacon.node:
                await self._on_heard(Heard(beacon, (host, beacon.port)))


async def listen_for_meshes(
    config: DiscoveryConfig, seconds: float, enough: Callable[[Heard], bool] = lambda _heard: False
) -> tuple[Heard, ...]:
    """Every node of any mesh that answers within `seconds`, or until one is `enough`; each once."""
    heard: dict[NodeId, Heard] = {}
    if not config.enabled:
        return ()
    async with _open(config) as socket:
        if socket is None:
            return ()
        with trio.move_on_after(seconds):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_ask, socket)
                while True:
                    data, host = await socket.receive()
                    beacon = decode_beacon(data)
                    if beacon is None:
                        continue
                    new = heard.setdefault(beacon.node, Heard(beacon, (host, beacon.port)))
                    if enough(new):
                        nursery.cancel_scope.cancel()
                        break
    return tuple(heard.values())


async def _ask(socket: _BeaconSocket) -> None:
    while True:
        await socket.send(QUESTION)
        await trio.sleep(1.0)


# --- the socket -------------------------------------------------------------------------------------


@asynccontextmanager
async def _open(config: DiscoveryConfig) -> AsyncIterator[_BeaconSocket | None]:
    socket = trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM)
    with socket:
        # Several nodes of one machine share the port: multicast and broadcast reach all of them.
        socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_REUSEADDR, 1)
        socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_BROADCAST, 1)
        socket.setsockopt(trio.socket.IPPROTO_IP, trio.socket.IP_MULTICAST_TTL, 1)
        try:
            await socket.bind(("", config.port))
        except OSError as error:
            logger.warning("No discovery on UDP port %d: %s.", config.port, error.strerror)
            yield None
        else:
            yield _BeaconSocket(socket, config)


class _BeaconSocket:
    """Sends on every usable interface and hears all of them; interfaces may come and go."""

    def __init__(self, socket: SocketType, config: DiscoveryConfig) -> None:
        self._socket = socket
        self._config = config
        self._joined: frozenset[Interface] = frozenset()

    async def send(self, data: bytes) -> None:
        self._join_group()
        for interface in sorted(self._joined):
            for target in self._targets(interface):
                try:
                    await self._socket.sendto(data, (target, self._config.port))
                except OSError as error:
                    # A cable is out, a firewall says no: the other interfaces may still do.
                    logger.debug("No beacon to %s on %s: %s.", target, interface.name, error.strerror)

    async def receive(self) -> tuple[bytes, str]:
        """A datagram and the host it came from."""
        while True:
            try:
                data, (host, *_) = await self._socket.recvfrom(MAX_BEACON + len(MAGIC) + 1)
            except OSError as error:
                logger.debug("A beacon could not be received: %s.", error.strerror)
                await trio.lowlevel.checkpoint()
                continue
            return data, host

    def _targets(self, interface: Interface) -> list[str]:
        targets = [interface.broadcast] if interface.broadcast else []
        try:
            source = trio.socket.inet_aton(interface.address)
            self._socket.setsockopt(trio.socket.IPPROTO_IP, trio.socket.IP_MULTICAST_IF, source)
        except OSError:
            return targets
        return [GROUP, *targets]

    def _join_group(self) -> None:
        """Joins the group on interfaces that are new. Leaving is done by the system as they vanish."""
        interfaces = frozenset(usable_interfaces(self._config))
        for interface in interfaces - self._joined:
            membership = trio.socket.inet_aton(GROUP) + trio.socket.inet_aton(interface.address)
            try:
                self._socket.setsockopt(trio.socket.IPPROTO_IP, trio.socket.IP_ADD_MEMBERSHIP, membership)
            except OSError as error:
                logger.debug("No multicast on %s: %s.", interface.name, error.strerror)
        self._joined = interfaces
