"""Skinning and morphing: a mesh's vertices at one moment, bit-identical on every machine.

Float64 throughout, elementwise, summed in the order of targets and joints (see geometry.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mesh.scenes.description import F32, I32, Mesh
from mesh.scenes.geometry import (
    F64,
    cofactors,
    dot,
    flat_normals,
    geometry_digest,
    normalize,
    transform_rows,
)


def weighted_sum(base: F32, displacements: Sequence[F32 | None], weights: Sequence[float]) -> F64:
    """base + weight * displacement for each target that has one, in order."""
    total = base.astype(np.float64)
    for displacement, weight in zip(displacements, weights, strict=True):
        if displacement is not None and weight != 0.0:
            total = total + displacement.astype(np.float64) * weight
    return total


def blend_joints(matrices: F64, joints: I32, weights: F64) -> F64:
    """Each vertex's matrix, (n, 3, 4), from the joints' (j, 3, 4) and its joints and weights (n, k)."""
    total = np.zeros((len(joints), 3, 4))
    for column in range(joints.shape[1]):
        total = total + matrices[joints[:, column]] * weights[:, column][:, None, None]
    return total


def deform(
    mesh: Mesh, positions: F64, normals: F64, tangents: F64 | None, skin: F64 | None, *, flat: bool
) -> Mesh:
    """`mesh` with morphed positions, normals and tangents (n, 3), then bent by (n, 3, 4) matrices."""
    if skin is not None:
        linear = skin[:, :, :3]
        positions = transform_rows(linear, positions) + skin[:, :, 3]
        if not flat:
            carry = cofactors(linear)
            # The cofactors flip normals where a matrix mirrors; the determinant's sign undoes it.
            mirrored = dot(linear[:, 0], carry[:, 0]) < 0.0
            normals = transform_rows(carry, normals) * np.where(mirrored, -1.0, 1.0)[:, None]
        if tangents is not None:
            tangents = transform_rows(linear, tangents)
    placed = positions.astype(np.float32)
    return replace(
        mesh,
        digest=geometry_digest(placed, mesh.triangles),
        positions=placed,
        normals=flat_normals(placed) if flat else normalize(normals).astype(np.float32),
        tangents=None if tangents is None else _with_sign(tangents, mesh.tangents),
    )


def _with_sign(tangents: F64, rest: F32 | None) -> F32 | None:
    if rest is None:
        return None
    return np.concatenate([normalize(tangents).astype(np.float32), rest[:, 3:]], axis=1)
