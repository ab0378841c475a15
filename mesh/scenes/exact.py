"""Sine, cosine, arc tangent and arc cosine with the same bits on every machine.

The C library's and numpy's versions differ between CPUs in the last bit, and what feeds pixels must not.
These use only + - * / and the square root, which IEEE 754 rounds correctly everywhere. They agree with
the true value within a few units in the last place. `angle` also takes numpy arrays.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

# Pi/2 in three parts of 33 bits each (Cody and Waite, 1980), so that k * part is exact for small k.
_HALF_PI_1 = 1.57079632673412561417e00
_HALF_PI_2 = 6.07710050630396597660e-11
_HALF_PI_3 = 2.02226624879595063154e-21
_LARGEST = 1e5

_SIN = (
    -1.66666666666666324348e-01,
    8.33333333332248946124e-03,
    -1.98412698298579493134e-04,
    2.75573137070700676789e-06,
    -2.50507602534068634195e-08,
    1.58969099521155010221e-10,
)
_COS = (
    4.16666666666666019037e-02,
    -1.38888888888741095749e-03,
    2.48015872894767294178e-05,
    -2.75573143513906633035e-07,
    2.08757232129817482790e-09,
    -1.13596475577881948265e-11,
)


def sin_cos(radians: float) -> tuple[float, float]:
    """Sine and cosine. Angles beyond 100 000 radians are brought near zero first, losing some accuracy."""
    if not -_LARGEST < radians < _LARGEST:
        radians = math.fmod(radians, 2.0 * math.pi)
    quarter = math.floor(radians * (2.0 / math.pi) + 0.5)
    x = ((radians - quarter * _HALF_PI_1) - quarter * _HALF_PI_2) - quarter * _HALF_PI_3
    square = x * x
    sine = x + x * square * _polynomial(square, _SIN)
    cosine = 1.0 - (0.5 * square - square * square * _polynomial(square, _COS))
    return ((sine, cosine), (cosine, -sine), (-sine, -cosine), (-cosine, sine))[quarter % 4]


def acos(cosine: float) -> float:
    """The angle in 0 to pi; arguments a little outside -1 to 1 are clamped."""
    clamped = min(1.0, max(-1.0, cosine))
    return 2.0 * atan2(math.sqrt(1.0 - clamped), math.sqrt(1.0 + clamped))


def atan2(y: float, x: float) -> float:
    """The angle of the point (x, y), in -pi to pi; 0 at the origin. Coordinates below 1e-150 count as 0."""
    if x == 0.0 and y == 0.0:
        return 0.0
    return float(angle(np.float64(abs(y)), np.float64(x))) * (-1.0 if y < 0.0 else 1.0)


def angle(opposite: F64 | np.float64, adjacent: F64 | np.float64) -> F64:
    """The angles in 0 to pi whose tangents are opposite / adjacent, with opposite >= 0; 0 where both are 0."""
    # Four halvings by tan(t/2) = tan(t) / (1 + sqrt(1 + tan(t)^2)) leave at most pi/32.
    length = np.sqrt(opposite * opposite + adjacent * adjacent)
    whole = length + np.abs(adjacent)
    with np.errstate(divide="ignore", invalid="ignore"):
        half = np.where(whole > 0.0, opposite / whole, 0.0)
    for _ in range(3):
        half = half / (1.0 + np.sqrt(1.0 + half * half))
    square = half * half
    series = square * 0.0 + 1.0 / 17.0
    for odd in range(15, 1, -2):
        series = 1.0 / odd - square * series
    found = 16.0 * (half - half * square * series)
    turned: F64 = np.where(adjacent < 0.0, math.pi - found, found)
    return turned


def _polynomial(x: float, coefficients: tuple[float, ...]) -> float:
    total = 0.0
    for coefficient in reversed(coefficients):
        total = total * x + coefficient
    return total
