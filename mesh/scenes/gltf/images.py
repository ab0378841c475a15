"""Images: PNG, JPEG and WebP, decoded to 8-bit RGBA as stored, in threads, only those a material uses.

Pillow decodes them, since OpenImageIO's Python binding cannot read from memory. Its decoders work in
integers, so that pixels do not depend on the CPU. Dimensions are checked before anything is allocated.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image as Pillow

from mesh.scenes.description import U8, Image
from mesh.scenes.gltf.buffers import Buffers
from mesh.scenes.gltf.cursor import Value

_NAMED = 80
"""Letters of a name that an error repeats."""

MAX_SIDE = 32768
MAX_PIXELS = 1 << 28
"""In all images of a scene together: one gibibyte once decoded."""

_FORMATS = ("PNG", "JPEG", "WEBP")
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)


class Images:
    """Gathers the images that textures ask for, then decodes them all at once."""

    def __init__(self, values: tuple[Value, ...], buffers: Buffers) -> None:
        self._values = values
        self._buffers = buffers
        self._wanted: dict[tuple[int, float | None], int] = {}

    @property
    def count(self) -> int:
        return len(self._values)

    def want(self, index: int, gloss: float | None = None) -> int:
        """Ask for image `index` of the file; its place in the scene's tuple of images.

        With `gloss`, green is made 1 - gloss * alpha: roughness from a texture of glossiness.
        """
        return self._wanted.setdefault((index, gloss), len(self._wanted))

    def decode(self) -> tuple[Image, ...]:
        """All images asked for, in the order they were first asked for."""
        # Its own limit is below ours, and would call a large texture damaged.
        Pillow.MAX_IMAGE_PIXELS = None
        opened = [(*self._open(self._values[index]), gloss) for index, gloss in self._wanted]
        pixels = sum(picture.width * picture.height for _, picture, _ in opened)
        if pixels > MAX_PIXELS:
            self._values[0].fail(
                f"and the other images have {pixels} pixels; the most is {MAX_PIXELS}",
                "Use smaller textures.",
            )
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            return tuple(pool.map(lambda item: _decode(*item), opened))

    def _open(self, value: Value) -> tuple[Value, Pillow.Image]:
        data = self._bytes(value)
        try:
            picture = Pillow.open(io.BytesIO(data), formats=_FORMATS)
        except _DAMAGE as error:
            value.fail(
                f"{_called(value)}is no PNG, JPEG or WebP image, or a damaged one ({type(error).__name__})",
                "Save it again as PNG.",
            )
        if not (0 < picture.width <= MAX_SIDE and 0 < picture.height <= MAX_SIDE):
            value.fail(
                f"is {picture.width} x {picture.height}; the most is {MAX_SIDE}", "Use a smaller texture."
            )
        return value, picture

    def _bytes(self, value: Value) -> bytes:
        view = value.index("bufferView", self._buffers.view_count, "bufferViews")
        if view >= 0:
            return bytes(self._buffers.view(view))
        return self._buffers.file_bytes(value, value.text("uri"))


def _called(value: Value) -> str:
    """`(wood.png) `, as people know it; nothing where it is within the file and has no name."""
    uri = value.text("uri")
    name = value.text("name") if uri.startswith("data:") else uri or value.text("name")
    return f"({name[:_NAMED]}) " if name else ""


def _decode(value: Value, picture: Pillow.Image, gloss: float | None) -> Image:
    try:
        pixels = _to_rgba8(picture)
    except _DAMAGE as error:
        value.fail(f"{_called(value)}is a damaged image ({str(error)[:80]})", "Save it again as PNG.")
    if gloss is not None:
        pixels = pixels.copy()
        pixels[:, :, 1] = np.rint(255.0 - gloss * pixels[:, :, 3].astype(np.float64)).astype(np.uint8)
    return Image(value.text("name") or value.text("uri")[:80] or value.where, pixels)


def _to_rgba8(picture: Pillow.Image) -> U8:
    if picture.mode.startswith("I"):
        # 16-bit grey: Pillow would clamp rather than scale.
        grey = (np.asarray(picture).astype(np.uint32) >> 8).astype(np.uint8)
        return np.ascontiguousarray(np.stack([grey, grey, grey, np.full_like(grey, 255)], axis=-1))
    return np.ascontiguousarray(np.asarray(picture.convert("RGBA"), np.uint8))
