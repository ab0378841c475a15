"""Small vector helpers shared by every kernel: orthonormal frames, offsets, cosine sampling."""

from __future__ import annotations

import numpy as np

from mesh.render.kernel import step
from mesh.render.math import INV_PI, ONE, ZERO, normalize, sincos_turns, sqrt

f32 = np.float32


@step
def basis(x, y, z):
    """Two unit vectors orthogonal to a unit one (Duff et al., "Building an Orthonormal Basis, Revisited")."""
    sign = ONE if z >= ZERO else -ONE
    a = -ONE / (sign + z)
    b = x * y * a
    return ONE + sign * x * x * a, sign * b, -sign * x, b, sign + y * y * a, -y


@step
def tangent_basis(nx, ny, nz, tx, ty, tz, sign):
    """Tangent and bitangent orthogonal to n, the tangent as near t as can be; any basis where t is unusable."""
    d = nx * tx + ny * ty + nz * tz
    tx, ty, tz = tx - d * nx, ty - d * ny, tz - d * nz
    if not tx * tx + ty * ty + tz * tz > f32(1e-12):
        return basis(nx, ny, nz)
    tx, ty, tz = normalize(tx, ty, tz)
    bx, by, bz = ny * tz - nz * ty, nz * tx - nx * tz, nx * ty - ny * tx
    return tx, ty, tz, bx * sign, by * sign, bz * sign


@step
def cosine_hemisphere(u, v):
    """A direction about +z with density cos/pi, and that density."""
    s, c = sincos_turns(u)
    r = sqrt(v)
    z = sqrt(max(ZERO, ONE - v))
    return r * c, r * s, z, z * INV_PI


@step
def leave_surface(px, py, pz, nx, ny, nz, reach):
    """Move a point off the surface along n by more than its own rounding, so that rays miss what they left.

    `reach` is the length of the ray that found the point: its error adds to that of the coordinates.
    """
    size = max(abs(px), abs(py), abs(pz), reach)
    step = size * f32(2e-6) + f32(1e-9)
    return px + nx * step, py + ny * step, pz + nz * step
