"""A frame's payloads put together and written: EXR with all channels, PNG through a view transform.

Needs numpy and OpenImageIO, never numba. Layers are channels called `layer.X`, as compositing programs want
them, and the engine's notes become attributes. Files depend on pixels and the metadata given and on nothing
else, so any number of nodes gives the same bytes. Each is written beside its target under another name,
made durable, then renamed: a reader sees the whole file or none.
"""

from __future__ import annotations

import math
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import OpenImageIO
from numpy.typing import NDArray

from mesh.errors import MeshError
from mesh.model.layers import MATTES, Layer, channels_of
from mesh.model.look import Depth, Look
from mesh.model.manifest import FRAME_IN_MEMORY
from mesh.model.unfinished import unfinished
from mesh.model.units import Grid
from mesh.render.cryptomatte import matte_metadata
from mesh.render.denoise import denoised
from mesh.render.ocio import to_display_by_ocio
from mesh.render.pixels import BadPixels, Notes, Payload
from mesh.render.views import auto_exposure, to_display

F32 = NDArray[np.float32]

_EXACT = ("depth.", "samples.", "object.", "material.", "position.", *MATTES.values())
"""Beginnings of the channels that half precision would spoil."""


_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
"""The chunk that every PNG ends with; without it the picture is there, and strict readers refuse it."""
_NEARLY_FULL = 1 << 20
"""Bytes; with less left a file that was cut off was cut off by that."""


class FrameNotWritten(MeshError):
    """The frame could not be written to {path}: {reason}. Nothing was left there; free some space or choose
    another folder with -o, then run `mesh collect` with --skip-existing: finished frames are not rendered twice."""


class FrameIncomplete(MeshError):
    """The frame cannot be assembled: buckets {missing} are missing. They have not been rendered yet, or their
    holder has gone; `mesh show` tells which."""


class FormatUnknown(MeshError):
    """{path} has an ending that no image format here has. Use .exr or .png."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A whole frame: pixels float32 (height, width, channels of `layers`), and what its files are to say."""

    pixels: F32
    layers: tuple[Layer, ...] = ()
    notes: Notes = Notes()  # noqa: RUF009 - frozen

    @property
    def channels(self) -> tuple[str, ...]:
        return channels_of(self.layers)


def assemble(payloads: Iterable[Payload], scratch: Path | None = None) -> Frame:
    """The whole frame from payloads that cover it; a very large one lies in a nameless file in the folder `scratch`.

    Raises FrameIncomplete where a bucket is missing, BadPixels where payloads are of different frames,
    FrameNotWritten where the folder has no room.
    """
    first: Payload | None = None
    grid = Grid(1, 1, 1)
    frame = np.zeros((0, 0, 0), np.float32)
    missing: set[int] = set()
    names: dict[Layer, set[str]] = {}
    for payload in payloads:
        if first is None:
            first, grid = replace(payload, buckets=()), payload.grid
            frame = _room((grid.height, grid.width, len(payload.channels)), scratch)
            missing = set(range(grid.count))
        _check_same_frame(first, payload)
        for layer, seen in payload.notes.names:
            names.setdefault(layer, set()).update(seen)
        for index, pixels in zip(range(payload.unit.start, payload.unit.stop), payload.buckets, strict=True):
            rect = grid.rect(index)
            frame[rect.y0 : rect.y1, rect.x0 : rect.x1] = pixels
            missing.discard(index)
        # Before the next is unpacked: each may be half a gigabyte.
        del payload, pixels
    if first is None or missing:
        raise FrameIncomplete(missing=_listed(missing) if first is not None else "all")
    merged = tuple((layer, tuple(sorted(names[layer]))) for layer in sorted(names))
    return Frame(frame, first.layers, Notes(first.notes.facts, merged))


def _room(shape: tuple[int, int, int], scratch: Path | None) -> F32:
    """Black pixels. Those in a file the system can write out when it needs the memory for something else."""
    size = 4 * math.prod(shape)
    if scratch is None or size <= FRAME_IN_MEMORY or sys.platform != "linux":
        return np.zeros(shape, np.float32)
    try:
        with tempfile.TemporaryFile(dir=scratch) as file:
            # A disk that fills up later would end the process instead of being told.
            os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, np.float32, "r+", shape=shape)
    except OSError as error:
        raise FrameNotWritten(path=scratch, reason=error.strerror or str(error)) from error


