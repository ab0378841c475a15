"""All lights under one choice: the environment, the file's punctual lights, and triangles that shine.

Entry 0 is the environment, then the punctual lights, then the triangles. One is chosen by its power with
an alias table (Vose 1991); units are glTF's: lux and candela, taken as radiometric one to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mesh.render.kernel import kernel
from mesh.render.math import ONE, ZERO, normalize, sqrt

f32 = np.float32
i32 = np.int32
F32 = NDArray[np.float32]

DIRECTIONAL, POINT, SPOT = 0, 1, 2
PUNCTUAL = 16
"""Columns: kind, position, direction it shines along, intensity (3), range, cos inner, cos outer."""
TRIANGLE_LIGHT = 12
"""Columns: first corner, two edges, area, instance, triangle."""


class Lights(NamedTuple):
    """chance float32 (n,) of each entry, which sum to 1; alias_share (n,) and alias (n,): Vose's table;
    punctual float32 (p, PUNCTUAL); triangles float32 (t, TRIANGLE_LIGHT); ids int32 (t, 2): instance, triangle;
    entries 0 where nothing shines; first_triangle: the entry of the first triangle."""

    chance: F32
    alias_share: F32
    alias: NDArray[np.int32]
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


def make_lights(powers: NDArray[np.float64], punctual: F32, triangles: F32, ids: NDArray[np.int32]) -> Lights:
    """The table for these entries, in the order environment, punctual, triangles; powers are relative."""
    n = len(powers)
    chance, share = np.zeros(n, np.float32), np.ones(n, np.float32)
    alias = np.zeros(n, np.int32)
    count = _build_alias(
        powers, chance, share, alias, np.zeros(n), np.zeros(n, np.int32), np.zeros(n, np.int32)
    )
    return Lights(
        chance, share, alias, _filled(punctual), _filled(triangles), _filled(ids), count, 1 + len(punctual)
    )


def _filled(rows):
    """At least one row, since kernels index before they compare."""
    return rows if len(rows) else np.zeros((1, rows.shape[1]), rows.dtype)


@kernel
def choose_light(lights, u):
    """The entry chosen by u, and u stretched back to [0, 1)."""
    x = u * f32(lights.entries)
    entry = min(i32(x), i32(lights.entries - 1))
    x = x - f32(entry)
    share = lights.alias_share[entry]
    if x < share:
        return entry, x / share
    return lights.alias[entry], (x - share) / (ONE - share)


@kernel
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


@kernel
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
def _fill_triangles(out, ids, instance, matrix, positions, triangles, areas):
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
        ids[i, 0] = instance
        ids[i, 1] = i
        areas[i] = area


def triangle_lights(
    instance: int, matrix: Sequence[float], positions: F32, triangles: NDArray[np.int32]
) -> tuple[F32, NDArray[np.int32], F32]:
    """World-space records (m, TRIANGLE_LIGHT), ids (m, 2) and areas (m,) of a mesh that shines; `matrix` is
    the twelve floats of its 3 x 4 transform."""
    m = len(triangles)
    out, ids = np.zeros((m, TRIANGLE_LIGHT), np.float32), np.zeros((m, 2), np.int32)
    areas = np.zeros(m, np.float32)
    flat = np.array(matrix, np.float32)
    _fill_triangles(
        out, ids, instance, flat, np.array(positions, np.float32), np.array(triangles, np.int32), areas
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
