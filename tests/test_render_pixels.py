"""The pixel payload: whatever goes in comes out, and whatever is damaged is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.model.layers import ALWAYS, Layer, channels_of, in_order
from mesh.model.tolerance import Tolerance
from mesh.model.units import Grid, Unit
from mesh.render.pixels import BadPixels, Notes, Payload, decode, encode, same_piece

NOTHING = Notes()


def payload(
    grid: Grid, start: int, stop: int, seed: int = 0, layers: tuple[Layer, ...] = (), notes: Notes = NOTHING
) -> Payload:
    rng = np.random.default_rng(seed)
    rects = [grid.rect(i) for i in range(start, stop)]
    channels = len(channels_of(layers))
    buckets = [rng.normal(size=(r.height, r.width, channels)).astype(np.float32) for r in rects]
    return Payload(Unit(7, start, stop), grid, tuple(buckets), layers, notes)


@given(
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    bucket=st.integers(1, 16),
    data=st.data(),
    layers=st.sets(st.sampled_from(list(Layer))),
    facts=st.lists(st.tuples(st.text(), st.text()), max_size=3),
    names=st.lists(st.text(), max_size=3),
    seed=st.integers(0, 99),
)
@settings(max_examples=50)
def test_a_payload_survives_the_journey(
    width: int,
    height: int,
    bucket: int,
    data: st.DataObject,
    layers: set[Layer],
    facts: list[tuple[str, str]],
    names: list[str],
    seed: int,
) -> None:
    grid = Grid(width, height, bucket)
    start = data.draw(st.integers(0, grid.count - 1))
    notes = Notes(tuple(facts), ((Layer.CRYPTO_OBJECT, tuple(names)),))
    sent = payload(grid, start, data.draw(st.integers(start + 1, grid.count)), seed, in_order(layers), notes)

    found = decode(encode(sent))

    assert (found.unit, found.grid, found.layers) == (sent.unit, sent.grid, sent.layers)
    assert found.notes == sent.notes
    for ours, theirs in zip(found.buckets, sent.buckets, strict=True):
        assert ours.tobytes() == theirs.tobytes()


def test_infinite_and_missing_values_survive() -> None:
    sent = payload(Grid(4, 4, 4), 0, 1)
    sent.buckets[0][0, 0, :3] = [np.inf, -np.inf, np.nan]
    assert decode(encode(sent)).buckets[0].tobytes() == sent.buckets[0].tobytes()


@given(cut=st.integers(0, 400), extra=st.binary(max_size=4))
def test_a_payload_that_is_cut_short_or_goes_on_is_refused(cut: int, extra: bytes) -> None:
    whole = encode(payload(Grid(8, 8, 4), 1, 3))
    damaged = whole[: min(cut, len(whole) - 1)] if not extra else whole + extra
    with pytest.raises(BadPixels):
        decode(damaged)


@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(BadPixels):
        decode(b"MPX2" + noise)


@given(place=st.integers(0, 31), value=st.integers(0, 255))
def test_no_header_makes_it_do_more_than_refuse(place: int, value: int) -> None:
    damaged = bytearray(encode(payload(Grid(8, 8, 4), 1, 3)))
    damaged[place] = value
    try:
        decode(bytes(damaged))
    except BadPixels:
        return


def test_a_bucket_of_the_wrong_shape_is_our_own_mistake() -> None:
    wrong = Payload(Unit(1, 0, 1), Grid(8, 8, 8), (np.zeros((4, 8, len(ALWAYS)), np.float32),))
    with pytest.raises(ValueError, match="bucket 0"):
        encode(wrong)


def test_a_piece_is_the_same_only_bit_for_bit_and_in_its_place() -> None:
    grid = Grid(12, 8, 4)
    whole = payload(grid, 1, 5)
    piece = Payload(Unit(7, 3, 4), grid, whole.buckets[2:3])
    unit = whole.unit
    assert same_piece(encode(whole), unit, encode(piece), piece.unit)

    touched = whole.buckets[2].copy()
    touched.view(np.uint32)[0, 0, 0] ^= 1
    other = Payload(unit, grid, (*whole.buckets[:2], touched, *whole.buckets[3:]))
    assert not same_piece(encode(other), unit, encode(piece), piece.unit)
    assert not same_piece(encode(whole), Unit(7, 0, 4), encode(piece), piece.unit), "of another unit"
    elsewhere = Payload(Unit(7, 2, 3), grid, piece.buckets)
    assert not same_piece(encode(whole), unit, encode(elsewhere), elsewhere.unit), "of another bucket"
    assert not same_piece(encode(whole)[:-1], unit, encode(piece), piece.unit), "cut short"


LOOSE = Tolerance(apart=0.01, pixels=0.02, mean=0.005)


@pytest.mark.parametrize(
    ("change", "alike"),
    [
        pytest.param("none", True, id="the same"),
        pytest.param("noise", True, id="rounding of another processor"),
        pytest.param("firefly", True, id="one pixel of very many"),
        pytest.param("corner", False, id="a tenth is another picture"),
        pytest.param("brighter", False, id="all of it a little brighter"),
        pytest.param("edge", True, id="infinitely deep at the edge of a thing"),
        pytest.param("edges", False, id="infinitely deep all over"),
        pytest.param("nan", False, id="no numbers where there were some"),
    ],
)
def test_pixels_are_held_against_each_other_within_a_tolerance(change: str, alike: bool) -> None:
    # Given what an engine that is not exact rendered twice
    grid, unit = Grid(64, 32, 32), Unit(1, 0, 2)
    rng = np.random.default_rng(1)
    whole = tuple(rng.random((32, 32, len(channels_of(())))).astype(np.float32) for _ in range(2))
    again = whole[1].copy()
    if change == "noise":
        again *= 1 + rng.normal(0, 0.001, again.shape).astype(np.float32)
    elif change == "firefly":
        again[3, 3] += 0.2
    elif change == "corner":
        again[:10, :10] = again[:10, :10][::-1]
    elif change == "brighter":
        again *= np.float32(1.008)
    elif change == "nan":
        again[:2, :, 0] = np.nan
    elif change == "edge":
        again[3, 3, -1] = np.inf
    elif change == "edges":
        again[:2, :, -1] = np.inf
    said, piece = encode(Payload(unit, grid, whole)), encode(Payload(Unit(1, 1, 2), grid, (again,)))
    # then small differences pass, and another picture does not
    assert same_piece(said, unit, piece, Unit(1, 1, 2), LOOSE) is alike
    assert same_piece(said, unit, piece, Unit(1, 1, 2)) is (change == "none")
