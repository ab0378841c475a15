"""From a hit to a point that can be shaded: attributes interpolated, in the world, facing the viewer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mesh.render.frames import tangent_basis
from mesh.render.geometry import (
    FIRST,
    FIRST_COLOR,
    FIRST_UV1,
    FIRST_VERTEX,
    FLIP,
    NORMAL,
    NORMAL_MATRIX,
    POSITION,
    SCALE,
    TANGENT,
    UV,
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
from mesh.render.math import ONE, ZERO, normalize, sqrt

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
def _corners(geometry, instance, prim):
    """A triangle's three vertices, counted in the mesh."""
    triangle = geometry.ints[instance, FIRST] + prim
    c = geometry.corners
    return c[triangle, 0], c[triangle, 1], c[triangle, 2]


@merged
def _face(vertices, a, b, c):
    """A triangle's normal, as long as it has area (twice the triangle's); and one over that, or 0."""
    p = POSITION
    ux, uy, uz = (
        vertices[b, p] - vertices[a, p],
        vertices[b, p + 1] - vertices[a, p + 1],
        vertices[b, p + 2] - vertices[a, p + 2],
    )
    vx, vy, vz = (
        vertices[c, p] - vertices[a, p],
        vertices[c, p + 1] - vertices[a, p + 1],
        vertices[c, p + 2] - vertices[a, p + 2],
    )
    x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    area = sqrt(x * x + y * y + z * z)
    return x, y, z, ONE / area if area > ZERO else ZERO


@merged
def geometric_normal(geometry, instance, prim):
    """The unit normal of a triangle in the world, on its front side."""
    first = geometry.ints[instance, FIRST_VERTEX]
    a, b, c = _corners(geometry, instance, prim)
    x, y, z, inverse = _face(geometry.vertices, first + a, first + b, first + c)
    return _to_world(geometry.instances, instance, x * inverse, y * inverse, z * inverse)


@merged
def spot_at(geometry, instance, prim, u, v, width, jitter):
    """The Spot of a hit; `width` is the ray's cross section there, in metres."""
    ints, vertices = geometry.ints, geometry.vertices
    first = ints[instance, FIRST_VERTEX]
    p, q, r = _corners(geometry, instance, prim)
    i, j, k = first + p, first + q, first + r
    w = ONE - u - v
    u0 = vertices[i, UV] * w + vertices[j, UV] * u + vertices[k, UV] * v
    v0 = vertices[i, UV + 1] * w + vertices[j, UV + 1] * u + vertices[k, UV + 1] * v
    u1, v1 = u0, v0
    second = ints[instance, FIRST_UV1]
    if second >= 0:
        at = geometry.uv1
        u1 = at[second + p, 0] * w + at[second + q, 0] * u + at[second + r, 0] * v
        v1 = at[second + p, 1] * w + at[second + q, 1] * u + at[second + r, 1] * v
    red, green, blue, alpha = ONE, ONE, ONE, ONE
    color = ints[instance, FIRST_COLOR]
    if color >= 0:
        c = geometry.colors
        red = c[color + p, 0] * w + c[color + q, 0] * u + c[color + r, 0] * v
        green = c[color + p, 1] * w + c[color + q, 1] * u + c[color + r, 1] * v
        blue = c[color + p, 2] * w + c[color + q, 2] * u + c[color + r, 2] * v
        alpha = c[color + p, 3] * w + c[color + q, 3] * u + c[color + r, 3] * v
    # Texture area over area, both rooted: how much of the texture a width covers.
    _, _, _, inverse = _face(vertices, i, j, k)
    du1, dv1 = vertices[j, UV] - vertices[i, UV], vertices[j, UV + 1] - vertices[i, UV + 1]
    du2, dv2 = vertices[k, UV] - vertices[i, UV], vertices[k, UV + 1] - vertices[i, UV + 1]
    density = sqrt(abs(du1 * dv2 - du2 * dv1) * inverse)
    footprint = width * density / geometry.instances[instance, SCALE]
    return Spot(u0, v0, u1, v1, red, green, blue, alpha, footprint, jitter)


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
    t, m = geometry.vertices, geometry.instances
    first = geometry.ints[instance, FIRST_VERTEX]
    i, j, k = _corners(geometry, instance, prim)
    i, j, k = first + i, first + j, first + k
    w = ONE - u - v
    n = NORMAL
    nx, ny, nz = _to_world(
        m, instance,
        t[i, n] * w + t[j, n] * u + t[k, n] * v,
        t[i, n + 1] * w + t[j, n + 1] * u + t[k, n + 1] * v,
        t[i, n + 2] * w + t[j, n + 2] * u + t[k, n + 2] * v,
    )  # fmt: skip
    n = TANGENT
    x = t[i, n] * w + t[j, n] * u + t[k, n] * v
    y = t[i, n + 1] * w + t[j, n + 1] * u + t[k, n + 1] * v
    z = t[i, n + 2] * w + t[j, n + 2] * u + t[k, n + 2] * v
    sign = t[i, n + 3] * m[instance, FLIP]
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


@merged
def turned(frame, cosine, sine):
    """The frame with its tangents turned about the normal."""
    tx, ty, tz, bx, by, bz = frame.tx, frame.ty, frame.tz, frame.bx, frame.by, frame.bz
    return Frame(
        cosine * tx + sine * bx, cosine * ty + sine * by, cosine * tz + sine * bz,
        cosine * bx - sine * tx, cosine * by - sine * ty, cosine * bz - sine * tz,
        frame.nx, frame.ny, frame.nz, frame.cx, frame.cy, frame.cz,
    )  # fmt: skip
