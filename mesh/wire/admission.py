"""What a joiner and the door say to each other before the joiner is a member (`mesh/net/door.py`).

    joiner -> JoinHello      which invite, and the key that wants a certificate
    door   -> JoinChallenge  a nonce
    joiner -> JoinProof      the nonce and both keys, signed by the invite's key and by the joiner's own
    door   -> JoinWelcome    certificates, gossip keys and where others are
           or JoinRefused

All of it runs inside TLS whose server certificate the joiner has checked against the root fingerprint in
its invite code. What a member and an issuer say when a certificate is renewed is here too (`mesh/net/renewal.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from mesh.model.ids import NodeId
from mesh.wire.base import AtMost, Message, Range

Certificate = Annotated[bytes, AtMost(4096)]
"""X.509, DER."""

Key = Annotated[bytes, AtMost(32)]
Signature = Annotated[bytes, AtMost(64)]
Port = Annotated[int, Range(0, 65535)]
Host = Annotated[str, AtMost(255)]


class JoinRefusal(StrEnum):
    NOT_INVITED = "not-invited"
    """No invite of that key, or a proof that does not hold."""
    EXPIRED = "expired"
    SPENT = "spent"
    BUSY = "busy"
    """Too many tries just now."""
    NO_ISSUER = "no-issuer"
    """This node cannot sign certificates, and none that can was reached."""


@dataclass(frozen=True, slots=True)
class GossipKey:
    """A symmetric key that seals datagrams, and the number datagrams name it by."""

    number: Annotated[int, Range(0, 2**32 - 1)]
    secret: Annotated[bytes, AtMost(32)] = field(repr=False)
    signature: Signature
    """An issuer's, so that it can be passed on."""


@dataclass(frozen=True, slots=True)
class JoinHello(Message):
    invite: Key
    """Public key derived from the invite code."""
    joiner: Key
    """Public key that wants a certificate."""
    name: Annotated[str, AtMost(64)]


@dataclass(frozen=True, slots=True)
class JoinChallenge(Message):
    nonce: Annotated[bytes, AtMost(32)]
    issuer: Certificate
    """Of the door's own certificate."""
    root: Certificate


@dataclass(frozen=True, slots=True)
class JoinProof(Message):
    by_invite: Signature
    by_joiner: Signature


@dataclass(frozen=True, slots=True)
class Peer:
    """A member somebody knows of, and where it listens."""

    node: NodeId
    host: Host
    port: Port


@dataclass(frozen=True, slots=True)
class JoinWelcome(Message):
    node: Certificate
    issuer: Certificate
    root: Certificate
    gossip_keys: Annotated[tuple[GossipKey, ...], AtMost(4)] = field(repr=False)
    """Newest first."""
    peers: Annotated[tuple[Peer, ...], AtMost(32)]


@dataclass(frozen=True, slots=True)
class JoinRefused(Message):
    reason: JoinRefusal


@dataclass(frozen=True, slots=True)
class RenewRequest(Message):
    """Renew the certificate that I showed when this connection was made."""


@dataclass(frozen=True, slots=True)
class Renewed(Message):
    node: Certificate
    issuer: Certificate
