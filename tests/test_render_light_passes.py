"""Light passes by lobe: what is seen in which, and that together they are the picture, to the last bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.model.layers import LIGHT, LOBES, Layer
from mesh.model.manifest import RenderSettings
from mesh.model.units import Rect
from mesh.render.sky import sky_map
from mesh.render.tally import Tally, light_of
from mesh.scenes.description import AlphaMode, Light, LightKind, Material, Mesh
from tests.render_scenes import (
    F32,
    Still,
    ball,
    build,
    even_light,
    facing,
    picture,
    quad,
    still_life,
    sums_of,
)

DIFFUSE, GLOSSY, THROUGH = Layer.DIFFUSE_DIRECT, Layer.GLOSSY_DIRECT, Layer.TRANSMISSION_DIRECT
DIFFUSE_LATER, GLOSSY_LATER, THROUGH_LATER = (
    Layer.DIFFUSE_INDIRECT,
    Layer.GLOSSY_INDIRECT,
    Layer.TRANSMISSION_INDIRECT,
)
NIGHT, DAY = even_light(0.0), even_light(1.0)

MATTE = Material(metallic=0.0, specular=0.0)
BLACK = Material(metallic=0.0, specular=0.0, base_color=(0.0, 0.0, 0.0, 1.0))
MIRROR = Material(metallic=1.0, roughness=0.0)
PANE = Material(metallic=0.0, specular=0.0, roughness=0.0, transmission=1.0, double_sided=True)
SHINING = Material(emissive=(1.0, 1.0, 1.0), double_sided=True, base_color=(0.0, 0.0, 0.0, 1.0), metallic=1.0)


def wall(material: int, z: float = 0.0) -> Mesh:
    """Fills the picture, and faces the camera, which is at z = 4."""
    turn = 1.0 if z < 4.0 else -1.0
    return quad(material, [[-9 * turn, -9, z], [9 * turn, -9, z], [9 * turn, 9, z], [-9 * turn, 9, z]])


def lamp(x: float, y: float, z: float, intensity: float = 50.0) -> Light:
    place = np.eye(4)
    place[:3, 3] = x, y, z
    return Light("lamp", LightKind.POINT, place, intensity=intensity)


def room(*meshes: Mesh, of: tuple[Material, ...], lights: tuple[Light, ...] = ()) -> Still:
    return Still(meshes, of, facing(), lights)


BESIDE = lamp(6.0, 0.0, 3.0)


@pytest.mark.parametrize(
    ("still", "sky", "expected"),
    [
        pytest.param(room(wall(0), of=(MATTE,), lights=(BESIDE,)), NIGHT, {DIFFUSE}, id="matte"),
        pytest.param(
            room(wall(0), of=(replace(BLACK, sheen_color=(1.0, 0.5, 0.5), sheen_roughness=0.5),)),
            DAY, {DIFFUSE}, id="sheen",
        ),
        pytest.param(room(wall(0), of=(MIRROR,)), DAY, {GLOSSY}, id="mirror"),
        pytest.param(
            room(wall(0), of=(replace(MIRROR, roughness=0.4, iridescence=1.0),)), DAY, {GLOSSY}, id="film"
        ),
        pytest.param(room(wall(0), of=(replace(BLACK, clearcoat=1.0),)), DAY, {GLOSSY}, id="clearcoat"),
        pytest.param(room(wall(0), of=(Material(metallic=0.0),)), DAY, {DIFFUSE, GLOSSY}, id="plastic"),
        pytest.param(
            room(wall(0), wall(1, 8.0), of=(MIRROR, MATTE), lights=(lamp(6.0, 6.0, 6.0),)),
            NIGHT, {GLOSSY_LATER}, id="matte wall in a mirror",
        ),
        pytest.param(room(wall(0), wall(1, 8.0), of=(MIRROR, SHINING)), NIGHT, {GLOSSY}, id="lamp in a mirror"),
        pytest.param(
            room(wall(0), wall(1, 8.0), of=(MATTE, MATTE), lights=(BESIDE,)),
            NIGHT, {DIFFUSE, DIFFUSE_LATER}, id="bleeding colours",
        ),
        pytest.param(room(wall(0), of=(PANE,)), DAY, {THROUGH}, id="sky through a pane"),
        pytest.param(
            room(wall(0), of=(replace(PANE, specular=1.0),)), DAY, {THROUGH, GLOSSY}, id="sky in a pane"
        ),
        pytest.param(
            room(wall(0, 1.0), wall(1), of=(PANE, MATTE), lights=(lamp(8.0, 0.0, 0.5),)),
            NIGHT, {THROUGH_LATER}, id="matte wall through a pane",
        ),
        pytest.param(
            room(ball(0), of=(replace(PANE, specular=1.0, thickness=1.0, double_sided=False),)),
            DAY, {GLOSSY, THROUGH_LATER, Layer.BACKGROUND}, id="ball of glass",
        ),
        pytest.param(room(wall(0), of=(SHINING,)), NIGHT, {Layer.EMISSION}, id="lamp"),
        pytest.param(room(wall(0), of=(replace(MATTE, unlit=True),)), DAY, {Layer.EMISSION}, id="unlit"),
        pytest.param(room(wall(0, 9.0), of=(MATTE,)), DAY, {Layer.BACKGROUND}, id="sky"),
        pytest.param(
            room(
                wall(0, 1.0), wall(1),
                of=(replace(MIRROR, alpha_mode=AlphaMode.MASK, base_color=(1.0, 1.0, 1.0, 0.0)), MATTE),
                lights=(BESIDE,),
            ),
            NIGHT, {DIFFUSE}, id="matte wall through a hole",
        ),
    ],
)  # fmt: skip
def test_light_is_in_the_pass_where_an_artist_looks_for_it(
    still: Still, sky: F32, expected: set[Layer]
) -> None:
    asked = RenderSettings(width=6, height=6, samples=64, max_depth=6, layers=LIGHT)
    tally = sums_of(build(still, asked, sky), Rect(0, 0, 6, 6), LIGHT)
    whole = int(tally.sums[:, :3].max())
    assert whole > 0
    assert {layer for layer in LIGHT if light_of(tally, layer).max() > whole / 1000} == expected


def test_what_a_coloured_wall_throws_on_a_grey_one_has_its_colour() -> None:
    red = replace(MATTE, base_color=(0.8, 0.0, 0.0, 1.0))
    still = room(wall(0), wall(1, 8.0), of=(MATTE, red), lights=(BESIDE,))
    asked = RenderSettings(width=6, height=6, samples=64, max_depth=2, layers=LIGHT)
    tally = sums_of(build(still, asked, NIGHT), Rect(0, 0, 6, 6), LIGHT)
    bled = light_of(tally, DIFFUSE_LATER)
    assert np.all(bled[:, 0] > 0)
    assert np.all(bled[:, 1:] == 0)


def test_the_gloss_of_white_plastic_is_all_that_is_seen_of_black_plastic() -> None:
    asked = RenderSettings(width=8, height=8, samples=256, max_depth=1, layers=LIGHT)
    means = []
    for value in (1.0, 0.0):
        plastic = Material(metallic=0.0, roughness=0.5, base_color=(value, value, value, 1.0))
        tally = sums_of(build(room(wall(0), of=(plastic,)), asked, DAY), Rect(0, 0, 8, 8), LIGHT)
        means.append((light_of(tally, GLOSSY).mean(), tally.sums[:, :3].mean()))
    (gloss_of_white, white), (gloss_of_black, black) = means
    assert gloss_of_black == black
    assert gloss_of_white == pytest.approx(black, rel=0.02)
    assert white > 5 * black


def check_sums(tally: Tally) -> None:
    """The law: exact in fixed point, and nothing is below zero."""
    beauty = tally.sums[:, :3]
    of = {layer: light_of(tally, layer) for layer in (*LIGHT, Layer.DIRECT, Layer.INDIRECT)}
    assert np.array_equal(sum(of[layer] for layer in LIGHT), beauty)
    assert np.array_equal(sum(of[layer] for layer in LOBES[::2]), of[Layer.DIRECT])
    assert np.array_equal(sum(of[layer] for layer in LOBES[1::2]), of[Layer.INDIRECT])
    assert all(light.min() >= 0 for light in of.values())


SHARES = st.sampled_from((0.0, 0.3, 1.0))
COLORS = st.tuples(SHARES, SHARES, SHARES)
MATERIALS = st.builds(
    Material,
    base_color=COLORS.map(lambda color: (*color, 0.7)),
    metallic=SHARES,
    roughness=SHARES,
    specular=SHARES,
    transmission=SHARES,
    thickness=st.sampled_from((0.0, 1.0)),
    clearcoat=SHARES,
    sheen_color=COLORS,
    sheen_roughness=SHARES,
    anisotropy=st.sampled_from((0.0, 0.5)),
    iridescence=SHARES,
    alpha_mode=st.sampled_from(AlphaMode),
    double_sided=st.booleans(),
)


@given(
    materials=st.tuples(MATERIALS, MATERIALS),
    shining=st.sampled_from((0.0, 1e-7, 1.0, 1e5, 1e20)),
    intensity=st.sampled_from((0.0, 1.0, 1e6, 1e20)),
    clamp=st.sampled_from((0.0, 0.05, 20.0)),
    samples=st.integers(1, 40),
    noise=st.sampled_from((0.0, 0.5)),
)
@settings(max_examples=30)
def test_the_passes_are_the_picture_to_the_last_bit(
    materials: tuple[Material, Material], shining: float, intensity: float, clamp: float, samples: int, noise: float
) -> None:  # fmt: skip
    life = still_life()
    still = replace(
        life,
        camera=facing(yfov=1.8),
        materials=(*materials, replace(life.materials[2], emissive=(shining, shining / 2, 0.0))),
        lights=(lamp(1.0, 2.0, 2.0, intensity),),
    )
    asked = RenderSettings(
        width=5, height=4, samples=samples, max_depth=5, clamp=clamp, noise=noise, layers=LIGHT
    )
    check_sums(sums_of(build(still, asked, sky_map()), Rect(0, 0, 5, 4), LIGHT))


def test_asking_for_lobes_changes_no_other_channel() -> None:
    asked = RenderSettings(width=12, height=10, samples=40, max_depth=6, noise=0.2)
    coarse = (Layer.EMISSION, Layer.BACKGROUND, Layer.DIRECT, Layer.INDIRECT)
    still = replace(still_life(), camera=facing(yfov=1.8))
    world, rect = build(still, asked, sky_map()), Rect(0, 0, 12, 10)
    plain, some, every = sums_of(world, rect), sums_of(world, rect, coarse), sums_of(world, rect, LIGHT)
    assert np.array_equal(every.sums[:, : some.sums.shape[1]], some.sums)
    assert np.array_equal(some.sums[:, : plain.sums.shape[1]], plain.sums)
    assert np.array_equal(every.taken, plain.taken)


def test_files_hold_the_law_as_closely_as_their_numbers_can() -> None:
    asked = RenderSettings(width=12, height=10, samples=32, max_depth=6, layers=LIGHT)
    pixels = picture(replace(still_life(), camera=facing(yfov=1.8)), asked, sky_map()).astype(np.float64)
    parts = pixels[:, :, -3 * len(LIGHT) :].reshape(10, 12, len(LIGHT), 3)
    assert np.allclose(parts.sum(axis=2), pixels[:, :, :3], rtol=2.0**-23, atol=1e-12)
