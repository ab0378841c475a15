"""KHR_draco_mesh_compression: a primitive's attributes and indices out of one compressed buffer view."""

from __future__ import annotations

import DracoPy
import numpy as np

from mesh.scenes.description import F32, I32
from mesh.scenes.gltf.accessors import Accessors, Numbers, to_floats
from mesh.scenes.gltf.buffers import Buffers
from mesh.scenes.gltf.cursor import Value


class DracoPrimitive:
    """One decoded primitive. The accessors it replaces still say how integers are to be understood."""

    def __init__(self, primitive: Value, extension: Value, buffers: Buffers, accessors: Accessors) -> None:
        view = extension.index("bufferView", buffers.view_count, "bufferViews")
        if view < 0:
            extension.fail("is missing", key="bufferView")
        self._extension = extension
        self._ids = extension.required("attributes")
        self._attributes = primitive.required("attributes")
        self._accessors = accessors
        try:
            decoded = DracoPy.decode(bytes(buffers.view(view)))
            self._faces = np.asarray(getattr(decoded, "faces", np.empty((0, 3))))
            self._data = {item["unique_id"]: np.asarray(item["data"]) for item in decoded.attributes}
        except (DracoPy.FileTypeException, ValueError, RuntimeError, MemoryError) as error:
            extension.fail(f"cannot be decompressed ({str(error)[:80]})")

    def __contains__(self, name: str) -> bool:
        return self._ids.has(name)

    def triangles(self) -> I32:
        return np.ascontiguousarray(self._faces.reshape(-1, 3), np.int32)

    def raw(self, name: str, widths: tuple[int, ...]) -> Numbers:
        """The attribute as Draco stored it, (n, width)."""
        number = self._ids.integer(name, high=2**32)
        if number not in self._data:
            self._extension.fail(f"is {number}, which the compressed data lacks", key=f"attributes.{name}")
        data = self._data[number]
        data = data.reshape(len(data), -1)
        if data.shape[1] not in widths:
            self._extension.fail(f"has {data.shape[1]} components", key=f"attributes.{name}")
        return data

    def floats(self, name: str, widths: tuple[int, ...]) -> F32:
        index = self._attributes.index(name, self._accessors.count, "accessors")
        raw = self.raw(name, widths)
        if index < 0:
            return np.ascontiguousarray(raw, np.float32)
        return to_floats(raw, self._accessors.layout(index))
