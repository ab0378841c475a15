"""Warrants: an issuer's word about a key, and about no other key, mesh or time."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mesh.identity.certificates import Role, make_issuer, make_root, raw_public, utc_now
from mesh.identity.errors import Untrusted
from mesh.identity.folder import found_mesh
from mesh.identity.warrants import SIZE, Warrants, make_warrant, warrant_in

NOW = 1_800_000_000.0
ISSUER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
MEMBER = raw_public(Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key())


def issuers(*keys: Ed25519PrivateKey) -> Warrants:
    return Warrants(tuple(raw_public(key.public_key()) for key in keys))


def test_a_warrant_holds_for_its_key_until_it_expires() -> None:
    warrant = make_warrant(ISSUER, MEMBER, int(NOW))
    book = issuers(Ed25519PrivateKey.generate(), ISSUER)
    assert len(warrant) == SIZE
    assert book.hold(MEMBER, warrant, NOW)
    assert not book.hold(MEMBER, warrant, NOW + 1.0), "remembered beyond its end"


@pytest.mark.parametrize("place", [0, 7, 8, SIZE - 1])
def test_a_warrant_with_one_bit_changed_does_not_hold(place: int) -> None:
    warrant = bytearray(make_warrant(ISSUER, MEMBER, int(NOW) + 1000))
    book = issuers(ISSUER)
    assert book.hold(MEMBER, bytes(warrant), NOW)
    warrant[place] ^= 1
    assert not book.hold(MEMBER, bytes(warrant), NOW)


def test_a_warrant_is_worth_nothing_for_another_key_or_in_another_mesh() -> None:
    warrant = make_warrant(ISSUER, MEMBER, int(NOW))
    other = raw_public(Ed25519PrivateKey.generate().public_key())
    assert not issuers(ISSUER).hold(other, warrant, NOW)
    assert not issuers(Ed25519PrivateKey.generate()).hold(MEMBER, warrant, NOW)


@pytest.mark.parametrize("garbage", [b"", bytes(SIZE), b"\xff" * SIZE, bytes(SIZE - 1), bytes(4096)])
def test_garbage_is_no_warrant(garbage: bytes) -> None:
    assert not issuers(ISSUER).hold(MEMBER, garbage, 0.0)


def test_every_certificate_carries_one(tmp_path: Path) -> None:
    founder = found_mesh(tmp_path / "identity", "studio", "ada")
    key = raw_public(Ed25519PrivateKey.generate().public_key())
    joiner = founder.issue(key, "grace", Role.MEMBER)

    book, now = Warrants(founder.issuers), utc_now().timestamp()

    assert book.hold(founder.public_key, founder.warrant, now)
    assert book.hold(key, warrant_in(joiner), now)
    assert not book.hold(key, warrant_in(joiner), joiner.not_valid_after_utc.timestamp() + 1.0)


def test_a_certificate_without_one_is_refused_in_a_sentence() -> None:
    root_key = Ed25519PrivateKey.generate()
    root = make_root(root_key, "studio", utc_now())
    bare = make_issuer(root_key, root, Ed25519PrivateKey.generate().public_key(), utc_now())
    with pytest.raises(Untrusted, match="carries no warrant"):
        warrant_in(bare)
