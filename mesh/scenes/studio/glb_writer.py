"""Writes binary glTF 2.0: gathers meshes, images, materials and nodes, then gives the file's bytes.

The same calls give the same bytes. Source: glTF 2.0 specification, sections 3.6 and 4.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from mesh.scenes.description import F32, U8
from mesh.scenes.studio.shapes import Shape
from mesh.scenes.tangents import tangent_space

Json = dict[str, Any]

_FLOAT, _UNSIGNED_SHORT, _UNSIGNED_INT = 5126, 5123, 5125
_ARRAY_BUFFER, _ELEMENT_BUFFER = 34962, 34963


class GlbWriter:
    """One file in the making. Every `add_` returns the index that others refer to."""

    def __init__(self) -> None:
        self._binary = bytearray()
        self._lists: dict[str, list[Json]] = {}
        self._extensions: set[str] = set()
        self._lamps: list[Json] = []

    def add_mesh(self, name: str, shape: Shape, material: int) -> int:
        """A mesh of one primitive; uvs and tangents are written where the material has use for them."""
        look = json.dumps(self._lists["materials"][material])
        tangents = None
        if "normalTexture" in look or "anisotropy" in look:
            made = tangent_space(shape.positions, shape.normals, shape.uv, shape.triangles)
            at = made.source
            shape = Shape(shape.positions[at], shape.normals[at], shape.uv[at], made.triangles)
            tangents = made.tangents
        attributes = {
            "POSITION": self._add_accessor(shape.positions, "VEC3", _ARRAY_BUFFER, bounds=True),
            "NORMAL": self._add_accessor(shape.normals, "VEC3", _ARRAY_BUFFER),
        }
        if "Texture" in look:
            attributes["TEXCOORD_0"] = self._add_accessor(shape.uv, "VEC2", _ARRAY_BUFFER)
        if tangents is not None:
            attributes["TANGENT"] = self._add_accessor(tangents, "VEC4", _ARRAY_BUFFER)
        small = len(shape.positions) < 65535
        indices = shape.triangles.reshape(-1).astype(np.uint16 if small else np.uint32)
        primitive = {
            "attributes": attributes,
            "indices": self._add_accessor(indices, "SCALAR", _ELEMENT_BUFFER),
            "material": material,
        }
        return self._add("meshes", {"name": name, "primitives": [primitive]})

    def add_texture(self, name: str, pixels: U8) -> int:
        """A texture that repeats; `pixels` is (height, width, 3)."""
        file = io.BytesIO()
        Pillow.fromarray(pixels).save(file, "PNG", compress_level=6)
        view = self._add_view(file.getvalue())
        image = self._add("images", {"name": name, "mimeType": "image/png", "bufferView": view})
        if "samplers" not in self._lists:
            self._add("samplers", {"magFilter": 9729, "minFilter": 9987, "wrapS": 10497, "wrapT": 10497})
        return self._add("textures", {"name": name, "source": image, "sampler": 0})

    def add_material(self, name: str, fields: Json, extensions: Mapping[str, Json] | None = None) -> int:
        material: Json = {"name": name, **fields}
        if "KHR_texture_transform" in json.dumps(fields):
            self._extensions.add("KHR_texture_transform")
        if extensions:
            self._extensions.update(extensions)
            material["extensions"] = dict(extensions)
        return self._add("materials", material)

    def add_camera(self, name: str, yfov: float, aspect: float) -> int:
        lens = {"yfov": yfov, "aspectRatio": aspect, "znear": 0.01}
        return self._add("cameras", {"name": name, "type": "perspective", "perspective": lens})

    def add_lamp(self, fields: Json) -> Json:
        """A punctual light; what `add_node` takes as `extensions` to place it."""
        self._extensions.add("KHR_lights_punctual")
        self._lamps.append(fields)
        return {"KHR_lights_punctual": {"light": len(self._lamps) - 1}}

    def add_node(self, name: str, **fields: object) -> int:
        return self._add("nodes", {"name": name, **fields})

    def add_clip(self, name: str, times: F32, channels: Sequence[tuple[int, str, F32]]) -> None:
        """An animation whose channels (node, path, rows) share the same key times, in seconds."""
        clock = self._add_accessor(times, "SCALAR", None, bounds=True)
        clip: Json = {"name": name, "channels": [], "samplers": []}
        for node, path, rows in channels:
            kind = "VEC4" if path == "rotation" else "VEC3"
            clip["channels"].append(
                {"sampler": len(clip["samplers"]), "target": {"node": node, "path": path}}
            )
            clip["samplers"].append({"input": clock, "output": self._add_accessor(rows, kind, None)})
        self._add("animations", clip)

    def finish(self, scene: str, roots: Sequence[int]) -> bytes:
        """The file, with one scene made of the nodes `roots`."""
        self._pad()
        document: Json = {
            "asset": {"version": "2.0", "generator": "render-mesh"},
            "scene": 0,
            "scenes": [{"name": scene, "nodes": list(roots)}],
            **self._lists,
            "buffers": [{"byteLength": len(self._binary)}],
        }
        if self._extensions:
            document["extensionsUsed"] = sorted(self._extensions)
        if self._lamps:
            document["extensions"] = {"KHR_lights_punctual": {"lights": self._lamps}}
        text = json.dumps(document, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        length = 12 + 8 + len(text) + 8 + len(self._binary)
        return b"".join(
            [
                struct.pack("<4sII", b"glTF", 2, length),
                struct.pack("<I4s", len(text), b"JSON"),
                text,
                struct.pack("<I4s", len(self._binary), b"BIN\0"),
                bytes(self._binary),
            ]
        )

    def _add(self, kind: str, value: Json) -> int:
        items = self._lists.setdefault(kind, [])
        items.append(value)
        return len(items) - 1

    def _add_accessor(
        self, array: NDArray[Any], kind: str, target: int | None, *, bounds: bool = False
    ) -> int:
        component = {"f": _FLOAT, "u": _UNSIGNED_SHORT if array.itemsize == 2 else _UNSIGNED_INT}[
            array.dtype.kind
        ]
        accessor: Json = {
            "bufferView": self._add_view(array.tobytes(), target),
            "componentType": component,
            "count": len(array),
            "type": kind,
        }
        if bounds:
            rows = array.reshape(len(array), -1)
            accessor["min"] = rows.min(axis=0).astype(float).tolist()
            accessor["max"] = rows.max(axis=0).astype(float).tolist()
        return self._add("accessors", accessor)

    def _add_view(self, data: bytes, target: int | None = None) -> int:
        self._pad()
        view: Json = {"buffer": 0, "byteOffset": len(self._binary), "byteLength": len(data)}
        if target is not None:
            view["target"] = target
        self._binary += data
        return self._add("bufferViews", view)

    def _pad(self) -> None:
        self._binary += b"\0" * (-len(self._binary) % 4)
