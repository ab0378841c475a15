"""The pixel filter, by importance sampling: a sample is placed where the filter says and weighs one.

So a sample touches its own pixel only, and buckets need no borders. (Ernst, Stamminger, Greiner, "Filter
Importance Sampling", 2006.)
"""

from __future__ import annotations

import numpy as np

from mesh.render.kernel import kernel, step
from mesh.render.math import sincos_turns

f32 = np.float32

RADIUS = f32(1.5)
"""Half width of the Blackman-Harris window, in pixels."""
_ENTRIES = 256
_STEPS = 8192


@kernel
def _tabulate(table):
    """Invert the window's distribution: table[i] is the offset below which i / (n - 1) of its weight lies."""
    n = table.shape[0]
    total = 0.0
    for i in range(_STEPS):
        total += _window((i + 0.5) / _STEPS)
    table[0] = -RADIUS
    table[n - 1] = RADIUS
    done = 0.0
    entry = 1
    for i in range(_STEPS):
        weight = _window((i + 0.5) / _STEPS)
        while entry < n - 1 and done + weight >= total * entry / (n - 1):
            part = (total * entry / (n - 1) - done) / weight
            table[entry] = f32(((i + part) / _STEPS * 2.0 - 1.0) * RADIUS)
            entry += 1
        done += weight


@step
def _window(t):
    """The four-term Blackman-Harris window on 0 .. 1."""
    _, c1 = sincos_turns(f32(t))
    _, c2 = sincos_turns(f32(2.0 * t))
    _, c3 = sincos_turns(f32(3.0 * t))
    return 0.35875 - 0.48829 * c1 + 0.14128 * c2 - 0.01168 * c3


def make_filter() -> np.ndarray:
    """The inverse distribution of the filter along one axis: (n,) float32 of offsets in pixels."""
    table = np.zeros(_ENTRIES, np.float32)
    _tabulate(table)
    return table


@step
def filter_offset(table, u):
    """An offset from the pixel's centre along one axis."""
    x = u * f32(table.shape[0] - 1)
    i = np.int32(x)
    f = x - f32(i)
    return table[i] + (table[i + 1] - table[i]) * f
