"""The directional albedo of GGX whose roughness differs along the tangent and across it.

It depends on four numbers: the cosine of the view, where it stands between tangent and bitangent, and both
roughnesses. A table over them is filled only for scenes that have such a material. The view's turn is told by the
root of the roughness along it (Heitz, "Understanding the Masking-Shadowing Function", JCGT 2014, section 5.3), which
changes evenly where the angle would not: strongly brushed metal is smooth to a few degrees about the bitangent only.
Beside what tabling.py says of cosines and roughnesses, entries stand closer at little anisotropy and next to the
bitangent. How grazing a view is, is measured by the roughness along it.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mesh.render.fresnel import schlick_weight
from mesh.render.ggx import SMALLEST_ALPHA, sample_visible, stretched
from mesh.render.kernel import kernel, step
from mesh.render.math import ONE, TWO, ZERO, sqrt
from mesh.render.tabling import cosine_of, cosine_place, roughness_of, roughness_place, spiral

f32 = np.float32
i32 = np.int32
F32 = NDArray[np.float32]

ROUGHNESSES, ALONG, COSINES, TURNS = 20, 22, 44, 16
"""How many entries: across the tangent, along it, ..."""
LEAST_ROOT = f32(0.1778)
"""The root of the least perceptual roughness there is."""
_POINTS = 384
_SAME = f32(1e-4)
"""Where roughnesses are nearer than this, it makes no difference where between them one stands."""


@step
def along_tangent(alpha, anisotropy):
    """KHR_materials_anisotropy's roughness along the tangent, of that across it."""
    return alpha + (ONE - alpha) * anisotropy * anisotropy


@step
def whole_and_slope(cosine, c, s, ax, ay):
    """The mean of G2 / G1 over visible normals, and its part weighted by Schlick's (1 - cos)^5, for a view at this
    cosine whose azimuth has cosine c and sine s."""
    sine = sqrt(max(ZERO, ONE - cosine * cosine))
    ox, oy = sine * c, sine * s
    length = stretched(ox, oy, cosine, ax, ay)
    whole = 0.0
    slope = 0.0
    for i in range(_POINTS):
        u, v, share = spiral(i, _POINTS)
        hx, hy, hz = sample_visible(ox, oy, cosine, ax, ay, u, v)
        oh = ox * hx + oy * hy + cosine * hz
        ix, iy, iz = TWO * oh * hx - ox, TWO * oh * hy - oy, TWO * oh * hz - cosine
        if iz > ZERO:
            other = stretched(ix, iy, iz, ax, ay)
            weight = share * iz * (cosine + length) / (iz * length + cosine * other)
            whole += weight
            slope += weight * schlick_weight(oh)
    return f32(whole / _POINTS), f32(slope / _POINTS)


@kernel
def _fill(table, row):
    """The entries of one roughness across the tangent."""
    least = roughness_of(f32(row) / f32(ROUGHNESSES - 1), LEAST_ROOT)
    ay = max(least * least, SMALLEST_ALPHA)
    least = sqrt(ay)
    for j in range(ALONG):
        along = f32(j) / f32(ALONG - 1)
        most = least + along * along * (ONE - least)
        ax = most * most
        wide = max(ax * ax - ay * ay, f32(1e-12))
        for m in range(TURNS):
            turn = f32(m) / f32(TURNS - 1)
            rough = least + turn * turn * (most - least)
            alpha = rough * rough
            c2 = min(max((alpha * alpha - ay * ay) / wide, ZERO), ONE)
            for k in range(COSINES):
                cosine = cosine_of(f32(k) / f32(COSINES - 1), rough)
                whole, slope = whole_and_slope(cosine, sqrt(c2), sqrt(ONE - c2), ax, ay)
                table[row, j, k, m, 0] = sqrt(whole)
                table[row, j, k, m, 1] = sqrt(slope)


@step
def brushed_albedo(table, ox, oy, oz, roughness, anisotropy):
    """(whole, slope) seen from the unit direction o, whose x is along the tangent; linear in all four ways."""
    ay = roughness * roughness
    ax = along_tangent(ay, anisotropy)
    flat = max(ox * ox + oy * oy, f32(1e-12))
    root = sqrt(sqrt((ox * ox * ax * ax + oy * oy * ay * ay) / flat))
    most = sqrt(ax)
    turn = (root - roughness) / max(most - roughness, _SAME)
    x = roughness_place(roughness, LEAST_ROOT) * f32(ROUGHNESSES - 1)
    y = sqrt(min(max((most - roughness) / max(ONE - roughness, _SAME), ZERO), ONE)) * f32(ALONG - 1)
    z = cosine_place(oz, root) * f32(COSINES - 1)
    w = sqrt(min(max(turn, ZERO), ONE)) * f32(TURNS - 1)
    i, j = min(i32(x), i32(ROUGHNESSES - 2)), min(i32(y), i32(ALONG - 2))
    k, m = min(i32(z), i32(COSINES - 2)), min(i32(w), i32(TURNS - 2))
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
def brushed_table(wanted: bool) -> F32:
    """float32 (ROUGHNESSES, ALONG, COSINES, TURNS, 2); of one entry, which nobody reads, where not wanted."""
    if not wanted:
        return np.zeros((1, 1, 1, 1, 2), np.float32)
    table = np.zeros((ROUGHNESSES, ALONG, COSINES, TURNS, 2), np.float32)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(lambda row: _fill(table, row), range(ROUGHNESSES)):
            pass
    return table
