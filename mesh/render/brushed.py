"""The directional albedo of GGX whose roughness differs along the tangent and across it.

It depends on four numbers: the cosine of the view, where it stands between tangent and bitangent, and both
roughnesses. A table over them is filled only for scenes that have such a material. The view's turn is told by the
root of the roughness along it (Heitz, "Understanding the Masking-Shadowing Function", JCGT 2014, section 5.3), which
changes evenly where the angle would not: strongly brushed metal is smooth to a few degrees about the bitangent only.
Entries stand closer where albedos bend: at little roughness and little anisotropy, next to the bitangent, and at
grazing views. How grazing a view is, is measured by the roughness along it, since an albedo falls off where the
cosine comes down to that.
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
from mesh.render.math import HALF, ONE, TWO, ZERO, floor, sqrt

f32 = np.float32
i32 = np.int32
F32 = NDArray[np.float32]

ROUGHNESSES, ALONG, COSINES, TURNS = 24, 16, 32, 12
"""How many entries: across the tangent, along it, ..."""
_SMALLEST_ROOT = f32(0.1778)
"""The root of the least perceptual roughness there is."""
_GRAZING = f32(4.0)
"""Views of a cosine below so many roots of the roughness along them get most of the entries."""
_HEIGHTS, _ANGLES = 32, 24
_GOLDEN = f32(0.618034)
_SAME = f32(1e-4)
"""Where roughnesses are nearer than this, it makes no difference where between them one stands."""


@step
def along_tangent(alpha, anisotropy):
    """KHR_materials_anisotropy's roughness along the tangent, of that across it."""
    return alpha + (ONE - alpha) * anisotropy * anisotropy


@step
def whole_and_slope(cosine, c, s, ax, ay):
    """The mean of G2 / G1 over visible normals, and its part weighted by Schlick's (1 - cos)^5, for a view at this
    cosine whose azimuth has cosine c and sine s.

    Rings about the cap of visible normals, each turned against the last; dense at pole and rim, where it bends."""
    sine = sqrt(max(ZERO, ONE - cosine * cosine))
    ox, oy = sine * c, sine * s
    length = stretched(ox, oy, cosine, ax, ay)
    whole = 0.0
    slope = 0.0
    for i in range(_HEIGHTS):
        x = (f32(i) + HALF) / f32(_HEIGHTS)
        v = x * x * (f32(3.0) - TWO * x)
        ring = f32(6.0) * x * (ONE - x)
        offset = f32(i) * _GOLDEN
        offset = offset - floor(offset)
        for j in range(_ANGLES):
            u = (f32(j) + offset) / f32(_ANGLES)
            hx, hy, hz = sample_visible(ox, oy, cosine, ax, ay, u, v)
            oh = ox * hx + oy * hy + cosine * hz
            ix, iy, iz = TWO * oh * hx - ox, TWO * oh * hy - oy, TWO * oh * hz - cosine
            if iz > ZERO:
                other = stretched(ix, iy, iz, ax, ay)
                weight = ring * iz * (cosine + length) / (iz * length + cosine * other)
                whole += weight
                slope += weight * schlick_weight(oh)
    return f32(whole / (_HEIGHTS * _ANGLES)), f32(slope / (_HEIGHTS * _ANGLES))


@kernel
def _fill(table, row):
    """The entries of one roughness across the tangent."""
    root = _SMALLEST_ROOT + f32(row) / f32(ROUGHNESSES - 1) * (ONE - _SMALLEST_ROOT)
    ay = max(root * root * root * root, SMALLEST_ALPHA)
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
            bend = _GRAZING * rough
            for k in range(COSINES):
                view = f32(k) / f32(COSINES - 1)
                view = view * view
                cosine = min(max(bend * view / (bend + ONE - view), f32(1e-4)), ONE)
                whole, slope = whole_and_slope(cosine, sqrt(c2), sqrt(ONE - c2), ax, ay)
                table[row, j, k, m, 0] = whole
                table[row, j, k, m, 1] = slope


@step
def brushed_albedo(table, ox, oy, oz, roughness, anisotropy):
    """(whole, slope) seen from the unit direction o, whose x is along the tangent; linear in all four ways."""
    ay = roughness * roughness
    ax = along_tangent(ay, anisotropy)
    flat = max(ox * ox + oy * oy, f32(1e-12))
    root = sqrt(sqrt((ox * ox * ax * ax + oy * oy * ay * ay) / flat))
    most = sqrt(ax)
    turn = (root - roughness) / max(most - roughness, _SAME)
    bend = _GRAZING * root
    cosine = min(max(oz, ZERO), ONE)
    x = max(sqrt(min(roughness, ONE)) - _SMALLEST_ROOT, ZERO) / (ONE - _SMALLEST_ROOT) * f32(ROUGHNESSES - 1)
    y = sqrt(min(max((most - roughness) / max(ONE - roughness, _SAME), ZERO), ONE)) * f32(ALONG - 1)
    z = sqrt(cosine * (ONE + bend) / (cosine + bend)) * f32(COSINES - 1)
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
    return whole, slope


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
