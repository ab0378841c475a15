"""How a frame is written: what shapes files and never what is rendered. Chosen where frames are written."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mesh.errors import ExitCode, MeshError


class DenoiserMissing(MeshError):
    """Denoising needs Open Image Denoise, which is not installed here. Install it with
    `pip install 'render-mesh[denoise]'`, or leave --denoise away."""

    exit_code = ExitCode.USAGE


class Depth(StrEnum):
    """Of an EXR's colours. Distances, positions, ids and counts are always exact."""

    HALF = "16"
    FLOAT = "32"


class View(StrEnum):
    STANDARD = "standard"
    """sRGB as it is; what is brighter than white is cut."""
    FILMIC = "filmic"
    """Narkowicz's fit of the ACES tone curve (2016)."""
    AGX = "agx"
    """Troy Sobotka's AgX, base look, as Blender has it: within a byte of its own tables in greys, a few in colours."""


@dataclass(frozen=True, slots=True)
class OcioView:
    """A view of an OpenColorIO configuration: a file, or one that OpenColorIO brings, such as `ocio://default`."""

    config: str
    display: str = ""
    """Empty for the configuration's own choice, as is `view`."""
    view: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    view: View = View.AGX
    exposure: float = 0.0
    """In stops."""
    denoise: bool = False
    """By Open Image Denoise, once over the whole frame."""
    depth: Depth = Depth.HALF
    ocio: OcioView | None = None
    """Takes the place of `view`."""
    auto_exposure: bool = False
    """Each frame by its own light, beside `exposure`."""
