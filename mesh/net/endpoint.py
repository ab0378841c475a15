"""The node's port: one number for TCP (TLS connections) and UDP (gossip datagrams), in IPv4 and IPv6."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import trio

from mesh.config.settings import ANY_ADDRESS
from mesh.net.errors import CannotListen, PortInUse
from mesh.wire.effects import Address

MAX_DATAGRAM = 64 << 10
_TRIES = 16
NO_SUCH_FAMILY = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
"""What the system says where it has no IPv6, or none that is switched on."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The sockets of one port, bound and listening: two for each of `hosts`."""

    hosts: tuple[str, ...]
    """Numeric addresses; those that stand for all addresses of a family come IPv4 first."""
    port: int
    listeners: list[trio.SocketListener]
    datagrams: list[trio.socket.SocketType]

    async def aclose(self) -> None:
        for socket_ in self.datagrams:
            socket_.close()
        for listener in self.listeners:
            await listener.aclose()


async def open_endpoint(host: str, port: int) -> Endpoint:
    """Binds `port` of `host`, or any port that is free for both protocols when it is 0. Raises PortInUse and
    CannotListen."""
    for tries_left in range(_TRIES, 0, -1):
        try:
            return await _open(host, port)
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            if taken and port == 0 and tries_left > 1:
                continue
            if taken:
                raise PortInUse(host=host, port=port) from None
            raise CannotListen(host=host, port=port, reason=error.strerror or error) from None
    raise AssertionError("unreachable")


async def _open(host: str, port: int) -> Endpoint:
    endpoint = Endpoint((), port, [], [])
    hosts = ["0.0.0.0", "::"] if host == ANY_ADDRESS else await _numeric(host)
    try:
        for number, each in enumerate(hosts):
            try:
                endpoint = await _bind_too(endpoint, each)
            except OSError as error:
                # A machine without IPv6 is no mistake of the user's.
                if host != ANY_ADDRESS or number == 0 or error.errno not in NO_SUCH_FAMILY:
                    raise
    except OSError:
        await endpoint.aclose()
        raise
    return endpoint


async def _numeric(host: str) -> list[str]:
    """Every address that `host` stands for, each once."""
    found = await trio.socket.getaddrinfo(host, None, type=trio.socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def _bind_too(endpoint: Endpoint, host: str) -> Endpoint:
    """The endpoint with `host` added to it; the first one fixes the port."""
    (listener,) = await trio.open_tcp_listeners(endpoint.port, host=host)
    port = listener.socket.getsockname()[1]
    datagrams = trio.socket.socket(listener.socket.family, trio.socket.SOCK_DGRAM)
    try:
        if datagrams.family == trio.socket.AF_INET6:
            datagrams.setsockopt(trio.socket.IPPROTO_IPV6, trio.socket.IPV6_V6ONLY, True)
        await datagrams.bind((host, port))
    except OSError:
        datagrams.close()
        await listener.aclose()
        raise
    return Endpoint(
        (*endpoint.hosts, host), port, [*endpoint.listeners, listener], [*endpoint.datagrams, datagrams]
    )


def host_of(address: tuple[str, int] | tuple[str, int, int, int]) -> str:
    """The host in what the system says of a socket, with the zone where the address has one."""
    zone = address[3] if len(address) == 4 else 0
    return f"{address[0]}%{zone}" if zone and "%" not in address[0] else address[0]


class Datagrams:
    """Sealed bytes to and from other nodes' ports. Loss is normal, and no error of the network is ours."""

    def __init__(
        self,
        sockets: Sequence[trio.socket.SocketType],
        seal: Callable[[Address, bytes], bytes],
        unseal: Callable[[Address, bytes], bytes | None],
        on_datagram: Callable[[Address, bytes], Awaitable[None]],
    ) -> None:
        self._sockets = {socket.family: socket for socket in sockets}
        self._seal = seal
        self._unseal = unseal
        self._on_datagram = on_datagram
        self.refused = 0
        """Datagrams that could not be unsealed: another mesh's, or an old key's."""

    async def serve(self) -> None:
        """Hands what can be unsealed to `on_datagram`, until cancelled."""
        async with trio.open_nursery() as nursery:
            for socket_ in self._sockets.values():
                nursery.start_soon(self._receive, socket_)

    async def _receive(self, socket_: trio.socket.SocketType) -> None:
        while True:
            try:
                sealed, address = await socket_.recvfrom(MAX_DATAGRAM)
            except OSError:
                # An ICMP error about something sent earlier.
                await trio.lowlevel.checkpoint()
                continue
            source = host_of(address), address[1]
            data = self._unseal(source, sealed)
            if data is None:
                self.refused += 1
            else:
                await self._on_datagram(source, data)

    async def send(self, to: Address, data: bytes) -> None:
        """Sends as far as the system lets it; what is lost is told to nobody, as on the network."""
        sealed = self._seal(to, data)
        for socket_ in self._sockets.values():
            if self._may_reach(socket_, to[0]):
                try:
                    await socket_.sendto(sealed, to)
                except OSError:
                    continue
                return

    @staticmethod
    def _may_reach(socket_: trio.socket.SocketType, host: str) -> bool:
        """A name may stand for either family; an address is of one."""
        if ":" in host:
            return socket_.family == trio.socket.AF_INET6
        return socket_.family == trio.socket.AF_INET or not host.replace(".", "").isdigit()
