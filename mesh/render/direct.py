"""Next-event estimation: at each vertex of a path one light is asked what it brings.

At the first vertex, where most of a picture's error comes from, two points of lights are drawn and the one that could
bring more, unshadowed, is asked with the greater chance (resampled importance sampling: Talbot, Cline and Egbert,
"Importance Resampling for Global Illumination", 2005). So of two points of the sky, one under the horizon of the
surface, a shadow ray goes to the other.
"""

from __future__ import annotations

import numpy as np

from mesh.render.bsdf import value_and_density
from mesh.render.kernel import inlined
from mesh.render.light_passes import note_asked
from mesh.render.math import HALF, ONE, ZERO
from mesh.render.shadows import sample_light, visibility
from mesh.render.trace import LIGHT, note

f32 = np.float32
i32 = np.int32


@inlined
def lights_drawn(bounce):
    """How many points of lights are drawn at a vertex; two at most, since one random number tells between them."""
    return i32(2) if bounce == 0 else i32(1)


@inlined
def _half_on(u):
    """A random number in [0, 1) half the interval on: where the second point falls, far from the first."""
    return u + HALF if u < HALF else u - HALF


@inlined
def light_asked(
    shade, geometry, materials, environment, lights, lobes, frame, px, py, pz, gx, gy, gz, see_through, reach,
    choice, among, u, v, which, through_r, through_g, through_b, scratch, record, log, bounce,
):  # fmt: skip
    """The light (r, g, b) that one light sends by way of p to the camera; g is the geometric normal.

    reach: how far the ray came that met p; choice, among, u, v: random numbers, see `sample_light`; which: that decides
    which of the points drawn is asked; record: see `light_passes`.
    """
    drawn = lights_drawn(bounce)
    total = ZERO
    x, y, z, distance, r, g, b, chance, weight = ZERO, ZERO, ONE, ZERO, ZERO, ZERO, ZERO, ONE, ZERO
    ix, iy, iz, fr, fg, fb = ZERO, ZERO, ONE, ZERO, ZERO, ZERO
    for _ in range(drawn):
        sx, sy, sz, reached, sr, sg, sb, met = sample_light(
            lights, environment, geometry, materials, px, py, pz, frame.nx, frame.ny, frame.nz, see_through,
            choice, among, u, v,
        )  # fmt: skip
        choice, among, u, v = _half_on(choice), _half_on(among), _half_on(u), _half_on(v)
        if met == ZERO or not max(sr, sg, sb) > ZERO:
            continue
        lx = sx * frame.tx + sy * frame.ty + sz * frame.tz
        ly = sx * frame.bx + sy * frame.by + sz * frame.bz
        lz = sx * frame.nx + sy * frame.ny + sz * frame.nz
        vr, vg, vb, found = value_and_density(lobes, lx, ly, lz)
        # The mean of what is drawn, each by the balance heuristic; a light without extent is found by no direction.
        share = ONE / (f32(drawn) * met + found) if met > ZERO else ONE / (f32(drawn) * -met)
        sr, sg, sb = sr * vr * share * through_r, sg * vg * share * through_g, sb * vb * share * through_b
        size = max(sr, sg, sb)
        if not size > ZERO:
            continue
        total += size
        if which * total < size:
            x, y, z, distance, r, g, b, chance, weight = sx, sy, sz, reached, sr, sg, sb, abs(met), share
            ix, iy, iz, fr, fg, fb = lx, ly, lz, vr, vg, vb
    if not total > ZERO:
        return ZERO, ZERO, ZERO
    scale = total / max(r, g, b)
    r, g, b = r * scale, g * scale, b * scale
    share = visibility(shade, geometry, materials, px, py, pz, gx, gy, gz, x, y, z, distance, reach, scratch)
    if log is not None:
        note(
            log, LIGHT, bounce, -1, -1, -1, x, y, z, distance, r, g, b, chance, share, weight, ZERO
        )  # fmt: skip
    r, g, b = r * share, g * share, b * share
    if bounce == 0 and record.shape[0] > 0:
        note_asked(record, ix, iy, iz, fr, fg, fb, r, g, b)
    return r, g, b
