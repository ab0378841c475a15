"""All images of a scene in one buffer of texels, with mip levels, and how a kernel looks one up.

A texel is a uint32 (red in the low byte). Levels are stored in tiles of 4 x 4 texels, one cache line each,
so that a bilinear look-up seldom touches more than two lines. Colours stay as sRGB bytes until they are
read; a table decodes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mesh.render.kernel import kernel, step
from mesh.render.math import HALF, ONE, ZERO, floor, power, rough_log2

f32 = np.float32
i32 = np.int32
i64 = np.int64
u32 = np.uint32

LEVELS = 16
"""Mip levels of the largest image: 32768 texels on a side."""
REPEAT, CLAMP, MIRROR = 0, 1, 2


SRGB, WRAP_S, WRAP_T, NEAREST, UV_SET, WIDTH, HEIGHT, COUNT, FIRST_LEVEL = 0, 1, 2, 3, 4, 5, 6, 7, 8
SLOT = FIRST_LEVEL + LEVELS
"""Columns of a texture: how it is read, its image's size and levels, and where in `texels` each level starts."""


class Textures(NamedTuple):
    """texels uint32 (n,); slots int64 (textures, SLOT); transforms float32 (textures, 6): rows of the 2 x 3
    matrix applied to (u, v, 1); decode float32 (2, 256): what a byte means, linear and sRGB."""

    texels: NDArray[np.uint32]
    slots: NDArray[np.int64]
    transforms: NDArray[np.float32]
    decode: NDArray[np.float32]


class TextureUse(NamedTuple):
    """How a material looks an image up: `image` indexes the images packed with it."""

    image: int
    wrap_s: int = REPEAT
    wrap_t: int = REPEAT
    nearest: bool = False
    uv_set: int = 0
    transform: tuple[float, float, float, float, float, float] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


@kernel
def _fill_decode(decode):
    for i in range(256):
        x = f32(i) / f32(255.0)
        decode[0, i] = x
        decode[1, i] = x / f32(12.92) if x <= f32(0.04045) else power((x + f32(0.055)) / f32(1.055), f32(2.4))


@step
def _place(width, x, y):
    """Where a texel is inside its level."""
    tiles = (width + 3) >> 2
    return (i64((y >> 2) * tiles + (x >> 2)) << 4) + ((y & 3) << 2) + (x & 3)


@kernel
def _store_base(pixels, texels, offset):
    height, width, _ = pixels.shape
    for y in range(height):
        for x in range(width):
            texels[offset + _place(width, x, y)] = (
                u32(pixels[y, x, 0])
                | (u32(pixels[y, x, 1]) << u32(8))
                | (u32(pixels[y, x, 2]) << u32(16))
                | (u32(pixels[y, x, 3]) << u32(24))
            )


@step
def _encode(decode, value):
    """The byte whose decoded value is nearest; `decode` is one ascending row of the table."""
    low, high = 0, 255
    while low < high:
        middle = (low + high) >> 1
        if (decode[middle] + decode[middle + 1]) * HALF < value:
            low = middle + 1
        else:
            high = middle
    return u32(low)


@kernel
def _halve(texels, source, width, height, target, colour, linear):
    """Average 2 x 2 texels of one level, in linear light, into the next."""
    next_width, next_height = max(width >> 1, 1), max(height >> 1, 1)
    for y in range(next_height):
        for x in range(next_width):
            r = g = b = a = ZERO
            for k in range(4):
                sx, sy = min(2 * x + (k & 1), width - 1), min(2 * y + (k >> 1), height - 1)
                texel = texels[source + _place(width, sx, sy)]
                r += colour[texel & u32(255)]
                g += colour[(texel >> u32(8)) & u32(255)]
                b += colour[(texel >> u32(16)) & u32(255)]
                a += linear[(texel >> u32(24)) & u32(255)]
            quarter = f32(0.25)
            texels[target + _place(next_width, x, y)] = (
                _encode(colour, r * quarter)
                | u32(_encode(colour, g * quarter) << u32(8))
                | u32(_encode(colour, b * quarter) << u32(16))
                | u32(_encode(linear, a * quarter) << u32(24))
            )


def _level_sizes(width: int, height: int) -> list[tuple[int, int]]:
    sizes = [(width, height)]
    while sizes[-1] != (1, 1) and len(sizes) < LEVELS:
        sizes.append((max(sizes[-1][0] >> 1, 1), max(sizes[-1][1] >> 1, 1)))
    return sizes


