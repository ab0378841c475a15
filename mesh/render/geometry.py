"""What shading needs to know of meshes: triangles' corners, vertices' attributes, and instances' matrices.

The acceleration structure finds which triangle a ray meets; its three vertices say what is there, in the mesh's
own space, so that moving an instance touches none of them. A record for each triangle would save a look-up and
take two to three times the memory: a vertex is shared by some six triangles.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]

POSITION, NORMAL, UV, TANGENT = 0, 3, 6, 8
"""Columns of a vertex; the tangent's sign comes last."""
VERTEX = 12
TO_WORLD, NORMAL_MATRIX, SCALE, FLIP = 0, 12, 21, 22
"""Columns of an instance: 3 x 4 matrix; inverse transpose; its mean scale; -1 where winding is flipped."""
INSTANCE = 24
FIRST, FIRST_VERTEX, MATERIAL, FIRST_UV1, FIRST_COLOR, FIRST_LIGHT, OBJECT = 0, 1, 2, 3, 4, 5, 6
"""Columns of an instance's integers: first triangle, first vertex, material, rows of the first vertex's uv1 and
colour or -1, first shining triangle or -1, object id."""
INSTANCE_INTS = 7


class Geometry(NamedTuple):
    """corners int32 (n, 3): a triangle's vertices, counted from its instance's first; vertices float32 (v, VERTEX);
    uv1 float32 (m, 2); colors float32 (k, 4); instances float32 (i, INSTANCE); ints int32 (i, INSTANCE_INTS)."""

    corners: I32
    vertices: F32
    uv1: F32
    colors: F32
    instances: F32
    ints: I32


def vertex_records(positions: F32, normals: F32, uv0: F32 | None, tangents: F32 | None) -> F32:
    """The (n, VERTEX) records of one mesh."""
    records = np.zeros((len(positions), VERTEX), np.float32)
    records[:, POSITION : POSITION + 3] = positions
    records[:, NORMAL : NORMAL + 3] = normals
    if uv0 is not None:
        records[:, UV : UV + 2] = uv0
    if tangents is not None:
        records[:, TANGENT : TANGENT + 4] = tangents
    return records


def instance_records(matrices: NDArray[np.float64]) -> F32:
    """The (n, INSTANCE) records of column-vector matrices (n, 4, 4); element by element, the same everywhere."""
    (a, b, c, x), (d, e, f, y), (g, h, i, z) = matrices[:, :3].transpose(1, 2, 0)
    cofactors = [
        e * i - f * h, f * g - d * i, d * h - e * g,
        c * h - b * i, a * i - c * g, b * g - a * h,
        b * f - c * e, c * d - a * f, a * e - b * d,
    ]  # fmt: skip
    determinant = a * cofactors[0] + b * cofactors[1] + c * cofactors[2]
    flip = np.where(determinant < 0.0, -1.0, 1.0)
    # The mean of the axes' lengths, squared, serves texture filtering alone.
    scale = ((a * a + d * d + g * g) + (b * b + e * e + h * h) + (c * c + f * f + i * i)) / 3.0
    columns = [a, b, c, x, d, e, f, y, g, h, i, z, *(v * flip for v in cofactors), np.sqrt(scale), flip]
    records = np.zeros((len(matrices), INSTANCE), np.float32)
    with np.errstate(over="ignore"):
        for column, values in enumerate(columns):
            records[:, column] = values
    return records
