"""Invite codes as people type them, and the book that counts their uses."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.identity import certificates
from mesh.identity.certificates import Role
from mesh.identity.errors import (
    BadInviteCode,
    IdentityBroken,
    InviteExpired,
    InvitesNotKept,
    InviteSpent,
    NotInvited,
)
from mesh.identity.folder import found_mesh
from mesh.identity.identity import Identity, is_signed
from mesh.identity.invites import InviteBook, InviteCode, matches, parse_code, proof_statement

NOW = 1_000_000
LATER = NOW + 60_000

codes = st.builds(InviteCode, st.binary(min_size=16, max_size=16), st.binary(min_size=10, max_size=10))


@pytest.fixture
def founder(tmp_path: Path) -> Identity:
    return found_mesh(tmp_path / "identity", "studio", "ann")


def public_key(code: InviteCode) -> bytes:
    return certificates.raw_public(code.key().public_key())


@given(codes)
def test_a_code_survives_printing_and_careless_typing(code: InviteCode) -> None:
    text = str(code)

    assert [len(group) for group in text.split("-")] == [5] * 9
    assert parse_code(text) == code
    assert parse_code(f" {text.lower().replace('-', ' ')} ") == code
    assert parse_code(text.replace("0", "o").replace("1", "l")) == code


@given(codes, st.integers(0, 44), st.sampled_from("0123456789ABCDEFGHJKMNPQRSTVWXYZ"))
def test_one_mistyped_letter_is_noticed(code: InviteCode, place: int, letter: str) -> None:
    letters = str(code).replace("-", "")
    mistyped = letters[:place] + letter + letters[place + 1 :]

    if mistyped != letters:
        try:
            parsed = parse_code(mistyped)
        except BadInviteCode:
            return
        # The checksum has 16 bits: a slip through it is possible, and must not give the same code.
        assert parsed != code


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is 0 long"),
        ("ABCDE", "it is 5 long"),
        ("U" * 45, "'U' does not occur"),
        ("A" * 45, "mistyped"),
    ],
)
def test_what_is_no_code_is_explained(text: str, words: str) -> None:
    with pytest.raises(BadInviteCode, match=words):
        parse_code(text)


@given(st.text(max_size=60))
def test_any_text_is_a_code_or_a_sentence(text: str) -> None:
    with pytest.raises(BadInviteCode):
        parse_code(text)


def test_a_code_fits_its_own_mesh_only(founder: Identity, tmp_path: Path) -> None:
    code = InviteBook(founder).invite(Role.MEMBER, 1, LATER)
    other = found_mesh(tmp_path / "other" / "identity", "studio", "ann")

    assert matches(code, founder.fingerprint)
    assert not matches(code, other.fingerprint)


def test_a_use_is_spent_once_for_each_joiner_and_survives_a_restart(founder: Identity) -> None:
    code = InviteBook(founder).invite(Role.MEMBER, 2, LATER)

    assert InviteBook(founder).redeem(public_key(code), b"bob", NOW) is Role.MEMBER
    assert InviteBook(founder).redeem(public_key(code), b"bob", NOW) is Role.MEMBER
    assert InviteBook(founder).redeem(public_key(code), b"eve", NOW) is Role.MEMBER
    assert InviteBook(founder).open_invites(NOW) == []
    with pytest.raises(InviteSpent):
        InviteBook(founder).redeem(public_key(code), b"carol", NOW)
    assert InviteBook(founder).redeem(public_key(code), b"bob", NOW) is Role.MEMBER


def test_a_use_that_cannot_be_written_down_is_not_given(
    founder: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = InviteBook(founder)
    code = book.invite(Role.MEMBER, 1, LATER)

    def full_disk(_path: object, _data: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("mesh.identity.invites.write_private", full_disk)
        with pytest.raises(InvitesNotKept, match="No space left on device"):
            book.redeem(public_key(code), b"bob", NOW)
    # it is still there for when there is room again
    assert book.redeem(public_key(code), b"eve", NOW) is Role.MEMBER


def test_an_invite_expires_even_for_those_it_let_in(founder: Identity) -> None:
    book = InviteBook(founder)
    code = book.invite(Role.ADMIN, 2, LATER)
    assert book.redeem(public_key(code), b"bob", LATER - 1) is Role.ADMIN

    for joiner in (b"bob", b"eve"):
        with pytest.raises(InviteExpired):
            book.redeem(public_key(code), joiner, LATER)


def test_an_unknown_invite_is_refused(founder: Identity) -> None:
    with pytest.raises(NotInvited):
        InviteBook(founder).redeem(b"k" * 32, b"bob", NOW)


def test_a_record_changed_by_hand_no_longer_invites(founder: Identity) -> None:
    code = InviteBook(founder).invite(Role.MEMBER, 1, LATER)
    path = founder.folder / "invites.json"
    path.write_text(path.read_text().replace('"member", 1', '"admin", 9'))

    with pytest.raises(NotInvited):
        InviteBook(founder).redeem(public_key(code), b"bob", NOW)


def test_a_broken_book_is_named(founder: Identity) -> None:
    path = founder.folder / "invites.json"
    path.write_text("[[1]]")
    path.chmod(0o600)

    with pytest.raises(IdentityBroken, match="invites"):
        InviteBook(founder)


def test_neither_book_nor_repr_holds_the_secret(founder: Identity) -> None:
    code = InviteBook(founder).invite(Role.MEMBER, 1, LATER)

    assert code.secret.hex() not in (founder.folder / "invites.json").read_text()
    assert str(code.secret) not in repr(code)


def test_a_proof_holds_for_exactly_what_it_names() -> None:
    code = InviteCode(b"s" * 16, b"f" * 10)
    named = {
        "nonce": b"n" * 32, "invite": public_key(code), "joiner": b"j" * 32, "name": "bob",
        "door_certificate": b"certificate", "fingerprint": b"f" * 32,
    }  # fmt: skip
    proof = code.key().sign(proof_statement(**named))  # type: ignore[arg-type]

    assert is_signed(public_key(code), proof_statement(**named), proof)  # type: ignore[arg-type]
    for part in named:
        changed = named | {part: "eve" if part == "name" else b"x" * 32}
        assert not is_signed(public_key(code), proof_statement(**changed), proof)  # type: ignore[arg-type]
