"""When a certificate is renewed, by whom, what an issuer signs and what its owner takes: the rules, without I/O."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mesh.identity.certificates import (
    NODE_LIFE,
    Role,
    der,
    key_in,
    make_issuer,
    make_node,
    raw_public,
    role_in,
)
from mesh.identity.errors import IdentityExpired, NotIssuer, Untrusted
from mesh.identity.folder import found_mesh, load
from mesh.identity.identity import Identity
from mesh.identity.renewal import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    Ask,
    NobodyToAsk,
    Over,
    SignOwn,
    Step,
    Wait,
    check_renewal,
    next_step,
    pause,
    renew_for,
    sign_own,
    warning,
)
from mesh.identity.warrants import WARRANT_OID, Warrants, warrant_in
from mesh.model.ids import NodeId
from tests.net_nodes import make_mesh

BEGINS = datetime(2030, 1, 1, tzinfo=UTC)
ENDS = BEGINS + timedelta(days=90)
ANN, BEA = NodeId(b"a" * 32), NodeId(b"b" * 32)


@pytest.mark.parametrize(
    ("day", "signs", "issuers", "turn", "wanted"),
    [
        (0, False, (ANN,), 0, Wait(BEGINS + timedelta(days=60))),
        (59.9, False, (ANN,), 0, Wait(BEGINS + timedelta(days=60))),
        (59.9, True, (), 0, Wait(BEGINS + timedelta(days=60))),
        (60, False, (ANN,), 0, Ask(ANN)),
        (60, False, (ANN, BEA), 1, Ask(BEA)),
        (60, False, (ANN, BEA), 2, Ask(ANN)),
        (60, False, (), 0, NobodyToAsk()),
        (60, True, (ANN,), 0, SignOwn()),
        (90, False, (ANN,), 0, Ask(ANN)),
        (90.1, False, (ANN,), 0, Over()),
        (90.1, True, (), 0, SignOwn()),
    ],
)
def test_the_last_third_of_its_life_is_when_a_certificate_is_renewed(
    day: float, signs: bool, issuers: tuple[NodeId, ...], turn: int, wanted: Step
) -> None:
    now = BEGINS + timedelta(days=day)
    assert next_step(now, BEGINS, ENDS, signs=signs, issuers=issuers, turn=turn) == wanted


def test_tries_in_vain_come_ever_more_rarely_and_never_in_step() -> None:
    pauses = [pause(failures, random.Random(7)) for failures in range(40)]
    assert pauses[0] <= FIRST_PAUSE
    assert all(earlier <= later for earlier, later in pairwise(pauses))
    assert LONGEST_PAUSE / 2 <= pauses[-1] <= LONGEST_PAUSE
    assert len({pause(5, random.Random(seed)) for seed in range(20)}) == 20


@pytest.mark.parametrize(
    ("days_left", "words"),
    [
        (90, ""),
        (14, ""),
        (13.9, "expires on 2030-04-01"),
        (0, "expires on"),
        (-0.1, "join again with a new invite"),
    ],
)
def test_people_are_told_in_the_last_two_weeks_and_afterwards_what_to_do(
    days_left: float, words: str
) -> None:
    sentence = warning("render3", ENDS, ENDS - timedelta(days=days_left))
    assert words in sentence if words else not sentence
    assert not sentence or "render3" in sentence


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Identity, Identity]:
    """A founder and a member."""
    ann, bob = make_mesh(tmp_path, "ann", "bob")
    return ann, bob


def test_an_issuer_renews_what_it_was_shown_and_nothing_else(pair: tuple[Identity, Identity]) -> None:
    ann, bob = pair
    later = bob.certificate.not_valid_after_utc - timedelta(days=1)

    certificate, issuer = renew_for(ann, der(bob.certificate), later)

    check_renewal(bob, certificate, issuer, later)
    assert (key_in(certificate), role_in(certificate)) == (bob.public_key, Role.MEMBER)
    assert certificate.not_valid_after_utc == later + NODE_LIFE
    assert Warrants(bob.issuers).hold(
        bob.public_key, warrant_in(certificate), (later + NODE_LIFE).timestamp()
    )


def test_an_expired_certificate_an_authority_and_garbage_are_not_renewed(
    pair: tuple[Identity, Identity],
) -> None:
    ann, bob = pair
    now, ends = bob.certificate.not_valid_before_utc, bob.certificate.not_valid_after_utc
    for shown, at in (
        (der(bob.certificate), ends + timedelta(seconds=1)),
        (der(bob.certificate), now - timedelta(seconds=1)),
        (der(ann.issuer), now),
        (b"\x30\x00", now),
    ):
        with pytest.raises(Untrusted):
            renew_for(ann, shown, at)


def test_who_has_no_issuers_key_renews_nobody(pair: tuple[Identity, Identity]) -> None:
    ann, bob = pair
    now = bob.certificate.not_valid_before_utc
    with pytest.raises(NotIssuer):
        renew_for(bob, der(ann.certificate), now)
    with pytest.raises(NotIssuer):
        sign_own(bob, now)


Answer = tuple[x509.Certificate, x509.Certificate]


def _of_foreign_root(ann: Identity, bob: Identity, now: datetime) -> Answer:
    eve = found_mesh(ann.folder.parent.parent / "eve", "studio", "eve")
    assert eve.own_issuer is not None
    return eve.issue(bob.public_key, "bob", Role.MEMBER, now), eve.own_issuer


def _signed_by_a_mere_node(ann: Identity, bob: Identity, now: datetime) -> Answer:
    forged = make_node(bob.node_key, bob.certificate, bob.public_key, "bob", Role.MEMBER, now)
    return forged, bob.certificate


def _issuer_of_somebody_elses_root(ann: Identity, bob: Identity, now: datetime) -> Answer:
    key, root_key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    issuer = make_issuer(root_key, ann.root, key.public_key(), now)
    return make_node(key, issuer, bob.public_key, "bob", Role.MEMBER, now), issuer


def _with_another_warrant(ann: Identity, bob: Identity, now: datetime, *, warrant: bytes | None) -> Answer:
    """What an issuer that makes no warrants, or false ones, would sign."""
    good = ann.issue(bob.public_key, "bob", Role.MEMBER, now)
    builder = x509.CertificateBuilder(
        issuer_name=good.issuer,
        subject_name=good.subject,
        public_key=good.public_key(),
        serial_number=good.serial_number,
        not_valid_before=good.not_valid_before_utc,
        not_valid_after=good.not_valid_after_utc,
    )
    for extension in good.extensions:
        if extension.oid != WARRANT_OID:
            builder = builder.add_extension(extension.value, extension.critical)
    if warrant is not None:
        builder = builder.add_extension(x509.UnrecognizedExtension(WARRANT_OID, warrant), critical=False)
    assert ann.issuer_key is not None
    return builder.sign(ann.issuer_key, None), ann.issuer


FALSE_ANSWERS: dict[str, Callable[[Identity, Identity, datetime], Answer]] = {
    "another key": lambda ann, bob, now: (ann.issue(ann.public_key, "bob", Role.MEMBER, now), ann.issuer),
    "another role": lambda ann, bob, now: (ann.issue(bob.public_key, "bob", Role.ADMIN, now), ann.issuer),
    "another name": lambda ann, bob, now: (ann.issue(bob.public_key, "bobby", Role.MEMBER, now), ann.issuer),
    "the same expiry": lambda ann, bob, now: (bob.certificate, bob.issuer),
    "an earlier expiry": lambda ann, bob, now: (
        ann.issue(bob.public_key, "bob", Role.MEMBER, now - timedelta(days=89)),
        ann.issuer,
    ),
    "no warrant": lambda ann, bob, now: _with_another_warrant(ann, bob, now, warrant=None),
    "somebody else's warrant": lambda ann, bob, now: _with_another_warrant(
        ann, bob, now, warrant=ann.warrant
    ),
    "a foreign root": _of_foreign_root,
    "a node's signature": _signed_by_a_mere_node,
    "a made up issuer": _issuer_of_somebody_elses_root,
}


@pytest.mark.parametrize(
    ("falsehood", "words"),
    [
        ("another key", "another key"),
        ("another role", "another role"),
        ("another name", "another name"),
        ("the same expiry", "expires no later"),
        ("an earlier expiry", "expires no later"),
        ("no warrant", "carries no warrant"),
        ("somebody else's warrant", "warrant does not hold"),
        ("a foreign root", "chain"),
        ("a node's signature", "chain"),
        ("a made up issuer", "chain"),
    ],
)
def test_a_false_answer_is_not_taken(pair: tuple[Identity, Identity], falsehood: str, words: str) -> None:
    ann, bob = pair
    now = bob.certificate.not_valid_before_utc + timedelta(days=70)
    check_renewal(bob, *renew_for(ann, der(bob.certificate), now), now)

    with pytest.raises(Untrusted, match=words):
        check_renewal(bob, *FALSE_ANSWERS[falsehood](ann, bob, now), now)


def test_a_renewed_certificate_is_what_is_loaded_from_then_on(pair: tuple[Identity, Identity]) -> None:
    ann, bob = pair
    now = bob.certificate.not_valid_after_utc - timedelta(days=5)

    renewed = bob.with_certificate(*renew_for(ann, der(bob.certificate), now))

    loaded = load(bob.folder, bob.certificate.not_valid_after_utc + timedelta(days=5))
    assert loaded.certificate == renewed.certificate != bob.certificate
    assert (bob.folder / "node.crt").stat().st_mode & 0o777 == 0o600


def test_a_founder_that_was_off_for_long_comes_back_and_its_member_is_told_what_to_do(
    pair: tuple[Identity, Identity],
) -> None:
    ann, bob = pair
    long_after = ann.certificate.not_valid_after_utc + timedelta(days=400)

    assert load(ann.folder, long_after).certificate.not_valid_after_utc == long_after + NODE_LIFE
    assert load(ann.folder, long_after).node_id == ann.node_id
    with pytest.raises(IdentityExpired, match="join the mesh again") as error:
        load(bob.folder, long_after)
    assert str(bob.folder) in str(error.value)


def test_no_certificate_outlives_its_issuer(pair: tuple[Identity, Identity]) -> None:
    ann, bob = pair
    assert ann.own_issuer is not None
    ends = ann.own_issuer.not_valid_after_utc

    late = ann.issue(bob.public_key, "bob", Role.MEMBER, ends - timedelta(days=3))

    assert late.not_valid_after_utc == ends
    with pytest.raises(Untrusted, match="expired"):
        ann.issue(bob.public_key, "bob", Role.MEMBER, ends)
    assert raw_public(bob.node_key.public_key()) == key_in(late)
