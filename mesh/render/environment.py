"""Light from everywhere: an equirectangular radiance map, and how directions are drawn from it.

The map's column follows atan2(z, x) and its middle is +x, as in Blender and the common glTF viewers; rows
run down from +y. Directions are drawn from a grid of quarters of texels, within which the blend of four texels
changes little, so that a sun of a few texels is drawn as brightly as it is seen; by inverting the grid's
distribution, with a table that says where to start looking. What is drawn is the excess over the mean (Karlik et
al., "MIS Compensation", 2019): the smooth rest is found by sampling the BSDF.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mesh.render.kernel import kernel, step
from mesh.render.math import (
    HALF,
    INV_PI,
    INV_TWO_PI,
    ONE,
    ZERO,
    acos,
    atan2,
    floor,
    luminance,
    sincos_turns,
    sqrt,
)

f32 = np.float32
i32 = np.int32
F32 = NDArray[np.float32]

_LARGEST = f32(1e6)
_ROWS = 1024
"""The most rows of the grid, which has twice as many columns: 16 MB. Larger maps have larger cells."""


class Environment(NamedTuple):
    """radiance float32 (h, w, 4), strength included; rows float32 (gh + 1,) and columns (gh, gw + 1): ascending
    distributions over a grid of gh x gw cells; row_guide (gh,), column_guide (gh, gw): where to start looking;
    turns: the map's rotation about +y."""

    radiance: F32
    rows: F32
    columns: F32
    row_guide: NDArray[np.int32]
    column_guide: NDArray[np.int32]
    turns: np.float32
    mean: np.float32


@kernel
def _load(pixels, strength, radiance):
    for y in range(pixels.shape[0]):
        for x in range(pixels.shape[1]):
            for k in range(3):
                value = pixels[y, x, k] * strength
                # Not-a-number fails both comparisons.
                radiance[y, x, k] = (
                    value if value > ZERO and value < _LARGEST else (_LARGEST if value >= _LARGEST else ZERO)
                )


@step
def _blend(image, s, t):
    """(r, g, b) of an image (h, w, 4) at column s and row t, whole numbers being centres of texels."""
    height, width = i32(image.shape[0]), i32(image.shape[1])
    left, top = floor(s), floor(t)
    fx, fy = s - left, t - top
    x0 = i32(left)
    x1 = x0 + 1
    if x0 < 0:
        x0 = x0 + width
    if x1 >= width:
        x1 = x1 - width
    y0 = max(i32(top), i32(0))
    y1 = min(i32(top) + 1, i32(height - 1))
    w0, w1, w2, w3 = (ONE - fx) * (ONE - fy), fx * (ONE - fy), (ONE - fx) * fy, fx * fy
    r = image[y0, x0, 0] * w0 + image[y0, x1, 0] * w1 + image[y1, x0, 0] * w2 + image[y1, x1, 0] * w3
    g = image[y0, x0, 1] * w0 + image[y0, x1, 1] * w1 + image[y1, x0, 1] * w2 + image[y1, x1, 1] * w3
    b = image[y0, x0, 2] * w0 + image[y0, x1, 2] * w1 + image[y1, x0, 2] * w2 + image[y1, x1, 2] * w3
    return r, g, b


@kernel
def _measure(radiance, grid, steps):
    """The mean light of each cell of the grid, from steps * steps points of it; one is exact for a quarter texel."""
    height, width, _ = radiance.shape
    gh, gw = grid.shape
    for i in range(gh):
        for j in range(gw):
            total = 0.0
            for k in range(steps):
                t = f32((i + (k + 0.5) / steps) / gh * height - 0.5)
                for m in range(steps):
                    s = f32((j + (m + 0.5) / steps) / gw * width - 0.5)
                    r, g, b = _blend(radiance, s, t)
                    total += luminance(r, g, b)
            grid[i, j] = f32(total / (steps * steps))


