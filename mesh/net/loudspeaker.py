"""Datagrams to everyone on every usable interface, and what everyone says there.

Everything goes out by IPv4 multicast, by broadcast and by IPv6 multicast, since networks tend to drop one or
the other. On loopback multicast and broadcast work too (127.255.255.255), so that several nodes on one machine
hear each other with no network at all. Knows nothing of what is said.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from socket import if_nametoindex
from typing import Protocol

import trio
from trio.socket import (
    AF_INET,
    AF_INET6,
    IP_ADD_MEMBERSHIP,
    IP_MULTICAST_IF,
    IP_MULTICAST_TTL,
    IPPROTO_IP,
    IPPROTO_IPV6,
    IPV6_JOIN_GROUP,
    IPV6_MULTICAST_HOPS,
    IPV6_MULTICAST_IF,
    IPV6_V6ONLY,
    SO_BROADCAST,
    SO_REUSEADDR,
    SOCK_DGRAM,
    SOL_SOCKET,
    SocketType,
    inet_aton,
    inet_pton,
)

from mesh.config.settings import DiscoveryConfig
from mesh.net.endpoint import NO_SUCH_FAMILY, host_of
from mesh.net.interfaces import Interface, usable_interfaces

logger = logging.getLogger(__name__)

GROUP = "239.255.74.1"
"""Of the range that stays within an organisation (RFC 2365)."""
GROUP_IPV6 = "ff15::72:656e:6465:72"
"""A transient group of site-local scope (RFC 4291, 2.7), so that senders show an address others can reach."""

_QUEUE = 64
"""Datagrams waiting to be looked at; what comes beyond waits in the system's own, bounded buffer."""


class _Family(Protocol):
    """What differs between IPv4 and IPv6."""

    socket: SocketType

    def join(self, interface: Interface) -> None:
        """Hear the group on `interface`. Raises OSError."""

    def targets(self, interface: Interface) -> Sequence[str]:
        """Where to send so that everyone on `interface` hears it. Raises OSError."""


class _IPv4:
    def __init__(self) -> None:
        self.socket = trio.socket.socket(AF_INET, SOCK_DGRAM)
        self.socket.setsockopt(SOL_SOCKET, SO_BROADCAST, 1)
        self.socket.setsockopt(IPPROTO_IP, IP_MULTICAST_TTL, 1)

    def join(self, interface: Interface) -> None:
        group = inet_aton(GROUP) + inet_aton(interface.address)
        self.socket.setsockopt(IPPROTO_IP, IP_ADD_MEMBERSHIP, group)

    def targets(self, interface: Interface) -> Sequence[str]:
        self.socket.setsockopt(IPPROTO_IP, IP_MULTICAST_IF, inet_aton(interface.address))
        return [GROUP, interface.broadcast] if interface.broadcast else [GROUP]


class _IPv6:
    def __init__(self) -> None:
        self.socket = trio.socket.socket(AF_INET6, SOCK_DGRAM)
        self.socket.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 1)
        self.socket.setsockopt(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 1)

    def join(self, interface: Interface) -> None:
        group = inet_pton(AF_INET6, GROUP_IPV6) + struct.pack("@I", if_nametoindex(interface.name))
        self.socket.setsockopt(IPPROTO_IPV6, IPV6_JOIN_GROUP, group)

    def targets(self, interface: Interface) -> Sequence[str]:
        self.socket.setsockopt(IPPROTO_IPV6, IPV6_MULTICAST_IF, if_nametoindex(interface.name))
        return [GROUP_IPV6]


class Loudspeaker:
    """Hears and reaches all usable interfaces; they may come and go."""

    def __init__(self, families: Sequence[_Family], config: DiscoveryConfig, most: int) -> None:
        self._families = {isinstance(family, _IPv6): family for family in families}
        self._config = config
        self._most = most
        self._joined: frozenset[Interface] = frozenset()
        self._heard_in, self._heard = trio.open_memory_channel[tuple[bytes, str]](_QUEUE)

    async def send(self, data: bytes) -> None:
        interfaces = self._interfaces()
        for interface in interfaces:
            family = self._families[interface.is_ipv6]
            try:
                if interface not in self._joined:
                    self._join(family, interface)
                for target in family.targets(interface):
                    await self._send_to(family, interface, target, data)
            except OSError as error:
                logger.debug("No beacon on %s: %s.", interface.name, error.strerror)
        self._joined = frozenset(interfaces)

    def _interfaces(self) -> list[Interface]:
        """Those to send on. IPv6 counts interfaces and not addresses: one of several is enough."""
        found: dict[tuple[str, str], Interface] = {}
        for interface in sorted(usable_interfaces(self._config)):
            if interface.is_ipv6 in self._families:
                found.setdefault((interface.name, "" if interface.is_ipv6 else interface.address), interface)
        return list(found.values())

    async def receive(self) -> tuple[bytes, str]:
        """A datagram and the host it came from."""
        return await self._heard.receive()

    async def listen(self, family: _Family) -> None:
        while True:
            try:
                data, address = await family.socket.recvfrom(self._most + 1)
            except OSError as error:
                logger.debug("A beacon could not be received: %s.", error.strerror)
                await trio.lowlevel.checkpoint()
                continue
            await self._heard_in.send((data, host_of(address)))

    async def _send_to(self, family: _Family, interface: Interface, target: str, data: bytes) -> None:
        try:
            await family.socket.sendto(data, (target, self._config.port))
        except OSError as error:
            # A cable is out, a firewall says no: the other ways may still do.
            logger.debug("No beacon to %s on %s: %s.", target, interface.name, error.strerror)

    @staticmethod
    def _join(family: _Family, interface: Interface) -> None:
        """Leaving is done by the system as interfaces vanish."""
        try:
            family.join(interface)
        except OSError as error:
            logger.debug("No multicast on %s: %s.", interface.name, error.strerror)


async def _bound(kind: Callable[[], _Family], host: str, port: int) -> _Family | None:
    """A socket bound to `port`; None where the machine does not have that family. Raises OSError."""
    family = None
    try:
        family = kind()
        # Several nodes of one machine share the port: multicast and broadcast reach all of them.
        family.socket.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        await family.socket.bind((host, port))
    except OSError as error:
        if family is not None:
            family.socket.close()
        if error.errno in NO_SUCH_FAMILY:
            return None
        raise
    return family


@asynccontextmanager
async def open_loudspeaker(config: DiscoveryConfig, most: int) -> AsyncIterator[Loudspeaker | None]:
    """None where the port cannot be had. Datagrams of more than `most` bytes are cut."""
    families: list[_Family] = []
    try:
        for kind, everywhere in ((_IPv4, "0.0.0.0"), (_IPv6, "::")):
            family = await _bound(kind, everywhere, config.port)
            if family is not None:
                families.append(family)
    except OSError as error:
        logger.warning("No discovery on UDP port %d: %s.", config.port, error.strerror)
        for family in families:
            family.socket.close()
        yield None
        return
    speaker = Loudspeaker(families, config, most)
    try:
        async with trio.open_nursery() as nursery:
            for family in families:
                nursery.start_soon(speaker.listen, family)
            yield speaker
            nursery.cancel_scope.cancel()
    finally:
        for family in families:
            family.socket.close()
