"""From scene light to what a screen shows: view transforms for PNG files. Needs numpy alone.

Only + - * / and comparisons touch the pixels (elementwise, so numpy rounds them by IEEE 754 everywhere);
logarithms and powers are our own. The same pixels give the same bytes on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mesh.model.look import View

F64 = NDArray[np.float64]
Number = TypeVar("Number", np.float32, np.uint8)

_BRIGHTEST = 1e9
"""More than any view tells from white."""
_DARKEST = 1e-6
"""What is darker is not taken to be lit."""
_AT_ONCE = 1 << 15
"""Pixels; so few stay in a processor's cache."""

_REC2020 = (
    (0.6274038959346, 0.3292830383779, 0.0433130656875),
    (0.0690972893582, 0.9195403950755, 0.0113623155663),
    (0.0163914388752, 0.0880133078773, 0.8955952532476),
)
_REC709 = (
    (1.6604910021084, -0.5876411387885, -0.0728498633199),
    (-0.1245504745216, 1.1328998971259, -0.0083494226044),
    (-0.0181507633549, -0.1005788980080, 1.1187296613629),
)
_AGX_IN = (
    (0.856627153315983, 0.0951212405381588, 0.0482516061458583),
    (0.137318972929847, 0.761241990602591, 0.101439036467562),
    (0.11189821299995, 0.0767994186031903, 0.811302368396859),
)
_AGX_OUT = (
    (1.1271005818144368, -0.11060664309660323, -0.016493938717834573),
    (-0.1413297634984383, 1.157823702216272, -0.016493938717834257),
    (-0.14132976349843826, -0.11060664309660294, 1.2519364065950405),
)
_AGX_LOWEST, _AGX_HIGHEST = -12.47393, 4.026069
_AGX_SLOPE, _AGX_POWER = 2.4, 1.5
_AGX_FIRST, _AGX_LAST, _AGX_STEPS = -13, 5, 256
"""The curve's table: whole stops that enclose it, and points in each."""
_AGX_PIVOT = 10.0 / 16.5
"""Where middle grey stands on the logarithmic axis."""


def to_display(linear: NDArray[np.float32], view: View, exposure: float) -> NDArray[np.uint8]:
    """Bytes (h, w, 3) for a screen from linear Rec. 709 (h, w, 3); `exposure` in stops."""
    shown = np.empty(linear.shape, np.uint8)
    for part, out in zip(strips(linear), strips(shown), strict=True):
        out[:] = _shown(part, view, exposure)
    return shown


def strips(picture: NDArray[Number], pixels: int = _AT_ONCE) -> Iterator[NDArray[Number]]:
    """Rows of a picture (h, w, ...) from top to bottom, views of so many pixels or one row."""
    rows = max(1, pixels // max(picture.shape[1], 1))
    for y in range(0, len(picture), rows):
        yield picture[y : y + rows]


def _shown(linear: NDArray[np.float32], view: View, exposure: float) -> NDArray[np.uint8]:
    light = exposed(linear, exposure)
    if view is View.AGX:
        light = _agx(light)
    elif view is View.FILMIC:
        light = light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14)
    return np.searchsorted(_srgb_edges(), light, side="right").astype(np.uint8)


def auto_exposure(linear: NDArray[np.float32]) -> float:
    """Stops that bring the mean of the lit pixels' logarithms to middle grey; in sixteenths, so that no order of
    adding up shows."""
    count = 0

    def logarithms() -> Iterator[float]:
        """A few rows' at a time: those of a large frame would be ten times as large as its picture."""
        nonlocal count
        for part in strips(linear):
            light = np.fmin(np.fmax(part.astype(np.float64), 0.0), _BRIGHTEST)
            bright = light[..., 0] * 0.2126 + light[..., 1] * 0.7152 + light[..., 2] * 0.0722
            lit = bright[bright > _DARKEST]
            count += lit.size
            yield from _log2(lit).tolist()

    total = math.fsum(logarithms())
    if count == 0:
        return 0.0
    mean = total / count
    return min(max(round((float(_log2(np.array([0.18]))[0]) - mean) * 16.0) / 16.0, -32.0), 32.0)


def exposed(linear: NDArray[np.float32], exposure: float) -> F64:
    """Light brightened by `exposure` stops; what is darker than black, or no number, is black."""
    return np.minimum(np.fmax(linear.astype(np.float64), 0.0) * _exp2(exposure), _BRIGHTEST)


