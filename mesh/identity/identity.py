"""Who this node is and what that lets it do: sign, issue certificates, open and answer TLS.

Made and loaded by `identity/folder.py`, which says which file holds what.
"""

from __future__ import annotations

import json
import secrets
import ssl
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mesh.identity import certificates
from mesh.identity.certificates import Role, pem, utc_now
from mesh.identity.errors import NotIssuer, Untrusted
from mesh.identity.files import write_private
from mesh.identity.warrants import warrant_in
from mesh.model.ids import NodeId

KEY_SIZE = 32
MAX_GOSSIP_KEYS = 4


@dataclass(frozen=True, slots=True)
class MeshKey:
    """A symmetric key that seals datagrams, and the number datagrams name it by."""

    number: int
    secret: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    """By an issuer, 64 bytes."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this node is. Its secrets never show in its repr."""

    folder: Path
    root: x509.Certificate = field(repr=False)
    issuer: x509.Certificate = field(repr=False)
    """The issuer of this node's certificate."""
    certificate: x509.Certificate = field(repr=False)
    gossip_keys: tuple[MeshKey, ...]
    """Newest first, at least one."""
    node_key: Ed25519PrivateKey = field(repr=False)
    issuer_key: Ed25519PrivateKey | None = field(repr=False)
    own_issuer: x509.Certificate | None = field(repr=False)

    @property
    def mesh_name(self) -> str:
        return certificates.common_name(self.root)

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the root's public key, 32 bytes: the name of the mesh."""
        return certificates.fingerprint_of(self.root)

    @property
    def node_name(self) -> str:
        return certificates.common_name(self.certificate)

    @property
    def role(self) -> Role:
        return certificates.role_in(self.certificate)

    @property
    def public_key(self) -> bytes:
        return certificates.key_in(self.certificate)

    @property
    def node_id(self) -> NodeId:
        return certificates.node_id_of(self.public_key)

    @property
    def warrant(self) -> bytes:
        """An issuer's word, for gossip, that this node is a member."""
        return warrant_in(self.certificate)

    @property
    def issuers(self) -> tuple[bytes, ...]:
        """The public keys of those whose warrants count."""
        own = () if self.own_issuer is None else (self.own_issuer,)
        return tuple(dict.fromkeys(certificates.key_in(issuer) for issuer in (self.issuer, *own)))

    @property
    def can_issue(self) -> bool:
        return self.issuer_key is not None

    def sign(self, data: bytes) -> bytes:
        """This node's Ed25519 signature over `data`, 64 bytes."""
        return self.node_key.sign(data)

    def prove(self, data: bytes) -> bytes:
        """This node's public key and its signature over `data`, 96 bytes: whoever knows the NodeId can check it."""
        return self.public_key + self.sign(data)

    def prove_issuer(self, data: bytes) -> bytes:
        """The same by this node's issuer key. Raises NotIssuer."""
        if self.issuer_key is None:
            raise NotIssuer
        return certificates.raw_public(self.issuer_key.public_key()) + self.issuer_key.sign(data)

    def issue(
        self, public_key: bytes, node_name: str, role: Role, now: datetime | None = None
    ) -> x509.Certificate:
        """A node certificate by this node's issuer key. Raises NotIssuer, and Untrusted for a name or key
        that cannot be certified."""
        if self.issuer_key is None or self.own_issuer is None:
            raise NotIssuer
        return certificates.make_node(
            self.issuer_key, self.own_issuer, public_key, node_name, role, now or utc_now()
        )

    def next_mesh_key(self) -> MeshKey:
        """A new key to seal datagrams with, signed by this node's issuer key. Raises NotIssuer."""
        if self.issuer_key is None:
            raise NotIssuer
        return make_mesh_key(self.issuer_key, self.gossip_keys[0].number + 1)

    def is_mesh_key(self, key: MeshKey) -> bool:
        """Whether an issuer of this mesh signed `key`."""
        statement = _key_statement(key.number, key.secret)
        return any(is_signed(issuer, statement, key.signature) for issuer in self.issuers)

    def with_gossip_keys(self, keys: tuple[MeshKey, ...]) -> Identity:
        """This identity with other gossip keys, written to disk."""
        write_private(self.folder / "gossip.json", keys_to_json(keys))
        return replace(self, gossip_keys=keys)

    def with_certificate(self, certificate: x509.Certificate, issuer: x509.Certificate) -> Identity:
        """This identity with a renewed certificate (`renewal.check_renewal`), written to disk."""
        write_private(self.folder / "node.crt", pem(certificate) + pem(issuer))
        return replace(self, certificate=certificate, issuer=issuer)

    def server_context(self) -> ssl.SSLContext:
        """TLS 1.3 for a listener. A client without certificate passes the handshake, and is let through
        to the joiners' door only; a certificate that is shown must be of this mesh."""
        return self._context(ssl.PROTOCOL_TLS_SERVER, ssl.CERT_OPTIONAL)

    def client_context(self) -> ssl.SSLContext:
        """TLS 1.3 for dialling a member. The chain is verified; whose it is must be asked of `peer_of`."""
        return self._context(ssl.PROTOCOL_TLS_CLIENT, ssl.CERT_REQUIRED)

    def _context(self, protocol: int, verify: ssl.VerifyMode) -> ssl.SSLContext:
        context = _strict_context(protocol)
        # A node's name is its key, which `peer_of` checks; host names mean nothing in a mesh.
        context.check_hostname = False
        context.verify_mode = verify
        context.load_verify_locations(cadata=pem(self.root).decode())
        context.load_cert_chain(self.folder / "node.crt", self.folder / "node.key")
        return context


def joiner_context() -> ssl.SSLContext:
    """TLS 1.3 for a joiner, who knows no root yet: nothing is verified here, `check_chain` does it later."""
    context = _strict_context(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _strict_context(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def peer_of(certificate: bytes) -> NodeId:
    """Whose certificate (DER) this is, after OpenSSL has verified its chain. Raises Untrusted for one
    that is an authority's and not a node's."""
    parsed = certificates.parse_der(certificate)
    if certificates.is_authority(parsed):
        raise Untrusted("an authority's certificate cannot speak for a node")
    return certificates.node_id_of(certificates.key_in(parsed))


def verify(public_key: bytes, node: NodeId, data: bytes, signature: bytes) -> bool:
    """Whether `signature` over `data` is by `public_key` and that is the key of `node`."""
    return certificates.node_id_of(public_key) == node and is_signed(public_key, data, signature)


def verify_issued(issuers: tuple[bytes, ...], public_key: bytes, data: bytes, signature: bytes) -> bool:
    """Whether `signature` over `data` is by `public_key` and that is one of `issuers`."""
    return public_key in issuers and is_signed(public_key, data, signature)


def make_mesh_key(issuer_key: Ed25519PrivateKey, number: int) -> MeshKey:
    secret = secrets.token_bytes(KEY_SIZE)
    return MeshKey(number, secret, issuer_key.sign(_key_statement(number, secret)))


def _key_statement(number: int, secret: bytes) -> bytes:
    return b"render-mesh gossip key" + number.to_bytes(4, "big") + secret


def is_signed(public_key: bytes, data: bytes, signature: bytes) -> bool:
    """Whether `signature` over `data` is by the Ed25519 key `public_key`."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def keys_to_json(keys: tuple[MeshKey, ...]) -> bytes:
    """What `gossip.json` holds: [[number, secret in hex, signature in hex], ...]."""
    rows = [(key.number, key.secret.hex(), key.signature.hex()) for key in keys[:MAX_GOSSIP_KEYS]]
    return json.dumps(rows).encode()
