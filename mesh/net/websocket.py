"""One WebSocket over one TLS stream: dialled or answered, with every wait bounded. Knows no messages.

The only importer of trio_websocket. Its handshake waits for ever when the other side hangs up, and what
goes wrong in its reader comes out of a nursery; here both become `Broken`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import TypeVar

import trio
import trio_websocket
from wsproto.utilities import ProtocolError

RECEIVE_BUFFER = 256 << 10
"""trio_websocket's default of 4 KiB reads costs most of the throughput."""

MAX_MESSAGE = 2 << 20
"""Bytes of the longest message anybody may send; kinds of connections have smaller limits of their own."""

HANDSHAKE_SECONDS = 10.0
CLOSE_SECONDS = 2.0
BAD_DATA = 1007
"""RFC 6455, section 7.4.1: what was received does not fit the type of message."""

ABNORMAL = 1006
"""The same section: there was no goodbye."""

T = TypeVar("T")
TlsStream = trio.SSLStream[trio.SocketStream]


class Broken(Exception):
    """The connection could not be made, or is no more. `str()` says why, for logs and errors."""


class Refused(Broken):
    """Nobody listens there: the machine answered that itself."""


class HungUp(Broken):
    """The other side is gone without a word, as when its process was killed."""


class WebSocket:
    """A connection that takes and gives whole messages of bytes."""

    def __init__(self, connection: trio_websocket.WebSocketConnection) -> None:
        self._connection = connection

    async def send(self, data: bytes) -> None:
        """Raises Broken."""
        try:
            await self._connection.send_message(data)
        except (trio_websocket.ConnectionClosed, ProtocolError) as error:
            raise Broken(_reason(error)) from None

    async def receive(self) -> bytes:
        """The next message. Raises HungUp, or Broken, also for text, which we never speak."""
        try:
            message = await self._connection.get_message()
        except trio_websocket.ConnectionClosed as error:
            hung_up = error.reason is not None and error.reason.code == ABNORMAL
            raise (HungUp if hung_up else Broken)(_reason(error)) from None
        if isinstance(message, str):
            raise Broken("it sent text")
        return message

    async def ping(self, seconds: float) -> None:
        """Returns once the other side has read everything sent before. Raises Broken, also when that takes
        longer than `seconds`."""
        try:
            with trio.fail_after(seconds):
                await self._connection.ping()
        except trio.TooSlowError:
            raise Broken(f"no answer for {seconds:g} s") from None
        except (trio_websocket.ConnectionClosed, ProtocolError) as error:
            raise Broken(_reason(error)) from None

    async def close(self, code: int = 1000) -> None:
        """Says goodbye, for a short time only, and not at all when cancelled: then nobody reads answers."""
        with trio.move_on_after(CLOSE_SECONDS):
            try:
                await self._connection.aclose(code)
            except (trio_websocket.ConnectionClosed, ProtocolError, trio.BrokenResourceError):
                return


@asynccontextmanager
async def dialled(stream: TlsStream, path: str) -> AsyncIterator[WebSocket]:
    """The client's side; closes the connection at the end, but not the stream. Raises Broken."""
    watched = _Watched(stream)
    async with _session() as nursery:
        connection = await _unless_hung_up(
            watched,
            lambda: trio_websocket.wrap_client_stream(
                nursery,
                watched,  # type: ignore[arg-type]  # any stream will do
                host="mesh",
                resource=path,
                max_message_size=MAX_MESSAGE,
                receive_buffer_size=RECEIVE_BUFFER,
            ),
        )
        async with _closing(WebSocket(connection)) as websocket:
            yield websocket


@asynccontextmanager
async def answered(stream: TlsStream, paths: Collection[str]) -> AsyncIterator[tuple[str, WebSocket]]:
    """The server's side: the path that was asked for, and the connection. Any other path is refused before
    a message is read. Raises Broken."""
    watched = _Watched(stream)
    async with _session() as nursery:
        request = await _unless_hung_up(
            watched,
            lambda: trio_websocket.wrap_server_stream(
                nursery, watched, max_message_size=MAX_MESSAGE, receive_buffer_size=RECEIVE_BUFFER
            ),
        )
        if request.path not in paths:
            await request.reject(403)
            raise Broken(f"it asked for {request.path[:32]!r}")
        connection = await _unless_hung_up(watched, request.accept)
        async with _closing(WebSocket(connection)) as websocket:
            yield request.path, websocket


@asynccontextmanager
async def _session() -> AsyncIterator[trio.Nursery]:
    """A nursery for trio_websocket's reader, whose errors come out as Broken; ours pass unchanged."""
    try:
        async with trio.open_nursery() as nursery:
            yield nursery
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        broken, ours = group.split(
            (Broken, ProtocolError, trio_websocket.ConnectionClosed, trio_websocket.ConnectionRejected)
        )
        if ours is not None:
            raise _single(ours) from None
        raise Broken(_reason(_single(broken or group))) from None


@asynccontextmanager
async def _closing(websocket: WebSocket) -> AsyncIterator[WebSocket]:
    try:
        yield websocket
    finally:
        await websocket.close()


async def _unless_hung_up(watched: _Watched, handshake: Callable[[], Awaitable[T]]) -> T:
    """The result of `handshake`. Raises Broken when the stream ends or time runs out before."""
    result: list[T] = []

    async def cancel_when_ended() -> None:
        await watched.ended.wait()
        nursery.cancel_scope.cancel()

    with trio.move_on_after(HANDSHAKE_SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(cancel_when_ended)
            result.append(await handshake())
            nursery.cancel_scope.cancel()
    if not result:
        raise Broken("it hung up" if watched.ended.is_set() else f"no answer for {HANDSHAKE_SECONDS:g} s")
    return result[0]


class _Watched(trio.abc.Stream):
    """A stream that tells when there is nothing more to read from it."""

    def __init__(self, stream: TlsStream) -> None:
        self._stream = stream
        self.ended = trio.Event()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        try:
            data = await self._stream.receive_some(max_bytes)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.ended.set()
            raise
        if not data:
            self.ended.set()
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        self.ended.set()
        await self._stream.aclose()


def _single(error: BaseException) -> BaseException:
    """What is in groups of one; several errors stay together."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _reason(error: BaseException) -> str:
    if isinstance(error, trio_websocket.ConnectionRejected):
        return f"it refused with status {error.status_code}"
    if isinstance(error, trio_websocket.ConnectionClosed):
        reason = error.reason
        return "closed" if reason is None else f"closed with {reason.name}"
    return str(error)
