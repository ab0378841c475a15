"""The directional albedo of metal whose roughness differs along the tangent and across it.

It depends on four numbers: the cosine of the view, where it stands between tangent and bitangent, and both
roughnesses. Tables over them are filled only for scenes that have such materials. The view's turn is told by the
root of the roughness along it (Heitz, "Understanding the Masking-Shadowing Function", JCGT 2014, section 5.3), which
changes evenly where the angle would not: strongly brushed metal is smooth to a few degrees about the bitangent only.
Beside what tabling.py says of cosines and roughnesses, entries stand closer at little anisotropy and next to the
bitangent. How grazing a view is, is measured by the roughness along it.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from mesh.render.ggx import SMALLEST_ALPHA
from mesh.render.kernel import kernel, step
from mesh.render.math import ONE, ZERO, sqrt
from mesh.render.tabling import (
    cosine_of,
    cosine_place,
    roughness_of,
    roughness_place,
    whole_and_slope,
)

f32 = np.float32
i32 = np.int32
F32 = NDArray[np.float32]

_SHAPE = 20, 22, 44, 16
"""How many entries: across the tangent, along it, cosines, turns."""
LEAST_ROOT = f32(0.1778)
"""The root of the least perceptual roughness there is."""
_NOBODYS = np.zeros((1, 1, 1, 1, 2), np.float32)
_SAME = f32(1e-4)
"""Where roughnesses are nearer than this, it makes no difference where between them one stands."""


@step
def along_tangent(alpha, anisotropy):
    """KHR_materials_anisotropy's roughness along the tangent, of that across it."""
    return alpha + (ONE - alpha) * anisotropy * anisotropy


@step
def _view(table, row, j, k, m):
    """Whom an entry is for: the view's cosine, its azimuth's cosine and sine, and the roughnesses."""
    least = roughness_of(f32(row) / f32(table.shape[0] - 1), LEAST_ROOT)
    ay = max(least * least, SMALLEST_ALPHA)
    least = sqrt(ay)
    along = f32(j) / f32(table.shape[1] - 1)
    most = least + along * along * (ONE - least)
    ax = most * most
    turn = f32(m) / f32(table.shape[3] - 1)
    rough = least + turn * turn * (most - least)
    alpha = rough * rough
    c2 = min(max((alpha * alpha - ay * ay) / max(ax * ax - ay * ay, f32(1e-12)), ZERO), ONE)
    return cosine_of(f32(k) / f32(table.shape[2] - 1), rough), sqrt(c2), sqrt(ONE - c2), ax, ay


@kernel
def _fill(table, row):
    """The entries of one roughness across the tangent."""
    for j in range(table.shape[1]):
        for k in range(table.shape[2]):
            for m in range(table.shape[3]):
                cosine, c, s, ax, ay = _view(table, row, j, k, m)
                whole, slope = whole_and_slope(cosine, c, s, ax, ay)
                table[row, j, k, m, 0] = sqrt(whole)
                table[row, j, k, m, 1] = sqrt(slope)


@step
def brushed_albedo(table, ox, oy, oz, roughness, anisotropy):
    """(whole, slope) as in albedo.py, seen from the unit direction o, whose x is along the tangent. Linear in all four
    ways."""
    ay = roughness * roughness
    ax = along_tangent(ay, anisotropy)
    flat = max(ox * ox + oy * oy, f32(1e-12))
    root = sqrt(sqrt((ox * ox * ax * ax + oy * oy * ay * ay) / flat))
    most = sqrt(ax)
    turn = (root - roughness) / max(most - roughness, _SAME)
    x = roughness_place(roughness, LEAST_ROOT) * f32(table.shape[0] - 1)
    y = sqrt(min(max((most - roughness) / max(ONE - roughness, _SAME), ZERO), ONE)) * f32(table.shape[1] - 1)
    z = cosine_place(oz, root) * f32(table.shape[2] - 1)
    w = sqrt(min(max(turn, ZERO), ONE)) * f32(table.shape[3] - 1)
    i, j = min(i32(x), i32(table.shape[0] - 2)), min(i32(y), i32(table.shape[1] - 2))
    k, m = min(i32(z), i32(table.shape[2] - 2)), min(i32(w), i32(table.shape[3] - 2))
    x, y, z, w = x - f32(i), y - f32(j), z - f32(k), w - f32(m)
    whole = ZERO
    slope = ZERO
    for corner in range(16):
        a, b, c, d = corner & 1, corner >> 1 & 1, corner >> 2 & 1, corner >> 3
        share = (x if a else ONE - x) * (y if b else ONE - y) * (z if c else ONE - z) * (w if d else ONE - w)
        whole += share * table[i + a, j + b, k + c, m + d, 0]
        slope += share * table[i + a, j + b, k + c, m + d, 1]
    return whole * whole, slope * slope


@cache
def brushed_metal(wanted: bool) -> F32:
    """float32 (roughnesses, along, cosines, turns, 2); of one entry, which nobody reads, where not wanted."""
    if not wanted:
        return _NOBODYS.copy()
    table = np.zeros((*_SHAPE, 2), np.float32)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(partial(_fill, table), range(_SHAPE[0])):
            pass
    return table
