"""Procedural textures: tileable noise, and wood, weave, peel and brushed metal made of it.

Heights are float64 in about 0 to 1; colours are stored as sRGB, everything else as it is. Only + - * /
and integer hashing, so that every machine bakes the same pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mesh.scenes.description import U8
from mesh.scenes.geometry import F64

_U32 = NDArray[np.uint32]


def value_noise(size: int, cells: tuple[int, int], seed: int) -> F64:
    """(size, size) noise in 0 to 1 with `cells` lattice cells along y and x, repeating at the borders."""
    axes = []
    for count in cells:
        at = np.arange(size) * (count / size)
        low = np.floor(at)
        t = at - low
        axes.append((low.astype(np.uint32), t * t * t * (t * (t * 6.0 - 15.0) + 10.0), count))
    (y, fy, ny), (x, fx, nx) = axes
    corners = [
        _hash((y + dy)[:, None] % np.uint32(ny), (x + dx)[None, :] % np.uint32(nx), seed)
        for dy in (0, 1)
        for dx in (0, 1)
    ]
    top = corners[0] + (corners[1] - corners[0]) * fx[None, :]
    bottom = corners[2] + (corners[3] - corners[2]) * fx[None, :]
    noise: F64 = top + (bottom - top) * fy[:, None]
    return noise


def fractal_noise(size: int, cells: tuple[int, int], seed: int, octaves: int) -> F64:
    """Octaves of value noise, each twice as fine and half as strong, in 0 to 1."""
    total = np.zeros((size, size))
    strength, whole = 1.0, 0.0
    for octave in range(octaves):
        scale = 1 << octave
        total = total + value_noise(size, (cells[0] * scale, cells[1] * scale), seed + octave) * strength
        whole += strength
        strength *= 0.5
    return total / whole


def _hash(y: _U32, x: _U32, seed: int) -> F64:
    """A number in 0 to 1 for each lattice point (a 32-bit finaliser with full avalanche)."""
    h = (y * np.uint32(0x9E3779B1)) ^ (x * np.uint32(0x85EBCA77)) ^ np.uint32(seed * 0x27D4EB2F & 0xFFFFFFFF)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        h = (h ^ (h >> np.uint32(shift))) * np.uint32(factor)
    h ^= h >> np.uint32(16)
    return h.astype(np.float64) / 4294967295.0


def ramp(values: F64, stops: Sequence[tuple[float, Sequence[float]]]) -> F64:
    """(h, w) values turned into (h, w, 3) colours by straight lines between the stops."""
    colors: F64 = np.zeros((*values.shape, 3)) + np.array(stops[0][1])
    for (low, start), (high, end) in pairwise(stops):
        t = np.clip((values - low) / (high - low), 0.0, 1.0)[:, :, None]
        colors = colors + (np.array(end) - np.array(start)) * t
    return colors


def to_bytes(values: F64) -> U8:
    return (np.clip(values, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def normal_map(height: F64, strength: float) -> U8:
    """Tangent-space normals of a repeating height field; `strength` is its height in texels."""
    dx = (np.roll(height, -1, axis=1) - np.roll(height, 1, axis=1)) * (0.5 * strength)
    dy = (np.roll(height, -1, axis=0) - np.roll(height, 1, axis=0)) * (0.5 * strength)
    length = np.sqrt((dx * dx + dy * dy) + 1.0)
    # glTF's green points up the image, against v.
    return to_bytes(np.stack([-dx / length, dy / length, 1.0 / length], axis=-1) * 0.5 + 0.5)


def roughness_map(roughness: F64, metallic: float = 0.0) -> U8:
    """glTF's packing: roughness in green, metalness in blue."""
    metal = np.full_like(roughness, metallic)
    return to_bytes(np.stack([np.zeros_like(roughness), roughness, metal], axis=-1))


def wood_planks(size: int, planks: int, seed: int) -> tuple[F64, F64, F64]:
    """Boards along x: tone in 0 to 1 (dark to light), height, and how worn the finish is."""
    rows = np.arange(size) * (planks / size)
    board = np.floor(rows).astype(np.uint32)
    inside = rows - np.floor(rows)
    tone_of_board = _hash(board[:, None], np.full((1, 1), 7, np.uint32), seed)
    # Every board shows another part of the grain.
    shift = (_hash(board[:, None], np.full((1, 1), 3, np.uint32), seed)[:, 0] * size).astype(np.int64)
    columns = (np.arange(size)[None, :] + shift[:, None]) % size
    row = np.arange(size)[:, None]
    broad = fractal_noise(size, (planks * 3, 2), seed + 10, 4)[row, columns]
    rings = broad * 9.0
    grain = np.abs((rings - np.floor(rings)) * 2.0 - 1.0)
    fibre = fractal_noise(size, (size // 4, 6), seed + 20, 2)[row, columns]
    pores = np.clip(value_noise(size, (size // 3, 24), seed + 30)[row, columns] * 4.0 - 2.9, 0.0, 1.0)
    tone = tone_of_board * 0.30 + grain * 0.34 + fibre * 0.22 + broad * 0.14 - pores * 0.18
    edge = np.minimum(inside, 1.0 - inside) * (size / planks)
    gap = np.clip(1.0 - edge / 2.5, 0.0, 1.0)[:, None]
    height = fibre * 0.25 - pores * 0.35 - gap * 2.2
    return tone * (1.0 - gap * 0.75), height, fibre * 0.5 + pores * 0.5 + gap


def brushed(size: int, seed: int) -> F64:
    """Fine scratches along x."""
    return fractal_noise(size, (size // 2, 4), seed, 2)


def peel(size: int, seed: int) -> F64:
    """The dimples of a citrus peel."""
    pits = value_noise(size, (size // 7, size // 7), seed)
    return 1.0 - pits * pits * (3.0 - 2.0 * pits)


def weave(size: int, threads: int) -> F64:
    """Height of a plain weave: over and under, in turns."""
    at = np.arange(size) * (threads / size)
    t = at - np.floor(at)
    bump = 4.0 * t * (1.0 - t)
    odd = np.floor(at) % 2.0
    over = np.abs(odd[:, None] - odd[None, :])
    height: F64 = bump[:, None] * over + bump[None, :] * (1.0 - over)
    return height
