"""Warrants: an issuer's word, in 72 bytes, that a key belongs to a member of its mesh.

A certificate says the same and more, but is too large to travel with every rumour. A warrant is
`expires (8, seconds since 1970) | signature (64)`, Ed25519 by the issuer's key over a fixed label, the
expiry and the member's public key. Certificates carry it in an extension, so that it is issued, kept and renewed with
them and needs no file of its own.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mesh.identity.errors import Untrusted

# An arc made from a UUID needs no registration (ITU-T X.667, section 8).
WARRANT_OID = x509.ObjectIdentifier("2.25.264891640276341829403187714582960714213")

SIZE = 72
_EXPIRY = 8
_LABEL = b"render-mesh member"
_REMEMBERED = 32_768


def make_warrant(issuer_key: Ed25519PrivateKey, public_key: bytes, expires: int) -> bytes:
    """For the 32 bytes of `public_key`, until `expires`, in seconds since 1970."""
    until = expires.to_bytes(_EXPIRY, "big")
    return until + issuer_key.sign(_LABEL + until + public_key)


def warrant_in(certificate: x509.Certificate) -> bytes:
    """Raises Untrusted where the certificate carries none."""
    try:
        found = certificate.extensions.get_extension_for_oid(WARRANT_OID).value
    except x509.ExtensionNotFound:
        raise Untrusted("the certificate carries no warrant; an earlier version made it") from None
    if not isinstance(found, x509.UnrecognizedExtension) or len(found.value) != SIZE:
        raise Untrusted("the certificate's warrant is not one this version reads")
    return found.value


def expiry_of(warrant: bytes) -> datetime:
    """Until when it counts."""
    return datetime.fromtimestamp(int.from_bytes(warrant[:_EXPIRY], "big"), UTC)


class Warrants:
    """Checks warrants against the issuers' public keys, and remembers which held: each is seen often."""

    def __init__(self, issuers: tuple[bytes, ...]) -> None:
        self._issuers = tuple(Ed25519PublicKey.from_public_bytes(key) for key in issuers)
        self._held: OrderedDict[tuple[bytes, bytes], None] = OrderedDict()

    def hold(self, public_key: bytes, warrant: bytes, now: float) -> bool:
        """Whether an issuer gave `warrant` to `public_key` and `now`, in seconds since 1970, is not past it."""
        if len(warrant) != SIZE or now > int.from_bytes(warrant[:_EXPIRY], "big"):
            return False
        if (public_key, warrant) in self._held:
            self._held.move_to_end((public_key, warrant))
            return True
        statement = _LABEL + warrant[:_EXPIRY] + public_key
        if not any(_signed(issuer, warrant[_EXPIRY:], statement) for issuer in self._issuers):
            return False
        self._held[public_key, warrant] = None
        if len(self._held) > _REMEMBERED:
            self._held.popitem(last=False)
        return True


def _signed(issuer: Ed25519PublicKey, signature: bytes, statement: bytes) -> bool:
    try:
        issuer.verify(signature, statement)
    except InvalidSignature:
        return False
    return True
