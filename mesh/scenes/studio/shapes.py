"""Parametric surfaces as triangle meshes: lathes, tubes, rounded boxes, cloth. Lengths in metres.

All curves are Catmull-Rom splines, so that a few points give a smooth silhouette with smooth normals.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mesh.scenes.description import F32, I32
from mesh.scenes.exact import sin_cos
from mesh.scenes.geometry import F64, cross, dot, normalize


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """Positions, normals (n, 3), uv (n, 2), triangles (m, 3)."""

    positions: F32
    normals: F32
    uv: F32
    triangles: I32

    def moved(self, offset: Sequence[float]) -> Shape:
        positions = self.positions.astype(np.float64) + np.array(offset)
        return Shape(positions.astype(np.float32), self.normals, self.uv, self.triangles)


def spline(points: Sequence[Sequence[float]], steps: int) -> F64:
    """A Catmull-Rom curve through `points`, `steps` pieces between two of them, (n, d).

    A point given twice in a row makes a corner, softened by nothing: put bevels into the points.
    """
    p = np.array([points[0], *points, points[-1]], np.float64)
    rows = []
    for at in range(1, len(p) - 2):
        for step in range(steps):
            t = step / steps
            t2, t3 = t * t, t * t * t
            rows.append(
                0.5
                * (
                    (2.0 * p[at] + (p[at + 1] - p[at - 1]) * t)
                    + ((2.0 * p[at - 1] - 5.0 * p[at]) + (4.0 * p[at + 1] - p[at + 2])) * t2
                    + ((3.0 * p[at] - p[at - 1]) + (p[at + 2] - 3.0 * p[at + 1])) * t3
                )
            )
    rows.append(p[-2])
    return np.array(rows)


def circle(count: int) -> F64:
    """`count` + 1 points (cos, sin) of a full turn, the last one equal to the first, (count + 1, 2)."""
    found = np.array([sin_cos(2.0 * math.pi * (at % count) / count)[::-1] for at in range(count + 1)])
    return np.ascontiguousarray(found)


def lathe(profile: Sequence[Sequence[float]], *, steps: int = 4, around: int = 64) -> Shape:
    """A surface of revolution about Y. `profile` runs upward along the outside as (radius, height)."""
    curve = spline(profile, steps)
    curve[:, 0] = np.maximum(curve[:, 0], 0.0)
    ring = circle(around)
    grid = np.zeros((len(curve), around + 1, 3))
    grid[:, :, 0] = curve[:, :1] * ring[None, :, 0]
    grid[:, :, 1] = curve[:, 1:2]
    grid[:, :, 2] = -curve[:, :1] * ring[None, :, 1]
    slope = np.zeros_like(curve)
    slope[1:-1] = curve[2:] - curve[:-2]
    slope[0], slope[-1] = curve[1] - curve[0], curve[-1] - curve[-2]
    normals = np.zeros_like(grid)
    normals[:, :, 0] = slope[:, 1:2] * ring[None, :, 0]
    normals[:, :, 1] = -slope[:, :1]
    normals[:, :, 2] = -slope[:, 1:2] * ring[None, :, 1]
    return _from_grid(grid, normals, _arc_lengths(curve))


def sphere(radius: float, *, around: int = 48) -> Shape:
    half = circle(around)[: around // 2 + 1]
    # From the south pole up.
    grid = np.zeros((len(half), around + 1, 3))
    ring = circle(around)
    grid[:, :, 0] = half[:, 1:2] * ring[None, :, 0]
    grid[:, :, 1] = -half[:, :1]
    grid[:, :, 2] = -half[:, 1:2] * ring[None, :, 1]
    heights = np.arange(len(half)) / (len(half) - 1)
    return _from_grid(grid * radius, grid, heights)


def tube(path: Sequence[Sequence[float]], radius: float, *, around: int = 12) -> Shape:
    """A round bar along the points of `path`, which lies in a plane of constant z; open at its ends."""
    curve = np.array(path, np.float64)
    ahead = np.zeros_like(curve)
    ahead[1:-1] = curve[2:] - curve[:-2]
    ahead[0], ahead[-1] = curve[1] - curve[0], curve[-1] - curve[-2]
    ahead = normalize(ahead)
    sideways = np.zeros_like(curve)
    sideways[:, 2] = 1.0
    up = cross(sideways, ahead)
    ring = circle(around)
    normals = up[:, None, :] * ring[None, :, :1] + sideways[:, None, :] * ring[None, :, 1:2]
    grid = curve[:, None, :] + normals * radius
    return _from_grid(grid, normals, _arc_lengths(curve))


def bar(start: Sequence[float], end: Sequence[float], radius: float, *, around: int = 8) -> Shape:
    """A straight round bar between two points, open at its ends."""
    ends = np.array([start, end], np.float64)
    ahead = normalize(ends[1:] - ends[:1])
    aside = np.array([[0.0, 0.0, 1.0]]) if abs(float(ahead[0, 2])) < 0.9 else np.array([[1.0, 0.0, 0.0]])
    up = normalize(cross(aside, ahead))
    side = cross(up, ahead)
    ring = circle(around)
    normals = (up * ring[:, :1] - side * ring[:, 1:2])[None, :, :].repeat(2, axis=0)
    return _from_grid(ends[:, None, :] + normals * radius, normals, np.array([0.0, 1.0]))


def rounded_box(size: Sequence[float], radius: float, *, steps: int = 4, uv_per_metre: float = 1.0) -> Shape:
    """A box about the origin with rounded edges: a finely cut sphere whose octants are pulled apart."""
    inner = np.array(size) / 2.0 - radius
    sides = [(axis, side) for axis in range(3) for side in (-1.0, 1.0)]
    return merge([_box_side(inner, radius, axis, side, steps, uv_per_metre) for axis, side in sides])


def _box_side(inner: F64, radius: float, axis: int, side: float, steps: int, uv_per_metre: float) -> Shape:
    """One side with its share of the edges: rows at each edge step, and one jump across the flat middle."""
    first, second = (axis + 1) % 3, (axis + 2) % 3
    # Tangents of angles up to 45 degrees, on both sides of the flat.
    bend = [sin_cos(math.pi / 4.0 * at / steps) for at in range(steps + 1)]
    slopes = [-s / c for s, c in reversed(bend)] + [s / c for s, c in bend]
    pulls = [-1.0] * (steps + 1) + [1.0] * (steps + 1)
    count = len(slopes)
    normals = np.zeros((count, count, 3))
    normals[:, :, axis] = side
    normals[:, :, first] = np.array(slopes)[None, :]
    normals[:, :, second] = np.array(slopes)[:, None] * side
    normals = normalize(normals.reshape(-1, 3)).reshape(count, count, 3)
    centre = np.zeros_like(normals)
    centre[:, :, axis] = side * inner[axis]
    centre[:, :, first] = np.array(pulls)[None, :] * inner[first]
    centre[:, :, second] = np.array(pulls)[:, None] * inner[second] * side
    grid = centre + normals * radius
    shape = _from_grid(grid, normals, np.zeros(count))
    uv = np.stack([grid[:, :, first], grid[:, :, second]], axis=-1).reshape(-1, 2) * uv_per_metre
    return Shape(shape.positions, shape.normals, uv.astype(np.float32), shape.triangles)


def sheet(rows: int, columns: int, place: Callable[[F64, F64], F64], *, uv_scale: float = 1.0) -> Shape:
    """A surface given as a function of (u, v) in 0 to 1 that returns (..., 3); normals by differences."""
    v, u = np.meshgrid(np.arange(rows + 1) / rows, np.arange(columns + 1) / columns, indexing="ij")
    small = 1e-4
    along_u = (place(u + small, v) - place(u - small, v)).reshape(-1, 3)
    along_v = (place(u, v + small) - place(u, v - small)).reshape(-1, 3)
    normals = normalize(cross(along_u, along_v)).reshape(rows + 1, columns + 1, 3)
    shape = _from_grid(place(u, v), normals, np.arange(rows + 1) / rows)
    return Shape(shape.positions, shape.normals, shape.uv * np.float32(uv_scale), shape.triangles)


def merge(shapes: Sequence[Shape]) -> Shape:
    """Several shapes as one."""
    first = 0
    triangles = []
    for shape in shapes:
        triangles.append(shape.triangles + np.int32(first))
        first += len(shape.positions)
    return Shape(
        np.concatenate([shape.positions for shape in shapes]),
        np.concatenate([shape.normals for shape in shapes]),
        np.concatenate([shape.uv for shape in shapes]),
        np.concatenate(triangles),
    )


def _arc_lengths(curve: F64) -> F64:
    """How far along the curve each point lies, 0 to 1."""
    step = curve[1:] - curve[:-1]
    square = step[:, 0] * step[:, 0]
    for axis in range(1, curve.shape[1]):
        square = square + step[:, axis] * step[:, axis]
    length = [0.0]
    for piece in np.sqrt(square).tolist():
        length.append(length[-1] + piece)
    return np.array(length) / length[-1]


def _from_grid(grid: F64, normals: F64, v: F64) -> Shape:
    """Triangles of a (rows, columns) grid whose columns run to the right of its rows, seen from outside."""
    rows, columns = grid.shape[:2]
    u = np.arange(columns) / (columns - 1)
    uv = np.stack(np.broadcast_arrays(u[None, :], 1.0 - v[:, None]), axis=-1)
    corner = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]
    triangles = np.stack([np.stack([a, b, c], axis=-1), np.stack([a, c, d], axis=-1)], axis=2).reshape(-1, 3)
    positions = grid.reshape(-1, 3)
    # Poles and other places where a side has no length give triangles without area.
    p = positions[triangles]
    area = cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
    return Shape(
        np.ascontiguousarray(positions, np.float32),
        np.ascontiguousarray(normalize(normals.reshape(-1, 3)), np.float32),
        np.ascontiguousarray(uv.reshape(-1, 2), np.float32),
        np.ascontiguousarray(triangles[dot(area, area) > 1e-24], np.int32),
    )
