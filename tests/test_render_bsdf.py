"""What a BSDF promises: directions come with the density it states, and that density is one in all."""

from __future__ import annotations

import numpy as np
import pytest

from mesh.render.albedo import GLASS, albedo_tables
from mesh.render.bsdf import Surface, make_lobes, sample_direction, value_and_density
from mesh.render.kernel import kernel
from mesh.render.sampler import mix

f32 = np.float32
RINGS, SECTORS, FINE = 16, 16, 24
GLASSES = (1.5, 2.42, 1.33, 1.001)


def surface(**given: float) -> Surface:
    plain = dict.fromkeys(Surface._fields, 0.0) | {
        "r": 0.8, "g": 0.6, "b": 0.4, "roughness": 0.5, "specular": 1.0, "ior": 1.5,
        "specular_r": 1.0, "specular_g": 1.0, "specular_b": 1.0, "entering": 1.0, "film_ior": 1.3,
    }  # fmt: skip
    return Surface(**{name: f32(value) for name, value in (plain | given).items()})


LOBES = {
    "matte": surface(specular=0.0),
    "plastic": surface(roughness=0.4),
    "metal": surface(metallic=1.0, roughness=0.5),
    "brushed": surface(metallic=1.0, roughness=0.6, anisotropy=0.6),
    "coated": surface(roughness=0.8, coat=1.0, coat_roughness=0.4),
    "cloth": surface(sheen_r=1.0, sheen_g=0.5, sheen_roughness=0.6),
    "thin": surface(transmission=1.0, roughness=0.6),
    "glass": surface(transmission=1.0, volume=GLASS, roughness=0.6),
    "leaving-glass": surface(transmission=1.0, volume=GLASS, roughness=0.6, entering=-1.0),
}


