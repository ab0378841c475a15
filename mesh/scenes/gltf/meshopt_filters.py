"""Filters of EXT_meshopt_compression: unit vectors, rotations and floats out of small integers.

Source: the extension's text, appendix B. Only + - * / and square roots, so results are the same everywhere.
"""

from __future__ import annotations

import math

import numpy as np

from mesh.scenes.description import F32
from mesh.scenes.geometry import F64
from mesh.scenes.gltf.cursor import Value


def octahedral(extension: Value, data: bytes, stride: int) -> bytes:
    """Unit vectors folded onto an octahedron; the fourth component passes through."""
    if stride not in (4, 8):
        extension.fail("should be 4 or 8 for this filter", key="byteStride")
    kind, one = ("<i1", 127.0) if stride == 4 else ("<i2", 32767.0)
    stored = np.frombuffer(data, kind).reshape(-1, 4)
    values = stored.astype(np.float64)
    x, y = values[:, 0], values[:, 1]
    z = values[:, 2] - np.abs(x) - np.abs(y)
    fold = np.minimum(z, 0.0)
    x = x + np.where(x >= 0.0, fold, -fold)
    y = y + np.where(y >= 0.0, fold, -fold)
    length = np.sqrt((x * x + y * y) + z * z)
    scale = one / np.where(length > 0.0, length, 1.0)
    found = stored.copy()
    for column, part in enumerate((x, y, z)):
        found[:, column] = _rounded(part * scale)
    return found.tobytes()


def quaternion(extension: Value, data: bytes, stride: int) -> bytes:
    """Unit quaternions without their largest component, whose place is in the low bits of the fourth."""
    if stride != 8:
        extension.fail("should be 8 for this filter", key="byteStride")
    stored = np.frombuffer(data, "<i2").reshape(-1, 4)
    largest = (stored[:, 3] & 3).astype(np.int64)
    scale = math.sqrt(0.5) / (stored[:, 3] | 3).astype(np.float64)
    parts = [stored[:, column].astype(np.float64) * scale for column in range(3)]
    rest = 1.0 - ((parts[0] * parts[0] + parts[1] * parts[1]) + parts[2] * parts[2])
    found = np.zeros_like(stored)
    rows = np.arange(len(stored))
    for step, part in enumerate((np.sqrt(np.maximum(rest, 0.0)), *parts)):
        found[rows, (largest + step) % 4] = _rounded(np.clip(part, -1.0, 1.0) * 32767.0)
    return found.tobytes()


def exponential(extension: Value, data: bytes, stride: int) -> bytes:
    """Floats as a signed 24-bit mantissa and a signed 8-bit exponent."""
    if stride % 4:
        extension.fail("should be a multiple of 4 for this filter", key="byteStride")
    stored = np.frombuffer(data, "<i4")
    mantissa = (stored << 8) >> 8
    # Powers of two are exact, and so is the product unless it leaves float32's range.
    with np.errstate(over="ignore", under="ignore"):
        found: F32 = np.ldexp(mantissa.astype(np.float64), stored >> 24).astype("<f4")
    return found.tobytes()


def _rounded(values: F64) -> F64:
    """To whole numbers, halves away from nought."""
    return np.trunc(values + np.where(values >= 0.0, 0.5, -0.5))


FILTERS = {"OCTAHEDRAL": octahedral, "QUATERNION": quaternion, "EXPONENTIAL": exponential}
