"""The computed sky: sunlight scattered once by a clear atmosphere, with the sun in it, over pale ground.

Rayleigh and Mie scattering and ozone absorption integrated along each view ray (Nishita et al., "Display
of the Earth Taking into Account Atmospheric Scattering", 1993; coefficients of Hillaire 2020). Light
scattered more than once is stood in for by a share of what left the sunbeam. The sun is larger than the
real one and correspondingly fainter, so that shadows have soft edges and the map can hold it. Scaled so
that a white floor in the open has radiance near one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mesh.render.kernel import kernel, step
from mesh.render.math import HALF, ZERO, exp, sincos_turns

f32 = np.float32

WIDTH, HEIGHT = 512, 256
_GROUND, _TOP = 6360.0, 6420.0
_STEPS, _LIGHT_STEPS = 16, 6
_RAYLEIGH = (5.802e-3, 13.558e-3, 33.1e-3)
_OZONE = (0.650e-3, 1.881e-3, 0.085e-3)
_MIE_SCATTER, _MIE_EXTINCT, _MIE_G = 3.996e-3, 4.44e-3, 0.8
_MANY = 0.35
"""The share of out-scattered light that comes back as sky light."""
_SUN_RADIUS = 0.022
"""In radians: five times the real one."""
_GROUND_ALBEDO = (0.30, 0.28, 0.25)


@step
def _thickness(radius, up, reach):
    """Rayleigh, Mie and ozone column along a ray from `radius`, whose direction has cosine `up`, in km."""
    step = reach / _LIGHT_STEPS
    rayleigh = 0.0
    mie = 0.0
    ozone = 0.0
    for i in range(_LIGHT_STEPS):
        d = (i + 0.5) * step
        height = np.sqrt(radius * radius + d * d + 2.0 * radius * d * up) - _GROUND
        rayleigh += exp(f32(-height / 8.0)) * step
        mie += exp(f32(-height / 1.2)) * step
        ozone += max(1.0 - abs(height - 25.0) / 15.0, 0.0) * step
    return rayleigh, mie, ozone


@step
def _exit(radius, up, sphere):
    """Distance from inside a sphere of radius `sphere` to where the ray leaves it."""
    b = radius * up
    return -b + np.sqrt(max(b * b - radius * radius + sphere * sphere, 0.0))


@step
def _transmittance(column, channel):
    rayleigh, mie, ozone = column
    depth = _RAYLEIGH[channel] * rayleigh + _MIE_EXTINCT * mie + _OZONE[channel] * ozone
    return float(exp(f32(-depth)))


@step
def _sky_ray(x, y, z, sx, sy, sz, out):
    """Radiance of the sky in the direction (x, y >= 0, z) for a sun of irradiance one towards s, into out."""
    start = _GROUND + 0.2
    reach = _exit(start, y, _TOP)
    cosine = x * sx + y * sy + z * sz
    phase_rayleigh = 3.0 / (16.0 * np.pi) * (1.0 + cosine * cosine)
    g = _MIE_G
    side = 1.0 + g * g - 2.0 * g * cosine
    phase_mie = 3.0 / (8.0 * np.pi) * (1.0 - g * g) * (1.0 + cosine * cosine)
    phase_mie /= (2.0 + g * g) * side * np.sqrt(side)
    rayleigh = 0.0
    mie = 0.0
    ozone = 0.0
    last = 0.0
    out[0] = out[1] = out[2] = 0.0
    for i in range(_STEPS):
        # Steps grow with distance: most of the air is near.
        end = reach * ((i + 1.0) / _STEPS) * ((i + 1.0) / _STEPS)
        step = end - last
        d = 0.5 * (last + end)
        last = end
        radius = np.sqrt(start * start + d * d + 2.0 * start * d * y)
        height = radius - _GROUND
        air = float(exp(f32(-height / 8.0)))
        haze = float(exp(f32(-height / 1.2)))
        rayleigh += air * step
        mie += haze * step
        ozone += max(1.0 - abs(height - 25.0) / 15.0, 0.0) * step
        up = (start * sy + d * cosine) / radius
        r, m, o = _thickness(radius, up, _exit(radius, up, _TOP))
        for k in range(3):
            lit = _transmittance((rayleigh + r, mie + m, ozone + o), k)
            scattered = _RAYLEIGH[k] * air * phase_rayleigh + _MIE_SCATTER * haze * phase_mie
            spread = (_RAYLEIGH[k] * air + _MIE_SCATTER * haze) / (4.0 * np.pi) * _MANY
            seen = _transmittance((rayleigh, mie, ozone), k)
            out[k] += step * (lit * scattered + seen * spread)


@kernel
def _paint(pixels, sx, sy, sz, sky, sunlight, floor):
    height, width, _ = pixels.shape
    half = height // 2
    start = _GROUND + 0.2
    for k in range(3):
        sunlight[k] = _transmittance(_thickness(start, sy, _exit(start, sy, _TOP)), k)
    for row in range(half):
        sine, y = sincos_turns((f32(row) + HALF) / f32(height) * HALF)
        for column in range(width):
            s, c = sincos_turns((f32(column) + HALF) / f32(width) - HALF)
            _sky_ray(float(sine * c), float(y), float(sine * s), sx, sy, sz, sky)
            for k in range(3):
                pixels[row, column, k] = sky[k]
                floor[k] += sky[k] * y * sine
    cell = 2.0 * np.pi / width * np.pi / height
    white = 0.0
    for k in range(3):
        floor[k] = floor[k] * cell + sunlight[k] * sy
        white += floor[k] / 3.0
    scale = np.pi / white
    edge = np.sqrt(max(1.0 - _SUN_RADIUS * _SUN_RADIUS, 0.0))
    disc = np.pi * _SUN_RADIUS * _SUN_RADIUS
    for row in range(height):
        sine, y = sincos_turns((f32(row) + HALF) / f32(height) * HALF)
        for column in range(width):
            s, c = sincos_turns((f32(column) + HALF) / f32(width) - HALF)
            cosine = sine * c * sx + y * sy + sine * s * sz
            # A soft rim of half a radius, as wide as the map can show.
            rim = (cosine - (1.0 - 2.25 * (1.0 - edge))) / (1.25 * (1.0 - edge))
            share = min(max(rim, 0.0), 1.0)
            haze = float(exp(f32(-6.0) * max(-y, ZERO)))
            for k in range(3):
                if row < half:
                    value = pixels[row, column, k] + share * sunlight[k] / (1.6 * disc)
                else:
                    ground = _GROUND_ALBEDO[k] * floor[k] / np.pi
                    value = haze * pixels[half - 1, column, k] + (1.0 - haze) * ground
                pixels[row, column, k] = f32(value * scale)


def sky_map(elevation: float = 0.6, azimuth: float = 0.36) -> NDArray[np.float32]:
    """The sky as an equirectangular image (HEIGHT, WIDTH, 3) float32 of radiance.

    `elevation` is the y of the direction to the sun; `azimuth` its place around, in turns from +x to +z.
    """
    s, c = (float(v) for v in sincos_turns(f32(azimuth)))
    radius = float(np.sqrt(1.0 - elevation * elevation))
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    _paint(pixels, radius * c, elevation, radius * s, np.zeros(3), np.zeros(3), np.zeros(3))
    return pixels