@kernel
def _measure(table, s, ox, oz, uniforms, counts, expected):
    """Count sampled directions, and integrate the stated density, in cells of equal solid angle."""
    one, zero = f32(1.0), f32(0.0)
    m = make_lobes(table, s, ox, zero, oz, zero, zero, one, zero, zero, one, np.uint32(7))
    for i in range(uniforms.shape[0]):
        x, y, z = sample_direction(m, uniforms[i, 0], uniforms[i, 1], uniforms[i, 2])
        _, _, _, density = value_and_density(m, x, y, z)
        if density > zero:
            phi = np.arctan2(y, x) / (2.0 * np.pi) + 0.5
            ring = min(int((z + 1.0) / 2.0 * RINGS), RINGS - 1)
            counts[ring, min(int(phi * SECTORS), SECTORS - 1)] += 1
    for a in range(RINGS * FINE):
        z = (a + 0.5) / (RINGS * FINE) * 2.0 - 1.0
        r = np.sqrt(1.0 - z * z)
        for b in range(SECTORS * FINE):
            phi = ((b + 0.5) / (SECTORS * FINE) - 0.5) * 2.0 * np.pi
            _, _, _, density = value_and_density(m, f32(r * np.cos(phi)), f32(r * np.sin(phi)), f32(z))
            expected[a // FINE, b // FINE] += density * 4.0 * np.pi / (RINGS * SECTORS * FINE * FINE)


@pytest.mark.parametrize("name", list(LOBES))
@pytest.mark.parametrize("cosine", [0.9, 0.35])
def test_directions_are_drawn_with_the_stated_density(name: str, cosine: float) -> None:
    """Pearson's chi-square over cells of equal solid angle, at a false alarm of about one in a million."""
    n = 200_000
    uniforms = np.random.default_rng(7).random((n, 3)).astype(np.float32)
    counts, expected = np.zeros((RINGS, SECTORS), np.int64), np.zeros((RINGS, SECTORS))

    _measure(
        albedo_tables(GLASSES, anisotropic=True),
        LOBES[name],
        f32(np.sqrt(1 - cosine * cosine)),
        f32(cosine),
        uniforms,
        counts,
        expected,
    )

    # The expectation is an integral by midpoints: allow it one part in two hundred beside the chance.
    wanted = expected.ravel() * n
    cells = wanted > 20
    spread = wanted[cells] + (0.005 * wanted[cells]) ** 2
    statistic = float((((counts.ravel()[cells] - wanted[cells]) ** 2) / spread).sum())
    freedom = int(cells.sum())
    assert statistic < freedom + 5.0 * np.sqrt(2.0 * freedom) + 10.0
    assert float(expected.sum()) == pytest.approx(counts.sum() / n, abs=0.005)


WHITE = {"r": 1.0, "g": 1.0, "b": 1.0}
BRUSHED_GLASS = {"transmission": 1.0, "volume": GLASS, "anisotropy": 0.3}
FURNACES: dict[str, dict[str, float]] = {
    "metal": {"metallic": 1.0},
    "plastic": {},
    "dense-plastic": {"ior": 2.42},
    "half-metal": {"metallic": 0.5},
    "slightly-brushed": {"metallic": 1.0, "anisotropy": 0.095},
    "brushed": {"metallic": 1.0, "anisotropy": 0.7},
    "strongly-brushed": {"metallic": 1.0, "anisotropy": 1.0},
    "brushed-plastic": {"anisotropy": 0.8},
    "coated": {"coat": 1.0},
    "cloth": {"sheen_r": 1.0, "sheen_g": 1.0, "sheen_b": 1.0, "specular": 0.0},
    "cloth-on-plastic": {"sheen_r": 1.0, "sheen_g": 1.0, "sheen_b": 1.0, "sheen_roughness": 0.5},
    "thin": {"transmission": 1.0},
    "glass": {"transmission": 1.0, "volume": GLASS},
    "leaving-glass": {"transmission": 1.0, "volume": GLASS, "entering": -1.0},
    "hardly-any-glass": {"transmission": 1.0, "volume": GLASS + 6, "ior": 1.001},
    "leaving-hardly-any-glass": {"transmission": 1.0, "volume": GLASS + 6, "ior": 1.001, "entering": -1.0},
    "leaving-diamond": {"transmission": 1.0, "volume": GLASS + 2, "ior": 2.42, "entering": -1.0},
    "brushed-water": {**BRUSHED_GLASS, "volume": GLASS + 4, "ior": 1.33},
    "leaving-brushed-water": {**BRUSHED_GLASS, "volume": GLASS + 4, "ior": 1.33, "entering": -1.0},
    "leaving-strongly-brushed-glass": {**BRUSHED_GLASS, "anisotropy": 1.0, "entering": -1.0},
    "metal-under-a-film": {"metallic": 1.0, "film": 1.0, "film_thickness": 400.0},
    "plastic-under-a-film": {"film": 1.0, "film_thickness": 400.0},
    "half-metal-under-a-thick-film": {"metallic": 0.5, "film": 0.7, "film_ior": 1.8, "film_thickness": 250.0},
}


@kernel
def _reflected_light(table, s, ox, oy, oz, points, out):
    one, zero = f32(1.0), f32(0.0)
    for i in range(points.shape[0]):
        m = make_lobes(table, s, ox, oy, oz, zero, zero, one, zero, zero, one, mix(np.uint32(i)))
        x, y, z = sample_direction(m, points[i, 0], points[i, 1], points[i, 2])
        r, g, b, density = value_and_density(m, x, y, z)
        if density > zero:
            share = points[i, 3] / density / points.shape[0]
            out[0] += r * share
            out[1] += g * share
            out[2] += b * share


def evenly(n: int) -> np.ndarray:
    """n points (u, v, choice, weight) of the cube by the golden ratio's likes in three dimensions (Roberts' sequence
    R3), denser towards v = 0 and 1, where lobes bend, and weighing less there."""
    root = 1.2207440846057596
    steps = np.array([1.0 / root, 1.0 / root**2, 1.0 / root**3])
    points = (0.5 + np.arange(n)[:, None] * steps) % 1.0
    x = points[:, 1].copy()
    points[:, 1] = x * x * (3.0 - 2.0 * x)
    return np.column_stack([points, 6.0 * x * (1.0 - x)]).astype(np.float32)


@pytest.mark.parametrize("name", list(FURNACES))
def test_a_white_surface_gives_back_all_light_in_each_colour(name: str) -> None:
    """The white furnace lobe by lobe, within 0.5 %, from straight above to half a degree above the surface, turned
    about the normal, at roughnesses between the entries of the tables and at the ends."""
    tables = albedo_tables(GLASSES, anisotropic=True)
    lobe = FURNACES[name]
    estimated = "volume" in lobe and ("anisotropy" in lobe or lobe.get("ior") == 1.001)
    # More where light goes through, since what is chosen by chance bends more than what is drawn; most, and fewer
    # views, where the brightness itself is told by chance.
    points, every = (
        evenly(1 << (20 if estimated else 16 if "transmission" in lobe else 14)),
        3 if estimated else 1,
    )
    for roughness in (0.0, 0.047, 0.06, 0.08, 0.105, 0.14, 0.3, 0.5, 0.75, 0.956, 1.0)[::every]:
        rough = dict.fromkeys(("roughness", "coat_roughness", "sheen_roughness"), roughness)
        white = surface(**(WHITE | rough | lobe))
        for cosine in (1.0, 0.7, 0.4, 0.2, 0.1, 0.05, 0.02, 0.014, 0.01)[::every]:
            sine = np.sqrt(1.0 - cosine * cosine)
            for turn in (0.0, 0.4, 1.1, 1.4, np.pi / 2.0)[::every] if white.anisotropy > 0.0 else (0.0,):
                out = np.zeros(3)
                view = (f32(sine * np.cos(turn)), f32(sine * np.sin(turn)), f32(cosine))
                _reflected_light(tables, white, *view, points, out)
                assert out == pytest.approx(np.ones(3), abs=0.005), (roughness, cosine, turn)


@kernel
def _swap(table, s, ax, ay, az, bx, by, bz, out):
    one, zero = f32(1.0), f32(0.0)
    m = make_lobes(table, s, ax, ay, az, zero, zero, one, zero, zero, one, np.uint32(0))
    out[0] = value_and_density(m, bx, by, bz)[0] / bz
    m = make_lobes(table, s, bx, by, bz, zero, zero, one, zero, zero, one, np.uint32(0))
    out[1] = value_and_density(m, ax, ay, az)[0] / az


def test_a_single_scattering_lobe_is_reciprocal() -> None:
    """Metal of little roughness, where energy compensation is next to nothing."""
    out = np.zeros(2, np.float32)
    a, b = np.array([0.3, 0.1, 0.9]), np.array([-0.4, 0.0, 0.8])
    a, b = (v / np.linalg.norm(v) for v in (a, b))
    shiny = surface(metallic=1.0, roughness=0.35)

    _swap(albedo_tables(), shiny, *(f32(v) for v in (*a, *b)), out)

    assert out[0] > 0.01
    assert out[1] == pytest.approx(out[0], rel=0.01)


@kernel
def _lit(table, s, gx, gz, ix, iz, out):
    one, zero = f32(1.0), f32(0.0)
    m = make_lobes(table, s, zero, zero, one, gx, zero, gz, zero, zero, one, np.uint32(0))
    out[0] = value_and_density(m, ix, zero, iz)[0] * np.pi / iz


@pytest.mark.parametrize("sine", [0.0, 0.5, 0.9])
def test_smooth_normals_darken_no_light_that_a_coarse_mesh_receives(sine: float) -> None:
    """Given a facet that leans away from the light, up to its horizon, matte surfaces are Lambert's."""
    out = np.zeros(1)
    lean = f32(0.3)

    _lit(
        albedo_tables(),
        surface(specular=0.0),
        -lean,
        f32(np.sqrt(1.0 - lean * lean)),
        f32(sine),
        f32(np.sqrt(1.0 - sine * sine)),
        out,
    )

    assert out[0] == pytest.approx(0.8, rel=1e-5)
