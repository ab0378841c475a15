"""Light that can be worked out by hand, and what the path tracer makes of it."""

from __future__ import annotations

import numpy as np
import pytest

from mesh.model.manifest import RenderSettings
from mesh.scenes.description import Light, LightKind, Material
from tests.render_scenes import WALL, Still, ball, even_light, facing, matte, picture, quad

SETTINGS = RenderSettings(width=16, height=16, samples=64, max_depth=8, clamp=0.0)


def mean_light(pixels: np.ndarray) -> float:
    return float(pixels[:, :, :3].astype(np.float64).mean())


def test_a_matte_wall_under_an_even_sky_shows_its_albedo() -> None:
    still = Still((quad(0, WALL),), (matte(0.5),), facing())

    pixels = picture(still, SETTINGS, even_light(2.0))

    assert mean_light(pixels) == pytest.approx(1.0, rel=0.002)


@pytest.mark.parametrize(
    "material",
    [
        Material(metallic=1.0, roughness=0.1),
        Material(metallic=1.0, roughness=0.6),
        Material(metallic=1.0, roughness=1.0),
        Material(metallic=0.0, roughness=0.3),
        Material(metallic=0.0, roughness=0.5, clearcoat=1.0, clearcoat_roughness=0.2),
        Material(metallic=0.0, roughness=0.8, sheen_color=(1.0, 1.0, 1.0), sheen_roughness=0.5),
        Material(metallic=0.0, roughness=0.2, transmission=1.0, double_sided=True),
        Material(metallic=0.0, roughness=0.8, transmission=1.0, double_sided=True),
        Material(metallic=1.0, roughness=0.4, iridescence=1.0),
        Material(metallic=1.0, roughness=0.7, clearcoat=1.0, clearcoat_roughness=0.5),
        Material(metallic=0.0, roughness=0.4, ior=0.0, specular_color=(0.5, 0.5, 0.5)),
        Material(metallic=1.0, roughness=0.3, anisotropy=0.8),
        Material(metallic=0.5, roughness=0.8),
        Material(metallic=0.0, roughness=0.3, iridescence=1.0),
    ],
    ids=[
        "mirror",
        "metal",
        "rough-metal",
        "plastic",
        "coated",
        "cloth",
        "thin-glass",
        "rough-thin-glass",
        "metal-under-a-film",
        "coated-metal",
        "specular-and-glossy",
        "brushed-metal",
        "half-metal",
        "plastic-under-a-film",
    ],
)
def test_a_white_wall_in_a_white_room_cannot_be_seen(material: Material) -> None:
    """The white furnace: what neither absorbs nor emits light looks like its surroundings."""
    still = Still((quad(0, WALL),), (material,), facing())

    pixels = picture(still, SETTINGS, even_light(1.0))

    assert mean_light(pixels) == pytest.approx(1.0, rel=0.005)


@pytest.mark.parametrize("roughness", [0.0, 0.3, 0.6, 0.8, 1.0])
def test_a_ball_of_clear_glass_in_a_white_room_cannot_be_seen(roughness: float) -> None:
    """However often light turns round inside it."""
    glass = Material(metallic=0.0, roughness=roughness, transmission=1.0, thickness=1.0)
    settings = RenderSettings(width=16, height=16, samples=1024, max_depth=512, clamp=0.0)

    pixels = picture(Still((ball(0),), (glass,), facing(yfov=0.3)), settings, even_light(1.0))

    assert mean_light(pixels) == pytest.approx(1.0, rel=0.005)


def test_coloured_glass_takes_away_what_its_depth_says() -> None:
    """Straight through a ball of radius 1 light travels 2 m: at 1 m per quarter, a sixteenth is left."""
    glass = Material(
        metallic=0.0, roughness=0.0, transmission=1.0, thickness=1.0, ior=1.0,
        attenuation_distance=1.0, attenuation_color=(0.25, 0.25, 0.25),
    )  # fmt: skip
    settings = RenderSettings(width=4, height=4, samples=64, max_depth=8, clamp=0.0)

    pixels = picture(Still((ball(0),), (glass,), facing(yfov=0.01)), settings, even_light(1.0))

    assert mean_light(pixels) == pytest.approx(1.0 / 16.0, rel=0.02)


