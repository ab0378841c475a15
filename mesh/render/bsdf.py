"""The scattering of one surface point: a few lobes, and exactly three questions: sample, value, density.

glTF 2.0 appendix B with its KHR extensions. From the top: clearcoat (GGX), sheen (Charlie), then a base of
GGX reflection over diffuse or thin-walled transmission, or glass for volumes. Each layer gives the ones
below what its directional albedo leaves (table in albedo.py), so white surfaces neither lose nor make
light. All directions are local: z is the shading normal, on the side of the viewer; o points back to the
viewer, i to the light. Values include the cosine. Glass carries radiance without the factor eta^2: it
cancels wherever light leaves again.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mesh.render.albedo import cloth_albedo, glass_albedo, metal_albedo
from mesh.render.brushed import along_tangent, brushed_albedo
from mesh.render.frames import basis, cosine_hemisphere
from mesh.render.fresnel import dielectric, f0_of, schlick_weight, thin_film
from mesh.render.ggx import (
    SMALLEST_ALPHA,
    distribution,
    reflection,
    sample_visible,
    stretched,
)
from mesh.render.glass import glass_recovered, is_tabled
from mesh.render.kernel import step
from mesh.render.math import HALF, INV_PI, ONE, TWO, ZERO, luminance, normalize, sqrt
from mesh.render.sheen import sheen

f32 = np.float32

COAT_F0 = f32(0.04)


class Surface(NamedTuple):
    """A material after its textures: glTF's factors at one point. `volume` is 0 for thin walls, and for solid glass
    the row of the albedo table that has its index of refraction."""

    r: np.float32
    g: np.float32
    b: np.float32
    metallic: np.float32
    roughness: np.float32
    anisotropy: np.float32
    specular: np.float32
    specular_r: np.float32
    specular_g: np.float32
    specular_b: np.float32
    ior: np.float32
    transmission: np.float32
    volume: np.float32
    entering: np.float32
    coat: np.float32
    coat_roughness: np.float32
    sheen_r: np.float32
    sheen_g: np.float32
    sheen_b: np.float32
    sheen_roughness: np.float32
    film: np.float32
    film_ior: np.float32
    film_thickness: np.float32


class Lobes(NamedTuple):
    """A surface point ready for questions. `p_*` are the chances that each lobe is sampled."""

    ox: np.float32
    oy: np.float32
    oz: np.float32
    gx: np.float32
    gy: np.float32
    gz: np.float32
    ax: np.float32
    ay: np.float32
    stretched_o: np.float32
    f0r: np.float32
    f0g: np.float32
    f0b: np.float32
    f90: np.float32
    spec_r: np.float32
    spec_g: np.float32
    spec_b: np.float32
    diff_r: np.float32
    diff_g: np.float32
    diff_b: np.float32
    thin_r: np.float32
    thin_g: np.float32
    thin_b: np.float32
    glass: np.float32
    tint_r: np.float32
    tint_g: np.float32
    tint_b: np.float32
    eta: np.float32
    coat: np.float32
    coat_alpha: np.float32
    cx: np.float32
    cy: np.float32
    cz: np.float32
    cloth_r: np.float32
    cloth_g: np.float32
    cloth_b: np.float32
    cloth_roughness: np.float32
    p_spec: np.float32
    p_diff: np.float32
    p_thin: np.float32
    p_glass: np.float32
    p_coat: np.float32
    p_cloth: np.float32


@step
def _recovered(dielectric_f0, dielectric_f90, metal_f0, metal, flat, slope, lost):
    """By how much the specular lobe is scaled for what it loses to missing multiple scattering: metal and dielectric
    by themselves, since this is not linear in F0."""
    if metal <= ZERO:
        return ONE + dielectric_f0 * lost
    if metal >= ONE:
        return ONE + metal_f0 * lost
    one = (ONE - metal) * (dielectric_f0 * flat + dielectric_f90 * slope)
    other = metal * (metal_f0 * flat + slope)
    kept = one * (ONE + dielectric_f0 * lost) + other * (ONE + metal_f0 * lost)
    return kept / max(one + other, f32(1e-9))


@step
def _below_interface(f0, f90, flat, slope, lost):
    """What a dielectric interface leaves to the colour below it."""
    return max(ONE - (f0 * flat + f90 * slope) * (ONE + f0 * lost), ZERO)


@step
def make_lobes(table, s, ox, oy, oz, gx, gy, gz, cx, cy, cz, seed):
    """The lobes of `s` seen from o; g is the geometric normal, c the clearcoat's, both on the viewer's side.

    `seed` (uint32) is all the chance there is in what some rough glass makes up for: see glass.py."""
    rough = max(s.roughness, f32(0.0316))
    alpha = rough * rough
    ax = along_tangent(alpha, s.anisotropy)
    ay = alpha
    dielectric_share = ONE - s.metallic
    glass = dielectric_share * s.transmission if s.volume > ZERO else ZERO
    thin = ZERO if s.volume > ZERO else s.transmission
    below = ONE
    coat = ZERO
    if s.coat > ZERO:
        oc = ox * cx + oy * cy + oz * cz
        if oc > ZERO:
            coat = s.coat
            whole, slope = metal_albedo(table, oc, s.coat_roughness)
            below = ONE - coat * (COAT_F0 * (whole - slope) + slope)
    weight_coat = ONE - below
    cloth = max(s.sheen_r, s.sheen_g, s.sheen_b)
    weight_cloth = ZERO
    above = below
    if cloth > ZERO:
        whole = cloth_albedo(table, oz, s.sheen_roughness)
        # At grazing angles Ashikhmin's visibility gives more light than there is.
        above = below / max(whole, ONE)
        weight_cloth = cloth * above * whole
        below = max(below - weight_cloth, ZERO)

    f0 = f0_of(s.ior)
    dr = min(f0 * s.specular_r, ONE) * s.specular
    dg = min(f0 * s.specular_g, ONE) * s.specular
    db = min(f0 * s.specular_b, ONE) * s.specular
    # What a dielectric reflects is gone for the colour below it: of all colours alike, as the strongest, so that no
    # complementary one appears (KHR_materials_specular), but for films, which are made of such colours.
    tr = tg = tb = max(dr, dg, db)
    if s.film > ZERO:
        er, eg, eb = thin_film(oz, s.film_ior, s.film_thickness, dr, dg, db)
        tr, tg, tb = tr + s.film * (er - tr), tg + s.film * (eg - tg), tb + s.film * (eb - tb)
        dr, dg, db = dr + s.film * (er - dr), dg + s.film * (eg - dg), db + s.film * (eb - db)
    mr, mg, mb = s.r, s.g, s.b
    if s.film > ZERO and s.metallic > ZERO:
        er, eg, eb = thin_film(oz, s.film_ior, s.film_thickness, mr, mg, mb)
        mr, mg, mb = mr + s.film * (er - mr), mg + s.film * (eg - mg), mb + s.film * (eb - mb)
    # Schlick's formula is linear in F0 and F90, so the mix of metal and dielectric is one lobe.
    share = ONE - glass
    metal = s.metallic / share if share > ZERO else ZERO
    f0r, f0g, f0b = dr + metal * (mr - dr), dg + metal * (mg - dg), db + metal * (mb - db)
    f90 = s.specular + metal * (ONE - s.specular)

    if s.anisotropy > ZERO:
        whole, slope = brushed_albedo(table.brushed, ox, oy, oz, rough, s.anisotropy)
    else:
        whole, slope = metal_albedo(table, oz, rough)
    flat = whole - slope
    lost = ONE / whole - ONE
    spec = share * below
    spec_r = spec * _recovered(dr, s.specular, mr, metal, flat, slope, lost)
    spec_g = spec * _recovered(dg, s.specular, mg, metal, flat, slope, lost)
    spec_b = spec * _recovered(db, s.specular, mb, metal, flat, slope, lost)
    weight_spec = luminance(
        spec_r * (f0r * flat + f90 * slope),
        spec_g * (f0g * flat + f90 * slope),
        spec_b * (f0b * flat + f90 * slope),
    )
    through = below * dielectric_share
    through_r = through * _below_interface(tr, s.specular, flat, slope, lost) * s.r
    through_g = through * _below_interface(tg, s.specular, flat, slope, lost) * s.g
    through_b = through * _below_interface(tb, s.specular, flat, slope, lost) * s.b
    opaque = ONE - s.transmission
    weight = luminance(through_r, through_g, through_b)
    weight_diff, weight_thin = opaque * weight, thin * weight
    weight_glass = glass * below
    glass = weight_glass
    eta = s.ior if s.entering > ZERO else ONE / s.ior
    if glass > ZERO:
        if is_tabled(s.anisotropy, s.ior):
            row = np.int32(s.volume) + np.int32(0 if s.entering > ZERO else 1)
            glass = glass / glass_albedo(table, row, oz, rough)
        else:
            glass = glass * glass_recovered(ox, oy, oz, ax, ay, eta, seed)
    total = weight_spec + weight_diff + weight_thin + weight_glass + weight_coat + weight_cloth
    scale = ONE / max(total, f32(1e-9))
    thin = thin / whole
    coat_alpha = max(s.coat_roughness * s.coat_roughness, SMALLEST_ALPHA)
    return Lobes(
        ox, oy, oz, gx, gy, gz, ax, ay, stretched(ox, oy, oz, ax, ay), f0r, f0g, f0b, f90, spec_r, spec_g, spec_b,
        opaque * through_r, opaque * through_g, opaque * through_b, thin * through_r, thin * through_g, thin * through_b,
        glass, s.r, s.g, s.b, eta, coat, coat_alpha, cx, cy, cz,
        above * s.sheen_r, above * s.sheen_g, above * s.sheen_b, s.sheen_roughness,
        weight_spec * scale, weight_diff * scale, weight_thin * scale, weight_glass * scale,
        weight_coat * scale, weight_cloth * scale,
    )  # fmt: skip


@step
def value_and_density(m, ix, iy, iz):
    """(r, g, b, density): the BSDF times |i.z|, and the density with which `sample_direction` finds i."""
    side = ix * m.gx + iy * m.gy + iz * m.gz
    if iz > ZERO and side > ZERO:
        return _reflected(m, ix, iy, iz)
    if iz < ZERO and side < ZERO and (m.p_thin > ZERO or m.p_glass > ZERO):
        return _transmitted(m, ix, iy, iz)
    return ZERO, ZERO, ZERO, ZERO


@step
def _reflected(m, ix, iy, iz):
    r = ZERO
    g = ZERO
    b = ZERO
    density = ZERO
    if m.p_diff > ZERO or m.p_cloth > ZERO:
        lambert = iz * INV_PI
        density = lambert * (m.p_diff + m.p_cloth)
        r, g, b = lambert * m.diff_r, lambert * m.diff_g, lambert * m.diff_b
        if m.p_cloth > ZERO:
            cloth = sheen(m.ox, m.oy, m.oz, ix, iy, iz, m.cloth_roughness)
            r, g, b = r + cloth * m.cloth_r, g + cloth * m.cloth_g, b + cloth * m.cloth_b
    hx, hy, hz = normalize(m.ox + ix, m.oy + iy, m.oz + iz)
    oh = m.ox * hx + m.oy * hy + m.oz * hz
    schlick = schlick_weight(oh)
    if m.p_spec > ZERO or m.p_glass > ZERO:
        d = distribution(hx, hy, hz, m.ax, m.ay)
        lobe = reflection(d, m.oz, iz, m.stretched_o, stretched(ix, iy, iz, m.ax, m.ay))
        found = HALF * d / (m.oz + m.stretched_o)
        r += lobe * m.spec_r * (m.f0r + (m.f90 - m.f0r) * schlick)
        g += lobe * m.spec_g * (m.f0g + (m.f90 - m.f0g) * schlick)
        b += lobe * m.spec_b * (m.f0b + (m.f90 - m.f0b) * schlick)
        density += m.p_spec * found
        if m.p_glass > ZERO:
            fresnel, _ = dielectric(oh, m.eta)
            mirror = m.glass * fresnel * lobe
            r, g, b = r + mirror, g + mirror, b + mirror
            density += m.p_glass * fresnel * found
    if m.p_coat > ZERO:
        ic = ix * m.cx + iy * m.cy + iz * m.cz
        if ic > ZERO:
            oc = m.ox * m.cx + m.oy * m.cy + m.oz * m.cz
            hc = hx * m.cx + hy * m.cy + hz * m.cz
            x, y, z = hy * m.cz - hz * m.cy, hz * m.cx - hx * m.cz, hx * m.cy - hy * m.cx
            d = distribution(sqrt(x * x + y * y + z * z), ZERO, hc, m.coat_alpha, m.coat_alpha)
            so = _stretched_round(oc, m.coat_alpha)
            lobe = reflection(d, oc, ic, so, _stretched_round(ic, m.coat_alpha))
            lobe = lobe * m.coat * (COAT_F0 + (ONE - COAT_F0) * schlick)
            r, g, b = r + lobe, g + lobe, b + lobe
            density += m.p_coat * HALF * d / (oc + so)
    return r, g, b, density


@step
def _stretched_round(cosine, alpha):
    return sqrt(cosine * cosine + alpha * alpha * max(ONE - cosine * cosine, ZERO))


@step
def _transmitted(m, ix, iy, iz):
    r = ZERO
    g = ZERO
    b = ZERO
    density = ZERO
    if m.p_thin > ZERO:
        hx, hy, hz = normalize(m.ox + ix, m.oy + iy, m.oz - iz)
        d = distribution(hx, hy, hz, m.ax, m.ay)
        lobe = reflection(d, m.oz, -iz, m.stretched_o, stretched(ix, iy, iz, m.ax, m.ay))
        r, g, b = lobe * m.thin_r, lobe * m.thin_g, lobe * m.thin_b
        density = m.p_thin * HALF * d / (m.oz + m.stretched_o)
    if m.p_glass > ZERO:
        # Walter et al., "Microfacet Models for Refraction through Rough Surfaces", 2007, eq. 16-17.
        hx, hy, hz = normalize(m.ox + m.eta * ix, m.oy + m.eta * iy, m.oz + m.eta * iz)
        if hz < ZERO:
            hx, hy, hz = -hx, -hy, -hz
        oh = m.ox * hx + m.oy * hy + m.oz * hz
        ih = ix * hx + iy * hy + iz * hz
        if oh > ZERO and ih < ZERO:
            fresnel, _ = dielectric(oh, m.eta)
            d = distribution(hx, hy, hz, m.ax, m.ay)
            spread = oh + m.eta * ih
            found = (ONE - fresnel) * (d + d) * oh / (m.oz + m.stretched_o)
            found = found * m.eta * m.eta * (-ih) / max(spread * spread, f32(1e-12))
            masking = TWO * (-iz) / (stretched(ix, iy, iz, m.ax, m.ay) - iz)
            lobe = m.glass * found * masking
            r, g, b = r + lobe * m.tint_r, g + lobe * m.tint_g, b + lobe * m.tint_b
            density += m.p_glass * found
    return r, g, b, density


@step
def sample_direction(m, u, v, choice):
    """A direction (ix, iy, iz) drawn with the density above; it may point where the value is zero, or be zero.

    v chooses between scattering, coat and base, and its place within what it chose becomes a number again: so points
    that are well spread stay so in each of them. Only what a half vector decides needs a number more, `choice`.
    """
    scattered = m.p_diff + m.p_cloth
    if v < scattered:
        x, y, z, _ = cosine_hemisphere(u, v / scattered)
        return x, y, z
    v -= scattered
    if v < m.p_coat:
        v = v / m.p_coat
        tx, ty, tz, bx, by, bz = basis(m.cx, m.cy, m.cz)
        hx, hy, hz = sample_visible(
            m.ox * tx + m.oy * ty + m.oz * tz,
            m.ox * bx + m.oy * by + m.oz * bz,
            m.ox * m.cx + m.oy * m.cy + m.oz * m.cz,
            m.coat_alpha, m.coat_alpha, u, v,
        )  # fmt: skip
        x, y, z = hx * tx + hy * bx + hz * m.cx, hx * ty + hy * by + hz * m.cy, hx * tz + hy * bz + hz * m.cz
        return _mirror(m, x, y, z, ONE)
    base = max(m.p_spec + m.p_thin + m.p_glass, f32(1e-9))
    v = min((v - m.p_coat) / base, ONE)
    choice = choice * base
    hx, hy, hz = sample_visible(m.ox, m.oy, m.oz, m.ax, m.ay, u, v)
    if choice < m.p_glass:
        oh = m.ox * hx + m.oy * hy + m.oz * hz
        fresnel, beyond = dielectric(oh, m.eta)
        if choice >= m.p_glass * fresnel:
            k = oh / m.eta - beyond
            z = k * hz - m.oz / m.eta
            if z >= ZERO:
                return ZERO, ZERO, ZERO
            return k * hx - m.ox / m.eta, k * hy - m.oy / m.eta, z
        return _mirror(m, hx, hy, hz, ONE)
    choice -= m.p_glass
    return _mirror(m, hx, hy, hz, -ONE if choice < m.p_thin else ONE)


@step
def _mirror(m, hx, hy, hz, side):
    """The reflection of o about h, put on the far side for side = -1; no direction if it comes out below."""
    twice = TWO * (m.ox * hx + m.oy * hy + m.oz * hz)
    z = twice * hz - m.oz
    if z <= ZERO:
        return ZERO, ZERO, ZERO
    return twice * hx - m.ox, twice * hy - m.oy, z * side
