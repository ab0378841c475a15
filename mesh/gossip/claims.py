"""Signing and checking: only X speaks of X, and every accuser stands by the accusation.

Nothing here knows how signatures are made; `Keys` is given by identity, or by the simulator.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from mesh.model.ids import Boot, NodeId
from mesh.wire.codec import BadMessage, decode_record, encode_record
from mesh.wire.gossip import HANDLE_SIZE, MAX_CLAIM, Accusation, Claim, Handle, Meta, Record, handle_of


class Keys(Protocol):
    """A node's own signature, and everybody's."""

    @property
    def public_key(self) -> bytes:
        """32 bytes; the NodeId is their SHA-256."""
        ...

    def sign(self, data: bytes) -> bytes: ...

    def verify(self, node: NodeId, public_key: bytes, data: bytes, signature: bytes) -> bool:
        """Whether `node`, whose id is the SHA-256 of `public_key`, signed `data`."""
        ...

    @property
    def warrant(self) -> bytes:
        """An issuer's word that `public_key` is a member's."""
        ...

    def vouches(self, public_key: bytes, warrant: bytes, /) -> bool:
        """Whether an issuer of this mesh gave `warrant` to `public_key` and it still counts. Who has none does
        not exist for us: a member could make any number of keys, but no warrants for them."""
        ...


@dataclass(frozen=True, slots=True)
class Known:
    """A record whose signature holds, opened. Equal records may share one instance."""

    node: NodeId
    handle: Handle
    claim: Claim
    record: Record
    entry: bytes
    """What a `Sync` digest says of it: 8 bytes of the handle, 4 of a checksum of the whole record."""

    @property
    def version(self) -> tuple[Boot, int]:
        """Orders the claims of one node."""
        return (self.claim.boot, self.claim.incarnation)

    @property
    def site(self) -> str:
        return self.claim.meta.site


Opener = Callable[[Record], Known | None]
"""Checks and opens a record; None where it is false."""


def node_of(public_key: bytes) -> NodeId:
    return NodeId(hashlib.sha256(public_key).digest())


def sign_claim(claim: Claim, keys: Keys) -> Record:
    """The record of one's own claim, slimmed until it fits a datagram."""
    data = encode_record(claim)
    for slim in (_without_sketch, _without_activities):
        if len(data) > MAX_CLAIM:
            claim = slim(claim)
            data = encode_record(claim)
    return Record(data, keys.public_key, keys.warrant, keys.sign(b"claim" + data))


def _without_sketch(claim: Claim) -> Claim:
    return replace(claim, meta=replace(claim.meta, sketch=b""))


def _without_activities(claim: Claim) -> Claim:
    meta: Meta = replace(claim.meta, doing=())
    return replace(claim, meta=meta)


def open_record(record: Record, keys: Keys) -> Known | None:
    """The claim in `record`, or None where it is not well formed, not signed by its owner, or not a member's."""
    node = node_of(record.public_key)
    if not keys.vouches(record.public_key, record.warrant):
        return None
    if not keys.verify(node, record.public_key, b"claim" + record.claim, record.signature):
        return None
    try:
        claim = decode_record(Claim, record.claim, MAX_CLAIM)
    except BadMessage:
        return None
    handle = handle_of(node)
    entry = handle[:8] + zlib.crc32(record.claim).to_bytes(4, "big")
    return Known(node, handle, claim, record, entry)


def sign_accusation(target: Known, accuser: Handle, keys: Keys) -> Accusation:
    boot, incarnation = target.version
    data = _accusation_bytes(target.handle, boot, incarnation, accuser)
    return Accusation(target.handle, boot, incarnation, accuser, keys.sign(data))


def accusation_holds(accusation: Accusation, accuser: Known, keys: Keys) -> bool:
    """Whether `accuser` signed `accusation` and may still accuse."""
    data = _accusation_bytes(accusation.target, accusation.boot, accusation.incarnation, accusation.accuser)
    record = accuser.record
    return keys.vouches(record.public_key, record.warrant) and keys.verify(
        accuser.node, record.public_key, data, accusation.signature
    )


def _accusation_bytes(target: Handle, boot: Boot, incarnation: int, accuser: Handle) -> bytes:
    parts = [target.ljust(HANDLE_SIZE, b"\0"), accuser.ljust(HANDLE_SIZE, b"\0")]
    return b"accuse" + b"".join(parts) + boot.to_bytes(8, "big", signed=True) + incarnation.to_bytes(8, "big")
