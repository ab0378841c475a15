"""The light tree: every light it can choose is chosen as often as it says, and nothing that can shine is left out."""

from __future__ import annotations

import numpy as np
import pytest

from mesh.render.kernel import kernel
from mesh.render.light_bounds import AXIS, BOUNDS, COS_E, COS_O, HIGH, LOW, POWER
from mesh.render.light_build import make_light_tree
from mesh.render.light_tree import LightTree, chance_in_tree, choose_in_tree
from mesh.render.lights import (
    BOTH_SIDES,
    POINT,
    SPOT,
    Lights,
    make_lights,
    punctual_light,
    punctual_record,
    triangle_lights,
    triangle_point,
)
from mesh.scenes.description import F32

f32 = np.float32
HERE = (f32(0.2), f32(0.1), f32(-0.3))
UP = (f32(0.0), f32(1.0), f32(0.0))


def lamps(places: F32, powers: F32) -> F32:
    """Bounds of point lamps that shine all round."""
    bounds = np.zeros((len(places), BOUNDS), np.float32)
    bounds[:, LOW : LOW + 3] = bounds[:, HIGH : HIGH + 3] = places
    bounds[:, AXIS + 1] = 1.0
    bounds[:, COS_O] = -1.0
    bounds[:, COS_E] = 0.0
    bounds[:, POWER] = powers
    return bounds


