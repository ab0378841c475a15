"""Cloth: the Charlie distribution of KHR_materials_sheen, with Ashikhmin's visibility term.

Estevez and Kulla, "Production Friendly Microfacet Sheen BRDF", 2017; Ashikhmin and Premoze,
"Distribution-based BRDFs", 2007.
"""

from __future__ import annotations

import numpy as np

from mesh.render.kernel import step
from mesh.render.math import HALF, INV_TWO_PI, ONE, TWO, ZERO, normalize, power, sqrt

f32 = np.float32

LEAST_ROUGHNESS = f32(0.05)
"""Cloth is at least this rough, perceptually."""


@step
def sheen(ox, oy, oz, ix, iy, iz, roughness):
    """The lobe times i.z for white sheen; `roughness` is perceptual."""
    roughness = max(roughness, LEAST_ROUGHNESS)
    alpha = roughness * roughness
    _, _, hz = normalize(ox + ix, oy + iy, oz + iz)
    sine = sqrt(max(ZERO, ONE - hz * hz))
    inverse = ONE / alpha
    d = (TWO + inverse) * power(sine, inverse) * INV_TWO_PI
    return HALF * HALF * d * iz / (oz + iz - oz * iz)
