"""From samples to pixels, so that no order of work can change a bit.

Samples are added in blocks of 16, in order; each block's sum becomes a 64-bit integer, and integers are
added. So the sum of a pixel is the same however its blocks are gathered. Adaptive sampling looks at the
pixel's own blocks only, and stops where they make up a power of two.

`add_samples` fills a `Tally`, once for each moment that the shutter is open; `resolve` makes pixels of it.
"""

from __future__ import annotations

import numpy as np

from mesh.model.layers import ALWAYS
from mesh.render.kernel import kernel, merged, step
from mesh.render.light_passes import RECORD
from mesh.render.math import luminance, normalize
from mesh.render.matte import RANKS, count_id, rank_ids
from mesh.render.paths import trace_path
from mesh.render.tally import (
    DIRECT,
    EXTRA,
    INDIRECT,
    LIGHT,
    LOBE_CHANNELS,
    LOBE_SUMS,
    MATTE_CHANNELS,
    SEEN,
    UNIT,
)

f32 = np.float32
i64 = np.int64

BLOCK = 16
_LARGEST = f32(65504.0)
"""The largest half-precision number; nothing brighter can be written anyway."""
_LEAST = 4 * BLOCK
"""So many samples a pixel takes before it may stop."""
_NINE_OF_TEN = 1.2815515655446004
"""The normal distribution's 90 % quantile."""
_IDS = ALWAYS.index("object.I")


@merged
def _whole(value):
    return np.floor(value * UNIT + 0.5)


@merged
def _fixed(value):
    return i64(_whole(value))


@merged
def _bounded(value):
    return min(max(value, -_LARGEST), _LARGEST)


@step
def _make_up(block, by_lobe):
    """Round the light of a block to whole numbers of the fixed point's unit that add up: to the beauty, and lobe by
    lobe to direct and to indirect light. What rounding and `_bounded` take away is taken from all parts alike; those
    that are 0 stay so."""
    for group in range(3 if by_lobe else 1):
        whole_at = DIRECT if group == 1 else INDIRECT
        first = LIGHT if group == 0 else LOBE_SUMS + 3 * (group - 1)
        stride, parts = (3, 4) if group == 0 else (6, 3)
        for color in range(3):
            whole = _whole(block[color]) if group == 0 else block[whole_at + color]
            total = 0.0
            for part in range(parts):
                total += block[first + stride * part + color]
            running, given = 0.0, 0.0
            for part in range(parts):
                at = first + stride * part + color
                running += block[at]
                upto = np.floor(whole * (running / total) + 0.5) if total != 0.0 else 0.0
                upto = whole if part == parts - 1 else upto
                block[at] = upto - given
                given = upto


@step
def _at_most(variance, freedom):
    """What a variance is at most, in nine cases of ten, that was estimated with so many degrees of freedom: its
    quantile of chi-square as Wilson and Hilferty approximate it ("The Distribution of Chi-Square", 1931)."""
    ninth = 2.0 / (9.0 * freedom)
    root = 1.0 - ninth - _NINE_OF_TEN * np.sqrt(ninth)
    return variance / (root * root * root)


@step
def _may_stop(samples):
    """An adaptive pixel looks at its error where its samples are a power of two: there a Sobol sequence is complete,
    and its error least. And who looks after every block will once see too small an error by chance, and stop: seldom
    asked, nine pixels of ten have the error wanted instead of seven of eight, for an eighth more samples."""
    return samples >= _LEAST and samples & (samples - 1) == 0


@step
def average_and_variance(spread, samples, blocks):
    """The mean luminance of a pixel so far, and what its variance is at most.

    Where few blocks happen to agree they say nothing yet, and a pixel that stopped whenever its error looks small
    would stop where it is underestimated: so two bounds are asked, and the smaller one counts. How blocks differ
    tells how well their samples complement each other, but a few blocks tell little; single samples are many, and
    what they would give if each were random is more than the error of a sequence that is not.
    """
    average = spread[0] / blocks
    between = max(spread[1] / blocks - average * average, 0.0) / (blocks - 1)
    single = max(spread[2] / samples - average * average, 0.0) / (samples - 1)
    return average, min(_at_most(between, blocks - 1), _at_most(single, samples - 1))


