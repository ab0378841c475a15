"""All lights: the environment, the file's punctual lights, and triangles that shine.

A first choice, by power with an alias table (Vose 1991), is among the environment, the lights at infinity, and
all the lights that are somewhere; among those `light_tree` chooses. Units are glTF's: lux and candela, taken as
radiometric one to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mesh.render.kernel import kernel, step
from mesh.render.light_bounds import AXIS, BOUNDS, COS_E, COS_O, HIGH, LOW, POWER
from mesh.render.light_build import make_light_tree
from mesh.render.light_tree import LightTree
from mesh.render.math import ONE, ZERO, normalize, sqrt

f32 = np.float32
i32 = np.int32
F32 = NDArray[np.float32]

DIRECTIONAL, POINT, SPOT = 0, 1, 2
PUNCTUAL = 16
"""Columns: kind, position, direction it shines along, intensity (3), range, cos inner, cos outer."""
TRIANGLE_LIGHT = 12
"""Columns: first corner, two edges, area, and 1 or -1 for the side of the edges' cross product that shines, 0 for
both."""
BOTH_SIDES = 0.0
_SPOT_RIM = 0.9999
"""The cosine of how far beyond a spot's cone the tree still takes it to shine."""


class Lights(NamedTuple):
    """chance float32 (n,) of the first choice, which sum to 1: the environment, lights at infinity, the tree; far
    int32 (n,): the punctual row of those at infinity, -1 for others; alias_share (n,) and alias (n,): Vose's table.
    punctual float32 (p, PUNCTUAL); triangles float32 (t, TRIANGLE_LIGHT); ids int32 (t, 2): instance, triangle.
    The tree's lights are the punctual ones and then the triangles; entries is 0 where nothing shines."""

    chance: F32
    far: NDArray[np.int32]
    alias_share: F32
    alias: NDArray[np.int32]
    tree: LightTree
    punctual: F32
    triangles: F32
    ids: NDArray[np.int32]
    entries: int
    first_triangle: int


@kernel
def _build_alias(power, chance, share, alias, scaled, small, large):
    """Fill chances and the alias table from powers; all zero powers give no light at all."""
    n = power.shape[0]
    total = 0.0
    for i in range(n):
        total += power[i]
    if not total > 0.0:
        return 0
    few, many = 0, 0
    for i in range(n):
        chance[i] = f32(power[i] / total)
        scaled[i] = power[i] / total * n
        alias[i] = i
        share[i] = ONE
        if scaled[i] < 1.0:
            small[few] = i
            few += 1
        else:
            large[many] = i
            many += 1
    while few > 0 and many > 0:
        few -= 1
        low, high = small[few], large[many - 1]
        share[low] = f32(scaled[low])
        alias[low] = high
        scaled[high] -= 1.0 - scaled[low]
        if scaled[high] < 1.0:
            many -= 1
            small[few] = high
            few += 1
    return n


def make_lights(
    sky: float, powers: NDArray[np.float64], punctual: F32, triangles: F32, ids: NDArray[np.int32]
) -> Lights:
    """`sky` is the environment's power; `powers` those of the punctual lights, then of the triangles, relative."""
    infinite = np.flatnonzero(punctual[:, 0] == DIRECTIONAL).astype(np.int32)
    near = powers.copy()
    near[infinite] = 0.0
    together = 0.0
    for power in near.tolist():
        together += power
    first = np.array([sky, *powers[infinite].tolist(), together], np.float64)
    n = len(first)
    chance, share = np.zeros(n, np.float32), np.ones(n, np.float32)
    alias = np.zeros(n, np.int32)
    count = _build_alias(
        first, chance, share, alias, np.zeros(n), np.zeros(n, np.int32), np.zeros(n, np.int32)
    )
    far = np.array([-1, *infinite.tolist(), -1], np.int32)
    tree = make_light_tree(_bounds(near, punctual, triangles))
    return Lights(
        chance,
        far,
        share,
        alias,
        tree,
        _filled(punctual),
        _filled(triangles),
        _filled(ids),
        count,
        len(punctual),
    )


def _bounds(powers: NDArray[np.float64], punctual: F32, triangles: F32) -> F32:
    """What the tree is told of each light; a triangle shines by the cosine, a lamp within its cone."""
    p = len(punctual)
    bounds = np.zeros((len(powers), BOUNDS), np.float32)
    bounds[:, POWER] = powers
    bounds[:p, LOW : LOW + 3] = bounds[:p, HIGH : HIGH + 3] = punctual[:, 1:4]
    bounds[:p, AXIS : AXIS + 3] = punctual[:, 4:7]
    # A spot's outer cone holds all it gives, and a little more, so that no rounding leaves out what it lights at its
    # rim, or its very middle; a point shines all round.
    bounds[:p, COS_O] = np.where(punctual[:, 0] == SPOT, punctual[:, 12], -1.0)
    bounds[:p, COS_E] = np.where(punctual[:, 0] == SPOT, _SPOT_RIM, 0.0)
    first = triangles[:, 0:3]
    second, third = first + triangles[:, 3:6], first + triangles[:, 6:9]
    bounds[p:, LOW : LOW + 3] = np.minimum(np.minimum(first, second), third)
    bounds[p:, HIGH : HIGH + 3] = np.maximum(np.maximum(first, second), third)
    _fill_facing(triangles, bounds[p:])
    return bounds


