"""The box of a triangle, and how much the box test is widened.

Boxes are padded and the test leans outward so that what the triangle test calls a hit, rounding and
all, is not lost to a box that just misses: edges between two boxes, floors without thickness.
"""

from __future__ import annotations

import numpy as np

from mesh.render.kernel import inlined

# The box test errs by 6 units in the last place (Ize 2013); 4 * 2**-23 covers them.
FAR_SLACK = np.float32(1.0 + 4.0 * 2.0**-23)
# The triangle test rounds vertices relative to the ray; the padding absorbs it, flat triangles included.
_PADDING = np.float32(2.0**-22)


@inlined
def triangle_box(ax, ay, az, bx, by, bz, cx, cy, cz):
    """The padded box of a triangle: lx, ly, lz, hx, hy, hz (float32)."""
    lx, ly, lz = min(ax, bx, cx), min(ay, by, cy), min(az, bz, cz)
    hx, hy, hz = max(ax, bx, cx), max(ay, by, cy), max(az, bz, cz)
    size = max(hx - lx, hy - ly, hz - lz)
    px = (max(-lx, hx) + size) * _PADDING
    py = (max(-ly, hy) + size) * _PADDING
    pz = (max(-lz, hz) + size) * _PADDING
    return lx - px, ly - py, lz - pz, hx + px, hy + py, hz + pz