@kernel
def _distribute(grid, rows, columns, row_guide, column_guide):
    """Turn mean luminances into distributions over the unit square; returns the mean over the sphere."""
    gh, gw = grid.shape
    total = 0.0
    weight = 0.0
    for i in range(gh):
        sine, _ = sincos_turns((f32(i) + HALF) / f32(gh) * HALF)
        for j in range(gw):
            total += grid[i, j] * sine
            weight += sine
    mean = f32(total / weight)
    excess = 0.0
    for i in range(gh):
        sine, _ = sincos_turns((f32(i) + HALF) / f32(gh) * HALF)
        for j in range(gw):
            excess += max(grid[i, j] - mean, ZERO) * sine
    plain = excess < total * 1e-3
    all_rows = 0.0
    for i in range(gh):
        sine, _ = sincos_turns((f32(i) + HALF) / f32(gh) * HALF)
        row = 0.0
        for j in range(gw):
            # An even sky has no excess; it is drawn evenly.
            row += (ONE if plain else max(grid[i, j] - mean, ZERO)) * sine
            columns[i, j + 1] = f32(row)
        for j in range(1, gw + 1):
            columns[i, j] = columns[i, j] / f32(row) if row > 0.0 else f32(j) / f32(gw)
        columns[i, gw] = ONE
        all_rows += row
        rows[i + 1] = f32(all_rows)
        _guide(columns[i], column_guide[i])
    for i in range(1, gh + 1):
        rows[i] = rows[i] / f32(all_rows)
    rows[gh] = ONE
    _guide(rows, row_guide)
    return mean


@step
def _guide(distribution, guide):
    n = guide.shape[0]
    cell = 0
    for k in range(n):
        while distribution[cell + 1] <= f32(k) / f32(n):
            cell += 1
        guide[k] = cell


@step
def _invert(distribution, guide, u):
    """The cell of u in an ascending distribution, and where inside the cell it falls."""
    n = guide.shape[0]
    cell = guide[min(i32(u * f32(n)), i32(n - 1))]
    while distribution[cell + 1] <= u:
        cell += 1
    low, high = distribution[cell], distribution[cell + 1]
    return cell, min((u - low) / (high - low), f32(0.99999994))


def make_environment(pixels: F32, strength: float, rotation: float) -> Environment:
    """From an equirectangular image (h, w, 3 or more) of linear radiance; `rotation` in degrees about +y."""
    pixels = np.array(pixels[:, :, :3], np.float32, order="C")
    height, width = pixels.shape[:2]
    radiance = np.zeros((height, width, 4), np.float32)
    _load(pixels, f32(strength), radiance)
    gh, gw = min(2 * height, _ROWS), min(2 * width, 2 * _ROWS)
    grid = np.zeros((gh, gw), np.float32)
    rows, columns = np.zeros(gh + 1, np.float32), np.zeros((gh, gw + 1), np.float32)
    row_guide, column_guide = np.zeros(gh, np.int32), np.zeros((gh, gw), np.int32)
    # Two points a texel, and in large cells little more than one: a texel's share is two texels wide.
    _measure(radiance, grid, min(-(-2 * height // gh), -(-height // gh) + 1))
    mean = _distribute(grid, rows, columns, row_guide, column_guide)
    turns = f32((rotation / 360.0) % 1.0)
    return Environment(radiance, rows, columns, row_guide, column_guide, turns, f32(mean))


@step
def map_position(environment, x, y, z):
    """Where on the map, (u, v) in the unit square, the unit direction (x, y, z) leads."""
    u = atan2(z, x) * INV_TWO_PI + HALF + environment.turns
    return u - floor(u), acos(y) * INV_PI


@step
def radiance_at(environment, u, v):
    """(r, g, b) at the map's position (u, v)."""
    image = environment.radiance
    return _blend(image, u * f32(image.shape[1]) - HALF, v * f32(image.shape[0]) - HALF)


@step
def _density(environment, row, column, sine):
    """Per solid angle, of the directions in a cell: what the rounded distributions really do."""
    gh, gw = environment.column_guide.shape
    rows, columns = environment.rows, environment.columns
    share = (rows[row + 1] - rows[row]) * (columns[row, column + 1] - columns[row, column])
    return share * f32(gh) * f32(gw) * f32(0.0506605918211689) / sine


@step
def density_at(environment, u, v, y):
    """The density per solid angle with which `sample_environment` finds position (u, v), whose direction rises by y."""
    gh, gw = environment.column_guide.shape
    row, column = min(i32(v * f32(gh)), i32(gh - 1)), min(i32(u * f32(gw)), i32(gw - 1))
    return _density(environment, row, column, sqrt(max(ONE - y * y, f32(1e-12))))


@step
def sample_environment(environment, u, v):
    """A unit direction (x, y, z), its density per solid angle, and its position on the map."""
    gh, gw = environment.column_guide.shape
    row, fy = _invert(environment.rows, environment.row_guide, v)
    column, fx = _invert(environment.columns[row], environment.column_guide[row], u)
    at_u, at_v = (f32(column) + fx) / f32(gw), (f32(row) + fy) / f32(gh)
    sine, y = sincos_turns(at_v * HALF)
    s, c = sincos_turns(at_u - HALF - environment.turns)
    density = _density(environment, row, column, max(sine, f32(1e-6)))
    return sine * c, y, sine * s, density, at_u, at_v