@kernel
def add_samples(
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
    start,
    stop,
    tally,
    bench,
    log,
):
    """Add samples start <= s < stop of pixels x0 <= x < x1, y0 <= y < y1 to their tally, row by row. A log that is
    given, not None, tells of every sample."""
    block = bench.block
    record = bench.record[: RECORD if tally.sums.shape[1] > LOBE_SUMS else 0]
    for y in range(y0, y1):
        for x in range(x0, x1):
            pixel = (y - y0) * (x1 - x0) + (x - x0)
            sums, taken, spread = tally.sums[pixel], tally.taken[pixel], tally.spread[pixel]
            ids, counts, used = tally.ids[pixel], tally.counts[pixel], tally.used[pixel]
            at = start
            while at < stop and taken[2] == 0:
                for k in range(sums.shape[0]):
                    block[k] = 0.0
                count = min(BLOCK, stop - at)
                for sample in range(at, at + count):
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
                        bench.scratch,
                        record,
                        log,
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
                        if ids.shape[1] > 0:
                            count_id(ids, counts, used, 0, tables.object_hashes[path.object_id])
                            count_id(ids, counts, used, 1, tables.material_hashes[path.material_id])
                    if sample == 0:
                        tally.first[pixel, 0], tally.first[pixel, 1] = path.object_id, path.material_id
                    if limits.noise > f32(0.0):
                        seen = luminance(_bounded(path.r), _bounded(path.g), _bounded(path.b))
                        spread[2] += seen * seen
                    if sums.shape[0] == SEEN:
                        continue
                    if path.a > f32(0.0):
                        block[11] += _bounded(path.px)
                        block[12] += _bounded(path.py)
                        block[13] += _bounded(path.pz)
                    block[14] += _bounded(path.emission_r)
                    block[15] += _bounded(path.emission_g)
                    block[16] += _bounded(path.emission_b)
                    block[17] += _bounded(path.background_r)
                    block[18] += _bounded(path.background_g)
                    block[19] += _bounded(path.background_b)
                    block[20] += _bounded(path.direct_r)
                    block[21] += _bounded(path.direct_g)
                    block[22] += _bounded(path.direct_b)
                    block[23] += _bounded(path.indirect_r)
                    block[24] += _bounded(path.indirect_g)
                    block[25] += _bounded(path.indirect_b)
                    for k in range(LOBE_SUMS, sums.shape[0]):
                        block[k] += _bounded(record[k - LOBE_SUMS])
                for k in range(min(sums.shape[0], LIGHT)):
                    sums[k] += _fixed(block[k])
                if sums.shape[0] > SEEN:
                    _make_up(block, sums.shape[0] > LOBE_SUMS)
                    for k in range(LIGHT, sums.shape[0]):
                        sums[k] += i64(block[k])
                at += count
                taken[0] += count
                taken[1] += 1
                if limits.noise > f32(0.0):
                    mean = luminance(block[0], block[1], block[2]) / count
                    spread[0] += mean
                    spread[1] += mean * mean
                    if _may_stop(taken[0]):
                        average, variance = average_and_variance(spread, taken[0], taken[1])
                        if np.sqrt(variance) <= limits.noise * (average + 1e-2):
                            taken[2] = 1


@kernel
def resolve(tally, columns, bench, out):
    """Make pixels of a tally, in its order: out float32 (height, width, len(columns)), of all channels those
    that `columns` name."""
    row = bench.row
    pixel = 0
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            sums, taken = tally.sums[pixel], tally.taken[pixel, 0]
            for k in range(7):
                row[k] = f32(sums[k] / UNIT / taken)
            covered = sums[3] / UNIT
            if covered > 0.0:
                row[7], row[8], row[9] = normalize(
                    f32(sums[7] / UNIT / covered),
                    f32(sums[8] / UNIT / covered),
                    f32(sums[9] / UNIT / covered),
                )
                row[10] = f32(sums[10] / UNIT / covered)
                if sums.shape[0] > SEEN:
                    for k in range(3):
                        row[EXTRA + k] = f32(sums[SEEN + k] / UNIT / covered)
            else:
                row[7] = row[8] = row[9] = f32(0.0)
                row[10] = f32(np.inf)
                row[EXTRA] = row[EXTRA + 1] = row[EXTRA + 2] = f32(0.0)
            row[11] = f32(taken)
            row[_IDS], row[_IDS + 1] = f32(tally.first[pixel, 0]), f32(tally.first[pixel, 1])
            for k in range(LIGHT, sums.shape[0]):
                channel = k - SEEN + EXTRA if k < LOBE_SUMS else k - LOBE_SUMS + LOBE_CHANNELS
                row[channel] = f32(sums[k] / UNIT / taken)
            for kind in range(2 if tally.ids.shape[2] > 0 else 0):
                rank_ids(
                    tally.ids[pixel],
                    tally.counts[pixel],
                    tally.used[pixel],
                    kind,
                    taken,
                    row,
                    MATTE_CHANNELS + 2 * RANKS * kind,
                )
            for k in range(columns.shape[0]):
                out[y, x, k] = row[columns[k]]
            pixel += 1
