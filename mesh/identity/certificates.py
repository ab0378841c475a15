"""X.509 certificates with Ed25519 keys: root -> issuer -> node. Pure functions; knows no files or sockets.

The root certificate's common name is the mesh's name; a node certificate's common name is the node's name
and its organisational unit the node's role. Profiles follow RFC 5280 closely enough for OpenSSL's strict
verification; Ed25519 in X.509 is RFC 8410.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mesh.identity.errors import Untrusted
from mesh.identity.warrants import WARRANT_OID, make_warrant
from mesh.model.ids import NodeId

ROOT_LIFE = timedelta(days=365 * 30)
ISSUER_LIFE = timedelta(days=365 * 10)
NODE_LIFE = timedelta(days=90)
"""They renew by themselves (`mesh/identity/renewal.py`)."""
BACKDATED = timedelta(days=1)
"""Farm machines' clocks differ; a certificate is valid a little before it was made."""

MAX_NAME = 64
"""Characters of a common name (RFC 5280, appendix A)."""


class Role(StrEnum):
    MEMBER = "member"
    ADMIN = "admin"


def raw_public(key: Ed25519PublicKey) -> bytes:
    """The 32 bytes of an Ed25519 public key."""
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def node_id_of(public_key: bytes) -> NodeId:
    """SHA-256 of the 32 bytes of a public key."""
    return NodeId(hashlib.sha256(public_key).digest())


def fingerprint_of(root: x509.Certificate) -> bytes:
    """SHA-256 of the root's public key, 32 bytes: the name of a mesh."""
    return hashlib.sha256(key_in(root)).digest()


def key_in(certificate: x509.Certificate) -> bytes:
    """The Ed25519 public key in `certificate`, 32 bytes. Raises Untrusted for any other kind of key."""
    key = certificate.public_key()
    if not isinstance(key, Ed25519PublicKey):
        raise Untrusted("the key of the certificate is not Ed25519")
    return raw_public(key)


def make_root(key: Ed25519PrivateKey, mesh_name: str, now: datetime) -> x509.Certificate:
    name = _name(mesh_name, "root")
    builder = _builder(name, name, key.public_key(), key.public_key(), now, ROOT_LIFE)
    return _sign_authority(builder, key, path_length=1)


def make_issuer(
    root_key: Ed25519PrivateKey, root: x509.Certificate, key: Ed25519PublicKey, now: datetime
) -> x509.Certificate:
    """An intermediate that may sign nodes and nothing else."""
    name = _name(common_name(root), f"issuer {node_id_of(raw_public(key)).hex()[:16]}")
    builder = _builder(name, root.subject, key, root_key.public_key(), now, ISSUER_LIFE)
    return _sign_authority(builder, root_key, path_length=0)


def make_node(
    issuer_key: Ed25519PrivateKey,
    issuer: x509.Certificate,
    public_key: bytes,
    node_name: str,
    role: Role,
    now: datetime,
) -> x509.Certificate:
    """A certificate for both ends of TLS, with a warrant for gossip; neither outlives its issuer. Raises Untrusted for
    a name or key no certificate can hold, and where the issuer's time is over."""
    if not 0 < len(node_name) <= MAX_NAME or not node_name.isprintable():
        raise Untrusted(f"a node's name is 1 to {MAX_NAME} printable characters")
    try:
        key = Ed25519PublicKey.from_public_bytes(public_key)
    except ValueError:
        raise Untrusted("not an Ed25519 public key") from None
    life = min(NODE_LIFE, issuer.not_valid_after_utc - now)
    if life <= timedelta():
        raise Untrusted("the issuer's certificate has expired")
    builder = _builder(
        _name(node_name, role.value), issuer.subject, key, issuer_key.public_key(), now, life
    ).add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True).add_extension(
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
        critical=False,
    )
    warrant = make_warrant(issuer_key, public_key, int((now + life).timestamp()))
    builder = builder.add_extension(x509.UnrecognizedExtension(WARRANT_OID, warrant), critical=False)
    return builder.sign(issuer_key, None)


def common_name(certificate: x509.Certificate) -> str:
    return _attribute(certificate, NameOID.COMMON_NAME)


def role_in(node: x509.Certificate) -> Role:
    """Raises Untrusted where the certificate names no role of this version."""
    try:
        return Role(_attribute(node, NameOID.ORGANIZATIONAL_UNIT_NAME))
    except ValueError:
        raise Untrusted("the certificate names no role we know") from None


def is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return True


def holds_at(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether `now` is between its dates."""
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def parse_der(data: bytes) -> x509.Certificate:
    """Raises Untrusted for bytes that are no certificate."""
    try:
        certificate = x509.load_der_x509_certificate(data)
        key_in(certificate)
        _ = (certificate.extensions, certificate.subject, certificate.issuer)
    except (ValueError, TypeError, x509.DuplicateExtension):
        raise Untrusted("not a certificate") from None
    return certificate


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def check_chain(
    node: x509.Certificate, issuer: x509.Certificate, root: x509.Certificate, now: datetime
) -> None:
    """Raises Untrusted unless root vouches for issuer, issuer for node, and all are valid at `now`.

    For a joiner, who learns the root only after the TLS handshake. Members leave this to OpenSSL.
    """
    for certificate in (node, issuer, root):
        if not holds_at(certificate, now):
            raise Untrusted(f"the certificate of {common_name(certificate)} is not valid now")
    if is_authority(node) or not is_authority(issuer) or not is_authority(root):
        raise Untrusted("a certificate has the wrong place in its chain")
    try:
        root.verify_directly_issued_by(root)
        issuer.verify_directly_issued_by(root)
        node.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        raise Untrusted("the chain of certificates does not hold") from None


def utc_now() -> datetime:
    """What certificates' dates are compared with; whole seconds, as X.509 has them."""
    return datetime.now(UTC).replace(microsecond=0)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: Ed25519PublicKey,
    issuer_key: Ed25519PublicKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _sign_authority(
    builder: x509.CertificateBuilder, key: Ed25519PrivateKey, path_length: int
) -> x509.Certificate:
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, None)
    )


def _usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str, unit: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
        ]
    )


def _attribute(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    found = certificate.subject.get_attributes_for_oid(oid)
    return str(found[0].value) if found else ""
