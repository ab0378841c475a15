"""Cameras: a flat record, made from a pose on the host, and the ray through a point of the film.

Looks down its -z with +y up, as in glTF. Everything that feeds the record is plain float64 arithmetic or
our own kernels, so the same camera gives the same rays on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mesh.render.kernel import inlined, kernel, step
from mesh.render.math import HALF, INV_TWO_PI, ONE, TWO, ZERO, normalize, sincos_turns, sqrt

f32 = np.float32
Vector = tuple[float, float, float]

_ORIGIN, _RIGHT, _UP, _BACK = 0, 3, 6, 9
_HALF_WIDTH, _HALF_HEIGHT, _LENS, _FOCUS, _PARALLEL, _WIDTH, _HEIGHT, _SPREAD, _CONE = (
    12,
    13,
    14,
    15,
    16,
    17,
    18,
    19,
    20,
)
RECORD = 24


@dataclass(frozen=True, slots=True)
class Pose:
    """A camera in the world. Lengths in metres, angles in radians; `height` makes it orthographic."""

    origin: Vector
    right: Vector
    up: Vector
    back: Vector
    yfov: float = 0.7
    height: float | None = None
    aperture_radius: float = 0.0
    focus_distance: float = 0.0


@kernel
def _half_tangent(angle):
    s, c = sincos_turns(f32(HALF * angle * INV_TWO_PI))
    return s / c


def camera_record(pose: Pose, width: int, height: int) -> NDArray[np.float32]:
    """The (RECORD,) float32 record of a camera for a film of width x height pixels."""
    parallel = pose.height is not None
    half = pose.height / 2.0 if pose.height is not None else float(_half_tangent(f32(min(pose.yfov, 3.1))))
    record = np.zeros(RECORD, np.float32)
    record[0:12] = [*pose.origin, *pose.right, *pose.up, *pose.back]
    record[12:19] = [
        half * width / height,
        half,
        pose.aperture_radius,
        pose.focus_distance,
        parallel,
        width,
        height,
    ]
    # A ray's cross section is a pixel's; half of it, since the samples of a pixel already filter.
    pixel = half / height
    record[19:21] = [pixel if parallel else 0.0, 0.0 if parallel else pixel]
    return record


@inlined
def has_lens(camera):
    """Whether rays start anywhere but in one point: else nobody need draw a point of the lens."""
    return camera[_LENS] > ZERO and camera[_FOCUS] > ZERO


@step
def camera_ray(camera, x, y, u, v):
    """The ray through film position (x, y) in pixels and lens point (u, v): origin, unit direction, and the
    width of its cone at the origin and per unit of length."""
    sx = (TWO * x / camera[_WIDTH] - ONE) * camera[_HALF_WIDTH]
    sy = (ONE - TWO * y / camera[_HEIGHT]) * camera[_HALF_HEIGHT]
    px, py, pz = ZERO, ZERO, ZERO
    dx, dy, dz = sx, sy, -ONE
    if camera[_PARALLEL] != ZERO:
        px, py = sx, sy
        dx, dy = ZERO, ZERO
    elif has_lens(camera):
        s, c = sincos_turns(u)
        radius = camera[_LENS] * sqrt(v)
        px, py = radius * c, radius * s
        focus = camera[_FOCUS]
        dx, dy, dz = sx * focus - px, sy * focus - py, -focus
    ox = camera[0] + px * camera[3] + py * camera[6] + pz * camera[9]
    oy = camera[1] + px * camera[4] + py * camera[7] + pz * camera[10]
    oz = camera[2] + px * camera[5] + py * camera[8] + pz * camera[11]
    wx = dx * camera[3] + dy * camera[6] + dz * camera[9]
    wy = dx * camera[4] + dy * camera[7] + dz * camera[10]
    wz = dx * camera[5] + dy * camera[8] + dz * camera[11]
    wx, wy, wz = normalize(wx, wy, wz)
    return ox, oy, oz, wx, wy, wz, camera[_SPREAD], camera[_CONE]


def pose_of(matrix: Sequence[Sequence[float]], **optics: float | None) -> Pose:
    """The pose of a camera-to-world matrix (column vectors), its axes made unit length again."""
    rows = [[float(v) for v in row] for row in matrix]
    axes = [_unit((rows[0][k], rows[1][k], rows[2][k])) for k in range(3)]
    return Pose((rows[0][3], rows[1][3], rows[2][3]), axes[0], axes[1], axes[2], **optics)  # type: ignore[arg-type]


def framed(points: NDArray[np.float64], aspect: float, yfov: float = 0.6) -> Pose:
    """The nearest camera that shows all points (n, 3) from the front, a little from the right and above, in the middle of
    the film and with some room around them.

    Across the film the camera's place must lie between max(x + k z) - k d and min(x - k z) + k d, for points (x, y, z)
    in its axes, its distance d and the film's half width k; so d is least where both meet.
    """
    back = _unit((0.45, 0.30, 1.0))
    right = _unit(_cross((0.0, 1.0, 0.0), back))
    up = _cross(back, right)
    tangent = float(_half_tangent(f32(yfov))) / 1.12
    place, distance = [], -math.inf
    for axis, k in ((right, tangent * aspect), (up, tangent)):
        across, near = _along(points, axis), _along(points, back) * k
        ahead, behind = float((near + across).max()), float((near - across).max())
        place.append((ahead - behind) / 2.0)
        distance = max(distance, (ahead + behind) / (2.0 * k))
    if distance <= float(_along(points, back).max()):
        distance += 1.0  # a single point has no size to go by
    origin = tuple(place[0] * right[i] + place[1] * up[i] + distance * back[i] for i in range(3))
    return Pose((origin[0], origin[1], origin[2]), right, up, back, yfov)


def _along(points: NDArray[np.float64], axis: Vector) -> NDArray[np.float64]:
    """Elementwise, since a matrix product rounds differently on every processor."""
    return points[:, 0] * axis[0] + points[:, 1] * axis[1] + points[:, 2] * axis[2]


def turned(pose: Pose, centre: Vector, turns: float) -> Pose:
    """The pose after turning it about the vertical line through `centre`."""
    s, c = (float(v) for v in sincos_turns(f32(turns)))

    def turn(v: Sequence[float]) -> Vector:
        return (c * v[0] + s * v[2], v[1], c * v[2] - s * v[0])

    offset = turn([a - b for a, b in zip(pose.origin, centre, strict=True)])
    origin = (centre[0] + offset[0], centre[1] + offset[1], centre[2] + offset[2])
    optics = (pose.yfov, pose.height, pose.aperture_radius, pose.focus_distance)
    return Pose(origin, turn(pose.right), turn(pose.up), turn(pose.back), *optics)


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _cross(a: Vector, b: Vector) -> Vector:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def _unit(v: Vector) -> Vector:
    length = math.sqrt(_dot(v, v)) or 1.0
    return (v[0] / length, v[1] / length, v[2] / length)
