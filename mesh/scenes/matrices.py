"""4 x 4 transforms as 16 Python floats, row by row, multiplied in a fixed order.

Matrix products of numpy go through kernels that differ between CPUs; these do not. Column vectors:
`multiply(parent, child)` applies the child first. Where Numbers are taken, each may also be an array, of very many
transforms at a time, with the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from mesh.scenes.geometry import F64

Numbers = TypeVar("Numbers", float, "F64")
Matrix = tuple[float, ...]
Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]

IDENTITY: Matrix = (1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)


def multiply(a: Matrix, b: Sequence[Numbers]) -> tuple[Numbers, ...]:
    return tuple(
        ((a[r] * b[c] + a[r + 1] * b[c + 4]) + a[r + 2] * b[c + 8]) + a[r + 3] * b[c + 12]
        for r in (0, 4, 8, 12)
        for c in range(4)
    )


def from_columns(columns: Sequence[float]) -> Matrix:
    """From the column by column order that glTF stores."""
    return tuple(columns[column * 4 + row] for row in range(4) for column in range(4))


def compose(translation: Sequence[float], rotation: Sequence[float], scale: Sequence[float]) -> Matrix:
    """Scale, then rotate by the quaternion (x, y, z, w), then translate. The quaternion is normalised here."""
    upper = upper_rows(translation, normalize_quaternion(rotation), scale)
    return (*upper, 0.0, 0.0, 0.0, 1.0)


def upper_rows(
    translation: Sequence[Numbers], unit: Sequence[Numbers], scale: Sequence[Numbers]
) -> tuple[Numbers, ...]:
    """The first three rows of `compose`, for a quaternion of unit length."""
    x, y, z, w = unit
    sx, sy, sz = scale
    tx, ty, tz = translation
    return (
        (1.0 - 2.0 * (y * y + z * z)) * sx,
        (2.0 * (x * y - z * w)) * sy,
        (2.0 * (x * z + y * w)) * sz,
        tx,
        (2.0 * (x * y + z * w)) * sx,
        (1.0 - 2.0 * (x * x + z * z)) * sy,
        (2.0 * (y * z - x * w)) * sz,
        ty,
        (2.0 * (x * z - y * w)) * sx,
        (2.0 * (y * z + x * w)) * sy,
        (1.0 - 2.0 * (x * x + y * y)) * sz,
        tz,
    )


def normalize_quaternion(q: Sequence[float]) -> Quaternion:
    """Of unit length; no rotation where all four numbers are nought."""
    x, y, z, w = q
    length = math.sqrt(((x * x + y * y) + z * z) + w * w)
    if length == 0.0 or not math.isfinite(length):
        return (0.0, 0.0, 0.0, 1.0)
    return (x / length, y / length, z / length, w / length)


def determinant3(m: Sequence[Numbers]) -> Numbers:
    """Of the upper left 3 x 3."""
    return (m[0] * (m[5] * m[10] - m[6] * m[9]) - m[1] * (m[4] * m[10] - m[6] * m[8])) + m[2] * (
        m[4] * m[9] - m[5] * m[8]
    )
