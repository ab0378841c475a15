"""Layers beside the beauty: light taken apart and put together again, positions, and mattes by name."""

from __future__ import annotations

import json
import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.engines.builtin_notes import Names, seen_names
from mesh.model.layers import (
    ALWAYS,
    CHANNELS_OF,
    Layer,
    channels_of,
    in_order,
    layers_of_bits,
    layers_to_bits,
)
from mesh.model.manifest import RenderSettings
from mesh.render.cryptomatte import id_of, matte_metadata, murmur3
from mesh.render.matte import RANKS, SLOTS, count_id, rank_ids
from mesh.render.sky import sky_map
from mesh.scenes.description import Material
from tests.render_scenes import Still, even_light, facing, picture, quad, still_life

LIGHT = (Layer.EMISSION, Layer.BACKGROUND, Layer.DIRECT, Layer.INDIRECT)
SETTINGS = RenderSettings(width=24, height=20, samples=32, max_depth=6, layers=tuple(Layer))


def scenery() -> Still:
    """The still life from so near that the sky shows around it."""
    return replace(still_life(), camera=facing(yfov=1.8))


def part(pixels: np.ndarray, layer: Layer) -> np.ndarray:
    """The channels of one layer, of a picture with all layers."""
    first = channels_of(Layer).index(CHANNELS_OF[layer][0])
    return pixels[:, :, first : first + len(CHANNELS_OF[layer])]


def test_layers_are_chosen_in_any_order_and_make_one_list_of_channels() -> None:
    assert in_order([Layer.DIRECT, Layer.POSITION, Layer.DIRECT]) == (Layer.POSITION, Layer.DIRECT)
    assert channels_of([Layer.POSITION]) == (*ALWAYS, "position.X", "position.Y", "position.Z")
    assert len(set(channels_of(Layer))) == len(channels_of(Layer))


@given(st.sets(st.sampled_from(list(Layer))))
def test_a_set_of_layers_is_a_number_and_the_same_set_again(layers: set[Layer]) -> None:
    assert set(layers_of_bits(layers_to_bits(layers))) == layers


def test_the_parts_of_the_light_are_the_beauty() -> None:
    pixels = picture(scenery(), SETTINGS, sky_map())
    together = sum(part(pixels, layer).astype(np.float64) for layer in LIGHT)
    assert np.allclose(together, pixels[:, :, :3], rtol=1e-5, atol=1e-6)
    for layer in LIGHT:
        assert part(pixels, layer).max() > 0.0


def test_the_parts_are_the_beauty_where_fireflies_are_clamped_too() -> None:
    pixels = picture(scenery(), RenderSettings(width=24, height=20, samples=32, clamp=0.05, layers=tuple(Layer)), sky_map())  # fmt: skip
    together = sum(part(pixels, layer).astype(np.float64) for layer in LIGHT)
    assert np.allclose(together, pixels[:, :, :3], rtol=1e-5, atol=1e-6)


def test_with_one_bounce_no_light_is_indirect() -> None:
    asked = RenderSettings(width=24, height=20, samples=16, max_depth=1, layers=tuple(Layer))
    pixels = picture(scenery(), asked, sky_map())
    assert part(pixels, Layer.INDIRECT).max() == 0.0
    assert part(pixels, Layer.DIRECT).max() > 0.0


def test_choosing_layers_changes_no_other_channel() -> None:
    plain = picture(scenery(), RenderSettings(width=24, height=20, samples=32, max_depth=6), sky_map())
    full = picture(scenery(), SETTINGS, sky_map())
    assert full[:, :, : len(ALWAYS)].tobytes() == plain.tobytes()


def wall(left: float, right: float, name: str, material: int = 0, z: float = 0.0):
    return quad(material, [[left, -9.0, z], [right, -9.0, z], [right, 9.0, z], [left, 9.0, z]], name)


