"""Where a sample's random numbers come from: an Owen-scrambled Sobol sequence read by a counter.

The numbers of a sample are a pure function of (seed, frame, pixel, sample index, dimension). Pixels take
consecutive runs of one sequence in Morton order, so that neighbours complement each other and the error is
spread as blue noise (Ahmed and Wonka, "Screen-Space Blue-Noise Diffusion of Monte Carlo Sampling Error via
Hierarchical Ordering of Pixels", 2020). Every pair of dimensions is the first two Sobol dimensions, with
its own order of the points and its own scramble (Burley, "Practical Hash-based Owen Scrambling", JCGT 2020,
with Vegdahl's constants). The second Sobol dimension comes from the Pascal matrix in five steps (Ahmed 2024).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mesh.render.kernel import kernel, step
from mesh.render.math import reverse_bits

f32 = np.float32
u32 = np.uint32

FILTER = 0
LENS = 1
FIRST_BOUNCE = 2
PER_BOUNCE = 5
"""Pairs of dimensions: for each bounce direction, choice, light point, light choice, and the first two surfaces that
may let the ray to it pass."""
DIRECTION, CHOICE, LIGHT_POINT, LIGHT_CHOICE, COVERAGE = 0, 1, 2, 3, 4


class Sequence(NamedTuple):
    """One frame's sequence. seeds: (pairs, 3) uint32; index_bits: log2 of the samples kept per pixel."""

    seeds: np.ndarray
    index_bits: int
    tile_bits: int


@step
def mix(x):
    """A 32-bit finaliser (Wellons' lowbias32)."""
    x = u32(x)
    x = u32(x ^ (x >> u32(16)))
    x = u32(x * u32(0x7FEB352D))
    x = u32(x ^ (x >> u32(15)))
    x = u32(x * u32(0x846CA68B))
    return u32(x ^ (x >> u32(16)))


@step
def to_unit(x):
    """A uint32 as a float32 in [0, 1)."""
    return f32(np.int32(x >> u32(8))) * f32(5.9604644775390625e-8)


@step
def scramble_reversed(x, seed):
    """Nested uniform scramble of a number whose bits stand in reverse order."""
    x = u32(x ^ u32(x * u32(0x3D20ADEA)))
    x = u32(x + seed)
    x = u32(x * u32((seed >> u32(16)) | u32(1)))
    x = u32(x ^ u32(x * u32(0x05526C56)))
    return u32(x ^ u32(x * u32(0x53A22864)))


@step
def pascal(x):
    """Multiply by the Pascal matrix mod 2: Sobol's second dimension, bits reversed."""
    x = u32(x ^ (x >> u32(16)))
    x = u32(x ^ ((x >> u32(8)) & u32(0x00FF00FF)))
    x = u32(x ^ ((x >> u32(4)) & u32(0x0F0F0F0F)))
    x = u32(x ^ ((x >> u32(2)) & u32(0x33333333)))
    return u32(x ^ ((x >> u32(1)) & u32(0x55555555)))


@step
def spread(x):
    """The low 16 bits of x, with a zero bit after each."""
    x = u32(x & u32(0xFFFF))
    x = u32((x | u32(x << u32(8))) & u32(0x00FF00FF))
    x = u32((x | u32(x << u32(4))) & u32(0x0F0F0F0F))
    x = u32((x | u32(x << u32(2))) & u32(0x33333333))
    return u32((x | u32(x << u32(1))) & u32(0x55555555))


@step
def start_sample(sequence, x, y, sample):
    """The counter of one sample: its place in the sequence, bits reversed, and its tile's own seed."""
    tile_bits = u32(sequence.tile_bits)
    mask = u32(u32(u32(1) << tile_bits) - u32(1))
    order = u32(spread(u32(x) & mask) | u32(spread(u32(y) & mask) << u32(1)))
    index = u32(u32(order << u32(sequence.index_bits)) | u32(sample))
    tile = mix(u32(u32(u32(x) >> tile_bits) + u32(u32(u32(y) >> tile_bits) * u32(0x9E3779B9))))
    return reverse_bits(index), tile


@step
def draw(sequence, counter, tile, pair):
    """Two numbers in [0, 1) for this pair of dimensions."""
    seeds = sequence.seeds
    order = scramble_reversed(counter, u32(seeds[pair, 0] ^ tile))
    index = reverse_bits(order)
    x = reverse_bits(scramble_reversed(index, u32(seeds[pair, 1] ^ tile)))
    y = reverse_bits(scramble_reversed(pascal(index), u32(seeds[pair, 2] ^ tile)))
    return to_unit(x), to_unit(y)


@step
def draw_seed(sequence, counter, tile, salt):
    """32 bits that are only random: for choices too rare to deserve a dimension."""
    return mix(u32(mix(u32(counter + u32(salt))) ^ u32(sequence.seeds[0, 0] ^ tile)))


@step
def draw_loose(sequence, counter, tile, salt):
    """The same as a number in [0, 1)."""
    return to_unit(draw_seed(sequence, counter, tile, salt))


@kernel
def _fill_seeds(seeds, seed, frame):
    state = mix(u32(mix(u32(seed)) + u32(frame)))
    for pair in range(seeds.shape[0]):
        for k in range(3):
            seeds[pair, k] = mix(u32(state + u32(u32(pair * 3 + k + 1) * u32(0x9E3779B9))))


def make_sequence(seed: int, frame: int, samples: int, max_depth: int) -> Sequence:
    """The sequence of a frame at `samples` per pixel and paths of at most `max_depth` bounces."""
    seeds = np.zeros((FIRST_BOUNCE + PER_BOUNCE * (max_depth + 1), 3), np.uint32)
    _fill_seeds(seeds, u32(seed & 0xFFFFFFFF), u32(frame & 0xFFFFFFFF))
    index_bits = max(samples - 1, 0).bit_length()
    return Sequence(seeds, index_bits, min(16, (32 - index_bits) // 2))
