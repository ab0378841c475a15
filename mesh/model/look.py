"""How a frame is shown: what shapes a PNG and never the EXR. Chosen where frames are written."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mesh.errors import ExitCode, MeshError


class DenoiserMissing(MeshError):
    """Denoising needs Open Image Denoise, which is not installed here. Install it with
    `pip install 'render-mesh[denoise]'`, or leave --denoise away."""

    exit_code = ExitCode.USAGE


class View(StrEnum):
    STANDARD = "standard"
    """sRGB as it is; what is brighter than white is cut."""
    FILMIC = "filmic"
    """Narkowicz's fit of the ACES tone curve (2016)."""
    AGX = "agx"
    """Troy Sobotka's AgX, base look, by Wrensch's polynomial fit of its curve (2023)."""


@dataclass(frozen=True, slots=True)
class Look:
    view: View = View.AGX
    exposure: float = 0.0
    """In stops."""
    denoise: bool = False
    """By Open Image Denoise, once over the whole frame."""
