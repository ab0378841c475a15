"""Next-event estimation: at each vertex of a path one light is asked what it brings."""

from __future__ import annotations

from mesh.render.bsdf import value_and_density
from mesh.render.kernel import merged
from mesh.render.light_passes import note_asked
from mesh.render.math import ONE, ZERO
from mesh.render.shadows import sample_light, visibility
from mesh.render.trace import LIGHT, note


@merged
def light_asked(
    shade, geometry, materials, environment, lights, lobes, frame, px, py, pz, gx, gy, gz, see_through, reach,
    choice, among, u, v, through_r, through_g, through_b, scratch, record, log, bounce,
):  # fmt: skip
    """The light (r, g, b) that one light sends by way of p to the camera; g is the geometric normal.

    reach: how far the ray came that met p; choice, among, u, v: random numbers, see `sample_light`; record: see
    `light_passes`.
    """
    x, y, z, distance, r, g, b, chance = sample_light(
        lights, environment, geometry, materials, px, py, pz, frame.nx, frame.ny, frame.nz, see_through,
        choice, among, u, v,
    )  # fmt: skip
    if chance == ZERO or not max(r, g, b) > ZERO:
        return ZERO, ZERO, ZERO
    ix = x * frame.tx + y * frame.ty + z * frame.tz
    iy = x * frame.bx + y * frame.by + z * frame.bz
    iz = x * frame.nx + y * frame.ny + z * frame.nz
    fr, fg, fb, found = value_and_density(lobes, ix, iy, iz)
    # A light without extent is found by no direction.
    weight = ONE / (chance + found) if chance > ZERO else ONE / -chance
    r, g, b = r * fr * weight * through_r, g * fg * weight * through_g, b * fb * weight * through_b
    if not max(r, g, b) > ZERO:
        return ZERO, ZERO, ZERO
    share = visibility(shade, geometry, materials, px, py, pz, gx, gy, gz, x, y, z, distance, reach, scratch)
    if log is not None:
        note(
            log, LIGHT, bounce, -1, -1, -1, x, y, z, distance, r, g, b, abs(chance), share, weight, ZERO
        )  # fmt: skip
    r, g, b = r * share, g * share, b * share
    if bounce == 0 and record.shape[0] > 0:
        note_asked(record, ix, iy, iz, fr, fg, fb, r, g, b)
    return r, g, b
