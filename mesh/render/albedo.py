"""Directional albedos of the lobes, tabulated once per process, for energy compensation and layering.

A lobe that loses light to missing multiple scattering is scaled up by its own albedo (Turquin, "Practical
Multiple Scattering Compensation for Microfacet Models", 2019); the layer under a lobe gets what the lobe
leaves. Glass is one lobe of reflection and refraction, with tables for either side of each index of refraction
in the scene, as far as a table can tell: see glass.py. Tables are (COSINES, ROUGHNESSES), with entries as tabling.py places them, and computed by the kernels they
serve, so they are the same bits on every machine.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mesh.render.brushed import LEAST_ROOT, brushed_metal
from mesh.render.ggx import SMALLEST_ALPHA, stretched
from mesh.render.glass import got_away
from mesh.render.kernel import kernel, step
from mesh.render.math import HALF, ONE, PI, TWO, ZERO, sincos_turns, sqrt
from mesh.render.sheen import LEAST_ROUGHNESS, sheen
from mesh.render.tabling import (
    cosine_of,
    cosine_place,
    roughness_of,
    roughness_place,
    spiral,
    whole_and_slope,
)

f32 = np.float32
i32 = np.int32

COSINES, ROUGHNESSES = 40, 32
_CLOTH_ROOT = f32(0.2236068)
_CLOTH_POINTS = 512
_GLASS_POINTS = 1536
WHOLE, SLOPE, CLOTH, GLASS = 0, 1, 2, 3
"""Rows of the table: GGX with F = 1; its part weighted by Schlick's (1 - cos)^5; sheen; and from GLASS on two for each
index of refraction, seen from outside and from inside."""


class Albedos(NamedTuple):
    """rows float32 (GLASS + 2 n, COSINES, ROUGHNESSES) for n indices of refraction; brushed: those of brushed.py."""

    rows: NDArray[np.float32]
    brushed: NDArray[np.float32]


@kernel
def _fill(table):
    for line in range(COSINES):
        place = f32(line) / f32(COSINES - 1)
        for column in range(ROUGHNESSES):
            roughness = roughness_of(f32(column) / f32(ROUGHNESSES - 1), LEAST_ROOT)
            alpha = max(roughness * roughness, SMALLEST_ALPHA)
            whole, slope = whole_and_slope(cosine_of(place, roughness), ONE, ZERO, alpha, alpha)
            table[WHOLE, line, column] = sqrt(whole)
            table[SLOPE, line, column] = sqrt(slope)
            roughness = roughness_of(f32(column) / f32(ROUGHNESSES - 1), _CLOTH_ROOT)
            table[CLOTH, line, column] = sqrt(_cloth_entry(cosine_of(place, roughness), roughness))


@kernel
def _fill_glass(table, row, eta):
    for line in range(COSINES):
        place = f32(line) / f32(COSINES - 1)
        for column in range(ROUGHNESSES):
            roughness = roughness_of(f32(column) / f32(ROUGHNESSES - 1), LEAST_ROOT)
            alpha = max(roughness * roughness, SMALLEST_ALPHA)
            cosine = cosine_of(place, roughness)
            table[row, line, column] = sqrt(_glass_entry(cosine, alpha, eta))
            table[row + 1, line, column] = sqrt(_glass_entry(cosine, alpha, ONE / eta))


@step
def _glass_entry(cosine, alpha, eta):
    sine = sqrt(max(ZERO, ONE - cosine * cosine))
    length = stretched(sine, ZERO, cosine, alpha, alpha)
    total = 0.0
    for i in range(_GLASS_POINTS):
        u, v, share = spiral(i, _GLASS_POINTS)
        total += share * got_away(sine, ZERO, cosine, length, alpha, alpha, eta, u, v)
    return f32(total / _GLASS_POINTS)


@step
def _cloth_entry(cosine, roughness):
    """Sheen integrated over the hemisphere by a spiral that is dense at the horizon."""
    sine = sqrt(max(ZERO, ONE - cosine * cosine))
    total = 0.0
    for i in range(_CLOTH_POINTS):
        u, _, _ = spiral(i, _CLOTH_POINTS)
        s, c = sincos_turns(u)
        height = (f32(i) + HALF) / f32(_CLOTH_POINTS)
        iz = height * height
        radius = sqrt(max(ZERO, ONE - iz * iz))
        total += TWO * height * sheen(sine, ZERO, cosine, radius * c, radius * s, iz, roughness)
    return f32(total / _CLOTH_POINTS) * TWO * PI


@step
def _place(cosine, roughness, least):
    """The line and column of the entry before, and how far it is to the one after."""
    x = cosine_place(cosine, roughness) * f32(COSINES - 1)
    y = roughness_place(roughness, least) * f32(ROUGHNESSES - 1)
    i = min(i32(x), i32(COSINES - 2))
    j = min(i32(y), i32(ROUGHNESSES - 2))
    return i, j, x - f32(i), y - f32(j)


@step
def _between(rows, row, i, j, x, y):
    low = rows[row, i, j] * (ONE - y) + rows[row, i, j + 1] * y
    high = rows[row, i + 1, j] * (ONE - y) + rows[row, i + 1, j + 1] * y
    root = low * (ONE - x) + high * x
    return root * root


@step
def metal_albedo(albedos, cosine, roughness):
    """(WHOLE, SLOPE)."""
    i, j, x, y = _place(cosine, max(roughness, LEAST_ROOT * LEAST_ROOT), LEAST_ROOT)
    return _between(albedos.rows, WHOLE, i, j, x, y), _between(albedos.rows, SLOPE, i, j, x, y)


@step
def glass_albedo(albedos, row, cosine, roughness):
    i, j, x, y = _place(cosine, max(roughness, LEAST_ROOT * LEAST_ROOT), LEAST_ROOT)
    return _between(albedos.rows, row, i, j, x, y)


@step
def cloth_albedo(albedos, cosine, roughness):
    i, j, x, y = _place(cosine, max(roughness, LEAST_ROUGHNESS), _CLOTH_ROOT)
    return _between(albedos.rows, CLOTH, i, j, x, y)


@cache
def albedo_tables(glass: tuple[float, ...] = (), anisotropic: bool = False) -> Albedos:
    """The tables for these indices of refraction, and for materials that are `anisotropic`."""
    rows = np.zeros((GLASS + 2 * len(glass), COSINES, ROUGHNESSES), np.float32)
    _fill(rows)
    for place, ior in enumerate(glass):
        _fill_glass(rows, GLASS + 2 * place, f32(ior))
    return Albedos(rows, brushed_metal(anisotropic))
