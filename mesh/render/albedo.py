"""Directional albedos of the lobes, tabulated once per process, for energy compensation and layering.

A lobe that loses light to missing multiple scattering is scaled up by its own albedo (Turquin, "Practical
Multiple Scattering Compensation for Microfacet Models", 2019); the layer under a lobe gets what the lobe
leaves. Glass is one lobe of reflection and refraction, with tables for either side of each index of refraction
in the scene. Tables are (SIZE, SIZE) over the cosine's root and perceptual roughness, computed by the kernels they serve,
so they are the same bits on every machine.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mesh.render.brushed import brushed_table, whole_and_slope
from mesh.render.fresnel import dielectric
from mesh.render.ggx import SMALLEST_ALPHA, sample_visible, stretched
from mesh.render.kernel import kernel, step
from mesh.render.math import HALF, ONE, PI, TWO, ZERO, reverse_bits, sincos_turns, sqrt
from mesh.render.sampler import to_unit
from mesh.render.sheen import sheen

f32 = np.float32
u32 = np.uint32
i32 = np.int32

SIZE = 32
_POINTS = 1024
_GLASS_POINTS = 2048
ALL, SLOPE, CLOTH, GLASS = 0, 1, 2, 3
"""Rows of the table: GGX with F = 1; its part weighted by Schlick's (1 - cos)^5; sheen; and from GLASS on two for each
index of refraction, seen from outside and from inside."""


class Albedos(NamedTuple):
    """rows float32 (GLASS + 2 n, SIZE, SIZE) for n indices of refraction; brushed: that of brushed.py."""

    rows: NDArray[np.float32]
    brushed: NDArray[np.float32]


@kernel
def _fill(table):
    for row in range(SIZE):
        cosine = f32(row) / f32(SIZE - 1)
        cosine = max(cosine * cosine, f32(1e-4))
        for column in range(SIZE):
            roughness = f32(column) / f32(SIZE - 1)
            alpha = max(roughness * roughness, SMALLEST_ALPHA)
            whole, slope = whole_and_slope(cosine, ONE, ZERO, alpha, alpha)
            table[ALL, row, column] = whole
            table[SLOPE, row, column] = slope
            table[CLOTH, row, column] = _cloth_entry(cosine, roughness)


@kernel
def _fill_glass(table, row, eta):
    for line in range(SIZE):
        cosine = f32(line) / f32(SIZE - 1)
        cosine = max(cosine * cosine, f32(1e-4))
        for column in range(SIZE):
            roughness = f32(column) / f32(SIZE - 1)
            alpha = max(roughness * roughness, SMALLEST_ALPHA)
            table[row, line, column] = _glass_entry(cosine, alpha, eta)
            table[row + 1, line, column] = _glass_entry(cosine, alpha, ONE / eta)


@step
def _glass_entry(cosine, alpha, eta):
    """The mean over visible normals of what masking leaves of light reflected and refracted."""
    sine = sqrt(max(ZERO, ONE - cosine * cosine))
    length = stretched(sine, ZERO, cosine, alpha, alpha)
    total = 0.0
    for i in range(_GLASS_POINTS):
        # One side of the plane of the view is the mirror image of the other.
        u = (f32(i) + HALF) / f32(2 * _GLASS_POINTS)
        v = to_unit(reverse_bits(u32(i))) + HALF / f32(_GLASS_POINTS)
        hx, hy, hz = sample_visible(sine, ZERO, cosine, alpha, alpha, u, v)
        oh = sine * hx + cosine * hz
        fresnel, beyond = dielectric(oh, eta)
        ix, iy, iz = TWO * oh * hx - sine, TWO * oh * hy, TWO * oh * hz - cosine
        if iz > ZERO:
            other = stretched(ix, iy, iz, alpha, alpha)
            total += fresnel * iz * (cosine + length) / (iz * length + cosine * other)
        k = oh / eta - beyond
        ix, iy, iz = k * hx - sine / eta, k * hy, k * hz - cosine / eta
        if iz < ZERO:
            total += (ONE - fresnel) * TWO * (-iz) / (stretched(ix, iy, iz, alpha, alpha) - iz)
    return f32(total / _GLASS_POINTS)


@step
def _cloth_entry(cosine, roughness):
    """Sheen integrated over the hemisphere by points of equal solid angle."""
    sine = sqrt(max(ZERO, ONE - cosine * cosine))
    total = 0.0
    for i in range(_POINTS):
        s, c = sincos_turns((f32(i) + HALF) / f32(_POINTS))
        iz = to_unit(reverse_bits(u32(i))) + HALF / f32(_POINTS)
        radius = sqrt(max(ZERO, ONE - iz * iz))
        total += sheen(sine, ZERO, cosine, radius * c, radius * s, iz, roughness)
    return f32(total / _POINTS) * TWO * PI


@step
def directional_albedo(albedos, row, cosine, roughness):
    """Look `row` up, bilinearly."""
    table = albedos.rows
    x = sqrt(min(max(cosine, ZERO), ONE)) * f32(SIZE - 1)
    y = min(max(roughness, ZERO), ONE) * f32(SIZE - 1)
    i = min(i32(x), i32(SIZE - 2))
    j = min(i32(y), i32(SIZE - 2))
    x, y = x - f32(i), y - f32(j)
    low = table[row, i, j] * (ONE - y) + table[row, i, j + 1] * y
    high = table[row, i + 1, j] * (ONE - y) + table[row, i + 1, j + 1] * y
    return low * (ONE - x) + high * x


@cache
def albedo_tables(glass: tuple[float, ...] = (), anisotropic: bool = False) -> Albedos:
    """The tables for these indices of refraction, and where a material is `anisotropic`, for those too."""
    rows = np.zeros((GLASS + 2 * len(glass), SIZE, SIZE), np.float32)
    _fill(rows)
    for place, ior in enumerate(glass):
        _fill_glass(rows, GLASS + 2 * place, f32(ior))
    return Albedos(rows, brushed_table(anisotropic))
