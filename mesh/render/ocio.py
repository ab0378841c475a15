"""Views of OpenColorIO configurations, by way of OpenImageIO: for those who have a studio's or a film's own look.

The views in `views.py` are the same bytes on every machine; these are as OpenColorIO computes them here.
"""

from __future__ import annotations

import numpy as np
import OpenImageIO
from numpy.typing import NDArray

from mesh.errors import ExitCode, MeshError
from mesh.model.look import OcioView
from mesh.render.views import exposed, strips

_LINEAR_REC709 = ("lin_rec709", "lin_rec709_scene", "lin_srgb", "Linear Rec.709 (sRGB)", "Linear Rec.709")
"""What configurations call the renderer's colours, in their names or aliases."""
_AT_ONCE = 1 << 22
"""Pixels; what is in between takes ten times the memory that they do, and each time the configuration is read again."""


class OcioUnusable(MeshError):
    """The colour configuration {config} cannot be used: {reason}. Give --ocio another, or leave it away."""

    exit_code = ExitCode.USAGE


def checked(wanted: OcioView) -> tuple[str, str, str]:
    """The display, the view and the space of linear Rec. 709 that `wanted` means. Raises OcioUnusable."""
    config = OpenImageIO.ColorConfig(wanted.config)
    displays = list(config.getDisplayNames())
    if config.geterror() or not displays:
        raise OcioUnusable(config=wanted.config, reason="it cannot be read, or shows nothing")
    display = wanted.display or config.getDefaultDisplayName()
    if display not in displays:
        raise OcioUnusable(
            config=wanted.config, reason=f"it has no display {display!r}, but {', '.join(displays)}"
        )
    views = list(config.getViewNames(display))
    view = wanted.view or config.getDefaultViewName(display)
    if view not in views:
        raise OcioUnusable(
            config=wanted.config, reason=f"{display} has no view {view!r}, but {', '.join(views)}"
        )
    return display, view, _rec709_of(config, wanted.config)


def _rec709_of(config: OpenImageIO.ColorConfig, name: str) -> str:
    known = {
        alias.casefold(): str(space)
        for space in config.getColorSpaceNames()
        for alias in (space, *config.getAliases(space))
    }
    for wanted in _LINEAR_REC709:
        if wanted.casefold() in known:
            return known[wanted.casefold()]
    raise OcioUnusable(config=name, reason="it has no linear Rec. 709 (sRGB) colour space")


def to_display_by_ocio(linear: NDArray[np.float32], wanted: OcioView, exposure: float) -> NDArray[np.uint8]:
    """Bytes (h, w, 3) for a screen from linear Rec. 709 (h, w, 3); `exposure` in stops. Raises OcioUnusable."""
    display, view, space = checked(wanted)
    code = np.empty(linear.shape, np.uint8)
    for part, out in zip(strips(linear, _AT_ONCE), strips(code, _AT_ONCE), strict=True):
        source = OpenImageIO.ImageBuf(np.ascontiguousarray(exposed(part, exposure), np.float32))
        shown = OpenImageIO.ImageBufAlgo.ociodisplay(source, display, view, space, colorconfig=wanted.config)
        pixels = shown.get_pixels(OpenImageIO.FLOAT)
        if shown.has_error or pixels is None:
            raise OcioUnusable(config=wanted.config, reason=shown.geterror())
        out[:] = np.floor(np.clip(pixels, 0.0, 1.0) * 255.0 + 0.5)
    return code
