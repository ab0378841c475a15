"""Invites: a short code lets a machine join, a set number of times, until a set day.

The code is nine groups of five Crockford base32 characters (no I, L, O or U to misread; case and dashes do
not matter): 128 secret bits, 80 bits of the root's fingerprint, a 16-bit checksum, one bit spare. The
secret makes an Ed25519 key (HKDF-SHA256, RFC 5869), whose public half names the invite; so who keeps the
records cannot join with them. The joiner signs a statement that names both ends' keys and a fresh nonce,
and knows by the fingerprint that the mesh is the one the code was made for.

`InviteBook` is the issuer's record of what it invited; it counts uses on disk before anything is signed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mesh.identity import certificates
from mesh.identity.certificates import Role
from mesh.identity.errors import (
    BadInviteCode,
    IdentityBroken,
    InviteExpired,
    InvitesNotKept,
    InviteSpent,
    NotInvited,
    NotIssuer,
)
from mesh.identity.files import read_private, write_private
from mesh.identity.identity import Identity, is_signed

SECRET_SIZE = 16
PRINT_SIZE = 10
"""Bytes of the root's fingerprint in a code: finding another root that matches takes 2^80 keys."""
CHECK_SIZE = 2
CODE_SIZE = SECRET_SIZE + PRINT_SIZE + CHECK_SIZE
GROUPS, GROUP = 9, 5
NONCE_SIZE = 32
MAX_USES = 10_000

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOKALIKES = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


@dataclass(frozen=True, slots=True)
class InviteCode:
    """What the code says."""

    secret: bytes = field(repr=False)
    fingerprint: bytes
    """The first 10 bytes of the mesh's fingerprint."""

    def __str__(self) -> str:
        """As people type it: XXXXX-XXXXX-..."""
        body = self.secret + self.fingerprint
        number = int.from_bytes(body + _checksum(body), "big") << 1
        letters = "".join(_ALPHABET[number >> shift & 31] for shift in range(GROUPS * GROUP * 5 - 5, -1, -5))
        return "-".join(letters[start : start + GROUP] for start in range(0, len(letters), GROUP))

    def key(self) -> Ed25519PrivateKey:
        """The key that proves knowledge of the code."""
        derived = HKDF(hashes.SHA256(), 32, salt=self.fingerprint, info=b"render-mesh invite 1")
        return Ed25519PrivateKey.from_private_bytes(derived.derive(self.secret))


def parse_code(text: str) -> InviteCode:
    """Raises BadInviteCode, saying whether letters are missing, foreign or mistyped."""
    letters = text.upper().translate(_LOOKALIKES)
    if len(letters) != GROUPS * GROUP:
        raise BadInviteCode(reason=f"it is {len(letters)} long, dashes aside, instead of {GROUPS * GROUP}")
    number = 0
    for letter in letters:
        value = _ALPHABET.find(letter)
        if value < 0:
            raise BadInviteCode(reason=f"{letter!r} does not occur in codes")
        number = number << 5 | value
    data = (number >> 1).to_bytes(CODE_SIZE, "big")
    body, checksum = data[:-CHECK_SIZE], data[-CHECK_SIZE:]
    if number & 1 or checksum != _checksum(body):
        raise BadInviteCode(reason="at least one letter is mistyped")
    return InviteCode(body[:SECRET_SIZE], body[SECRET_SIZE:])


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(b"render-mesh code" + body).digest()[:CHECK_SIZE]


def proof_statement(
    nonce: bytes, invite: bytes, joiner: bytes, name: str, door_certificate: bytes, fingerprint: bytes
) -> bytes:
    """What a joiner signs with the invite's key and with its own: bound to this one conversation, so that
    nobody in between can use the signatures for another key or at another door."""
    parts = (nonce, invite, joiner, name.encode(), hashlib.sha256(door_certificate).digest(), fingerprint)
    return b"render-mesh join 1" + b"".join(len(part).to_bytes(2, "big") + part for part in parts)


