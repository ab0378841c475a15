"""A node's mesh keys: rotation without a datagram lost, on disk before it counts, and old keys' end."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from mesh.gossip.keyring import KeyForgotten, KeyInUse, KeyLearned
from mesh.identity.folder import found_mesh, load
from mesh.node.seals import Seals, key_in, news_of

ADA, GRACE = ("127.0.0.1", 7401), ("127.0.0.1", 7402)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Seals, Seals]:
    """Two nodes' seals under the same first key; the first is an issuer's."""
    founder = found_mesh(tmp_path / "ada", "studio", "ada")
    shutil.copytree(tmp_path / "ada", tmp_path / "grace")
    return Seals(founder), Seals(load(tmp_path / "grace"))


def test_no_datagram_is_lost_while_a_key_is_rotated(pair: tuple[Seals, Seals]) -> None:
    ada, grace = pair
    news = news_of(ada.identity.next_mesh_key())

    def both_ways() -> None:
        assert grace.unseal(ADA, ada.seal(GRACE, b"to grace")) == b"to grace"
        assert ada.unseal(GRACE, grace.seal(ADA, b"to ada")) == b"to ada"

    # In whatever order the two get there
    for seals, step in (
        (ada, KeyLearned(news)),
        (grace, KeyLearned(news)),
        (ada, KeyInUse(2)),
        (grace, KeyInUse(2)),
        (ada, KeyForgotten(1)),
        (grace, KeyForgotten(1)),
    ):
        seals.notice(step)
        both_ways()


def test_who_slept_through_a_rotation_is_answered_under_the_key_it_has(pair: tuple[Seals, Seals]) -> None:
    ada, grace = pair
    ada.notice(KeyLearned(news_of(ada.identity.next_mesh_key())))
    ada.notice(KeyInUse(2))
    # Before it has spoken, nobody can know
    assert grace.unseal(ADA, ada.seal(GRACE, b"hello")) is None

    assert ada.unseal(GRACE, grace.seal(ADA, b"is anybody there?")) == b"is anybody there?"

    assert ada.is_behind(GRACE)
    assert grace.unseal(ADA, ada.seal(GRACE, b"yes")) == b"yes"
    # And once it has the new key, it is answered under that
    grace.notice(KeyLearned(ada_news := news_of(ada.identity.gossip_keys[0])))
    grace.notice(KeyInUse(ada_news.number))
    ada.unseal(GRACE, grace.seal(ADA, b"now I know"))
    assert not ada.is_behind(GRACE)
    assert ada.seal(GRACE, b"good")[0] == 2


def test_a_learned_key_is_on_disk_and_a_forgotten_one_is_not(pair: tuple[Seals, Seals]) -> None:
    ada, grace = pair
    news = news_of(ada.identity.next_mesh_key())
    grace.notice(KeyLearned(news))
    assert [key.number for key in load(grace.identity.folder).gossip_keys] == [2, 1]
    grace.notice(KeyInUse(2))
    grace.notice(KeyForgotten(1))
    assert load(grace.identity.folder).gossip_keys == (key_in(news),)


def test_a_key_that_no_disk_takes_holds_all_the_same(
    pair: tuple[Seals, Seals], monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, grace = pair

    def full_disk(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    news = news_of(ada.identity.next_mesh_key())
    monkeypatch.setattr("mesh.identity.files.os.fsync", full_disk)
    for seals in pair:
        seals.notice(KeyLearned(news))
        seals.notice(KeyInUse(2))

    assert grace.unseal(ADA, ada.seal(GRACE, b"to grace")) == b"to grace"
    assert [key.number for key in ada.identity.gossip_keys] == [2, 1]


def test_only_an_issuer_s_key_of_this_mesh_is_genuine(pair: tuple[Seals, Seals], tmp_path: Path) -> None:
    ada, grace = pair
    stranger = found_mesh(tmp_path / "elsewhere", "elsewhere", "eve")
    assert grace.is_genuine(news_of(ada.identity.next_mesh_key()))
    assert not grace.is_genuine(news_of(stranger.next_mesh_key()))
