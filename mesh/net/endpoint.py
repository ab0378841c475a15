"""The node's port: one number for TCP (TLS connections) and UDP (gossip datagrams)."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio

from mesh.net.errors import CannotListen, PortInUse
from mesh.wire.effects import Address

MAX_DATAGRAM = 64 << 10
_TRIES = 16


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Both sockets of one port, bound and listening."""

    host: str
    port: int
    listeners: list[trio.SocketListener]
    datagrams: trio.socket.SocketType

    async def aclose(self) -> None:
        self.datagrams.close()
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
    (family, *_), *_ = await trio.socket.getaddrinfo(host, port, type=trio.socket.SOCK_STREAM)
    listeners = await trio.open_tcp_listeners(port, host=host)
    try:
        bound = listeners[0].socket.getsockname()[1]
        datagrams = trio.socket.socket(family, trio.socket.SOCK_DGRAM)
        try:
            await datagrams.bind((host, bound))
        except OSError:
            datagrams.close()
            raise
    except OSError:
        for listener in listeners:
            await listener.aclose()
        raise
    return Endpoint(host, bound, listeners, datagrams)


class Datagrams:
    """Sealed bytes to and from other nodes' ports. Loss is normal, and no error of the network is ours."""

    def __init__(
        self,
        socket: trio.socket.SocketType,
        seal: Callable[[Address, bytes], bytes],
        unseal: Callable[[Address, bytes], bytes | None],
        on_datagram: Callable[[Address, bytes], Awaitable[None]],
    ) -> None:
        self._socket = socket
        self._seal = seal
        self._unseal = unseal
        self._on_datagram = on_datagram
        self.refused = 0
        """Datagrams that could not be unsealed: another mesh's, or an old key's."""

    async def serve(self) -> None:
        """Hands what can be unsealed to `on_datagram`, until cancelled."""
        while True:
            try:
                sealed, (host, port, *_) = await self._socket.recvfrom(MAX_DATAGRAM)
            except OSError:
                # An ICMP error about something sent earlier.
                await trio.lowlevel.checkpoint()
                continue
            data = self._unseal((host, port), sealed)
            if data is None:
                self.refused += 1
            else:
                await self._on_datagram((host, port), data)

    async def send(self, to: Address, data: bytes) -> None:
        """Sends, or does not."""
        try:
            await self._socket.sendto(self._seal(to, data), to)
        except OSError:
            return
