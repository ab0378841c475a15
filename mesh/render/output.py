"""A frame's payloads put together and written: EXR with all channels, PNG through a view transform.

Needs numpy and OpenImageIO, never numba. Files depend on pixels and the metadata given and on nothing
else, so any number of nodes gives the same bytes. Each is written beside its target under another name,
made durable, then renamed: a reader sees the whole file or none.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import OpenImageIO
from numpy.typing import NDArray

from mesh.errors import MeshError
from mesh.model.look import Look
from mesh.model.units import Grid
from mesh.render.denoise import denoised
from mesh.render.pixels import CHANNELS, BadPixels, Payload
from mesh.render.views import to_display

F32 = NDArray[np.float32]

_HALVES = frozenset(("R", "G", "B", "A"))
_HALF_LAYERS = ("albedo.", "normal.")


class FrameNotWritten(MeshError):
    """The frame could not be written to {path}: {reason}. Nothing was left there; free some space or choose
    another folder with -o, then run `mesh collect` again: finished frames are not rendered twice."""


class FrameIncomplete(MeshError):
    """The frame cannot be assembled: buckets {missing} are missing. They have not been rendered yet, or their
    holder has gone; `mesh show` tells which."""


class FormatUnknown(MeshError):
    """{path} has an ending that no image format here has. Use .exr or .png."""


def assemble(payloads: Iterable[Payload]) -> F32:
    """The whole frame (height, width, channels) from payloads that cover it.

    Raises FrameIncomplete where a bucket is missing, BadPixels where payloads are of different frames.
    """
    frame: F32 | None = None
    grid = Grid(1, 1, 1)
    number = 0
    missing: set[int] = set()
    for payload in payloads:
        if frame is None:
            grid, number = payload.grid, payload.unit.frame
            frame = np.zeros((grid.height, grid.width, len(CHANNELS)), np.float32)
            missing = set(range(grid.count))
        if payload.grid != grid or payload.unit.frame != number:
            raise BadPixels(reason=f"units of frame {number} and {payload.unit.frame} do not fit together")
        for index, pixels in zip(range(payload.unit.start, payload.unit.stop), payload.buckets, strict=True):
            rect = grid.rect(index)
            frame[rect.y0 : rect.y1, rect.x0 : rect.x1] = pixels
            missing.discard(index)
    if frame is None or missing:
        raise FrameIncomplete(missing=_listed(missing) if frame is not None else "all")
    return frame


def _listed(numbers: set[int]) -> str:
    shown = ", ".join(str(n) for n in sorted(numbers)[:8])
    return shown if len(numbers) <= 8 else f"{shown} and {len(numbers) - 8} more"


def write_frame(
    frame: F32,
    path: Path,
    metadata: Sequence[tuple[str, str]] = (),
    look: Look = Look(),  # noqa: B008 - frozen
) -> None:
    """Write an assembled frame as its ending says: .exr, exact whatever the look, or .png with
    this `look`. Raises FrameNotWritten, FormatUnknown, DenoiserMissing."""
    ending = path.suffix.lower()
    if ending == ".exr":
        _write(path, _exr_spec(frame, metadata), frame)
    elif ending == ".png":
        color = denoised(frame) if look.denoise else frame[:, :, :3]
        pixels = to_display(color, look.view, look.exposure)
        _write(path, OpenImageIO.ImageSpec(frame.shape[1], frame.shape[0], 3, OpenImageIO.UINT8), pixels)
    else:
        raise FormatUnknown(path=path)


def _exr_spec(frame: F32, metadata: Sequence[tuple[str, str]]) -> OpenImageIO.ImageSpec:
    spec = OpenImageIO.ImageSpec(frame.shape[1], frame.shape[0], len(CHANNELS), OpenImageIO.FLOAT)
    spec.channelnames = CHANNELS
    spec.channelformats = tuple(
        OpenImageIO.HALF if name in _HALVES or name.startswith(_HALF_LAYERS) else OpenImageIO.FLOAT
        for name in CHANNELS
    )
    spec.alpha_channel = CHANNELS.index("A")
    spec.attribute("compression", "zip")
    spec.attribute("oiio:ColorSpace", "lin_rec709")
    # OpenImageIO adds the time of writing unless told one; files must not depend on it.
    for key, value in (("DateTime", "1970:01:01 00:00:00"), *metadata):
        spec.attribute(key, value)
    return spec


def _write(path: Path, spec: OpenImageIO.ImageSpec, pixels: NDArray[np.float32] | NDArray[np.uint8]) -> None:
    """Write the image to a neighbour of `path`, sync it and rename it."""
    # The ending names the format to OpenImageIO, so it stays.
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        _write_image(temporary, path, spec, pixels)
        make_durable(temporary)
        os.replace(temporary, path)
        make_durable(path.parent)
    except OSError as error:
        raise FrameNotWritten(path=path, reason=error.strerror or str(error)) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _write_image(
    temporary: Path, path: Path, spec: OpenImageIO.ImageSpec, pixels: NDArray[np.float32] | NDArray[np.uint8]
) -> None:
    # Asked of the system first, whose reason is clearer than the library's.
    with temporary.open("wb"):
        pass
    out = OpenImageIO.ImageOutput.create(str(temporary))
    if out is None or not out.open(str(temporary), spec):
        reason = out.geterror() if out is not None else OpenImageIO.geterror()
        raise FrameNotWritten(path=path, reason=reason or "the file cannot be opened")
    written = out.write_image(np.ascontiguousarray(pixels))
    # A full disk often shows only when the last bytes are flushed.
    if not (out.close() and written):
        raise FrameNotWritten(path=path, reason=out.geterror() or "the disk may be full")


def make_durable(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
