"""Renewing certificates over a connection of its own: both ends of it.

    member -> RenewRequest      says nothing: TLS has just proven the member's key, and shown its certificate
    issuer -> Renewed           a new certificate of the same name, key and role
    or the issuer closes the connection

The connection is made for this alone, so that the certificate it goes by was verified a moment ago: those that carry
other messages outlive the certificates they began with.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from datetime import datetime

import trio

from mesh.identity.certificates import common_name, der, utc_now
from mesh.identity.errors import Untrusted
from mesh.identity.identity import Identity
from mesh.identity.renewal import renew_for
from mesh.model.ids import NodeId, short
from mesh.net.door import TALK_SECONDS, hear, say
from mesh.net.links import RENEW_PATH
from mesh.net.tls import check_peer, connected
from mesh.net.websocket import Broken, WebSocket, dialled
from mesh.wire.admission import Renewed, RenewRequest
from mesh.wire.effects import Address

logger = logging.getLogger(__name__)


class RenewalDesk:
    """The issuer's end. Each node has one conversation at a time, so that none keeps the others out."""

    def __init__(self, identity: Callable[[], Identity], clock: Callable[[], datetime] = utc_now) -> None:
        """`identity` is asked at each use, for it is renewed itself; it must be able to issue."""
        self._identity = identity
        self._clock = clock
        self._talking: set[NodeId] = set()

    async def __call__(self, certificate: bytes, websocket: WebSocket) -> None:
        """One member, who showed `certificate` (DER) when this connection was made. Raises Broken."""
        node = check_peer(certificate)
        if node in self._talking:
            raise Broken(f"node {short(node)} asks twice at once")
        self._talking.add(node)
        try:
            with trio.fail_after(TALK_SECONDS):
                await hear(websocket, RenewRequest)
                await say(websocket, self._renew(certificate))
        except trio.TooSlowError:
            raise Broken(f"a member took longer than {TALK_SECONDS:g} s") from None
        finally:
            self._talking.discard(node)

    def _renew(self, shown: bytes) -> Renewed:
        try:
            certificate, issuer = renew_for(self._identity(), shown, self._clock())
        except Untrusted as error:
            raise Broken(str(error)) from None
        ends = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
        logger.info("Renewed the certificate of %s until %s.", common_name(certificate), ends)
        return Renewed(der(certificate), der(issuer))


async def ask_to_renew(issuer: NodeId, address: Address, context: ssl.SSLContext) -> Renewed:
    """What `issuer` answers, to be checked. Raises Broken."""
    try:
        with trio.fail_after(TALK_SECONDS):
            async with connected(address, context) as (stream, certificate):
                check_peer(certificate, issuer)
                async with dialled(stream, RENEW_PATH) as websocket:
                    await say(websocket, RenewRequest())
                    return await hear(websocket, Renewed)
    except trio.TooSlowError:
        raise Broken(f"no answer for {TALK_SECONDS:g} s") from None
