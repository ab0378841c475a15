"""Tangents for normal maps, where a file has none: the field's usual angle-weighted averages.

Follows Mikkelsen's definition (Simulation of Wrinkled Surfaces Revisited, 2008): each face's tangent is
projected to the vertex's plane, weighted by the corner's angle, and added up over the faces around the
vertex. Unlike his reference code it does not split vertices whose faces have mirrored uvs; exporters
have split these already, since mirroring needs a uv seam.
"""

from __future__ import annotations

import numpy as np

from mesh.scenes.description import F32, I32
from mesh.scenes.exact import angle
from mesh.scenes.geometry import F64, cross, dot, normalize


def vertex_tangents(positions: F32, normals: F32, uv: F32, triangles: I32) -> F32:
    """(n, 4): unit tangents along +u, with the sign of the bitangent in w."""
    p = [positions[triangles[:, corner]].astype(np.float64) for corner in range(3)]
    t = [uv[triangles[:, corner]].astype(np.float64) for corner in range(3)]
    edge1, edge2 = p[1] - p[0], p[2] - p[0]
    du1, dv1 = t[1][:, 0] - t[0][:, 0], t[1][:, 1] - t[0][:, 1]
    du2, dv2 = t[2][:, 0] - t[0][:, 0], t[2][:, 1] - t[0][:, 1]
    area = du1 * dv2 - du2 * dv1
    # Only the sign of the uv area matters here, not its size.
    sign = np.where(area < 0.0, -1.0, 1.0)
    face = normalize((edge1 * dv2[:, None] - edge2 * dv1[:, None]) * sign[:, None])
    total = np.zeros((len(positions), 3))
    orientation = np.zeros(len(positions))
    normal = normals.astype(np.float64)
    for corner in range(3):
        at = triangles[:, corner]
        n = normal[at]
        weight = np.where(area == 0.0, 0.0, _corner_angles(p, corner))
        direction = normalize(face - n * dot(n, face)[:, None]) * weight[:, None]
        for axis in range(3):
            total[:, axis] += np.bincount(at, direction[:, axis], len(positions))
        orientation += np.bincount(at, sign * weight, len(positions))
    return _finish(total, normal, orientation)


def _corner_angles(p: list[F64], corner: int) -> F64:
    here = p[corner]
    a, b = p[(corner + 1) % 3] - here, p[(corner + 2) % 3] - here
    c = cross(a, b)
    return angle(np.sqrt(dot(c, c)), dot(a, b))


def _finish(total: F64, normal: F64, orientation: F64) -> F32:
    """Unit tangents; any direction in the plane where the uvs gave none."""
    lost = dot(total, total) == 0.0
    if bool(lost.any()):
        axis = np.where(np.abs(normal[lost, :1]) < 0.9, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
        total[lost] = cross(cross(normal[lost], axis), normal[lost])
    # v runs down the image but green points up it, so the bitangent goes against v.
    w = np.where(orientation > 0.0, -1.0, 1.0)
    return np.ascontiguousarray(np.concatenate([normalize(total), w[:, None]], axis=1), np.float32)
