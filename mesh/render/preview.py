"""A moving preview of finished frames: one animated WebP made of their PNG files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from PIL import Image

from mesh.model.unfinished import unfinished
from mesh.render.output import FrameNotWritten, make_durable

_LARGEST_SIDE = 640


def write_preview(frames: Sequence[Path], path: Path, fps: float) -> None:
    """Write `path` from `frames` in order, at most 640 pixels on a side. Raises FrameNotWritten."""
    temporary = unfinished(path, os.getpid())
    try:
        pictures = []
        for frame in frames:
            with Image.open(frame) as picture:
                small = picture.convert("RGB")
            small.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE))
            pictures.append(small)
        pictures[0].save(
            temporary,
            format="WEBP",
            save_all=True,
            append_images=pictures[1:],
            duration=max(1, round(1000 / fps)),
            loop=0,
            quality=80,
        )
        make_durable(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise FrameNotWritten(path=path, reason=error.strerror or str(error)) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
