"""The door: how a member answers a machine that has an invite code but no certificate yet.

The conversation is in `mesh/wire/admission.py`. It is bounded in time, in bytes and in how many go on at
once; wrong proofs are limited in rate, so that guessing costs the guesser and not the node.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import trio

from mesh.identity import certificates
from mesh.identity.certificates import der
from mesh.identity.errors import InviteExpired, InvitesNotKept, InviteSpent, NotInvited, Untrusted
from mesh.identity.identity import Identity, is_signed
from mesh.identity.invites import NONCE_SIZE, InviteBook, proof_statement
from mesh.model.ids import short
from mesh.net.websocket import BAD_DATA, Broken, WebSocket
from mesh.wire import codec
from mesh.wire.admission import (
    GossipKey,
    JoinChallenge,
    JoinHello,
    JoinProof,
    JoinRefusal,
    JoinRefused,
    JoinWelcome,
    Peer,
)
from mesh.wire.base import Message

logger = logging.getLogger(__name__)

TALK_SECONDS = 15.0
TALK_LIMIT = 64 << 10
"""Bytes of the longest message at the door."""
MAX_GUESTS = 8
FAILURES_PER_MINUTE = 30

Expected = TypeVar("Expected", bound=Message)

_REFUSALS = {
    NotInvited: JoinRefusal.NOT_INVITED,
    InviteExpired: JoinRefusal.EXPIRED,
    InviteSpent: JoinRefusal.SPENT,
}


class Door:
    def __init__(
        self,
        identity: Callable[[], Identity],
        book: InviteBook | None,
        peers: Callable[[], Sequence[Peer]],
        on_joined: Callable[[str, bytes], None] = lambda _name, _public_key: None,
    ) -> None:
        """`identity` is asked at each use, for it may be renewed; `book` is None where this node is no
        issuer; `peers` are members worth telling a newcomer of, this node among them."""
        self._identity = identity
        self._book = book
        self._peers = peers
        self._on_joined = on_joined
        self._guests = trio.CapacityLimiter(MAX_GUESTS)
        self._book_lock = trio.Lock()
        self._failures: list[float] = []

    async def __call__(self, websocket: WebSocket) -> None:
        """One joiner, from hello to welcome. Raises Broken."""
        try:
            self._guests.acquire_on_behalf_of_nowait(websocket)
        except trio.WouldBlock:
            await say(websocket, JoinRefused(JoinRefusal.BUSY))
            return
        try:
            with trio.fail_after(TALK_SECONDS):
                await say(websocket, await self._talk(websocket))
        except trio.TooSlowError:
            raise Broken(f"a joiner took longer than {TALK_SECONDS:g} s") from None
        finally:
            self._guests.release_on_behalf_of(websocket)

    async def _talk(self, websocket: WebSocket) -> Message:
        hello = await hear(websocket, JoinHello)
        if self._too_many_failures():
            return JoinRefused(JoinRefusal.BUSY)
        identity = self._identity()
        nonce = secrets.token_bytes(NONCE_SIZE)
        await say(websocket, JoinChallenge(nonce, der(identity.issuer), der(identity.root)))
        proof = await hear(websocket, JoinProof)
        statement = proof_statement(
            nonce, hello.invite, hello.joiner, hello.name, der(identity.certificate), identity.fingerprint
        )
        proven = is_signed(hello.invite, statement, proof.by_invite)
        if not proven or not is_signed(hello.joiner, statement, proof.by_joiner):
            return self._refused(JoinRefusal.NOT_INVITED)
        if self._book is None:
            return JoinRefused(JoinRefusal.NO_ISSUER)
        return await self._admit(identity, self._book, hello)

    async def _admit(self, identity: Identity, book: InviteBook, hello: JoinHello) -> Message:
        now_ms = time.time_ns() // 1_000_000
        try:
            async with self._book_lock:
                role = await trio.to_thread.run_sync(book.redeem, hello.invite, hello.joiner, now_ms)
            certificate = identity.issue(hello.joiner, hello.name, role)
        except (NotInvited, InviteExpired, InviteSpent) as error:
            return self._refused(_REFUSALS[type(error)])
        except Untrusted:
            return self._refused(JoinRefusal.NOT_INVITED)
        except InvitesNotKept as error:
            logger.warning("%s is not let in: %s", hello.name, error)
            return JoinRefused(JoinRefusal.BUSY)
        node = certificates.node_id_of(hello.joiner)
        logger.info("Node %s (%s) joined the mesh.", hello.name, short(node))
        self._on_joined(hello.name, hello.joiner)
        return JoinWelcome(
            node=der(certificate),
            issuer=der(identity.own_issuer or identity.issuer),
            root=der(identity.root),
            gossip_keys=tuple(
                GossipKey(key.number, key.secret, key.signature) for key in identity.gossip_keys
            ),
            peers=tuple(self._peers()),
        )

    def _refused(self, reason: JoinRefusal) -> JoinRefused:
        self._failures.append(trio.current_time())
        return JoinRefused(reason)

    def _too_many_failures(self) -> bool:
        since = trio.current_time() - 60
        self._failures = [at for at in self._failures if at > since]
        return len(self._failures) >= FAILURES_PER_MINUTE


async def hear(websocket: WebSocket, *expected: type[Expected]) -> Expected:
    """The next message, which must be of one of the classes. Raises Broken."""
    try:
        message = codec.decode(await websocket.receive(), TALK_LIMIT)
    except codec.BadMessage as error:
        await websocket.close(BAD_DATA)
        raise Broken(f"it sent what is no message: {error}") from None
    if not isinstance(message, expected):
        await websocket.close(BAD_DATA)
        raise Broken(f"it sent {type(message).__name__} out of turn")
    return message


async def say(websocket: WebSocket, message: Message) -> None:
    await websocket.send(codec.encode(message))
