"""How much of what rough glass sends on gets away, and what makes up for the rest where no table can tell.

As other lobes, glass is divided by its directional albedo E. That of brushed glass depends on four numbers besides the
index of refraction, and bends sharply where total reflection begins; so does that of glass of an index next to 1.
But nobody needs E itself. One random microfacet tells how much of what it sends on gets away; E is the mean of that,
and over independent microfacets the mean of

    1 + (1 - x1) + (1 - x1)(1 - x2) + (1 - x1)(1 - x2)(1 - x3) + ...

is 1 / E (Booth, "Unbiased Monte Carlo Estimation of the Reciprocal of an Integral", Nuclear Science and Engineering
156, 2007). Very rough glass gets half again as much variance from it, which is why tables are used where they can be.
"""

from __future__ import annotations

import numpy as np

from mesh.render.fresnel import dielectric
from mesh.render.ggx import sample_visible, stretched
from mesh.render.kernel import step
from mesh.render.math import ONE, TWO, ZERO
from mesh.render.sampler import mix, to_unit

f32 = np.float32
u32 = np.uint32

_LEAST_TABLED = f32(1.2)
_MOST_TERMS = 512
"""Enough for what is seen half a degree above rough glass of an index next to 1, which loses 98 % of it."""
_ENOUGH = f32(1e-3)
"""Where the product of what was lost is below this, the terms that are left out come to less than 0.1 % of the sum."""


@step
def is_tabled(anisotropy, ior):
    """Whether the tables of albedo.py tell the albedo of such glass to 0.5 %."""
    return anisotropy <= ZERO and ior >= _LEAST_TABLED


@step
def glass_recovered(ox, oy, oz, ax, ay, eta, seed):
    """A random number whose mean is 1 / E, seen from the unit direction o; `seed` is all its chance (uint32)."""
    length = stretched(ox, oy, oz, ax, ay)
    total = ONE
    lost = ONE
    for _ in range(_MOST_TERMS):
        seed = mix(u32(seed + u32(0x9E3779B9)))
        u, v = to_unit(seed), to_unit(mix(u32(seed ^ u32(0x68BC21EB))))
        lost *= max(ONE - got_away(ox, oy, oz, length, ax, ay, eta, u, v), ZERO)
        total += lost
        if lost < _ENOUGH:
            break
    return total


@step
def got_away(ox, oy, oz, length, ax, ay, eta, u, v):
    """How much of what the visible microfacet (u, v) reflects and refracts no other one takes, seen from the unit
    direction o, whose length after stretching is `length`."""
    hx, hy, hz = sample_visible(ox, oy, oz, ax, ay, u, v)
    oh = ox * hx + oy * hy + oz * hz
    fresnel, beyond = dielectric(oh, eta)
    away = ZERO
    ix, iy, iz = TWO * oh * hx - ox, TWO * oh * hy - oy, TWO * oh * hz - oz
    if iz > ZERO:
        other = stretched(ix, iy, iz, ax, ay)
        away = fresnel * iz * (oz + length) / (iz * length + oz * other)
    k = oh / eta - beyond
    ix, iy, iz = k * hx - ox / eta, k * hy - oy / eta, k * hz - oz / eta
    if iz < ZERO:
        away += (ONE - fresnel) * TWO * (-iz) / (stretched(ix, iy, iz, ax, ay) - iz)
    return away
