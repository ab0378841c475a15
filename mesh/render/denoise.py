"""Denoising for display: Intel's Open Image Denoise, once over the whole frame, guided by albedo and normal.

It runs where frames are written, never on the nodes, and touches only what is shown: the EXR keeps the
radiance as it was rendered, exact on every machine, with the layers any denoiser wants. `pyoidn` is the
extra `denoise`; this is the only place that loads it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mesh.model.layers import ALWAYS
from mesh.model.look import DenoiserMissing

F32 = NDArray[np.float32]


def denoised(frame: F32) -> F32:
    """The frame's colour (height, width, 3) without its noise. Raises DenoiserMissing."""
    try:
        from pyoidn import denoise
    except ModuleNotFoundError:
        raise DenoiserMissing() from None

    color, albedo, normal = (
        np.ascontiguousarray(frame[:, :, _columns(names)])
        for names in (
            ("R", "G", "B"),
            ("albedo.R", "albedo.G", "albedo.B"),
            ("normal.X", "normal.Y", "normal.Z"),
        )
    )
    return np.asarray(denoise(color, albedo=albedo, normal=normal, hdr=True), np.float32)


def _columns(names: tuple[str, ...]) -> list[int]:
    return [ALWAYS.index(name) for name in names]