def test_a_lamp_above_a_matte_floor_follows_the_inverse_square() -> None:
    """A lamp of 8 candela at 2 m, seen along its axis: radiance = albedo / pi * I / d^2."""
    matrix = np.eye(4)
    matrix[2, 3] = 2.0
    lamp = Light("lamp", LightKind.POINT, matrix, intensity=8.0)
    still = Still((quad(0, WALL),), (matte(0.5),), facing(yfov=0.02), (lamp,))

    pixels = picture(still, RenderSettings(width=4, height=4, samples=16, max_depth=1), even_light(0.0))

    assert mean_light(pixels) == pytest.approx(0.5 / np.pi * 8.0 / 4.0, rel=0.001)


def test_sunlight_is_its_illuminance_times_the_albedo_over_pi() -> None:
    sun = Light("sun", LightKind.DIRECTIONAL, np.eye(4), intensity=3.0)
    still = Still((quad(0, WALL),), (matte(0.8),), facing(), (sun,))

    pixels = picture(still, RenderSettings(width=8, height=8, samples=16, max_depth=1), even_light(0.0))

    assert mean_light(pixels) == pytest.approx(0.8 / np.pi * 3.0, rel=0.001)


def test_a_shining_square_lights_a_floor_by_its_form_factor() -> None:
    """A floor point under the middle of a parallel square: the exact form factor of a rectangle."""
    height, half = 1.0, 0.5
    shine = Material(base_color=(0.0, 0.0, 0.0, 1.0), metallic=0.0, specular=0.0, emissive=(5.0, 5.0, 5.0))
    square = [[-half, -half, height], [-half, half, height], [half, half, height], [half, -half, height]]
    camera = facing(z=0.5, yfov=0.01)
    still = Still((quad(0, WALL), quad(1, square, "lamp")), (matte(0.5), shine), camera)

    pixels = picture(still, RenderSettings(width=4, height=4, samples=256, max_depth=1), even_light(0.0))

    a = half / height
    corner = 2.0 * a / np.sqrt(1 + a * a) * np.arctan(a / np.sqrt(1 + a * a)) / (2.0 * np.pi)
    assert mean_light(pixels) == pytest.approx(0.5 * 5.0 * 4.0 * corner, rel=0.01)


def test_a_half_covering_wall_lets_half_of_the_light_through() -> None:
    from mesh.scenes.description import AlphaMode

    veil = Material(base_color=(0.0, 0.0, 0.0, 0.5), metallic=0.0, specular=0.0, alpha_mode=AlphaMode.BLEND)
    still = Still((quad(0, WALL),), (veil,), facing())

    pixels = picture(still, SETTINGS, even_light(1.0))

    assert mean_light(pixels) == pytest.approx(0.5, rel=0.02)
    assert float(pixels[:, :, 3].mean()) == pytest.approx(0.5, rel=0.02)


def test_a_single_sided_wall_is_not_seen_from_behind() -> None:
    still = Still((quad(0, WALL[::-1]),), (matte(0.0),), facing())

    pixels = picture(still, SETTINGS, even_light(1.0))

    assert mean_light(pixels) == pytest.approx(1.0)
    assert np.all(np.isinf(pixels[:, :, 10]))


def test_the_first_surface_is_described_beside_the_beauty() -> None:
    still = Still((quad(0, WALL),), (matte(0.25),), facing(z=4.0))

    pixels = picture(still, SETTINGS, even_light(1.0))

    assert pixels[8, 8, 4:7] == pytest.approx([0.25] * 3)
    assert pixels[8, 8, 7:10] == pytest.approx([0.0, 0.0, 1.0])
    assert pixels[8, 8, 10] == pytest.approx(4.0)
    assert pixels[8, 8, 11:].tolist() == [64.0, 0.0, 0.0]
