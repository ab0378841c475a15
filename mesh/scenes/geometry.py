"""Vector arithmetic on arrays of vertices, bit-identical on every machine.

Only elementwise + - * / and square roots in a written order: no reductions, no matrix products and no
`cross` or `norm`, whose order of summation depends on the CPU.
"""

from __future__ import annotations

import blake3
import numpy as np
from numpy.typing import NDArray

from mesh.scenes.description import F32, I32

F64 = NDArray[np.float64]


def dot(a: F64, b: F64) -> F64:
    """Of rows, (n, 3) and (n, 3) to (n,)."""
    return (a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1]) + a[:, 2] * b[:, 2]


def cross(a: F64, b: F64) -> F64:
    """Of rows, (n, 3)."""
    return np.stack(
        [
            a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1],
            a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2],
            a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0],
        ],
        axis=-1,
    )


def normalize(a: F64) -> F64:
    """Rows of unit length; rows of no length become +Z."""
    length = np.sqrt(dot(a, a))
    usable = length > 0.0
    found = a / np.where(usable, length, 1.0)[:, None]
    found[~usable] = (0.0, 0.0, 1.0)
    return found


def transform_rows(matrices: F64, rows: F64) -> F64:
    """(n, 3, 3) times (n, 3), each row by its own matrix."""
    return np.stack([dot(matrices[:, row], rows) for row in range(3)], axis=-1)


def cofactors(m: F64) -> F64:
    """Of (n, 3, 3): the matrices that carry normals, up to length and the sign of the determinant."""
    return np.stack([cross(m[:, 1], m[:, 2]), cross(m[:, 2], m[:, 0]), cross(m[:, 0], m[:, 1])], axis=1)


def flat_normals(positions: F32) -> F32:
    """For (3 m, 3) corners of triangles in order: each corner gets its triangle's normal."""
    corners = positions.astype(np.float64).reshape(-1, 3, 3)
    faces = normalize(cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))
    return np.ascontiguousarray(np.repeat(faces, 3, axis=0), np.float32)


def geometry_digest(positions: F32, triangles: I32) -> bytes:
    """BLAKE3 of the positions' bytes and then the triangles'."""
    hasher = blake3.blake3(np.ascontiguousarray(positions).view(np.uint8).data)
    hasher.update(np.ascontiguousarray(triangles).view(np.uint8).data)
    return hasher.digest()
