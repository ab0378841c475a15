"""From samples to pixels, so that no order of work can change a bit.

Samples are added in blocks of 16, in order; each block's sum becomes a 64-bit integer, and integers are
added. So the sum of a pixel is the same however its blocks are gathered. Adaptive sampling looks at the
pixel's own blocks only, and stops between two of them.
"""

from __future__ import annotations

import numpy as np

from mesh.render.kernel import kernel, merged
from mesh.render.math import luminance, normalize
from mesh.render.paths import trace_path

f32 = np.float32
i64 = np.int64

BLOCK = 16
_ONE = 2.0**24
"""The fixed point's unit: sums below 2^39 keep 24 bits after the point."""
_LARGEST = f32(65504.0)
"""The largest half-precision number; nothing brighter can be written anyway."""
_SUMMED = 11
"""The first channels are sums over samples; ids are the first sample's."""
_LEAST_BLOCKS = 4
"""Before an adaptive pixel may stop."""


@merged
def _fixed(value):
    return i64(np.floor(value * _ONE + 0.5))


@merged
def _bounded(value):
    return min(max(value, -_LARGEST), _LARGEST)


@kernel
def render_rect(
    everything,
    shade,
    geometry,
    materials,
    environment,
    lights,
    sequence,
    tables,
    limits,
    x0,
    y0,
    x1,
    y1,
    out,
    sums,
    block,
    scratch,
):
    """Render pixels x0 <= x < x1, y0 <= y < y1 into out float32 (y1 - y0, x1 - x0, len(CHANNELS)).

    sums int64 and block float64, both (len(CHANNELS),), and scratch are the calling thread's own.
    """
    for y in range(y0, y1):
        for x in range(x0, x1):
            for k in range(_SUMMED):
                sums[k] = 0
            taken = 0
            blocks = 0
            level = 0.0
            square = 0.0
            object_id = np.int32(-1)
            material_id = np.int32(-1)
            while taken < limits.samples:
                for k in range(_SUMMED):
                    block[k] = 0.0
                count = min(BLOCK, limits.samples - taken)
                for sample in range(taken, taken + count):
                    path = trace_path(
                        everything,
                        shade,
                        geometry,
                        materials,
                        environment,
                        lights,
                        sequence,
                        tables,
                        limits,
                        x,
                        y,
                        sample,
                        scratch,
                    )
                    block[0] += _bounded(path.r)
                    block[1] += _bounded(path.g)
                    block[2] += _bounded(path.b)
                    if path.a > f32(0.0):
                        block[3] += path.a
                        block[4] += path.albedo_r
                        block[5] += path.albedo_g
                        block[6] += path.albedo_b
                        block[7] += path.nx
                        block[8] += path.ny
                        block[9] += path.nz
                        block[10] += _bounded(path.depth)
                    if sample == 0:
                        object_id, material_id = path.object_id, path.material_id
                for k in range(_SUMMED):
                    sums[k] += _fixed(block[k])
                taken += count
                blocks += 1
                if limits.noise > f32(0.0):
                    mean = luminance(block[0], block[1], block[2]) / count
                    level += mean
                    square += mean * mean
                    if blocks >= _LEAST_BLOCKS:
                        average = level / blocks
                        variance = max(square / blocks - average * average, 0.0) / (blocks - 1)
                        if np.sqrt(variance) <= limits.noise * (average + 1e-2):
                            break
            row = out[y - y0, x - x0]
            for k in range(7):
                row[k] = f32(sums[k] / _ONE / taken)
            covered = sums[3] / _ONE
            if covered > 0.0:
                row[7], row[8], row[9] = normalize(
                    f32(sums[7] / _ONE / covered),
                    f32(sums[8] / _ONE / covered),
                    f32(sums[9] / _ONE / covered),
                )
                row[10] = f32(sums[10] / _ONE / covered)
            else:
                row[7] = row[8] = row[9] = f32(0.0)
                row[10] = f32(np.inf)
            row[11] = f32(taken)
            row[12] = f32(object_id)
            row[13] = f32(material_id)
