"""The identity folder: made by founding or joining a mesh, loaded at every start.

    identity/          0700
      root.crt         who is trusted
      root.key         only where the mesh was founded; makes issuers
      issuer.key|crt   only on nodes that admit others
      node.key         this node's Ed25519 key; its SHA-256 is the NodeId
      node.crt         this node's certificate, then its issuer's
      gossip.json      keys that seal datagrams, newest first
      invites.json     invites this node signed and how often they were used

Every file is PEM or JSON, 0600, and is replaced whole. The folder appears whole too: it is filled under
another name and then renamed.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from mesh.identity import certificates
from mesh.identity.certificates import Role, pem, utc_now
from mesh.identity.errors import (
    AlreadyInMesh,
    ClockBehind,
    IdentityBroken,
    IdentityExpired,
    NoMeshHere,
    Untrusted,
)
from mesh.identity.files import make_private_folder, read_private, sync_folder, write_private
from mesh.identity.identity import KEY_SIZE, Identity, MeshKey, keys_to_json, make_mesh_key
from mesh.identity.renewal import sign_own
from mesh.identity.warrants import warrant_in


def found_mesh(folder: Path, mesh_name: str, node_name: str) -> Identity:
    """Makes a new mesh with this machine as its first node and issuer. Raises AlreadyInMesh."""
    node_key = joining_key(folder)
    root_key, issuer_key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    now = utc_now()
    root = certificates.make_root(root_key, mesh_name, now)
    issuer = certificates.make_issuer(root_key, root, issuer_key.public_key(), now)
    public_key = certificates.raw_public(node_key.public_key())
    node = certificates.make_node(issuer_key, issuer, public_key, node_name, Role.ADMIN, now)
    gossip_key = make_mesh_key(issuer_key, 1)
    filling = _filling(folder)
    write_private(filling / "root.key", _key_pem(root_key))
    write_private(filling / "issuer.key", _key_pem(issuer_key))
    write_private(filling / "issuer.crt", pem(issuer))
    return complete_join(folder, node, issuer, root, (gossip_key,))


def joining_key(folder: Path) -> Ed25519PrivateKey:
    """The key this machine joins with; the same one until the join is complete, so that a repeated try
    does not spend an invite twice. Raises AlreadyInMesh."""
    if folder.exists():
        raise AlreadyInMesh(folder=folder)
    filling = _filling(folder)
    make_private_folder(filling)
    path = filling / "node.key"
    for left_over in filling.iterdir():
        if left_over != path:
            left_over.unlink()
    if not path.exists():
        write_private(path, _key_pem(Ed25519PrivateKey.generate()))
    return _load_key(path)


def complete_join(
    folder: Path,
    node: x509.Certificate,
    issuer: x509.Certificate,
    root: x509.Certificate,
    gossip_keys: tuple[MeshKey, ...],
) -> Identity:
    """Writes what the mesh answered beside the joining key, and makes it this machine's identity."""
    filling = _filling(folder)
    write_private(filling / "root.crt", pem(root))
    write_private(filling / "node.crt", pem(node) + pem(issuer))
    write_private(filling / "gossip.json", keys_to_json(gossip_keys))
    try:
        filling.rename(folder)
    except OSError:
        raise AlreadyInMesh(folder=folder) from None
    sync_folder(folder.parent)
    return load(folder)


def _filling(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.joining")


# --- loading ----------------------------------------------------------------------------------------


def load(folder: Path, now: datetime | None = None) -> Identity:
    """The identity in `folder`. A node that signs certificates, as a mesh's founder does, first signs its own anew
    where that does not hold now: nobody else could. Raises NoMeshHere, IdentityExposed, IdentityBroken,
    IdentityExpired or ClockBehind."""
    if not folder.exists():
        raise NoMeshHere(folder=folder)
    now = now or utc_now()
    (root,) = _load_certificates(folder / "root.crt", 1)
    node, issuer = _load_certificates(folder / "node.crt", 2)
    node_key = _load_key(folder / "node.key")
    is_issuer = (folder / "issuer.key").exists()
    identity = Identity(
        folder=folder,
        root=root,
        issuer=issuer,
        certificate=node,
        gossip_keys=_load_gossip_keys(folder / "gossip.json"),
        node_key=node_key,
        issuer_key=_load_key(folder / "issuer.key") if is_issuer else None,
        own_issuer=_load_certificates(folder / "issuer.crt", 1)[0] if is_issuer else None,
    )
    if certificates.raw_public(node_key.public_key()) != identity.public_key:
        raise _broken(folder / "node.crt", "it is not the certificate of node.key")
    try:
        identity = _held_by_itself(identity, now)
        _check_dates(identity, now)
        certificates.check_chain(identity.certificate, identity.issuer, root, now)
        certificates.role_in(identity.certificate)
        warrant_in(identity.certificate)
    except Untrusted as error:
        raise _broken(folder / "node.crt", str(error)) from None
    return identity


def _held_by_itself(identity: Identity, now: datetime) -> Identity:
    """With a new certificate, where this node signs certificates and its own does not hold at `now`."""
    issuer = identity.own_issuer
    if issuer is None or certificates.holds_at(identity.certificate, now):
        return identity
    if not certificates.holds_at(issuer, now):
        return identity
    return identity.with_certificate(*sign_own(identity, now))


def _check_dates(identity: Identity, now: datetime) -> None:
    path, certificate = identity.folder / "node.crt", identity.certificate
    if now > certificate.not_valid_after_utc:
        when = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
        raise IdentityExpired(path=path, when=when, folder=identity.folder)
    if now < certificate.not_valid_before_utc:
        when = f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        raise ClockBehind(path=path, when=when, now=f"{now:%Y-%m-%d %H:%M} UTC")


def _load_certificates(path: Path, count: int) -> list[x509.Certificate]:
    try:
        found = x509.load_pem_x509_certificates(read_private(path))
    except ValueError:
        raise _broken(path, "it holds no certificate") from None
    if len(found) != count:
        raise _broken(path, f"it holds {len(found)} certificates instead of {count}")
    return found


def _load_key(path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(read_private(path), None)
    except (ValueError, TypeError):
        raise _broken(path, "it holds no private key") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise _broken(path, "its key is not Ed25519")
    return key


def _load_gossip_keys(path: Path) -> tuple[MeshKey, ...]:
    try:
        keys = tuple(
            MeshKey(int(number), bytes.fromhex(secret), bytes.fromhex(signature))
            for number, secret, signature in json.loads(read_private(path))
        )
    except (ValueError, TypeError):
        raise _broken(path, "it does not hold gossip keys") from None
    if not keys or any(len(key.secret) != KEY_SIZE for key in keys):
        raise _broken(path, f"it does not hold keys of {KEY_SIZE} bytes")
    return keys


def _broken(path: Path, reason: str) -> IdentityBroken:
    return IdentityBroken(path=path, reason=reason, folder=path.parent)


def _key_pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
