"""TLS streams between nodes: who is at the other end is known before the first byte of a message."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from mesh.identity.errors import Untrusted
from mesh.identity.identity import peer_of
from mesh.model.ids import NodeId, short
from mesh.net.websocket import HANDSHAKE_SECONDS, Broken, Refused, TlsStream
from mesh.wire.effects import Address

CONNECT_SECONDS = 10.0


@asynccontextmanager
async def connected(address: Address, context: ssl.SSLContext) -> AsyncIterator[tuple[TlsStream, bytes]]:
    """A stream to whoever listens at `address`, and its certificate (DER). Raises Refused, Broken."""
    try:
        with trio.fail_after(CONNECT_SECONDS):
            plain = await trio.open_tcp_stream(*address)
    except trio.TooSlowError:
        raise Broken(f"no answer for {CONNECT_SECONDS:g} s") from None
    except OSError as error:
        kind = Refused if _is_refusal(error) else Broken
        raise kind(error.strerror or str(error)) from None
    async with _shaken(trio.SSLStream(plain, context)) as (stream, certificate):
        if certificate is None:
            raise Broken("it showed no certificate")
        yield stream, certificate


def _is_refusal(error: OSError) -> bool:
    """trio tries every address of a host, and tells what came of each in the cause."""
    causes = error.__cause__
    tries = causes.exceptions if isinstance(causes, ExceptionGroup) else (error,)
    return all(isinstance(each, ConnectionRefusedError) for each in tries)


@asynccontextmanager
async def accepted(
    plain: trio.SocketStream, context: ssl.SSLContext
) -> AsyncIterator[tuple[TlsStream, bytes | None]]:
    """The server's end of `plain`, and the client's certificate (DER) if it showed one. Raises Broken."""
    async with _shaken(trio.SSLStream(plain, context, server_side=True)) as shaken:
        yield shaken


@asynccontextmanager
async def _shaken(stream: TlsStream) -> AsyncIterator[tuple[TlsStream, bytes | None]]:
    try:
        try:
            with trio.fail_after(HANDSHAKE_SECONDS):
                await stream.do_handshake()
        except trio.TooSlowError:
            raise Broken(f"no TLS handshake within {HANDSHAKE_SECONDS:g} s") from None
        except trio.BrokenResourceError as error:
            cause = error.__cause__
            reason = cause.reason if isinstance(cause, ssl.SSLError) else "it hung up"
            raise Broken(f"the TLS handshake failed: {reason}") from None
        yield stream, stream.getpeercert(binary_form=True)
    finally:
        # The end of a message was seen, or the stream is broken: TLS's own goodbye adds nothing.
        await trio.aclose_forcefully(stream.transport_stream)


def check_peer(certificate: bytes, wanted: NodeId | None = None) -> NodeId:
    """Whose certificate this is. Raises Broken when it is not a node's, or not that of `wanted`."""
    try:
        node = peer_of(certificate)
    except Untrusted as error:
        raise Broken(str(error)) from None
    if wanted is not None and node != wanted:
        raise Broken(f"node {short(node)} answers there instead of {short(wanted)}")
    return node
