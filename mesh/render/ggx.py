"""The GGX microfacet distribution, anisotropic, in a frame whose z is the shading normal.

D and Smith's G are Heitz, "Understanding the Masking-Shadowing Function", JCGT 2014; visible normals are
drawn by spherical caps (Dupuy and Benyoub, "Sampling Visible GGX Normals with Spherical Caps", 2023).
"""

from __future__ import annotations

import numpy as np

from mesh.render.kernel import step
from mesh.render.math import HALF, INV_PI, ONE, ZERO, normalize, sincos_turns, sqrt

f32 = np.float32

SMALLEST_ALPHA = f32(1e-3)
"""Mirrors are this rough, so that no lobe is a delta and every pdf is finite."""


@step
def distribution(hx, hy, hz, ax, ay):
    """D(h)."""
    x, y = hx / ax, hy / ay
    d = x * x + y * y + hz * hz
    return INV_PI / (ax * ay * d * d)


@step
def stretched(x, y, z, ax, ay):
    """The length of a direction after stretching: Smith's lambda is (stretched / z - 1) / 2."""
    x, y = x * ax, y * ay
    return sqrt(x * x + y * y + z * z)


@step
def reflection(d, oz, iz, stretched_o, stretched_i):
    """D G2 / (4 o.z): what remains of the BRDF times i.z, before Fresnel."""
    return HALF * d * iz / (iz * stretched_o + oz * stretched_i)


@step
def sample_visible(ox, oy, oz, ax, ay, u, v):
    """A half vector seen from o (oz > 0), with density G1(o) D (o.h) / o.z = 2 D (o.h) / (o.z + |o'|)."""
    x, y, z = normalize(ox * ax, oy * ay, oz)
    s, c = sincos_turns(u)
    height = (ONE - v) * (ONE + z) - z
    radius = sqrt(min(max(ONE - height * height, ZERO), ONE))
    return normalize((radius * c + x) * ax, (radius * s + y) * ay, max(height + z, ZERO))