def _check_same_frame(first: Payload, other: Payload) -> None:
    """Raises BadPixels."""
    if (first.grid, first.unit.frame, first.layers, first.notes.facts) != (
        other.grid,
        other.unit.frame,
        other.layers,
        other.notes.facts,
    ):
        raise BadPixels(
            reason=f"units of frame {first.unit.frame} and {other.unit.frame} do not fit together"
        )


def _listed(numbers: set[int]) -> str:
    shown = ", ".join(str(n) for n in sorted(numbers)[:8])
    return shown if len(numbers) <= 8 else f"{shown} and {len(numbers) - 8} more"


def write_frame(
    frame: Frame,
    path: Path,
    metadata: Sequence[tuple[str, str]] = (),
    look: Look = Look(),  # noqa: B008 - frozen
) -> None:
    """Write an assembled frame as its ending says: .exr, whose light no look changes, or .png with
    this `look`. Raises FrameNotWritten, FormatUnknown, DenoiserMissing, OcioUnusable."""
    ending = path.suffix.lower()
    if ending == ".exr":
        _write(path, _exr_spec(frame, metadata, look.depth), frame.pixels)
    elif ending == ".png":
        color = denoised(frame.pixels) if look.denoise else frame.pixels[:, :, :3]
        exposure = look.exposure + (auto_exposure(color) if look.auto_exposure else 0.0)
        pixels = (
            to_display(color, look.view, exposure)
            if look.ocio is None
            else to_display_by_ocio(color, look.ocio, exposure)
        )
        height, width = pixels.shape[:2]
        _write(path, OpenImageIO.ImageSpec(width, height, 3, OpenImageIO.UINT8), pixels)
    else:
        raise FormatUnknown(path=path)


def _exr_spec(frame: Frame, metadata: Sequence[tuple[str, str]], depth: Depth) -> OpenImageIO.ImageSpec:
    height, width, count = frame.pixels.shape
    spec = OpenImageIO.ImageSpec(width, height, count, OpenImageIO.FLOAT)
    spec.channelnames = frame.channels
    spec.channelformats = tuple(
        OpenImageIO.HALF if depth is Depth.HALF and not name.startswith(_EXACT) else OpenImageIO.FLOAT
        for name in frame.channels
    )
    spec.alpha_channel = frame.channels.index("A")
    spec.attribute("compression", "zip")
    spec.attribute("oiio:ColorSpace", "lin_rec709")
    # OpenImageIO adds the time of writing unless told one; files must not depend on it.
    attributes = [("DateTime", "1970:01:01 00:00:00"), *frame.notes.facts, *metadata]
    for layer, names in frame.notes.names:
        attributes += matte_metadata(MATTES[layer], names)
    for key, value in attributes:
        spec.attribute(key, value)
    return spec


def _write(path: Path, spec: OpenImageIO.ImageSpec, pixels: NDArray[np.float32] | NDArray[np.uint8]) -> None:
    """Write the image to a neighbour of `path`, sync it and rename it."""
    temporary = unfinished(path, os.getpid())
    try:
        _write_image(temporary, path, spec, pixels)
        _check_whole(temporary, path)
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
        raise FrameNotWritten(path=path, reason=_why_cut_off(path, out.geterror()))


def _check_whole(temporary: Path, path: Path) -> None:
    """Read the last line back: a disk that fills up while a PNG is written is told by no return value. Raises
    FrameNotWritten."""
    image = OpenImageIO.ImageInput.open(str(temporary))
    last = None
    if image is not None:
        last = image.read_scanline(image.spec().height - 1, 0, OpenImageIO.UNKNOWN)
        image.close()
    if last is None or (path.suffix.lower() == ".png" and not _ends_with(temporary, _PNG_END)):
        OpenImageIO.geterror()  # which would be told of the next file
        raise FrameNotWritten(path=path, reason=_why_cut_off(path, ""))


def _ends_with(file: Path, end: bytes) -> bool:
    with file.open("rb") as stream:
        stream.seek(-min(len(end), file.stat().st_size), os.SEEK_END)
        return stream.read() == end


def _why_cut_off(path: Path, words: str) -> str:
    """Why a file is not whole: the usual reason where it is that, else what the library says."""
    if shutil.disk_usage(path.parent).free < _NEARLY_FULL:
        return "the disk is full"
    return words.strip().rstrip(".") or "the file is cut off"


def make_durable(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
