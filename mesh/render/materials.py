"""Materials as one table: glTF's factors in columns, and reading them with their textures at a hit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mesh.render.bsdf import Surface
from mesh.render.kernel import kernel, merged, step
from mesh.render.math import ONE, TWO, ZERO, log, normalize, sqrt
from mesh.render.textures import UV_SET, Textures, look_up

f32 = np.float32
F32 = NDArray[np.float32]

BASE, METALLIC, ROUGHNESS, NORMAL_SCALE, EMISSIVE, CUTOFF, IOR, SPECULAR, SPECULAR_COLOR = (
    0,
    4,
    5,
    6,
    7,
    10,
    11,
    12,
    13,
)
COAT, COAT_ROUGHNESS, TRANSMISSION, VOLUME, ABSORPTION, SHEEN, SHEEN_ROUGHNESS = 16, 17, 18, 19, 20, 23, 26
ANISOTROPY, ANISOTROPY_COS, ANISOTROPY_SIN, FILM, FILM_IOR, FILM_MIN, FILM_MAX = 27, 28, 29, 30, 31, 32, 33
FACTORS = 34
"""Columns of the factors; ABSORPTION is Beer's coefficient in 1/m, VOLUME solid glass's row of the albedo table, or 0."""
ALPHA_MODE, DOUBLE_SIDED, UNLIT, EMITS, FIRST_TEXTURE = 0, 1, 2, 3, 4
(
    BASE_MAP,
    METAL_MAP,
    NORMAL_MAP,
    EMISSIVE_MAP,
    SPECULAR_MAP,
    SPECULAR_COLOR_MAP,
    COAT_MAP,
    COAT_ROUGHNESS_MAP,
) = range(8)
COAT_NORMAL_MAP, TRANSMISSION_MAP, THICKNESS_MAP, SHEEN_MAP, SHEEN_ROUGHNESS_MAP = range(8, 13)
ANISOTROPY_MAP, FILM_MAP, FILM_THICKNESS_MAP, MAPS = range(13, 17)
"""Texture columns, from FIRST_TEXTURE on: a texture of the scene's table, or -1."""
FLAGS = FIRST_TEXTURE + MAPS
OPAQUE, MASK, BLEND = 0, 1, 2


class Materials(NamedTuple):
    """factors float32 (n, FACTORS); flags int32 (n, FLAGS); and the textures they name."""

    factors: F32
    flags: NDArray[np.int32]
    textures: Textures


class Spot(NamedTuple):
    """Where on a mesh's skin a ray met it: both uv sets, vertex colour, footprint in uv, mip jitter."""

    u0: np.float32
    v0: np.float32
    u1: np.float32
    v1: np.float32
    r: np.float32
    g: np.float32
    b: np.float32
    a: np.float32
    footprint: np.float32
    jitter: np.float32


@kernel
def absorption(color, distance):
    """Beer's coefficient of a medium that lets `color` of white through after `distance`."""
    return -log(max(color, f32(1e-4))) / distance


@step
def _map(materials, material, which, spot):
    """(r, g, b, a) of a texture of the material; the caller knows that it has one."""
    slot = materials.flags[material, FIRST_TEXTURE + which]
    textures = materials.textures
    second = textures.slots[slot, UV_SET] != 0
    u, v = (spot.u1, spot.v1) if second else (spot.u0, spot.v0)
    return look_up(textures, slot, u, v, spot.footprint, spot.jitter)


@merged
def _has(materials, material, which):
    return materials.flags[material, FIRST_TEXTURE + which] >= 0


@step
def _channel(materials, material, which, spot, channel):
    """One channel of a texture, 1 where there is none."""
    if not _has(materials, material, which):
        return ONE
    r, g, b, a = _map(materials, material, which, spot)
    return r if channel == 0 else (g if channel == 1 else (b if channel == 2 else a))


@step
def base_color(materials, material, spot):
    """(r, g, b, a) of the base colour, with vertex colours."""
    f = materials.factors
    r, g, b, a = (
        f[material, 0] * spot.r,
        f[material, 1] * spot.g,
        f[material, 2] * spot.b,
        f[material, 3] * spot.a,
    )
    if _has(materials, material, BASE_MAP):
        tr, tg, tb, ta = _map(materials, material, BASE_MAP, spot)
        r, g, b, a = r * tr, g * tg, b * tb, a * ta
    return min(r, ONE), min(g, ONE), min(b, ONE), min(a, ONE)


@merged
def coverage(materials, material, alpha):
    """How much of a ray stops here: 0 or 1 but for BLEND."""
    mode = materials.flags[material, ALPHA_MODE]
    if mode == OPAQUE:
        return ONE
    if mode == MASK:
        return ONE if alpha >= materials.factors[material, CUTOFF] else ZERO
    return alpha


