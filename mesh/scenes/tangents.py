"""Tangents for normal maps, where a file has none: Mikkelsen's tangent space, which glTF asks for.

After "Simulation of Wrinkled Surfaces Revisited" (2008) and what his reference implementation does: vertices that
agree in position, normal and uv count as one; around such a vertex, triangles belong together as far as they share
edges and wind alike in uv; each such group has a tangent of its own, the sum of its faces' tangents in the vertex's
plane, weighted by the corners' angles. A vertex that several groups meet in is split.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mesh.scenes.description import F32, I32
from mesh.scenes.exact import angle
from mesh.scenes.geometry import F64, cross, dot, normalize

I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class TangentSpace:
    """A mesh's vertices after the split. source int64 (k,): of which vertex each is a copy, in their order; triangles
    int32 (m, 3) of them; tangents float32 (k, 4): unit, along +u, with the sign of the bitangent in w."""

    source: I64
    triangles: I32
    tangents: F32


def tangent_space(positions: F32, normals: F32, uv: F32, triangles: I32) -> TangentSpace:
    """For vertices (n, 3), (n, 3), (n, 2), all of which some triangle uses."""
    p = [positions[triangles[:, corner]].astype(np.float64) for corner in range(3)]
    n = [normals[triangles[:, corner]].astype(np.float64) for corner in range(3)]
    t = [uv[triangles[:, corner]].astype(np.float64) for corner in range(3)]
    edge1, edge2 = p[1] - p[0], p[2] - p[0]
    du1, dv1 = t[1][:, 0] - t[0][:, 0], t[1][:, 1] - t[0][:, 1]
    du2, dv2 = t[2][:, 0] - t[0][:, 0], t[2][:, 1] - t[0][:, 1]
    area = du1 * dv2 - du2 * dv1
    face = edge1 * dv2[:, None] - edge2 * dv1[:, None]
    # Only the sign of the uv area matters here, not its size.
    face = normalize(np.where(area < 0.0, -1.0, 1.0)[:, None] * face)
    welded = _weld(positions, normals, uv)[triangles]
    # Corners are counted corner by corner of all triangles: 0 of each, then 1, then 2.
    one, two = _shared_edges(welded)
    side = _sides(np.sign(area).astype(np.int64), one, two)
    group = _groups(side, one, two)
    weights = np.concatenate([np.where(area == 0.0, 0.0, _angles(p, n[k], k)) for k in range(3)])
    normal = np.concatenate(n)
    along = np.concatenate([face] * 3)
    flat = along - normal * dot(normal, along)[:, None]
    share = np.where((dot(flat, flat) > 0.0)[:, None], normalize(flat), 0.0) * weights[:, None]
    sums: list[F64] = [np.bincount(group, share[:, axis]).astype(np.float64) for axis in range(3)]
    total = np.stack(sums, axis=-1)

    corner_vertex = triangles.T.reshape(-1).astype(np.int64)
    _, first, place = np.unique(
        corner_vertex * (group.max(initial=0) + 1) + group, return_index=True, return_inverse=True
    )
    tangents = _finish(total[group[first]], normal[first], np.concatenate([side] * 3)[first])
    remade = np.ascontiguousarray(place.reshape(3, -1).T, np.int32)
    return TangentSpace(corner_vertex[first], remade, tangents)


def _weld(positions: F32, normals: F32, uv: F32) -> I64:
    """The same number for vertices that agree in everything."""
    # Adding nothing makes of the two zeros one.
    rows = np.ascontiguousarray(np.concatenate([positions, normals, uv], axis=1) + np.float32(0.0))
    whole = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1])))[:, 0]
    return np.unique(whole, return_inverse=True)[1].astype(np.int64)


def _shared_edges(welded: I64) -> tuple[I64, I64]:
    """Pairs of corners (k,), (k,) of neighbours that are the same vertex: each edge joins two of each.

    Neighbours run along their edge in opposite directions; where more than two meet, they pair off in order.
    """
    m = len(welded)
    start, end = welded.T.reshape(-1), np.roll(welded, -1, axis=1).T.reshape(-1)
    after = np.concatenate([np.arange(m) + (k + 1) % 3 * m for k in range(3)])
    low, high = np.minimum(start, end), np.maximum(start, end)
    edge = low * np.int64(welded.max(initial=0) + 1) + high
    # Along each edge first those that run up, then those that run down.
    order = np.argsort(2 * edge + (start > end), kind="stable")
    edge, up = edge[order], (start < end)[order]
    at = np.arange(3 * m)
    is_first = np.concatenate([[True], edge[1:] != edge[:-1]])[: 3 * m]
    number = np.cumsum(is_first) - 1
    first = at[is_first][number]
    ups = np.bincount(number, up)[number].astype(np.int64)
    downs = np.bincount(number)[number] - ups
    paired = up & (at - first < downs)
    one, two = order[paired], order[(at + ups)[paired]]
    # The start of one's edge is the end of the other's.
    return np.concatenate([one, after[one]]), np.concatenate([after[two], two])


def _sides(side: I64, one: I64, two: I64) -> I64:
    """1 or -1 for each triangle: how it winds in uv. One without an area there goes with a neighbour that has one."""
    if bool((side != 0).all()):
        return side
    side = side.copy()
    m = len(side)
    one, two = one % m, two % m
    while True:
        reached = (side[one] == 0) & (side[two] != 0)
        if not bool(reached.any()):
            break
        at, by = one[reached][::-1], side[two[reached]][::-1]
        side[at] = by
    side[side == 0] = 1
    return side


def _groups(side: I64, one: I64, two: I64) -> I64:
    """(3 m,) the number of each corner's group."""
    m = len(side)
    alike = side[one % m] == side[two % m]
    one, two = one[alike], two[alike]
    label = np.arange(3 * m)
    while True:
        least = np.minimum(label[one], label[two])
        found = label.copy()
        np.minimum.at(found, one, least)
        np.minimum.at(found, two, least)
        found = found[found]
        if np.array_equal(found, label):
            return np.unique(label, return_inverse=True)[1].astype(np.int64)
        label = found


def _angles(p: list[F64], normal: F64, corner: int) -> F64:
    """Of each triangle at one corner, as seen along the vertex's normal."""
    a, b = (p[(corner + step) % 3] - p[corner] for step in (1, 2))
    a, b = (edge - normal * dot(normal, edge)[:, None] for edge in (a, b))
    c = cross(a, b)
    return angle(np.sqrt(dot(c, c)), dot(a, b))


def _finish(total: F64, normal: F64, side: I64) -> F32:
    """Unit tangents; any direction in the plane where the uvs gave none."""
    lost = dot(total, total) == 0.0
    if bool(lost.any()):
        axis = np.where(np.abs(normal[lost, :1]) < 0.9, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
        total[lost] = cross(cross(normal[lost], axis), normal[lost])
    # v runs down the image but green points up it, so the bitangent goes against v.
    w = np.where(side > 0, -1.0, 1.0)
    return np.ascontiguousarray(np.concatenate([normalize(total), w[:, None]], axis=1), np.float32)