def hall(count: int, seed: int) -> F32:
    """Lamps of very different powers, some below the point."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(-3.0, 3.0, (count, 3)).astype(np.float32)
    return lamps(places, (10.0 ** rng.uniform(-2.0, 2.0, count)).astype(np.float32))


@kernel
def _count(tree, px, py, pz, nx, ny, nz, both_sides, drawn, wrong):
    n = 1 << 16
    for i in range(n):
        u = (f32(i) + f32(0.5)) / f32(n)
        light, chance = choose_in_tree(tree, px, py, pz, nx, ny, nz, both_sides, u)
        if light >= 0:
            drawn[light] += 1
            again = chance_in_tree(tree, light, px, py, pz, nx, ny, nz, both_sides)
            if abs(again - chance) > f32(1e-6) * chance:
                wrong[0] += 1
    return n


@kernel
def _chances(tree, px, py, pz, nx, ny, nz, both_sides, out):
    for light in range(out.shape[0]):
        out[light] = chance_in_tree(tree, light, px, py, pz, nx, ny, nz, both_sides)


def chances(tree: LightTree, count: int, both_sides: bool = False) -> F32:
    out = np.zeros(count, np.float32)
    _chances(tree, *HERE, *UP, both_sides, out)
    return out


@pytest.mark.parametrize("count", [1, 2, 3, 40, 333])
@pytest.mark.parametrize("both_sides", [False, True])
def test_lights_are_drawn_as_often_as_their_chance_says(count: int, both_sides: bool) -> None:
    tree = make_light_tree(hall(count, count))
    drawn, wrong = np.zeros(count, np.int64), np.zeros(1, np.int64)

    n = _count(tree, *HERE, *UP, both_sides, drawn, wrong)

    expected = chances(tree, count, both_sides) * n
    assert wrong[0] == 0
    # Even numbers u make the count of each light exact but for its interval's two ends.
    assert np.all(np.abs(drawn - expected) <= 2 + 1e-3 * expected)


def test_chances_sum_to_one() -> None:
    # The hall's lamps below the floor give nothing: the walk never ends at a node that reaches nowhere but by rounding.
    tree = make_light_tree(hall(200, 5))
    assert chances(tree, 200, both_sides=True).sum() == pytest.approx(1.0, abs=1e-4)


def test_every_light_that_can_reach_the_point_has_a_chance() -> None:
    bounds = hall(333, 7)
    found = chances(make_light_tree(bounds), 333)
    above = bounds[:, LOW + 1] > HERE[1] + 1e-3
    assert above.any()
    assert np.all(found[above] > 0.0)


def test_near_and_strong_lamps_are_preferred() -> None:
    places = np.array([[0.2, 1.1, -0.3], [0.2, 10.1, -0.3], [0.2, 1.1, -0.2]], np.float32)
    found = chances(make_light_tree(lamps(places, np.array([1.0, 1.0, 5.0], np.float32))), 3)
    assert found[2] > found[0] > 20.0 * found[1]


def test_a_lamp_that_faces_away_is_not_asked() -> None:
    # Given two squares above the point, one shining up and one shining down
    bounds = lamps(np.array([[0.0, 2.0, 0.0], [1.0, 2.0, 0.0]], np.float32), np.ones(2, np.float32))
    bounds[:, COS_O] = 1.0
    bounds[:, AXIS + 1] = [1.0, -1.0]

    found = chances(make_light_tree(bounds), 2)

    assert found[0] == 0.0
    assert found[1] == pytest.approx(1.0)


def test_what_lies_behind_counts_only_where_light_passes() -> None:
    bounds = lamps(np.array([[0.0, -2.0, 0.0], [0.0, 2.0, 0.0]], np.float32), np.ones(2, np.float32))
    tree = make_light_tree(bounds)
    assert chances(tree, 2)[0] == 0.0
    assert chances(tree, 2, both_sides=True)[0] > 0.1


def test_lamps_without_power_are_left_out() -> None:
    bounds = hall(5, 1)
    bounds[2, POWER] = 0.0
    tree = make_light_tree(bounds)
    assert tree.slots[2] == -1
    assert chances(tree, 5, both_sides=True)[2] == 0.0


def test_lamps_all_in_one_place_still_make_a_tree() -> None:
    tree = make_light_tree(lamps(np.zeros((64, 3), np.float32), np.ones(64, np.float32)))
    assert chances(tree, 64, both_sides=True) == pytest.approx(np.full(64, 1 / 64), rel=1e-3)


PLACES = 16
"""Points on each triangle that shines."""


@kernel
def _given(lights, light, px, py, pz, nx, ny, nz, both_sides):
    """What a light gives a matte surface at p, but for its albedo."""
    if light < lights.first_triangle:
        x, y, z, _, r, _, _ = punctual_light(lights.punctual[light], px, py, pz)
        cosine = x * nx + y * ny + z * nz
        return r * (abs(cosine) if both_sides else max(cosine, f32(0.0)))
    t = lights.triangles[light - lights.first_triangle]
    ax, ay, az = t[4] * t[8] - t[5] * t[7], t[5] * t[6] - t[3] * t[8], t[3] * t[7] - t[4] * t[6]
    total = f32(0.0)
    for i in range(PLACES):
        u, v = triangle_point((f32(i) + f32(0.5)) / f32(PLACES), f32(i * 7 % PLACES) / f32(PLACES))
        x, y, z = (
            t[0] + u * t[3] + v * t[6] - px,
            t[1] + u * t[4] + v * t[7] - py,
            t[2] + u * t[5] + v * t[8] - pz,
        )
        square = x * x + y * y + z * z
        leaving = -(x * ax + y * ay + z * az)
        leaving = abs(leaving) if t[10] == BOTH_SIDES else max(leaving * t[10], f32(0.0))
        arriving = x * nx + y * ny + z * nz
        total += leaving * (abs(arriving) if both_sides else max(arriving, f32(0.0))) / (square * square)
    return total / f32(2 * PLACES)


@kernel
def _compare(lights, points, both_sides, numbers, found):
    """Of each point (position and normal): all light, that of lamps without a chance, and its expected estimate."""
    lamps = lights.tree.slots.shape[0]
    for row in range(points.shape[0]):
        p = points[row]
        for light in range(lamps):
            given = _given(lights, light, p[0], p[1], p[2], p[3], p[4], p[5], both_sides)
            chance = chance_in_tree(lights.tree, light, p[0], p[1], p[2], p[3], p[4], p[5], both_sides)
            found[row, 0] += given
            if chance == f32(0.0):
                found[row, 1] += given
        for i in range(numbers):
            u = (f32(i) + f32(0.5)) / f32(numbers)
            light, chance = choose_in_tree(lights.tree, p[0], p[1], p[2], p[3], p[4], p[5], both_sides, u)
            if light >= 0:
                given = _given(lights, light, p[0], p[1], p[2], p[3], p[4], p[5], both_sides)
                found[row, 2] += given / chance / numbers


def all_kinds(count: int, kinds: str, seed: int) -> Lights:
    """`count` lamps of these kinds in turn: points, spots narrow and wide, squares that shine to one side or both."""
    rng = np.random.default_rng(seed)
    records, parts, powers = [], [], []
    for number in range(count):
        kind, place = kinds[number % len(kinds)], rng.uniform(-3.0, 3.0, 3)
        axis = rng.normal(size=3)
        power = float(10.0 ** rng.uniform(-1.0, 1.0))
        if kind in "ps":
            outer = float(rng.uniform(0.02, 0.99))
            # The sharpest spots are as bright at their rim as in the middle.
            inner = outer if number % 3 == 0 else min(outer + 0.2, 1.0)
            lamp = POINT if kind == "p" else SPOT
            records.append(punctual_record(lamp, place, axis, [power] * 3, np.inf, (inner, outer)))
            powers.append(power)
        else:
            corners = (place + rng.uniform(-0.5, 0.5, (3, 3))).astype(np.float32)
            side = BOTH_SIDES if number % 2 else float(rng.choice([-1.0, 1.0]))
            identity = [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]
            parts.append(triangle_lights(0, identity, corners, np.array([[0, 1, 2]], np.int32), side))
    punctual = np.array(records, np.float32).reshape(-1, 16)
    triangles = np.concatenate([np.zeros((0, 12), np.float32), *(part[0] for part in parts)])
    ids = np.concatenate([np.zeros((0, 2), np.int32), *(part[1] for part in parts)])
    areas = [float(part[2][0]) for part in parts]
    return make_lights(0.0, np.array([*powers, *areas], np.float64), punctual, triangles, ids)


@pytest.mark.parametrize("kinds", ["p", "s", "t", "pst"])
@pytest.mark.parametrize("both_sides", [False, True])
def test_the_tree_leaves_out_no_light_and_its_estimate_is_the_sum_over_all_lamps(
    kinds: str, both_sides: bool
) -> None:
    """One lamp in the place of many, divided by its chance, is in the mean what all of them give."""
    lights = all_kinds(30, kinds, 3)
    rng = np.random.default_rng(4)
    points = rng.uniform(-4.0, 4.0, (400, 6)).astype(np.float32)
    points[:, 3:] /= np.linalg.norm(points[:, 3:], axis=1, keepdims=True)
    found = np.zeros((len(points), 3))

    _compare(lights, points, both_sides, 1 << 14, found)

    every, left_out, estimate = found.T
    assert np.count_nonzero(every > 0.0) > 200
    assert np.all(left_out <= 1e-6 * every)
    # Even numbers make the mean exact but for the ends of each lamp's interval.
    assert estimate == pytest.approx(every, rel=0.02, abs=1e-4)