def pack_images(images: Sequence[tuple[NDArray[np.uint8], bool]], uses: Sequence[TextureUse]) -> Textures:
    """Pack (pixels (h, w, 4) uint8, is sRGB) pairs, with their mip levels, and the textures that use them."""
    chains = [_level_sizes(pixels.shape[1], pixels.shape[0]) for pixels, _ in images]
    offsets: list[list[int]] = []
    total = 0
    for chain in chains:
        offsets.append([])
        for width, height in chain:
            offsets[-1].append(total)
            total += ((width + 3) >> 2) * ((height + 3) >> 2) * 16
    texels = np.zeros(max(total, 1), np.uint32)
    decode = np.zeros((2, 256), np.float32)
    _fill_decode(decode)
    for (pixels, is_srgb), chain, levels in zip(images, chains, offsets, strict=True):
        # A copy, since decoded images may be read-only, which would be another numba signature.
        _store_base(np.array(pixels, np.uint8, order="C"), texels, levels[0])
        for level, (width, height) in enumerate(chain[:-1]):
            _halve(texels, levels[level], width, height, levels[level + 1], decode[int(is_srgb)], decode[0])
    slots = np.zeros((max(len(uses), 1), SLOT), np.int64)
    transforms = np.zeros((max(len(uses), 1), 6), np.float32)
    for i, use in enumerate(uses):
        (width, height), levels = chains[use.image][0], offsets[use.image]
        is_srgb = images[use.image][1]
        slots[i, :FIRST_LEVEL] = (
            is_srgb,
            use.wrap_s,
            use.wrap_t,
            use.nearest,
            use.uv_set,
            width,
            height,
            len(levels),
        )
        slots[i, FIRST_LEVEL : FIRST_LEVEL + len(levels)] = levels
        transforms[i] = use.transform
    return Textures(texels, slots, transforms, decode)


@step
def _wrap(i, size, mode):
    """A texel index inside the image. `i` is at most one image beyond it, except for MIRROR: two."""
    if mode == CLAMP:
        return min(max(i, i32(0)), i32(size - 1))
    period = size + size if mode == MIRROR else size
    i = i % period
    if i < 0:
        i += period
    return i32(period - 1 - i) if i >= size else i32(i)


@step
def look_up(textures, slot, u, v, footprint, jitter):
    """The texture's linear (r, g, b, a) at (u, v) of its uv set.

    `footprint` is the size of the ray's cross section in uv; `jitter` in [0, 1) chooses between the two
    nearest mip levels, so that their blend is right on average.
    """
    m = textures.transforms
    s = m[slot, 0] * u + m[slot, 1] * v + m[slot, 2]
    t = m[slot, 3] * u + m[slot, 4] * v + m[slot, 5]
    info = textures.slots
    width, height, count = i32(info[slot, WIDTH]), i32(info[slot, HEIGHT]), info[slot, COUNT]
    level = i32(0)
    across = footprint * f32(max(width, height))
    if across > ONE:
        level = i32(min(rough_log2(across) + jitter, f32(count - 1)))
        width, height = max(width >> level, i32(1)), max(height >> level, i32(1))
    base = info[slot, FIRST_LEVEL + level]
    wrap_s, wrap_t = info[slot, WRAP_S], info[slot, WRAP_T]
    # Coordinates far outside lose their fraction anyway; NaN fails the test and reads the corner.
    if not (abs(s) < f32(65536.0) and abs(t) < f32(65536.0)):
        s, t = ZERO, ZERO
    decode = textures.decode[info[slot, SRGB]]
    linear = textures.decode[0]
    x, y = s * f32(width), t * f32(height)
    if info[slot, NEAREST] != 0:
        texel = _texel(textures.texels, base, width, height, i32(floor(x)), i32(floor(y)), wrap_s, wrap_t)
        return _colour(decode, linear, texel)
    x, y = x - HALF, y - HALF
    left, top = floor(x), floor(y)
    fx, fy = x - left, y - top
    x0, x1 = _wrap(i32(left), width, wrap_s), _wrap(i32(left) + i32(1), width, wrap_s)
    y0, y1 = _wrap(i32(top), height, wrap_t), _wrap(i32(top) + i32(1), height, wrap_t)
    texels = textures.texels
    r0, g0, b0, a0 = _colour(decode, linear, texels[base + _place(width, x0, y0)])
    r1, g1, b1, a1 = _colour(decode, linear, texels[base + _place(width, x1, y0)])
    r2, g2, b2, a2 = _colour(decode, linear, texels[base + _place(width, x0, y1)])
    r3, g3, b3, a3 = _colour(decode, linear, texels[base + _place(width, x1, y1)])
    w0, w1 = (ONE - fx) * (ONE - fy), fx * (ONE - fy)
    w2, w3 = (ONE - fx) * fy, fx * fy
    return (
        r0 * w0 + r1 * w1 + r2 * w2 + r3 * w3,
        g0 * w0 + g1 * w1 + g2 * w2 + g3 * w3,
        b0 * w0 + b1 * w1 + b2 * w2 + b3 * w3,
        a0 * w0 + a1 * w1 + a2 * w2 + a3 * w3,
    )


@step
def _texel(texels, base, width, height, x, y, wrap_s, wrap_t):
    return texels[base + _place(width, _wrap(x, width, wrap_s), _wrap(y, height, wrap_t))]


@step
def _colour(decode, linear, texel):
    return (
        decode[texel & u32(255)],
        decode[(texel >> u32(8)) & u32(255)],
        decode[(texel >> u32(16)) & u32(255)],
        linear[texel >> u32(24)],
    )
