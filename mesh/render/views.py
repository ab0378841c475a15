"""From scene light to what a screen shows: view transforms for PNG files. Needs numpy alone.

Only + - * / and comparisons touch the pixels (elementwise, so numpy rounds them by IEEE 754 everywhere);
logarithms and powers are our own. The same pixels give the same bytes on every machine.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from mesh.model.look import View

F64 = NDArray[np.float64]


_AGX_IN = (
    (0.842479062253094, 0.0784335999999992, 0.0792237451477643),
    (0.0423282422610123, 0.878468636469772, 0.0791661274605434),
    (0.0423756549057051, 0.0784336, 0.879142973793104),
)
_AGX_OUT = (
    (1.19687900512017, -0.0980208811401368, -0.0990297440797205),
    (-0.0528968517574562, 1.15190312990417, -0.0989611768448433),
    (-0.0529716355144438, -0.0980434501171241, 1.15107367264116),
)
_AGX_LOWEST, _AGX_HIGHEST = -12.47393, 4.026069
_AGX_CURVE = (15.5, -40.14, 31.96, -6.868, 0.4298, 0.1191, -0.00232)


def to_display(linear: NDArray[np.float32], view: View, exposure: float) -> NDArray[np.uint8]:
    """Bytes (h, w, 3) for a screen from linear Rec. 709 (h, w, 3); `exposure` in stops."""
    light = np.maximum(linear.astype(np.float64), 0.0) * _exp2(exposure)
    if view is View.AGX:
        return _agx(light)
    if view is View.FILMIC:
        light = light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14)
    return np.searchsorted(_srgb_edges(), light, side="right").astype(np.uint8)


def _agx(light: F64) -> NDArray[np.uint8]:
    logged = _log2(np.maximum(_mixed(light, _AGX_IN), 1e-10))
    x = np.clip((logged - _AGX_LOWEST) / (_AGX_HIGHEST - _AGX_LOWEST), 0.0, 1.0)
    curve = np.zeros_like(x)
    for coefficient in _AGX_CURVE:
        curve = curve * x + coefficient
    # The curve ends in display code values already: what remains is to undo the inset.
    return np.floor(np.clip(_mixed(curve, _AGX_OUT), 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


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
    """Two to the x: repeated square roots for the fraction, exact in every step but its rounding."""
    whole = int(np.floor(x))
    fraction, result, root = x - whole, 1.0, 2.0
    for _ in range(52):
        root = float(np.sqrt(root))
        fraction *= 2.0
        if fraction >= 1.0:
            fraction -= 1.0
            result *= root
    return float(np.ldexp(result, whole))


@cache
def _srgb_edges() -> F64:
    """Linear values at which the sRGB byte grows by one: (255,) ascending."""
    edges = []
    for byte in range(255):
        code = (byte + 0.5) / 255.0
        edges.append(code / 12.92 if code <= 0.04045 else _power_2_4((code + 0.055) / 1.055))
    return np.array(edges)


def _power_2_4(x: float) -> float:
    return _exp2(2.4 * float(_log2(np.array([x]))[0]))
