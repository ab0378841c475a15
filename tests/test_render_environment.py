"""The environment: densities that add up to one, and directions that come back where they were drawn."""

from __future__ import annotations

import numpy as np
import pytest

from mesh.render.environment import (
    density_at,
    make_environment,
    map_position,
    radiance_at,
    sample_environment,
)
from mesh.render.kernel import kernel
from mesh.render.sky import sky_map

f32 = np.float32


def lamp_map() -> np.ndarray:
    pixels = np.full((32, 64, 3), 0.2, np.float32)
    pixels[8, 20] = 50.0
    pixels[25, 50] = 9.0
    return pixels


@kernel
def _integrate(environment, n, out):
    for i in range(n):
        y = 1.0 - 2.0 * (i + 0.5) / n
        r = np.sqrt(1.0 - y * y)
        for j in range(2 * n):
            phi = (j + 0.5) / (2 * n) * 2.0 * np.pi
            u, v = map_position(environment, f32(r * np.cos(phi)), f32(y), f32(r * np.sin(phi)))
            out[0] += density_at(environment, u, v, f32(y)) * 4.0 * np.pi / (2 * n * n)


@kernel
def _round_trip(environment, uniforms, out):
    for i in range(uniforms.shape[0]):
        x, y, z, density, at_u, at_v = sample_environment(environment, uniforms[i, 0], uniforms[i, 1])
        u, v = map_position(environment, x, y, z)
        out[i, 0] = density
        out[i, 1] = density_at(environment, u, v, y)
        out[i, 2] = np.sqrt(x * x + y * y + z * z)
        out[i, 3] = radiance_at(environment, u, v)[1]
        out[i, 4] = radiance_at(environment, at_u, at_v)[1]


@pytest.mark.parametrize(
    "pixels", [lamp_map(), np.ones((16, 32, 3), np.float32), sky_map()], ids=["lamps", "even", "sky"]
)
@pytest.mark.parametrize("rotation", [0.0, 77.0])
def test_the_density_over_all_directions_is_one(pixels: np.ndarray, rotation: float) -> None:
    total = np.zeros(1)
    _integrate(make_environment(pixels, 1.0, rotation), 2000, total)
    assert total[0] == pytest.approx(1.0, abs=0.01)


def test_a_drawn_direction_is_found_again_with_its_density() -> None:
    uniforms = np.random.default_rng(3).random((2000, 2)).astype(np.float32)
    out = np.zeros((2000, 5), np.float32)
    _round_trip(make_environment(lamp_map(), 1.0, 30.0), uniforms, out)
    assert out[:, 2] == pytest.approx(1.0, abs=1e-5)
    assert out[:, 4] == pytest.approx(out[:, 3], rel=0.01)
    # A few land on the very edge of a cell and are found on its other side.
    assert np.mean(np.abs(out[:, 0] - out[:, 1]) < 0.01 * out[:, 0]) > 0.99


def test_bright_places_are_drawn_most() -> None:
    uniforms = np.random.default_rng(3).random((2000, 2)).astype(np.float32)
    out = np.zeros((2000, 5), np.float32)
    _round_trip(make_environment(lamp_map(), 1.0, 0.0), uniforms, out)
    assert np.mean(out[:, 3] > 1.0) > 0.5


def test_a_sun_of_one_texel_is_drawn_as_brightly_as_it_is_seen() -> None:
    pixels = np.zeros((32, 64, 3), np.float32)
    pixels[16, 20] = 50.0
    uniforms = np.random.default_rng(3).random((2000, 2)).astype(np.float32)
    out = np.zeros((2000, 5), np.float32)
    _round_trip(make_environment(pixels, 1.0, 0.0), uniforms, out)
    worth = out[:, 3] / out[:, 0]
    # Cells of a quarter texel leave 0.48 of the mean, cells of a whole one 1.04.
    assert worth.std() < 0.6 * worth.mean()


def test_the_sky_lights_a_white_floor_to_about_one() -> None:
    sky = sky_map().astype(np.float64)
    height, width, _ = sky.shape
    theta = (np.arange(height) + 0.5) / height * np.pi
    weight = np.sin(theta) * np.maximum(np.cos(theta), 0.0) * (np.pi / height) * (2 * np.pi / width)
    irradiance = (sky.mean(axis=2) * weight[:, None]).sum()
    assert irradiance / np.pi == pytest.approx(1.0, abs=0.1)
    assert np.all(np.isfinite(sky))
    assert np.all(sky >= 0.0)
