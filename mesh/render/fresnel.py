"""How much an interface reflects: Schlick's approximation, the exact dielectric, and thin films."""

from __future__ import annotations

import numpy as np

from mesh.render.kernel import step
from mesh.render.math import HALF, ONE, TWO, TWO_PI, ZERO, exp, sincos_turns, sqrt

f32 = np.float32


@step
def schlick_weight(cosine):
    """(1 - cosine)^5: how far the reflectance has gone from F0 to F90."""
    m = min(max(ONE - cosine, ZERO), ONE)
    m2 = m * m
    return m2 * m2 * m


@step
def dielectric(cosine, eta):
    """Fresnel reflectance of a dielectric and the refracted cosine, 0 at total internal reflection.

    `eta` is the index beyond the interface over the one before it; `cosine` >= 0 on the near side.
    """
    sin2 = (ONE - cosine * cosine) / (eta * eta)
    if sin2 >= ONE:
        return ONE, ZERO
    beyond = sqrt(ONE - sin2)
    parallel = (eta * cosine - beyond) / (eta * cosine + beyond)
    perpendicular = (cosine - eta * beyond) / (cosine + eta * beyond)
    return HALF * (parallel * parallel + perpendicular * perpendicular), beyond


@step
def f0_of(ior):
    """Reflectance at normal incidence against air."""
    r = (ior - ONE) / (ior + ONE)
    return r * r


@step
def _ior_of(f0):
    root = sqrt(min(max(f0, ZERO), f32(0.9999)))
    return (ONE + root) / (ONE - root)


@step
def _sensitivity(opd, shift):
    """XYZ of an interference order, as linear sRGB. `opd` in nanometres, `shift` in turns."""
    phase = TWO_PI * opd * f32(1e-9)
    offset = shift * TWO_PI
    x = _lobe(phase, offset, f32(5.4856e-13), f32(1.6810e6), f32(4.3278e9))
    x += _lobe(phase, offset, f32(9.7470e-14), f32(2.2399e6), f32(4.5282e9))
    y = _lobe(phase, offset, f32(4.4201e-13), f32(1.7953e6), f32(9.3046e9))
    z = _lobe(phase, offset, f32(5.2481e-13), f32(2.2084e6), f32(6.6121e9))
    scale = f32(1.0 / 1.0685e-7)
    x, y, z = x * scale, y * scale, z * scale
    return (
        f32(3.2404542) * x - f32(1.5371385) * y - f32(0.4985314) * z,
        f32(-0.9692660) * x + f32(1.8760108) * y + f32(0.0415560) * z,
        f32(0.0556434) * x - f32(0.2040259) * y + f32(1.0572252) * z,
    )


@step
def _lobe(phase, offset, value, position, variance):
    turns = (position * phase + offset) * f32(0.159154943091895)
    _, c = sincos_turns(turns - f32(np.int32(turns)))
    return value * sqrt(TWO_PI * variance) * c * exp(-variance * phase * phase)


@step
def _film_channel(r12, t121, r23, first, second):
    """One channel: the constant term, and twice the first two orders of interference."""
    r123 = sqrt(max(r12 * r23, ZERO))
    rs = t121 * t121 * r23 / (ONE - r12 * r23)
    c1 = (rs - t121) * r123
    return min(max(r12 + rs + TWO * (c1 * first + c1 * r123 * second), ZERO), ONE)


@step
def thin_film(cosine, film_ior, thickness, f0r, f0g, f0b):
    """Reflectance of a base with F0 `f0` under a film `thickness` nanometres thick, seen at `cosine`.

    The algorithm of KHR_materials_iridescence (Belcour and Barla, "A Practical Extension to Microfacet
    Theory for the Modeling of Varying Iridescence", 2017), to the second order.
    """
    fade = min(thickness / f32(0.03), ONE)
    fade = fade * fade * (f32(3.0) - TWO * fade)
    ior = ONE + (film_ior - ONE) * fade
    sin2 = (ONE - cosine * cosine) / (ior * ior)
    if sin2 >= ONE:
        return ONE, ONE, ONE
    inside = sqrt(ONE - sin2)
    r0 = f0_of(ior)
    r12 = r0 + (ONE - r0) * schlick_weight(cosine)
    t121 = ONE - r12
    phi21 = HALF if ior >= ONE else ZERO
    opd = TWO * ior * thickness * inside
    out_r = ZERO
    out_g = ZERO
    out_b = ZERO
    for channel in range(3):
        f0 = f0r if channel == 0 else (f0g if channel == 1 else f0b)
        base = _ior_of(f0)
        ratio = (base - ior) / (base + ior)
        r1 = ratio * ratio
        r23 = r1 + (ONE - r1) * schlick_weight(inside)
        shift = phi21 + (HALF if base < ior else ZERO)
        r, g, b = _sensitivity(opd, shift)
        first = r if channel == 0 else (g if channel == 1 else b)
        r, g, b = _sensitivity(TWO * opd, TWO * shift)
        second = r if channel == 0 else (g if channel == 1 else b)
        value = _film_channel(r12, t121, r23, first, second)
        if channel == 0:
            out_r = value
        elif channel == 1:
            out_g = value
        else:
            out_b = value
    return out_r, out_g, out_b
