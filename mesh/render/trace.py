"""What one path met, row by row: how a sample is told to people. Kernels write it only for a sample that is watched.

A log is float64 (rows, COLUMNS), which holds ids and float32 values alike; its first row counts the others.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from mesh.render.kernel import step

ROWS = 4096
"""The longest story; what comes after is not told."""
COLUMNS = 16
"""kind, bounce, instance, triangle, material, and eleven numbers that `Event` explains."""
FIRST_NUMBER = 5

CAMERA, PASS, VERTEX, EMIT, LIGHT, BOUNCE, MISS, END, RESULT = range(9)
DEEP, UNLIT_SURFACE, ABSORBED, ROULETTE, LAYERED = range(5)


class Event(IntEnum):
    """Kinds of rows, and their numbers."""

    CAMERA = CAMERA
    """A ray leaves the camera: origin (3), direction (3), film position (2)."""
    PASS = PASS
    """It passes a surface with alpha: position (3), coverage there."""
    VERTEX = VERTEX
    """It meets a surface: position (3), normal (3), distance, 1 or -1 for its side, throughput (3)."""
    EMIT = EMIT
    """That surface shines: radiance (3), MIS weight, contribution (3)."""
    LIGHT = LIGHT
    """A light is asked: direction (3), distance, what it would bring (3), chance, share that is not in shadow."""
    BOUNCE = BOUNCE
    """A direction is followed: direction (3), density, throughput from here on (3)."""
    MISS = MISS
    """The environment is met: radiance (3), MIS weight, contribution (3)."""
    END = END
    """The path ends for the reason `Why`."""
    RESULT = RESULT
    """What the sample is worth: radiance (3), by how much the firefly clamp scaled what was not seen directly,
    and what came directly from lights (3)."""


class Why(IntEnum):
    DEEP = DEEP
    UNLIT_SURFACE = UNLIT_SURFACE
    ABSORBED = ABSORBED
    ROULETTE = ROULETTE
    LAYERED = LAYERED


def make_log(rows: int = ROWS) -> NDArray[np.float64]:
    return np.zeros((rows + 1, COLUMNS))


@step
def note(log, kind, bounce, instance, prim, material, a, b, c, d, e, f, g, h, i, j, k):
    """Append a row, while there is room."""
    row = np.int64(log[0, 0]) + 1
    if row < log.shape[0]:
        log[0, 0] = row
        out = log[row]
        out[0], out[1], out[2], out[3], out[4] = kind, bounce, instance, prim, material
        out[5], out[6], out[7], out[8], out[9], out[10] = a, b, c, d, e, f
        out[11], out[12], out[13], out[14], out[15] = g, h, i, j, k
