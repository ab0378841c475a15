"""Sealed datagrams: who can open them, how often, and what happens while keys rotate."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.wire.seal import OVERHEAD, WINDOW, BadSeal, KeyId, Replayed, Sealer


@dataclass(frozen=True)
class Key:
    number: int
    secret: bytes


OLD, NEW = KeyId(0), KeyId(1)
OLD_KEY, NEW_KEY = Key(0, bytes(range(32))), Key(1, bytes(range(1, 33)))


def sealer(number: int, remembered_epochs: int = 100) -> Sealer:
    return Sealer((OLD_KEY,), number.to_bytes(6, "big"), remembered_epochs)


@given(st.binary(max_size=1300))
def test_what_one_seals_the_other_opens_at_29_bytes_more(plain: bytes) -> None:
    sealed = sealer(1).seal(plain)
    assert len(sealed) == len(plain) + OVERHEAD
    assert OVERHEAD <= 29
    assert sealer(2).unseal(sealed) == plain


@given(st.data())
def test_a_changed_byte_anywhere_is_noticed(data: st.DataObject) -> None:
    sealed = bytearray(sealer(1).seal(b"gossip"))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BadSeal):
        sealer(2).unseal(bytes(sealed))


@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(BadSeal):
        sealer(2).unseal(noise)


def test_two_meshes_do_not_understand_each_other() -> None:
    other_mesh = Sealer((Key(OLD, NEW_KEY.secret),))
    with pytest.raises(BadSeal):
        sealer(2).unseal(other_mesh.seal(b"join us"))


@given(st.permutations(range(30)), st.integers(0, 29))
def test_reordering_is_borne_and_a_repeat_is_not(order: list[int], again: int) -> None:
    sender, receiver = sealer(1), sealer(2)
    sealed = [sender.seal(b"%d" % number) for number in range(30)]
    assert [receiver.unseal(sealed[number]) for number in order] == [b"%d" % number for number in order]
    with pytest.raises(Replayed):
        receiver.unseal(sealed[again])


def test_what_fell_out_of_the_window_is_refused_and_what_is_just_in_it_is_not() -> None:
    sender, receiver = sealer(1), sealer(2)
    sealed = [sender.seal(b"") for _ in range(WINDOW + 1)]
    receiver.unseal(sealed[-1])
    with pytest.raises(Replayed):
        receiver.unseal(sealed[0])
    assert receiver.unseal(sealed[1]) == b""


def test_senders_do_not_disturb_each_others_windows_and_memory_is_bounded() -> None:
    receiver = sealer(0, remembered_epochs=10)
    first = sealer(1)
    replay = first.seal(b"a")
    receiver.unseal(replay)
    for number in range(2, 11):
        receiver.unseal(sealer(number).seal(b"b"))
    with pytest.raises(Replayed):
        receiver.unseal(replay)
    for number in range(20, 40):
        receiver.unseal(sealer(number).seal(b"c"))
    assert receiver.epochs == 10


def test_keys_rotate_without_a_moment_in_which_somebody_is_not_understood() -> None:
    one, two = sealer(1), sealer(2)

    def both_ways() -> None:
        assert two.unseal(one.seal(b"to two")) == b"to two"
        assert one.unseal(two.seal(b"to one")) == b"to one"

    for step in (
        lambda: one.add(NEW_KEY),
        lambda: two.add(NEW_KEY),
        lambda: two.use(NEW),
        lambda: one.use(NEW),
        lambda: one.drop(OLD),
        lambda: two.drop(OLD),
    ):
        step()
        both_ways()
    with pytest.raises(BadSeal):
        one.unseal(sealer(3).seal(b"under the old key"))


def test_the_key_in_use_is_neither_unknown_nor_dropped() -> None:
    node = sealer(1)
    with pytest.raises(KeyError):
        node.use(NEW)
    with pytest.raises(ValueError, match="in use"):
        node.drop(OLD)