def _agx(light: F64) -> F64:
    """Display light; the matrices are those of AgX for Rec. 2020."""
    inset = np.clip(_mixed(_mixed(light, _REC2020), _AGX_IN), 2.0**_AGX_FIRST, 2.0 ** (_AGX_LAST - 1e-9))
    mantissa, exponent = np.frexp(inset)
    x = (exponent - 1 - _AGX_FIRST + (mantissa * 2.0 - 1.0)) * _AGX_STEPS
    table = _agx_curve()
    below = x.astype(np.int64)
    low = table[below]
    shown = low + (table[below + 1] - low) * (x - below)
    return np.clip(_mixed(_mixed(shown, _AGX_OUT), _REC709), 0.0, 1.0)


@cache
def _agx_curve() -> F64:
    """The curve at _AGX_STEPS evenly spaced lights in each stop: two arms of Sobotka's sigmoid (2022) about middle
    grey on a logarithmic axis, for a display whose power is taken to be 2.4."""
    stops = np.arange(_AGX_FIRST, _AGX_LAST + 1, dtype=np.float64)[:, None]
    logged = (stops + _log2(1.0 + np.arange(_AGX_STEPS) / _AGX_STEPS)[None, :]).reshape(-1)
    x = np.clip((logged - _AGX_LOWEST) / (_AGX_HIGHEST - _AGX_LOWEST), 0.0, 1.0)
    grey = _power(0.18, 1.0 / 2.4)
    toe = -_arm_length(_AGX_PIVOT, grey)
    shoulder = _arm_length(1.0 - _AGX_PIVOT, 1.0 - grey)
    length = np.where(x < _AGX_PIVOT, toe, shoulder)
    curve = grey + length * _hyperbola(_AGX_SLOPE * (x - _AGX_PIVOT) / length)
    return _powers(curve, 2.4)


def _arm_length(x: float, y: float) -> float:
    """The scale of an arm of the curve that ends x to the side of the pivot and y away from it."""
    tangent = _power(_AGX_SLOPE * x, -_AGX_POWER) * (_power(_AGX_SLOPE * x / y, _AGX_POWER) - 1.0)
    return _power(tangent, -1.0 / _AGX_POWER)


def _hyperbola(x: F64) -> F64:
    return x / _powers(1.0 + _powers(np.maximum(x, 0.0), _AGX_POWER), 1.0 / _AGX_POWER)


def _mixed(light: F64, matrix: tuple[tuple[float, float, float], ...]) -> F64:
    """A colour matrix applied without BLAS, whose sums differ between CPUs."""
    r, g, b = light[..., 0], light[..., 1], light[..., 2]
    return np.stack([r * row[0] + g * row[1] + b * row[2] for row in matrix], axis=-1)


def _log2(x: F64) -> F64:
    """Base-2 logarithm of positive numbers, within 1e-10: atanh's series on the mantissa."""
    mantissa, exponent = np.frexp(x)
    low = mantissa < 0.7071067811865476
    mantissa = np.where(low, mantissa * 2.0, mantissa)
    whole = exponent.astype(np.float64) - low
    t = (mantissa - 1.0) / (mantissa + 1.0)
    square = t * t
    series = np.zeros_like(t)
    for odd in range(13, 0, -2):
        series = series * square + 1.0 / odd
    return whole + t * series * 2.8853900817779268


def _exp2(x: float) -> float:
    """Two to the x."""
    return float(_exp2s(np.array([x]))[0])


def _exp2s(x: F64) -> F64:
    """Two to the x, within 1e-14: the exponential's series on the part after the point."""
    whole = np.floor(x + 0.5)
    part = (x - whole) * 0.6931471805599453
    series = np.ones_like(part)
    for n in range(14, 0, -1):
        series = 1.0 + series * part / n
    return np.ldexp(series, whole.astype(np.int32))


def _powers(x: F64, exponent: float) -> F64:
    """Powers of numbers; 0 of those that are not positive."""
    positive = x > 0.0
    return np.where(positive, _exp2s(exponent * _log2(np.where(positive, x, 1.0))), 0.0)


def _power(x: float, exponent: float) -> float:
    return float(_powers(np.array([x]), exponent)[0])


@cache
def _srgb_edges() -> F64:
    """Linear values at which the sRGB byte grows by one: (255,) ascending."""
    edges = []
    for byte in range(255):
        code = (byte + 0.5) / 255.0
        edges.append(code / 12.92 if code <= 0.04045 else _power((code + 0.055) / 1.055, 2.4))
    return np.array(edges)
