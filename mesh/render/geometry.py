"""What shading needs to know of triangles: one record of two cache lines each, and instances' matrices.

The acceleration structure finds which triangle a ray meets; these records say what is there, in the
mesh's own space, so that moving an instance touches none of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mesh.render.kernel import kernel, step
from mesh.render.math import ONE, ZERO, sqrt

f32 = np.float32
F32 = NDArray[np.float32]
I32 = NDArray[np.int32]

NG, NORMALS, UVS, DENSITY, TANGENTS = 0, 3, 12, 18, 20
"""Columns of a triangle: unit geometric normal; three normals; three uvs; uv area over area, both rooted; three
tangents with their sign."""
TRIANGLE = 32
TO_WORLD, NORMAL_MATRIX, SCALE, FLIP = 0, 12, 21, 22
"""Columns of an instance: 3 x 4 matrix; inverse transpose; its mean scale; -1 where winding is flipped."""
INSTANCE = 24
FIRST, MATERIAL, FIRST_UV1, FIRST_COLOR, FIRST_LIGHT, OBJECT = 0, 1, 2, 3, 4, 5
"""Columns of an instance's integers: first triangle, material, first uv1 and colour record or -1, first shining
triangle or -1, object id."""
INSTANCE_INTS = 6


class Geometry(NamedTuple):
    """triangles float32 (n, TRIANGLE); uv1 float32 (m, 6); colors float32 (k, 12); instances float32
    (i, INSTANCE); ints int32 (i, INSTANCE_INTS)."""

    triangles: F32
    uv1: F32
    colors: F32
    instances: F32
    ints: I32


@step
def _edges(positions, a, b, c):
    e1x, e1y, e1z = (
        positions[b, 0] - positions[a, 0],
        positions[b, 1] - positions[a, 1],
        positions[b, 2] - positions[a, 2],
    )
    e2x, e2y, e2z = (
        positions[c, 0] - positions[a, 0],
        positions[c, 1] - positions[a, 1],
        positions[c, 2] - positions[a, 2],
    )
    return e1x, e1y, e1z, e2x, e2y, e2z


@kernel
def _fill_triangles(out, positions, triangles, normals, uv, tangents):
    for i in range(triangles.shape[0]):
        a, b, c = triangles[i, 0], triangles[i, 1], triangles[i, 2]
        e1x, e1y, e1z, e2x, e2y, e2z = _edges(positions, a, b, c)
        nx, ny, nz = e1y * e2z - e1z * e2y, e1z * e2x - e1x * e2z, e1x * e2y - e1y * e2x
        area = sqrt(nx * nx + ny * ny + nz * nz)
        inverse = ONE / area if area > ZERO else ZERO
        out[i, 0], out[i, 1], out[i, 2] = nx * inverse, ny * inverse, nz * inverse
        for corner in range(3):
            vertex = triangles[i, corner]
            for k in range(3):
                out[i, NORMALS + 3 * corner + k] = normals[vertex, k]
            for k in range(2):
                out[i, UVS + 2 * corner + k] = uv[vertex, k]
            for k in range(4):
                out[i, TANGENTS + 4 * corner + k] = tangents[vertex, k]
        du1, dv1 = uv[b, 0] - uv[a, 0], uv[b, 1] - uv[a, 1]
        du2, dv2 = uv[c, 0] - uv[a, 0], uv[c, 1] - uv[a, 1]
        out[i, DENSITY] = sqrt(abs(du1 * dv2 - du2 * dv1) * inverse)


def triangle_records(
    positions: F32,
    triangles: I32,
    normals: F32,
    uv0: F32 | None,
    tangents: F32 | None,
) -> F32:
    """The (m, TRIANGLE) records of one mesh."""
    n = len(positions)
    uv = np.zeros((n, 2), np.float32) if uv0 is None else np.array(uv0, np.float32)
    positions, triangles = np.array(positions, np.float32), np.array(triangles, np.int32)
    if tangents is None:
        tangents = np.zeros((n, 4), np.float32)
    out = np.zeros((len(triangles), TRIANGLE), np.float32)
    _fill_triangles(
        out, positions, triangles, np.array(normals, np.float32), uv, np.array(tangents, np.float32)
    )
    return out


def per_corner(values: F32, triangles: I32) -> F32:
    """Vertex attributes (n, k) gathered per triangle: (m, 3 k)."""
    return np.ascontiguousarray(values[triangles].reshape(len(triangles), -1), np.float32)


def instance_record(matrix: Sequence[Sequence[float]]) -> list[float]:
    """The INSTANCE floats of a column-vector 4 x 4 matrix; plain float64 arithmetic, the same everywhere."""
    (a, b, c, x), (d, e, f, y), (g, h, i, z) = ([float(v) for v in row] for row in list(matrix)[:3])
    cofactors = [
        e * i - f * h, f * g - d * i, d * h - e * g,
        c * h - b * i, a * i - c * g, b * g - a * h,
        b * f - c * e, c * d - a * f, a * e - b * d,
    ]  # fmt: skip
    determinant = a * cofactors[0] + b * cofactors[1] + c * cofactors[2]
    flip = -1.0 if determinant < 0.0 else 1.0
    # The mean of the axes' lengths, squared, serves texture filtering alone.
    scale = ((a * a + d * d + g * g) + (b * b + e * e + h * h) + (c * c + f * f + i * i)) / 3.0
    normal = [v * flip for v in cofactors]
    return [a, b, c, x, d, e, f, y, g, h, i, z, *normal, math.sqrt(scale), flip, 0.0]