def test_positions_are_where_the_surface_is() -> None:
    still = Still((wall(-9.0, 9.0, "wall", z=-1.0),), (Material(),), facing(z=4.0, yfov=2.0 * np.arctan(0.2)))
    asked = RenderSettings(width=10, height=10, samples=64, layers=(Layer.POSITION,))
    position = picture(still, asked, even_light(1.0))[:, :, len(ALWAYS) :]
    assert position[:, :, 2] == pytest.approx(-1.0, abs=1e-5)
    assert position[0, 9, :2] == pytest.approx([0.9, 0.9], abs=0.03)
    assert position[9, 0, :2] == pytest.approx([-0.9, -0.9], abs=0.03)


def test_a_matte_says_which_objects_share_a_pixel_and_how() -> None:
    """Seen through one wide pixel: a wall that ends a quarter right of the middle, another beyond, then nothing."""
    still = Still(
        (wall(-9.0, 0.05, "left"), wall(0.05, 0.25, "right", 1)),
        (Material("red"), Material("blue")),
        facing(z=4.0, yfov=0.1),
    )
    asked = RenderSettings(width=1, height=1, samples=1024, layers=tuple(Layer))
    pixels = picture(still, asked, even_light(1.0))
    matte = part(pixels, Layer.CRYPTO_OBJECT)[0, 0]
    shares = {struct.pack("<f", matte[2 * rank]): float(matte[2 * rank + 1]) for rank in range(RANKS)}

    assert shares[struct.pack("<f", id_of("left"))] == matte[1]
    assert shares[struct.pack("<f", id_of("right"))] == matte[3]
    assert matte[1] > matte[3] > 0.0
    assert np.all(matte[4:] == 0.0)
    assert matte[1] + matte[3] == pytest.approx(pixels[0, 0, 3], abs=1e-6)
    names = Names(
        ("left", "right", "unseen"), ("red", "blue"), np.zeros(3, np.float32), np.zeros(2, np.float32)
    )
    assert seen_names([names], tuple(Layer), [pixels]) == (
        (Layer.CRYPTO_OBJECT, ("left", "right")),
        (Layer.CRYPTO_MATERIAL, ("blue", "red")),
    )


@given(st.lists(st.integers(1, SLOTS), min_size=1, max_size=200), st.randoms(use_true_random=False))
def test_a_pixel_s_ranks_depend_on_the_counts_alone(samples: list[int], random) -> None:
    rows = []
    for _ in range(2):
        ids, counts = np.zeros((2, SLOTS), np.float32), np.zeros((2, SLOTS), np.int32)
        used, row = np.zeros(2, np.int32), np.zeros(2 * RANKS, np.float32)
        for value in samples:
            count_id(ids, counts, used, 0, np.float32(value))
        rank_ids(ids, counts, used, 0, len(samples), row, 0)
        rows.append(row.tolist())
        random.shuffle(samples)
    expected = sorted(
        {value: samples.count(value) for value in samples}.items(), key=lambda one: (-one[1], one[0])
    )
    flat = [
        number for value, count in expected[:RANKS] for number in (value, np.float32(count / len(samples)))
    ]
    assert rows[0] == rows[1]
    assert rows[0][: len(flat)] == pytest.approx(flat)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("hello", 0x248BFA47),
        ("hello, world", 0x149BBB7F),
        ("The quick brown fox jumps over the lazy dog", 0x2E4FF723),
    ],
)
def test_names_are_hashed_as_others_hash_them(text: str, expected: int) -> None:
    assert murmur3(text.encode()) == expected


@given(st.text())
def test_every_name_s_id_is_an_ordinary_number(name: str) -> None:
    value = np.float32(id_of(name))
    assert np.isfinite(value)
    assert abs(value) >= np.finfo(np.float32).tiny


def test_the_manifest_is_the_specification_s() -> None:
    attributes = dict(matte_metadata("CryptoObject", ["b", "ä", "b"]))
    (key,) = {name.rpartition("/")[0] for name in attributes}
    assert len(key) == len("cryptomatte/") + 7
    assert attributes[f"{key}/name"] == "CryptoObject"
    assert attributes[f"{key}/hash"] == "MurmurHash3_32"
    assert attributes[f"{key}/conversion"] == "uint32_to_float32"
    manifest = json.loads(attributes[f"{key}/manifest"])
    assert list(manifest) == ["b", "ä"]
    (bits,) = struct.unpack("<I", struct.pack("<f", id_of("ä")))
    assert int(manifest["ä"], 16) == bits
