"""How albedos are tabled: where the entries of a table stand, and over which points each is a mean.

An albedo bends where the cosine of the view comes down to the roughness, and at little roughness; entries stand
closer there. Tables hold its root: towards the horizon an albedo may go down to nothing as fast as the cosine, which
its root does evenly along these axes. So lookups are linear and square what they find.
"""

from __future__ import annotations

import numpy as np

from mesh.render.fresnel import schlick_weight
from mesh.render.ggx import sample_visible, stretched
from mesh.render.kernel import step
from mesh.render.math import ONE, TWO, ZERO, floor, sqrt

f32 = np.float32

LEAST_COSINE = f32(1e-4)
_GRAZING = f32(5.0)
"""Views of a cosine below so many times the perceptual roughness get most of the entries."""
_GOLDEN = f32(0.618034)
_POINTS = 384


@step
def cosine_of(place, roughness):
    """The cosine whose entry stands at `place`, 0 .. 1, where the perceptual roughness towards the view is this."""
    bend = _GRAZING * roughness
    square = place * place
    return min(max(bend * square / (bend + ONE - square), LEAST_COSINE), ONE)


@step
def cosine_place(cosine, roughness):
    """The inverse of `cosine_of`."""
    bend = _GRAZING * roughness
    cosine = min(max(cosine, ZERO), ONE)
    return sqrt(cosine * (ONE + bend) / (cosine + bend))


@step
def roughness_of(place, least):
    """The perceptual roughness whose entry stands at `place`, 0 .. 1; `least` is the root of that at 0."""
    root = least + place * (ONE - least)
    return root * root


@step
def roughness_place(roughness, least):
    """The inverse of `roughness_of`."""
    return max(sqrt(min(max(roughness, ZERO), ONE)) - least, ZERO) / (ONE - least)


@step
def spiral(i, n):
    """Point i of n of the unit square, and the share it counts with: a golden spiral about the cap of directions that
    u turns about and v goes down, dense at pole and rim, where what is integrated bends."""
    x = (f32(i) + f32(0.5)) / f32(n)
    u = f32(i) * _GOLDEN
    return u - floor(u), x * x * (f32(3.0) - TWO * x), f32(6.0) * x * (ONE - x)


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
