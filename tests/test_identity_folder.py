"""Founding, keeping, loading and renewing a node's identity."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mesh.errors import MeshError
from mesh.identity import certificates
from mesh.identity.certificates import NODE_LIFE, Role, utc_now
from mesh.identity.errors import (
    AlreadyInMesh,
    ClockBehind,
    IdentityBroken,
    IdentityExpired,
    IdentityExposed,
    NoMeshHere,
    NotIssuer,
    Untrusted,
)
from mesh.identity.folder import complete_join, found_mesh, joining_key, load
from mesh.identity.identity import Identity, MeshKey, peer_of, verify
from mesh.model.ids import NodeId


@pytest.fixture
def founder(tmp_path: Path) -> Identity:
    return found_mesh(tmp_path / "ann" / "identity", "studio", "ann")


def join(founder: Identity, folder: Path, name: str = "bob", role: Role = Role.MEMBER) -> Identity:
    key = certificates.raw_public(joining_key(folder).public_key())
    assert founder.own_issuer is not None
    return complete_join(
        folder, founder.issue(key, name, role), founder.own_issuer, founder.root, founder.gossip_keys
    )


def test_a_founded_mesh_is_what_is_loaded_afterwards(founder: Identity) -> None:
    loaded = load(founder.folder)

    assert (loaded.mesh_name, loaded.node_name, loaded.role) == ("studio", "ann", Role.ADMIN)
    assert loaded.node_id == founder.node_id
    assert loaded.fingerprint == founder.fingerprint
    assert loaded.gossip_keys == founder.gossip_keys
    assert loaded.can_issue


def test_every_file_and_folder_is_private(founder: Identity) -> None:
    assert stat.S_IMODE(founder.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in founder.folder.iterdir()} == {0o600}


def test_a_joined_node_belongs_to_the_mesh_but_cannot_issue(founder: Identity, tmp_path: Path) -> None:
    bob = join(founder, tmp_path / "bob" / "identity")

    assert (bob.mesh_name, bob.node_name, bob.role) == ("studio", "bob", Role.MEMBER)
    assert bob.fingerprint == founder.fingerprint
    with pytest.raises(NotIssuer):
        bob.issue(bob.public_key, "eve", Role.ADMIN)


def test_an_interrupted_join_goes_on_with_the_same_key_and_without_leftovers(tmp_path: Path) -> None:
    folder = tmp_path / "identity"
    first = joining_key(folder).private_bytes_raw()
    (tmp_path / "identity.joining" / "issuer.key").write_bytes(b"left by a founding that was cut off")

    assert joining_key(folder).private_bytes_raw() == first
    assert [path.name for path in (tmp_path / "identity.joining").iterdir()] == ["node.key"]


def test_nobody_founds_or_joins_over_an_identity(founder: Identity) -> None:
    with pytest.raises(AlreadyInMesh):
        found_mesh(founder.folder, "other", "ann")
    with pytest.raises(AlreadyInMesh):
        joining_key(founder.folder)


def test_where_there_is_no_identity_the_error_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(NoMeshHere, match="Run `mesh join`"):
        load(tmp_path / "identity")


@pytest.mark.parametrize(
    ("damage", "error", "words"),
    [
        (lambda folder: (folder / "node.key").chmod(0o640), IdentityExposed, "chmod 600"),
        (lambda folder: folder.chmod(0o755), IdentityExposed, "chmod 700"),
        (lambda folder: (folder / "node.key").unlink(), IdentityBroken, "node.key cannot be used: it is missing"),
        (lambda folder: (folder / "node.key").write_bytes(b"x"), IdentityBroken, "no private key"),
        (lambda folder: (folder / "node.crt").write_bytes(b"x"), IdentityBroken, "no certificate"),
        (
            lambda folder: (folder / "node.crt").write_bytes((folder / "root.crt").read_bytes()),
            IdentityBroken,
            "1 certificates instead of 2",
        ),
        (lambda folder: (folder / "gossip.json").write_bytes(b"[]"), IdentityBroken, "keys of 32 bytes"),
        (lambda folder: (folder / "gossip.json").write_bytes(b"{"), IdentityBroken, "gossip keys"),
        (
            lambda folder: (folder / "node.key").write_bytes((folder / "issuer.key").read_bytes()),
            IdentityBroken,
            "not the certificate of node.key",
        ),
    ],
)  # fmt: skip
def test_a_damaged_folder_is_named_with_what_to_do(
    founder: Identity, damage: Callable[[Path], object], error: type[MeshError], words: str
) -> None:
    damage(founder.folder)

    with pytest.raises(error, match=words) as caught:
        load(founder.folder)
    assert str(founder.folder) in str(caught.value)


def test_the_root_of_another_mesh_does_not_fit(founder: Identity, tmp_path: Path) -> None:
    other = found_mesh(tmp_path / "other" / "identity", "studio", "ann")
    (founder.folder / "root.crt").write_bytes((other.folder / "root.crt").read_bytes())

    with pytest.raises(IdentityBroken, match="chain of certificates"):
        load(founder.folder)


def test_an_expired_certificate_and_a_slow_clock_are_told_apart(founder: Identity, tmp_path: Path) -> None:
    bob = join(founder, tmp_path / "bob" / "identity")
    now = utc_now()

    with pytest.raises(IdentityExpired, match="expired on"):
        load(bob.folder, now + NODE_LIFE + timedelta(days=1))
    for folder in (bob.folder, founder.folder):
        with pytest.raises(ClockBehind, match="Set the clock"):
            load(folder, now - timedelta(days=2))


def test_gossip_keys_are_replaced_on_disk(founder: Identity) -> None:
    keys = (MeshKey(2, b"k" * 32, bytes(64)), *founder.gossip_keys)
    founder.with_gossip_keys(keys)

    assert load(founder.folder).gossip_keys == keys


def test_no_secret_shows_in_a_repr(founder: Identity) -> None:
    stored = json.loads((founder.folder / "gossip.json").read_bytes())
    text = repr(founder)

    assert stored[0][1] not in text
    assert str(founder.gossip_keys[0].secret) not in text
    assert "PrivateKey" not in text


def test_a_signature_counts_only_for_the_node_whose_key_made_it(founder: Identity, tmp_path: Path) -> None:
    bob = join(founder, tmp_path / "bob" / "identity")
    signature = founder.sign(b"data")

    assert verify(founder.public_key, founder.node_id, b"data", signature)
    assert not verify(founder.public_key, founder.node_id, b"other", signature)
    assert not verify(founder.public_key, bob.node_id, b"data", signature)
    assert not verify(bob.public_key, bob.node_id, b"data", signature)
    assert not verify(b"short", NodeId(b"x" * 32), b"data", signature)


def test_an_authority_never_speaks_for_a_node(founder: Identity) -> None:
    assert peer_of(certificates.der(founder.certificate)) == founder.node_id
    for authority in (founder.root, founder.issuer):
        with pytest.raises(Untrusted):
            peer_of(certificates.der(authority))
    with pytest.raises(Untrusted):
        peer_of(b"\x30\x00")


def test_a_chain_holds_only_in_its_order_and_time(founder: Identity) -> None:
    node, issuer, root, now = founder.certificate, founder.issuer, founder.root, utc_now()
    certificates.check_chain(node, issuer, root, now)

    for chain in ((issuer, issuer, root), (node, root, root), (node, node, root), (node, issuer, issuer)):
        with pytest.raises(Untrusted):
            certificates.check_chain(*chain, now)
    with pytest.raises(Untrusted):
        certificates.check_chain(node, issuer, root, now + NODE_LIFE + timedelta(days=1))


@pytest.mark.parametrize("name", ["", "x" * 65, "line\nbreak"])
def test_a_name_no_certificate_can_hold_is_refused(founder: Identity, name: str) -> None:
    key = certificates.raw_public(Ed25519PrivateKey.generate().public_key())

    with pytest.raises(Untrusted):
        founder.issue(key, name, Role.MEMBER)
