"""How a node's certificate is renewed: when, whom to ask, what an issuer signs and what is taken. Does no I/O.

A certificate is renewed in the last third of its life, as ACME clients do (RFC 8555 leaves it to them): that leaves a
month in which an issuer may be away. An issuer goes by the certificate that TLS has verified on the very connection of
the request, and the receiver believes no issuer more than the chain says.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from mesh.identity import certificates
from mesh.identity.certificates import common_name, key_in, parse_der, role_in
from mesh.identity.errors import Untrusted
from mesh.identity.identity import Identity
from mesh.identity.warrants import Warrants, warrant_in
from mesh.model.ids import NodeId

WARN_BEFORE = timedelta(days=14)
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 3600.0
"""Seconds between two tries: short at first, for a node that has just started knows nobody yet."""


# --- when, and whom to ask --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is to be done before then."""

    until: datetime


@dataclass(frozen=True, slots=True)
class SignOwn:
    """This node signs certificates, its own too."""


@dataclass(frozen=True, slots=True)
class Ask:
    issuer: NodeId


@dataclass(frozen=True, slots=True)
class NobodyToAsk:
    """No issuer is in reach."""


@dataclass(frozen=True, slots=True)
class Over:
    """It has expired, so that nobody lets this node in, let alone renews it."""


Step = Wait | SignOwn | Ask | NobodyToAsk | Over


def due(begins: datetime, ends: datetime) -> datetime:
    """When the last third of a certificate's life begins."""
    return ends - (ends - begins) / 3


def next_step(
    now: datetime, begins: datetime, ends: datetime, *, signs: bool, issuers: Sequence[NodeId], turn: int
) -> Step:
    """What to do at `now` about a certificate that holds from `begins` to `ends`. `signs`: this node has an
    issuer's key; `issuers` are those in reach, each of which has its turn."""
    if now < due(begins, ends):
        return Wait(due(begins, ends))
    if signs:
        return SignOwn()
    if now > ends:
        return Over()
    return Ask(issuers[turn % len(issuers)]) if issuers else NobodyToAsk()


def pause(failures: int, rng: random.Random) -> float:
    """Seconds until the next try after so many in vain."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures, 12)) * rng.uniform(0.5, 1.0)


def warning(name: str, ends: datetime, now: datetime) -> str:
    """What people should know of the certificate of the node `name`; nothing while it has more than two weeks."""
    if now > ends:
        return (
            f"the certificate of {name} expired on {ends:%Y-%m-%d}: no node lets it in any more; "
            "stop it, remove its identity folder and join again with a new invite"
        )
    if now > ends - WARN_BEFORE:
        return (
            f"the certificate of {name} expires on {ends:%Y-%m-%d}: it has reached no node that renews it; "
            "start the one that founded the mesh"
        )
    return ""


# --- what is signed, and what is taken --------------------------------------------------------------


def sign_own(identity: Identity, now: datetime) -> tuple[x509.Certificate, x509.Certificate]:
    """A new certificate for this node by its own issuer key, and that issuer's. Raises NotIssuer, and Untrusted where
    the issuer's own time is over."""
    certificate = identity.issue(identity.public_key, identity.node_name, identity.role, now)
    return certificate, identity.own_issuer or identity.issuer


def renew_for(identity: Identity, shown: bytes, now: datetime) -> tuple[x509.Certificate, x509.Certificate]:
    """A new certificate of the same name, key and role as in `shown` (DER), whose chain TLS has verified, and its
    issuer's. Raises NotIssuer, and Untrusted for one that names no node's role or does not hold at `now`."""
    old = parse_der(shown)
    if not certificates.holds_at(old, now):
        raise Untrusted(f"the certificate of {common_name(old)} is not valid now")
    certificate = identity.issue(key_in(old), common_name(old), role_in(old), now)
    return certificate, identity.own_issuer or identity.issuer


def check_renewal(
    identity: Identity, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
) -> None:
    """Raises Untrusted unless `certificate` may take the place of this node's own."""
    certificates.check_chain(certificate, issuer, identity.root, now)
    if key_in(certificate) != identity.public_key:
        raise Untrusted("the new certificate is for another key")
    if common_name(certificate) != identity.node_name:
        raise Untrusted("the new certificate has another name")
    if role_in(certificate) is not identity.role:
        raise Untrusted("the new certificate has another role")
    if certificate.not_valid_after_utc <= identity.certificate.not_valid_after_utc:
        raise Untrusted("the new certificate expires no later")
    if not Warrants((key_in(issuer),)).hold(identity.public_key, warrant_in(certificate), now.timestamp()):
        raise Untrusted("the new certificate's warrant does not hold")
