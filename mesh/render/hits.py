"""From a hit to a point that can be shaded: attributes interpolated, in the world, facing the viewer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mesh.render.frames import tangent_basis
from mesh.render.geometry import (
    DENSITY,
    FIRST,
    FIRST_COLOR,
    FIRST_UV1,
    FLIP,
    NORMAL_MATRIX,
    NORMALS,
    SCALE,
    TANGENTS,
    UVS,
)
from mesh.render.kernel import merged, step
from mesh.render.materials import (
    COAT,
    COAT_NORMAL_MAP,
    FIRST_TEXTURE,
    NORMAL_MAP,
    NORMAL_SCALE,
    Spot,
    mapped_normal,
)
from mesh.render.math import ONE, ZERO, normalize

f32 = np.float32


class Frame(NamedTuple):
    """Shading tangent, bitangent and normal, and the clearcoat's normal; all unit, on the viewer's side."""

    tx: np.float32
    ty: np.float32
    tz: np.float32
    bx: np.float32
    by: np.float32
    bz: np.float32
    nx: np.float32
    ny: np.float32
    nz: np.float32
    cx: np.float32
    cy: np.float32
    cz: np.float32


@merged
def _to_world(m, instance, x, y, z):
    k = NORMAL_MATRIX
    return normalize(
        m[instance, k] * x + m[instance, k + 1] * y + m[instance, k + 2] * z,
        m[instance, k + 3] * x + m[instance, k + 4] * y + m[instance, k + 5] * z,
        m[instance, k + 6] * x + m[instance, k + 7] * y + m[instance, k + 8] * z,
    )


@merged
def geometric_normal(geometry, instance, triangle):
    """The unit normal of a triangle in the world, on its front side. `triangle` counts in the scene."""
    t = geometry.triangles
    return _to_world(geometry.instances, instance, t[triangle, 0], t[triangle, 1], t[triangle, 2])


@merged
def spot_at(geometry, instance, prim, u, v, width, jitter):
    """The Spot of a hit; `width` is the ray's cross section there, in metres."""
    ints, t = geometry.ints, geometry.triangles
    triangle = ints[instance, FIRST] + prim
    w = ONE - u - v
    k = UVS
    u0 = t[triangle, k] * w + t[triangle, k + 2] * u + t[triangle, k + 4] * v
    v0 = t[triangle, k + 1] * w + t[triangle, k + 3] * u + t[triangle, k + 5] * v
    u1, v1 = u0, v0
    second = ints[instance, FIRST_UV1]
    if second >= 0:
        a = geometry.uv1
        u1 = a[second + prim, 0] * w + a[second + prim, 2] * u + a[second + prim, 4] * v
        v1 = a[second + prim, 1] * w + a[second + prim, 3] * u + a[second + prim, 5] * v
    r, g, b, a = ONE, ONE, ONE, ONE
    color = ints[instance, FIRST_COLOR]
    if color >= 0:
        c = geometry.colors
        color = color + prim
        r = c[color, 0] * w + c[color, 4] * u + c[color, 8] * v
        g = c[color, 1] * w + c[color, 5] * u + c[color, 9] * v
        b = c[color, 2] * w + c[color, 6] * u + c[color, 10] * v
        a = c[color, 3] * w + c[color, 7] * u + c[color, 11] * v
    footprint = width * t[triangle, DENSITY] / geometry.instances[instance, SCALE]
    return Spot(u0, v0, u1, v1, r, g, b, a, footprint, jitter)


@step
def _bend(nx, ny, nz, ox, oy, oz):
    """A normal that the viewer in direction o can see, as near n as can be."""
    d = nx * ox + ny * oy + nz * oz
    least = f32(0.02)
    if d >= least:
        return nx, ny, nz
    k = least - d
    return normalize(nx + k * ox, ny + k * oy, nz + k * oz)


@merged
def frame_at(geometry, materials, instance, prim, material, u, v, spot, front, ox, oy, oz):
    """The shading frame of a hit seen from the unit direction o; `front` is -1 on the back side, else 1."""
    t, m = geometry.triangles, geometry.instances
    triangle = geometry.ints[instance, FIRST] + prim
    w = ONE - u - v
    k = NORMALS
    nx, ny, nz = _to_world(
        m, instance,
        t[triangle, k] * w + t[triangle, k + 3] * u + t[triangle, k + 6] * v,
        t[triangle, k + 1] * w + t[triangle, k + 4] * u + t[triangle, k + 7] * v,
        t[triangle, k + 2] * w + t[triangle, k + 5] * u + t[triangle, k + 8] * v,
    )  # fmt: skip
    k = TANGENTS
    x = t[triangle, k] * w + t[triangle, k + 4] * u + t[triangle, k + 8] * v
    y = t[triangle, k + 1] * w + t[triangle, k + 5] * u + t[triangle, k + 9] * v
    z = t[triangle, k + 2] * w + t[triangle, k + 6] * u + t[triangle, k + 10] * v
    sign = t[triangle, k + 3] * m[instance, FLIP]
    tx, ty, tz, bx, by, bz = tangent_basis(
        nx, ny, nz,
        m[instance, 0] * x + m[instance, 1] * y + m[instance, 2] * z,
        m[instance, 4] * x + m[instance, 5] * y + m[instance, 6] * z,
        m[instance, 8] * x + m[instance, 9] * y + m[instance, 10] * z,
        -ONE if sign < ZERO else ONE,
    )  # fmt: skip
    cx, cy, cz = nx, ny, nz
    if (
        materials.flags[material, FIRST_TEXTURE + COAT_NORMAL_MAP] >= 0
        and materials.factors[material, COAT] > ZERO
    ):
        x, y, z = mapped_normal(materials, material, COAT_NORMAL_MAP, spot, ONE)
        cx, cy, cz = normalize(tx * x + bx * y + nx * z, ty * x + by * y + ny * z, tz * x + bz * y + nz * z)
    if materials.flags[material, FIRST_TEXTURE + NORMAL_MAP] >= 0:
        scale = materials.factors[material, NORMAL_SCALE]
        x, y, z = mapped_normal(materials, material, NORMAL_MAP, spot, scale)
        nx, ny, nz = normalize(tx * x + bx * y + nx * z, ty * x + by * y + ny * z, tz * x + bz * y + nz * z)
    nx, ny, nz = _bend(nx * front, ny * front, nz * front, ox, oy, oz)
    cx, cy, cz = _bend(cx * front, cy * front, cz * front, ox, oy, oz)
    tx, ty, tz, bx, by, bz = tangent_basis(nx, ny, nz, tx, ty, tz, ONE)
    return Frame(tx, ty, tz, bx, by, bz, nx, ny, nz, cx, cy, cz)