@kernel
def _fill_facing(triangles, bounds):
    for i in range(triangles.shape[0]):
        t = triangles[i]
        x, y, z = normalize(t[4] * t[8] - t[5] * t[7], t[5] * t[6] - t[3] * t[8], t[3] * t[7] - t[4] * t[6])
        side = t[10]
        bounds[i, AXIS], bounds[i, AXIS + 1], bounds[i, AXIS + 2] = x * side, y * side, z * side
        bounds[i, COS_O] = ONE if side != ZERO else -ONE
        bounds[i, COS_E] = ZERO


def _filled(rows):
    """At least one row, since kernels index before they compare."""
    return rows if len(rows) else np.zeros((1, rows.shape[1]), rows.dtype)


@step
def choose_light(lights, u):
    """The first choice by u: 0 the environment, the last the tree, between them lights at infinity."""
    x = u * f32(lights.entries)
    entry = min(i32(x), i32(lights.entries - 1))
    if x - f32(entry) < lights.alias_share[entry]:
        return entry
    return lights.alias[entry]


@step
def punctual_light(record, px, py, pz):
    """Light at p from a punctual light: unit direction to it, distance, and (r, g, b) arriving."""
    if record[0] == DIRECTIONAL:
        return -record[4], -record[5], -record[6], f32(np.inf), record[7], record[8], record[9]
    dx, dy, dz = record[1] - px, record[2] - py, record[3] - pz
    distance2 = max(dx * dx + dy * dy + dz * dz, f32(1e-12))
    distance = sqrt(distance2)
    dx, dy, dz = dx / distance, dy / distance, dz / distance
    falloff = ONE / distance2
    reach = record[10]
    if reach > ZERO:
        # KHR_lights_punctual's window for lights with a range.
        ratio = distance / reach
        ratio = ratio * ratio
        falloff = falloff * max(ONE - ratio * ratio, ZERO)
    if record[0] == SPOT:
        cosine = -(dx * record[4] + dy * record[5] + dz * record[6])
        edge = (cosine - record[12]) / max(record[11] - record[12], f32(1e-4))
        edge = min(max(edge, ZERO), ONE)
        falloff = falloff * edge * edge
    return dx, dy, dz, distance, record[7] * falloff, record[8] * falloff, record[9] * falloff


@step
def triangle_point(u, v):
    """Barycentric weights of the second and third corner, uniform over the triangle (Heitz 2019)."""
    if v > u:
        u = u * f32(0.5)
        v = v - u
    else:
        v = v * f32(0.5)
        u = u - v
    return u, v


@kernel
def _fill_triangles(out, ids, instance, matrix, positions, triangles, side, areas):
    for i in range(triangles.shape[0]):
        for corner in range(3):
            vertex = triangles[i, corner]
            x, y, z = positions[vertex, 0], positions[vertex, 1], positions[vertex, 2]
            for k in range(3):
                value = matrix[4 * k] * x + matrix[4 * k + 1] * y + matrix[4 * k + 2] * z + matrix[4 * k + 3]
                out[i, 3 * corner + k] = value if corner == 0 else value - out[i, k]
        nx = out[i, 4] * out[i, 8] - out[i, 5] * out[i, 7]
        ny = out[i, 5] * out[i, 6] - out[i, 3] * out[i, 8]
        nz = out[i, 3] * out[i, 7] - out[i, 4] * out[i, 6]
        area = sqrt(nx * nx + ny * ny + nz * nz) * f32(0.5)
        out[i, 9] = area
        out[i, 10] = side
        ids[i, 0] = instance
        ids[i, 1] = i
        areas[i] = area


def triangle_lights(
    instance: int, matrix: Sequence[float], positions: F32, triangles: NDArray[np.int32], side: float
) -> tuple[F32, NDArray[np.int32], F32]:
    """World-space records (m, TRIANGLE_LIGHT), ids (m, 2) and areas (m,) of a mesh that shines; `matrix` is
    the twelve floats of its 3 x 4 transform, `side` which side shines."""
    m = len(triangles)
    out, ids = np.zeros((m, TRIANGLE_LIGHT), np.float32), np.zeros((m, 2), np.int32)
    areas = np.zeros(m, np.float32)
    flat = np.array(matrix, np.float32)
    _fill_triangles(
        out,
        ids,
        instance,
        flat,
        np.array(positions, np.float32),
        np.array(triangles, np.int32),
        f32(side),
        areas,
    )
    return out, ids, areas


def punctual_record(
    kind: int,
    position: Sequence[float],
    direction: Sequence[float],
    intensity: Sequence[float],
    reach: float,
    cosines: tuple[float, float],
) -> list[float]:
    """One light's PUNCTUAL floats; `reach` is infinite where there is no range."""
    x, y, z = normalize(*(f32(v) for v in direction))
    limit = reach if np.isfinite(reach) else 0.0
    return [kind, *position, x, y, z, *intensity, limit, *cosines, 0.0, 0.0, 0.0]
