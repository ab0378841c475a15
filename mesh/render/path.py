"""What one sample comes to: the record of a path, and how its light is added up and clamped."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mesh.render.kernel import merged
from mesh.render.light_passes import divide_light
from mesh.render.math import ONE, ZERO
from mesh.render.trace import RESULT, note

_FAR = np.float32(np.inf)


class Path(NamedTuple):
    """What one sample found: radiance, coverage, the first surface, and the parts of the radiance: light seen
    directly, given off by surfaces and by the environment, and light by way of one surface, and of more."""

    r: np.float32
    g: np.float32
    b: np.float32
    a: np.float32
    albedo_r: np.float32
    albedo_g: np.float32
    albedo_b: np.float32
    nx: np.float32
    ny: np.float32
    nz: np.float32
    depth: np.float32
    object_id: np.int32
    material_id: np.int32
    px: np.float32
    py: np.float32
    pz: np.float32
    emission_r: np.float32
    emission_g: np.float32
    emission_b: np.float32
    background_r: np.float32
    background_g: np.float32
    background_b: np.float32
    direct_r: np.float32
    direct_g: np.float32
    direct_b: np.float32
    indirect_r: np.float32
    indirect_g: np.float32
    indirect_b: np.float32


@merged
def path_result(
    seen_r, seen_g, seen_b, back_r, back_g, back_b, sum_r, sum_g, sum_b, direct_r, direct_g, direct_b,
    alpha, albedo_r, albedo_g, albedo_b, nx, ny, nz, depth, object_id, material_id, px, py, pz,
    clamp, bounce, record, log,
):  # fmt: skip
    """The Path of what was seen directly (surfaces, then the environment), and of the sum of all else, of which
    `direct` came by one surface. That sum is clamped as one; where it is no number, it is left out. The record, if
    it has room, gets the sum lobe by lobe."""
    most = max(sum_r, sum_g, sum_b)
    scale = ONE
    if not most < _FAR:
        sum_r, sum_g, sum_b = ZERO, ZERO, ZERO
        direct_r, direct_g, direct_b = ZERO, ZERO, ZERO
    elif clamp > ZERO and most > clamp:
        scale = clamp / most
    sum_r, sum_g, sum_b = sum_r * scale, sum_g * scale, sum_b * scale
    direct_r, direct_g, direct_b = direct_r * scale, direct_g * scale, direct_b * scale
    indirect_r, indirect_g, indirect_b = sum_r - direct_r, sum_g - direct_g, sum_b - direct_b
    if record.shape[0] > 0:
        divide_light(record, scale, direct_r, direct_g, direct_b, indirect_r, indirect_g, indirect_b)
    r, g, b = seen_r + back_r + sum_r, seen_g + back_g + sum_g, seen_b + back_b + sum_b
    if log is not None:
        note(
            log, RESULT, bounce, -1, -1, -1, r, g, b, scale, direct_r, direct_g, direct_b,
            ZERO, ZERO, ZERO, ZERO,
        )  # fmt: skip
    return Path(
        r, g, b, alpha, albedo_r, albedo_g, albedo_b, nx, ny, nz, depth, object_id, material_id, px, py, pz,
        seen_r, seen_g, seen_b, back_r, back_g, back_b, direct_r, direct_g, direct_b,
        indirect_r, indirect_g, indirect_b,
    )  # fmt: skip