@dataclass(frozen=True, slots=True)
class Invite:
    """Says who may join as what, signed by an issuer's key."""

    public_key: bytes
    role: Role
    uses: int
    expires_ms: int
    """Unix time in milliseconds."""
    signature: bytes = b""
    used_by: tuple[str, ...] = ()
    """Public keys, in hex, that were let in; the issuer's own note, not part of what is signed."""

    def statement(self) -> bytes:
        numbers = self.uses.to_bytes(4, "big") + self.expires_ms.to_bytes(8, "big")
        return b"render-mesh invite 1" + self.public_key + numbers + self.role.value.encode()


class InviteBook:
    """The invites of one issuer, in one file beside its keys.

    Every change is on disk before it is answered. One book per file: the node's process owns it.
    """

    def __init__(self, identity: Identity) -> None:
        """Raises NotIssuer, IdentityExposed or IdentityBroken."""
        if identity.issuer_key is None:
            raise NotIssuer
        self._identity = identity
        self._issuer_key = identity.issuer_key
        self._path = identity.folder / "invites.json"
        self._invites = _read(self._path) if self._path.exists() else {}

    def invite(self, role: Role, uses: int, expires_ms: int) -> InviteCode:
        """A new code. ValueError for uses outside 1 to 10,000."""
        if not 1 <= uses <= MAX_USES:
            raise ValueError(f"an invite is for 1 to {MAX_USES} uses")
        code = InviteCode(secrets.token_bytes(SECRET_SIZE), self._identity.fingerprint[:PRINT_SIZE])
        invite = Invite(certificates.raw_public(code.key().public_key()), role, uses, expires_ms)
        signed = replace(invite, signature=self._issuer_key.sign(invite.statement()))
        self._write({**self._invites, signed.public_key: signed})
        return code

    def open_invites(self, now_ms: int) -> Sequence[Invite]:
        """Those that still let somebody in, oldest first."""
        return [
            invite
            for invite in self._invites.values()
            if invite.expires_ms > now_ms and len(invite.used_by) < invite.uses
        ]

    def redeem(self, public_key: bytes, joiner: bytes, now_ms: int) -> Role:
        """Spends one use of the invite on the key `joiner`, durably, and says its role. The same key may
        come again without spending another. Raises NotInvited, InviteExpired, InviteSpent or InvitesNotKept."""
        invite = self._invites.get(public_key)
        issuer = certificates.raw_public(self._issuer_key.public_key())
        if invite is None or not is_signed(issuer, invite.statement(), invite.signature):
            raise NotInvited
        if now_ms >= invite.expires_ms:
            raise InviteExpired
        if joiner.hex() in invite.used_by:
            return invite.role
        if len(invite.used_by) >= invite.uses:
            raise InviteSpent
        used = replace(invite, used_by=(*invite.used_by, joiner.hex()))
        self._write({**self._invites, public_key: used})
        return invite.role

    def _write(self, invites: dict[bytes, Invite]) -> None:
        rows = [
            [each.public_key.hex(), each.role, each.uses, each.expires_ms, each.signature.hex(), each.used_by]
            for each in invites.values()
        ]
        try:
            write_private(self._path, json.dumps(rows).encode())
        except OSError as error:
            raise InvitesNotKept(path=self._path, reason=error.strerror) from error
        self._invites = invites


def _read(path: Path) -> dict[bytes, Invite]:
    try:
        invites = [
            Invite(
                bytes.fromhex(key),
                Role(role),
                int(uses),
                int(expires),
                bytes.fromhex(signature),
                tuple(used_by),
            )
            for key, role, uses, expires, signature, used_by in json.loads(read_private(path))
        ]
    except (ValueError, TypeError):
        raise IdentityBroken(path=path, reason="it does not hold invites", folder=path.parent) from None
    return {invite.public_key: invite for invite in invites}


def matches(code: InviteCode, fingerprint: bytes) -> bool:
    """Whether the mesh of this fingerprint is the one the code was made for."""
    return hmac.compare_digest(code.fingerprint, fingerprint[:PRINT_SIZE])
