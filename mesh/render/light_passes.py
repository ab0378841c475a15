"""Light taken apart by the lobe that sent it to the camera: diffuse, glossy or transmission, direct or indirect.

What counts is the first surface that a path meets and does not pass (alpha). Light that comes through it is
transmission; other light is divided by what share of it the diffuse lobes scatter, for that direction: Lambert's and
sheen. The rest is glossy: reflection by metals, dielectrics, films, glass and clearcoats. Shares of the scattering
function are asked for, as in Cycles, not which lobe was sampled, so the parts are no noisier than their sum.

A path notes what that needs in a record, float32 (RECORD,), or of no length where nobody asks for these passes: so
one kernel serves both.
"""

from __future__ import annotations

from mesh.render.kernel import step
from mesh.render.math import INV_PI, ONE, ZERO
from mesh.render.sheen import sheen

PASSES = 18
"""What a record begins with, once `divide_light` has filled it: diffuse direct, diffuse indirect, glossy direct ... in
three colours each. After that come notes about the first surface."""
_ASKED = PASSES
"""The light that came from the light asked there: r, g, b; and its direction i and the value for it, six numbers."""
_FOLLOWED = _ASKED + 9
"""The direction that the path followed and the value for it."""
_SCATTERED = _FOLLOWED + 6
"""Diffuse colour and sheen colour, three each; direction of the viewer, roughness of the sheen."""
RECORD = _SCATTERED + 10


@step
def begin_record(record):
    """Of nothing met so far."""
    for k in range(record.shape[0]):
        record[k] = ZERO


@step
def note_surface(
    record, ox, oy, oz, diff_r, diff_g, diff_b, cloth_r, cloth_g, cloth_b, cloth_roughness
):  # fmt: skip
    """The first surface's lobes that are diffuse, as in `Lobes`."""
    k = _SCATTERED
    record[k], record[k + 1], record[k + 2] = diff_r, diff_g, diff_b
    record[k + 3], record[k + 4], record[k + 5] = cloth_r, cloth_g, cloth_b
    record[k + 6], record[k + 7], record[k + 8], record[k + 9] = ox, oy, oz, cloth_roughness


@step
def note_asked(record, ix, iy, iz, fr, fg, fb, r, g, b):
    """A light in direction i of the first surface, whose value there is f, brings (r, g, b)."""
    record[_ASKED], record[_ASKED + 1], record[_ASKED + 2] = r, g, b
    _note_direction(record, _ASKED + 3, ix, iy, iz, fr, fg, fb)


@step
def note_followed(record, ix, iy, iz, fr, fg, fb):
    """The path goes on from the first surface in direction i, whose value there is f."""
    _note_direction(record, _FOLLOWED, ix, iy, iz, fr, fg, fb)


@step
def _note_direction(record, k, ix, iy, iz, fr, fg, fb):
    record[k], record[k + 1], record[k + 2] = ix, iy, iz
    record[k + 3], record[k + 4], record[k + 5] = fr, fg, fb


@step
def _shares(record, at):
    """Of light from the direction noted at `at`: the diffuse share in r, g, b, and 1 where it came through."""
    ix, iy, iz = record[at], record[at + 1], record[at + 2]
    if not iz > ZERO:
        return ZERO, ZERO, ZERO, ONE if iz < ZERO else ZERO
    k = _SCATTERED
    lambert = iz * INV_PI
    r, g, b = lambert * record[k], lambert * record[k + 1], lambert * record[k + 2]
    if max(record[k + 3], record[k + 4], record[k + 5]) > ZERO:
        cloth = sheen(record[k + 6], record[k + 7], record[k + 8], ix, iy, iz, record[k + 9])
        r, g, b = r + cloth * record[k + 3], g + cloth * record[k + 4], b + cloth * record[k + 5]
    fr, fg, fb = record[at + 3], record[at + 4], record[at + 5]
    return (
        min(r / fr, ONE) if fr > ZERO else ZERO,
        min(g / fg, ONE) if fg > ZERO else ZERO,
        min(b / fb, ONE) if fb > ZERO else ZERO,
        ZERO,
    )


@step
def divide_light(record, scale, direct_r, direct_g, direct_b, indirect_r, indirect_g, indirect_b):
    """Fill the record's passes from what came by one surface and by more, `scale` (the firefly clamp) applied."""
    asked, met = _shares(record, _ASKED + 3), _shares(record, _FOLLOWED)
    for c in range(3):
        direct = direct_r if c == 0 else direct_g if c == 1 else direct_b
        indirect = indirect_r if c == 0 else indirect_g if c == 1 else indirect_b
        asked_share = asked[0] if c == 0 else asked[1] if c == 1 else asked[2]
        met_share = met[0] if c == 0 else met[1] if c == 1 else met[2]
        # Of a sample whose light is no number nothing is left.
        light = min(record[_ASKED + c] * scale, direct) if direct > ZERO else ZERO
        other = direct - light
        _divide(record, c, asked_share, asked[3] > ZERO, light)
        _divide(record, c, met_share, met[3] > ZERO, other)
        _divide(record, 3 + c, met_share, met[3] > ZERO, indirect)


@step
def _divide(record, at, share, through, light):
    if through:
        record[12 + at] += light
    else:
        record[at] += light * share
        record[6 + at] += light - light * share