@step
def emission(materials, material, spot):
    """Radiance (r, g, b) that leaves the surface by itself."""
    f = materials.factors
    r, g, b = f[material, EMISSIVE], f[material, EMISSIVE + 1], f[material, EMISSIVE + 2]
    if _has(materials, material, EMISSIVE_MAP):
        tr, tg, tb, _ = _map(materials, material, EMISSIVE_MAP, spot)
        r, g, b = r * tr, g * tg, b * tb
    return r, g, b


@step
def mapped_normal(materials, material, which, spot, scale):
    """A normal map's unit vector in tangent space."""
    x, y, z, _ = _map(materials, material, which, spot)
    return normalize((x * TWO - ONE) * scale, (y * TWO - ONE) * scale, z * TWO - ONE)


@step
def surface_at(materials, material, spot, r, g, b, entering):
    """The Surface of a hit whose base colour is (r, g, b), and the rotation (cos, sin) of its anisotropy."""
    f = materials.factors
    metallic, roughness = f[material, METALLIC], f[material, ROUGHNESS]
    if _has(materials, material, METAL_MAP):
        _, tg, tb, _ = _map(materials, material, METAL_MAP, spot)
        metallic, roughness = metallic * tb, roughness * tg
    specular, specular_r = f[material, SPECULAR], f[material, SPECULAR_COLOR]
    specular_g, specular_b = f[material, SPECULAR_COLOR + 1], f[material, SPECULAR_COLOR + 2]
    specular = specular * _channel(materials, material, SPECULAR_MAP, spot, 3)
    if _has(materials, material, SPECULAR_COLOR_MAP):
        tr, tg, tb, _ = _map(materials, material, SPECULAR_COLOR_MAP, spot)
        specular_r, specular_g, specular_b = specular_r * tr, specular_g * tg, specular_b * tb
    coat, coat_roughness = f[material, COAT], f[material, COAT_ROUGHNESS]
    if coat > ZERO:
        coat = coat * _channel(materials, material, COAT_MAP, spot, 0)
        coat_roughness = coat_roughness * _channel(materials, material, COAT_ROUGHNESS_MAP, spot, 1)
    transmission, volume = f[material, TRANSMISSION], ZERO
    if transmission > ZERO:
        transmission = transmission * _channel(materials, material, TRANSMISSION_MAP, spot, 0)
        volume = f[material, VOLUME]
    sheen_r, sheen_g, sheen_b = f[material, SHEEN], f[material, SHEEN + 1], f[material, SHEEN + 2]
    sheen_roughness = f[material, SHEEN_ROUGHNESS]
    if max(sheen_r, sheen_g, sheen_b) > ZERO:
        if _has(materials, material, SHEEN_MAP):
            tr, tg, tb, _ = _map(materials, material, SHEEN_MAP, spot)
            sheen_r, sheen_g, sheen_b = sheen_r * tr, sheen_g * tg, sheen_b * tb
        sheen_roughness = sheen_roughness * _channel(materials, material, SHEEN_ROUGHNESS_MAP, spot, 3)
    anisotropy, cosine, sine = (
        f[material, ANISOTROPY],
        f[material, ANISOTROPY_COS],
        f[material, ANISOTROPY_SIN],
    )
    if anisotropy > ZERO and _has(materials, material, ANISOTROPY_MAP):
        tr, tg, tb, _ = _map(materials, material, ANISOTROPY_MAP, spot)
        x, y = tr * TWO - ONE, tg * TWO - ONE
        length = sqrt(x * x + y * y)
        if length > f32(1e-4):
            x, y = x / length, y / length
            cosine, sine = cosine * x - sine * y, sine * x + cosine * y
        anisotropy = anisotropy * tb
    film, thickness = f[material, FILM], ZERO
    if film > ZERO:
        film = film * _channel(materials, material, FILM_MAP, spot, 0)
        low, high = f[material, FILM_MIN], f[material, FILM_MAX]
        thickness = low + (high - low) * _channel(materials, material, FILM_THICKNESS_MAP, spot, 1)
    surface = Surface(
        r, g, b, min(metallic, ONE), min(roughness, ONE), anisotropy, min(specular, ONE),
        specular_r, specular_g, specular_b, f[material, IOR], transmission, volume, entering,
        coat, coat_roughness, sheen_r, sheen_g, sheen_b, sheen_roughness, film, f[material, FILM_IOR], thickness,
    )  # fmt: skip
    return surface, cosine, sine
