"""Light that a path finds by chance: the environment and surfaces that shine, and what of it is not already counted
where lights were asked (balance heuristic, Veach 1997)."""

from __future__ import annotations

import numpy as np

from mesh.render.direct import lights_drawn
from mesh.render.environment import density_at, map_position, radiance_at
from mesh.render.geometry import FIRST_LIGHT
from mesh.render.kernel import merged
from mesh.render.light_tree import chance_in_tree
from mesh.render.materials import emission
from mesh.render.math import ONE

f32 = np.float32


@merged
def environment_met(environment, lights, dx, dy, dz, density, bounce):
    """The environment's radiance (r, g, b) along d, and its weight; density is that of d, of no meaning at first."""
    u, v = map_position(environment, dx, dy, dz)
    r, g, b = radiance_at(environment, u, v)
    if bounce == 0:
        return r, g, b, ONE
    other = f32(lights_drawn(bounce - 1)) * lights.chance[0] * density_at(environment, u, v, dy)
    return r, g, b, density / (density + other)


@merged
def emitter_met(
    geometry, materials, lights, instance, prim, material, spot, cosine, travelled, density,
    last_x, last_y, last_z, last_nx, last_ny, last_nz, see_through, bounce,
):  # fmt: skip
    """The radiance (r, g, b) of a surface that shines, and its weight.

    cosine: at which the path meets it, having travelled so far since its last vertex, which was at `last` with that
    normal, left with this density; see_through: whether it was open to light from behind.
    """
    r, g, b = emission(materials, material, spot)
    first_light = geometry.ints[instance, FIRST_LIGHT]
    if bounce == 0 or first_light < 0:
        return r, g, b, ONE
    row = first_light + prim
    chosen = lights.chance[lights.entries - 1] * chance_in_tree(
        lights.tree, lights.first_triangle + row, last_x, last_y, last_z, last_nx, last_ny, last_nz, see_through
    )  # fmt: skip
    chosen = chosen * f32(lights_drawn(bounce - 1))
    other = chosen * travelled * travelled / (lights.triangles[row, 9] * cosine)
    return r, g, b, density / (density + other)
