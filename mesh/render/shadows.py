"""Light arriving at a point: choosing a light, a point on it, and how much of it is not in shadow."""

from __future__ import annotations

import numpy as np

from mesh.render.accel_traverse import closest, occluded
from mesh.render.environment import radiance_at, sample_environment
from mesh.render.frames import leave_surface
from mesh.render.geometry import MATERIAL
from mesh.render.hits import geometric_normal, spot_at
from mesh.render.kernel import merged, step
from mesh.render.light_tree import choose_in_tree
from mesh.render.lights import choose_light, punctual_light, triangle_point
from mesh.render.materials import base_color, coverage, emission
from mesh.render.math import ONE, ZERO, sqrt

f32 = np.float32

_MOST_LAYERS = 64
_FAR = f32(np.inf)


@merged
def sample_light(
    lights, environment, geometry, materials, px, py, pz, nx, ny, nz, both_sides, choice, among, u, v
):
    """One light at p: unit direction (x, y, z), distance, radiance (r, g, b), and density.

    n is the shading normal, `both_sides` whether light from behind it counts; `choice` chooses the kind of light,
    `among` the light, (u, v) the point on it. The density includes the light's chance and is negative for lights
    without extent (its size is then the chance alone); 0 means no light.
    """
    entry = choose_light(lights, choice)
    chance = lights.chance[entry]
    if entry == 0:
        x, y, z, density, at_u, at_v = sample_environment(environment, u, v)
        r, g, b = radiance_at(environment, at_u, at_v)
        return x, y, z, _FAR, r, g, b, density * chance
    light = lights.far[entry]
    if light < 0:
        light, share = choose_in_tree(lights.tree, px, py, pz, nx, ny, nz, both_sides, among)
        chance = chance * share
        if light < 0:
            return ZERO, ZERO, ONE, ZERO, ZERO, ZERO, ZERO, ZERO
    if light < lights.first_triangle:
        x, y, z, distance, r, g, b = punctual_light(lights.punctual[light], px, py, pz)
        return x, y, z, distance, r, g, b, -chance
    row = light - lights.first_triangle
    t = lights.triangles[row]
    bu, bv = triangle_point(u, v)
    x, y, z = (
        t[0] + bu * t[3] + bv * t[6] - px,
        t[1] + bu * t[4] + bv * t[7] - py,
        t[2] + bu * t[5] + bv * t[8] - pz,
    )
    distance2 = x * x + y * y + z * z
    if not distance2 > f32(1e-12):
        return ZERO, ZERO, ONE, ZERO, ZERO, ZERO, ZERO, ZERO
    distance = sqrt(distance2)
    x, y, z = x / distance, y / distance, z / distance
    ax, ay, az = t[4] * t[8] - t[5] * t[7], t[5] * t[6] - t[3] * t[8], t[3] * t[7] - t[4] * t[6]
    cosine = -(x * ax + y * ay + z * az) / sqrt(ax * ax + ay * ay + az * az)
    cosine = abs(cosine) if t[10] == ZERO else cosine * t[10]
    if not cosine > f32(1e-6):
        return ZERO, ZERO, ONE, ZERO, ZERO, ZERO, ZERO, ZERO
    instance, prim = lights.ids[row, 0], lights.ids[row, 1]
    spot = spot_at(geometry, instance, prim, bu, bv, ZERO, ZERO)
    r, g, b = emission(materials, geometry.ints[instance, MATERIAL], spot)
    return x, y, z, distance * f32(0.9998), r, g, b, chance * distance2 / (t[9] * cosine)


@step
def _through_sheer(sheer, sheer_ids, geometry, materials, ox, oy, oz, dx, dy, dz, tmax, scratch):
    """The share of light that instances with alpha let through."""
    share = ONE
    tmin = ZERO
    for _ in range(_MOST_LAYERS):
        found, prim, t, u, v = closest(sheer, ox, oy, oz, dx, dy, dz, tmin, tmax, scratch)
        if found < 0:
            return share
        instance = sheer_ids[found]
        material = geometry.ints[instance, MATERIAL]
        spot = spot_at(geometry, instance, prim, u, v, ZERO, ZERO)
        _, _, _, alpha = base_color(materials, material, spot)
        share = share * (ONE - coverage(materials, material, alpha))
        if share <= f32(1e-3):
            return ZERO
        tmin = t + max(t, abs(ox), abs(oy), abs(oz)) * f32(4e-6)
    return ZERO


@merged
def visibility(shade, geometry, materials, px, py, pz, gx, gy, gz, dx, dy, dz, distance, reach, scratch):
    """The share of light that arrives at p from direction d; g is the geometric normal on either side."""
    if dx * gx + dy * gy + dz * gz < ZERO:
        gx, gy, gz = -gx, -gy, -gz
    ox, oy, oz = leave_surface(px, py, pz, gx, gy, gz, reach)
    if occluded(shade.solid, ox, oy, oz, dx, dy, dz, ZERO, distance, scratch):
        return ZERO
    if shade.has_sheer == 0:
        return ONE
    return _through_sheer(
        shade.sheer, shade.sheer_ids, geometry, materials, ox, oy, oz, dx, dy, dz, distance, scratch
    )


@merged
def front_of(geometry, instance, prim, dx, dy, dz):
    """The geometric normal on the side a ray along d comes from, and 1 for the front side, -1 for the back."""
    x, y, z = geometric_normal(geometry, instance, prim)
    if x * dx + y * dy + z * dz > ZERO:
        return -x, -y, -z, -ONE
    return x, y, z, ONE
