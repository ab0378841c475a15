"""What bounds some lights: a box, a cone of the directions they face, and their power together.

A row of BOUNDS floats: low corner, high corner, axis of the cone, cosine of its half angle (of normals), cosine of
the half angle of the emission around each normal, power. (Pharr, Jakob and Humphreys, "Physically Based
Rendering", 4th edition, sections 3.8.4 and 12.6.3.)
"""

from __future__ import annotations

import numpy as np

from mesh.render.kernel import step
from mesh.render.math import INV_TWO_PI, ONE, ZERO, acos, normalize, sincos_turns, sqrt

f32 = np.float32

LOW, HIGH, AXIS, COS_O, COS_E, POWER = 0, 3, 6, 9, 10, 11
BOUNDS = 12
_PI = f32(np.pi)


@step
def _clamped(x):
    return min(max(x, -ONE), ONE)


@step
def _merge_cones(a, b):
    """Widen the cone of a until it holds that of b."""
    if a[COS_O] <= -ONE or b[COS_O] <= -ONE:
        a[COS_O] = -ONE
        return
    ax, ay, az, bx, by, bz = a[AXIS], a[AXIS + 1], a[AXIS + 2], b[AXIS], b[AXIS + 1], b[AXIS + 2]
    half_a, half_b = acos(_clamped(a[COS_O])), acos(_clamped(b[COS_O]))
    between = acos(_clamped(ax * bx + ay * by + az * bz))
    if min(between + half_b, _PI) <= half_a:
        return
    if min(between + half_a, _PI) <= half_b:
        a[AXIS], a[AXIS + 1], a[AXIS + 2], a[COS_O] = bx, by, bz, b[COS_O]
        return
    half = (half_a + between + half_b) * f32(0.5)
    # Towards b within the plane of both axes.
    cosine = ax * bx + ay * by + az * bz
    tx, ty, tz = bx - cosine * ax, by - cosine * ay, bz - cosine * az
    length = sqrt(tx * tx + ty * ty + tz * tz)
    if half >= _PI or not length > f32(1e-6):
        a[COS_O] = -ONE
        return
    s, c = sincos_turns((half - half_a) * INV_TWO_PI)
    s = s / length
    a[AXIS], a[AXIS + 1], a[AXIS + 2] = normalize(c * ax + s * tx, c * ay + s * ty, c * az + s * tz)
    _, a[COS_O] = sincos_turns(half * INV_TWO_PI)


@step
def copy_bounds(a, b):
    """Make the bounds a those of b."""
    for k in range(BOUNDS):
        a[k] = b[k]


@step
def merge_bounds(a, b):
    """Widen the bounds a until they hold b."""
    for k in range(3):
        a[LOW + k] = min(a[LOW + k], b[LOW + k])
        a[HIGH + k] = max(a[HIGH + k], b[HIGH + k])
    _merge_cones(a, b)
    a[COS_E] = min(a[COS_E], b[COS_E])
    a[POWER] += b[POWER]


@step
def orientation_measure(cos_o, cos_e):
    """The solid angle into which such lights can shine, weighted by the cosine beyond their normals."""
    o = acos(_clamped(cos_o))
    w = min(o + acos(_clamped(cos_e)), _PI)
    sin_o = sqrt(max(ONE - cos_o * cos_o, ZERO))
    _, turned = sincos_turns((o - w - w) * INV_TWO_PI)
    return _PI * (
        f32(2.0) * (ONE - cos_o) + f32(0.5) * (f32(2.0) * w * sin_o - turned - f32(2.0) * o * sin_o + cos_o)
    )
