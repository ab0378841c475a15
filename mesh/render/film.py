"""From samples to pixels, so that no order of work can change a bit.

Samples are added in blocks of 16, in order; each block's sum becomes a 64-bit integer, and integers are
added. So the sum of a pixel is the same however its blocks are gathered. Adaptive sampling looks at the
pixel's own blocks only, and stops between two of them.

`add_samples` fills a `Tally`, once for each moment that the shutter is open; `resolve` makes pixels of it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mesh.model.layers import ALWAYS, Layer, channels_of
from mesh.render.accel_layout import Scratch, make_scratch
from mesh.render.kernel import kernel, merged, step
from mesh.render.math import luminance, normalize
from mesh.render.matte import RANKS, SLOTS, count_id, rank_ids
from mesh.render.paths import trace_path

f32 = np.float32
i64 = np.int64

BLOCK = 16
_ONE = 2.0**24
"""The fixed point's unit: sums below 2^39 keep 24 bits after the point."""
_LARGEST = f32(65504.0)
"""The largest half-precision number; nothing brighter can be written anyway."""
_LEAST_BLOCKS = 4
"""Before an adaptive pixel may stop."""
_NINE_OF_TEN = 1.2815515655446004
"""The normal distribution's 90 % quantile."""

_EVERY = channels_of(Layer)
_IDS = ALWAYS.index("object.I")
_EXTRA = len(ALWAYS)
"""The first of three channels each: position, emission, background, direct, indirect; then the mattes."""
_MATTES = _EVERY.index("CryptoObject00.R")
_SEEN = 11
"""Sums: the channels before the sample count, then those from _EXTRA to the mattes."""
_SUMS = _SEEN + _MATTES - _EXTRA


class Tally(NamedTuple):
    """What the samples of n pixels came to so far.

    sums int64 (n, _SEEN or _SUMS); taken int32 (n, 3): samples, blocks, 1 where adaptive sampling has had enough;
    spread float64 (n, 3): sums of the blocks' luminance, of its square, and of that of single samples; first int32 (n, 2): ids of the first
    sample; ids float32, counts int32 (n, 2, SLOTS or 0) and used int32 (n, 2): for the mattes. What it has no room
    for is not counted, which saves a fifth of the time of a simple scene and changes nothing else.
    """

    sums: NDArray[np.int64]
    taken: NDArray[np.int32]
    spread: NDArray[np.float64]
    first: NDArray[np.int32]
    ids: NDArray[np.float32]
    counts: NDArray[np.int32]
    used: NDArray[np.int32]


class Bench(NamedTuple):
    """One thread's own memory."""

    block: NDArray[np.float64]
    row: NDArray[np.float32]
    scratch: Scratch


def make_tally(pixels: int, columns: NDArray[np.int64]) -> Tally:
    """Room for what the channels that `columns` name are made of."""
    parts = bool(np.any((columns >= _EXTRA) & (columns < _MATTES)))
    slots = SLOTS if np.any(columns >= _MATTES) else 0
    return Tally(
        np.zeros((pixels, _SUMS if parts else _SEEN), np.int64),
        np.zeros((pixels, 3), np.int32),
        np.zeros((pixels, 3)),
        np.full((pixels, 2), -1, np.int32),
        np.empty((pixels, 2, slots), np.float32),
        np.empty((pixels, 2, slots), np.int32),
        np.zeros((pixels, 2), np.int32),
    )


def make_bench() -> Bench:
    return Bench(np.zeros(_SUMS), np.zeros(len(_EVERY), np.float32), make_scratch())


def columns_of(layers: tuple[Layer, ...]) -> NDArray[np.int64]:
    """Which of all channels a frame with these layers has."""
    return np.array([_EVERY.index(channel) for channel in channels_of(layers)], np.int64)


@merged
def _fixed(value):
    return i64(np.floor(value * _ONE + 0.5))


@merged
def _bounded(value):
    return min(max(value, -_LARGEST), _LARGEST)


@step
def _at_most(variance, freedom):
    """What a variance is at most, in nine cases of ten, that was estimated with so many degrees of freedom: its
    quantile of chi-square as Wilson and Hilferty approximate it ("The Distribution of Chi-Square", 1931)."""
    ninth = 2.0 / (9.0 * freedom)
    root = 1.0 - ninth - _NINE_OF_TEN * np.sqrt(ninth)
    return variance / (root * root * root)


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
                    if sums.shape[0] == _SEEN:
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
                for k in range(sums.shape[0]):
                    sums[k] += _fixed(block[k])
                at += count
                taken[0] += count
                taken[1] += 1
                if limits.noise > f32(0.0):
                    mean = luminance(block[0], block[1], block[2]) / count
                    spread[0] += mean
                    spread[1] += mean * mean
                    if taken[1] >= _LEAST_BLOCKS:
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
                row[k] = f32(sums[k] / _ONE / taken)
            covered = sums[3] / _ONE
            if covered > 0.0:
                row[7], row[8], row[9] = normalize(
                    f32(sums[7] / _ONE / covered),
                    f32(sums[8] / _ONE / covered),
                    f32(sums[9] / _ONE / covered),
                )
                row[10] = f32(sums[10] / _ONE / covered)
                if sums.shape[0] > _SEEN:
                    for k in range(3):
                        row[_EXTRA + k] = f32(sums[_SEEN + k] / _ONE / covered)
            else:
                row[7] = row[8] = row[9] = f32(0.0)
                row[10] = f32(np.inf)
                row[_EXTRA] = row[_EXTRA + 1] = row[_EXTRA + 2] = f32(0.0)
            row[11] = f32(taken)
            row[_IDS], row[_IDS + 1] = f32(tally.first[pixel, 0]), f32(tally.first[pixel, 1])
            for k in range(_SEEN + 3, sums.shape[0]):
                row[_EXTRA + k - _SEEN] = f32(sums[k] / _ONE / taken)
            for kind in range(2 if tally.ids.shape[2] > 0 else 0):
                rank_ids(
                    tally.ids[pixel],
                    tally.counts[pixel],
                    tally.used[pixel],
                    kind,
                    taken,
                    row,
                    _MATTES + 2 * RANKS * kind,
                )
            for k in range(columns.shape[0]):
                out[y, x, k] = row[columns[k]]
            pixel += 1
