"""Builds small glTF files for tests, valid or broken on purpose."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image as Pillow

from mesh.scenes import open_scene
from mesh.scenes.description import Scene

_COMPONENTS = {"int8": 5120, "uint8": 5121, "int16": 5122, "uint16": 5123, "uint32": 5125, "float32": 5126}
_KINDS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}

TRIANGLE = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)


class Gltf:
    """A document in the making: `json` may be edited at will before it is written."""

    def __init__(self) -> None:
        self.json: dict[str, Any] = {"asset": {"version": "2.0"}}
        self.binary = bytearray()

    def add(self, kind: str, value: dict[str, Any]) -> int:
        items = self.json.setdefault(kind, [])
        items.append(value)
        return len(items) - 1

    def view(self, data: bytes, **fields: object) -> int:
        self.binary += b"\0" * (-len(self.binary) % 4)
        view = {"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(data), **fields}
        self.binary += data
        return self.add("bufferViews", view)

    def accessor(self, values: ArrayLike, dtype: str = "float32", **fields: object) -> int:
        array = np.array(values, dtype)
        rows = array.reshape(len(array), -1)
        return self.add(
            "accessors",
            {
                "bufferView": self.view(rows.tobytes()),
                "componentType": _COMPONENTS[dtype],
                "count": len(rows),
                "type": _KINDS[rows.shape[1]],
                **fields,
            },
        )

    def mesh(self, attributes: dict[str, int], **primitive: object) -> int:
        return self.add("meshes", {"primitives": [{"attributes": attributes, **primitive}]})

    def node(self, **fields: object) -> int:
        """A node that is also a root of the first scene."""
        node = self.add("nodes", fields)
        scenes = self.json.setdefault("scenes", [{"nodes": []}])
        scenes[0]["nodes"].append(node)
        return node

    def image(self, pixels: ArrayLike, file_format: str = "PNG", **save: object) -> int:
        file = io.BytesIO()
        Pillow.fromarray(np.array(pixels, np.uint8)).save(file, file_format, **save)
        return self.add("images", {"bufferView": self.view(file.getvalue()), "mimeType": "image/png"})

    def clip(
        self, node: int, path: str, times: ArrayLike, rows: ArrayLike, interpolation: str = "LINEAR"
    ) -> int:
        sampler = {
            "input": self.accessor(times),
            "output": self.accessor(rows),
            "interpolation": interpolation,
        }
        channel = {"sampler": 0, "target": {"node": node, "path": path}}
        return self.add("animations", {"samplers": [sampler], "channels": [channel]})

    def glb(self) -> bytes:
        document = dict(self.json)
        document.setdefault("buffers", [{"byteLength": len(self.binary)}] if self.binary else [])
        return pack_glb(json.dumps(document).encode(), bytes(self.binary))

    def open(self, folder: Path, **choices: str) -> Scene:
        path = folder / "scene.glb"
        path.write_bytes(self.glb())
        return open_scene(path, **choices)


def pack_glb(text: bytes, binary: bytes) -> bytes:
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text
    chunks += struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def triangle(**primitive: object) -> Gltf:
    """One triangle at one node."""
    gltf = Gltf()
    gltf.node(mesh=gltf.mesh({"POSITION": gltf.accessor(TRIANGLE)}, **primitive))
    return gltf


def little_room() -> Gltf:
    """A floor, a shining square above it to one side, and a lamp to the other."""
    gltf = Gltf()
    square = {"POSITION": gltf.accessor([[-1, 0, -1], [-1, 0, 1], [1, 0, 1], [1, 0, -1]])}
    corners = gltf.accessor([0, 1, 2, 0, 2, 3], "uint16")
    grey = gltf.add("materials", {"name": "grey", "pbrMetallicRoughness": {"metallicFactor": 0}})
    shine = gltf.add("materials", {"name": "shine", "emissiveFactor": [1, 1, 1], "doubleSided": True})
    gltf.node(mesh=gltf.mesh(square, indices=corners, material=grey), name="floor", scale=[4, 1, 4])
    gltf.node(mesh=gltf.mesh(square, indices=corners, material=shine), name="panel", translation=[-2, 2, 0])
    gltf.json["extensionsUsed"] = ["KHR_lights_punctual"]
    lamp = {"type": "point", "intensity": 20.0, "name": "lamp"}
    gltf.json["extensions"] = {"KHR_lights_punctual": {"lights": [lamp]}}
    gltf.node(name="lamp", translation=[2, 2, 0], extensions={"KHR_lights_punctual": {"light": 0}})
    return gltf


def skinned() -> Gltf:
    """A triangle whose corners hang on two joints: the first, the second, and half and half."""
    gltf = Gltf()
    attributes = {
        "POSITION": gltf.accessor(TRIANGLE),
        "JOINTS_0": gltf.accessor([[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]], "uint8"),
        "WEIGHTS_0": gltf.accessor([[1, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0]]),
    }
    gltf.node(mesh=gltf.mesh(attributes), skin=0, translation=[100, 0, 0])
    gltf.node()
    gltf.node(translation=[0, 0, 5])
    binds = np.array([np.eye(4), np.eye(4)])
    binds[1, 0, 3] = 10.0
    columns = [matrix.T.reshape(16) for matrix in binds]
    gltf.add("skins", {"joints": [1, 2], "inverseBindMatrices": gltf.accessor(columns)})
    return gltf


def rich() -> Gltf:
    """A scene with one of everything that tests break."""
    gltf = triangle(material=0)
    primitive = gltf.json["meshes"][0]["primitives"][0]
    primitive["indices"] = gltf.accessor([0, 1, 2], "uint8")
    primitive["attributes"]["JOINTS_0"] = gltf.accessor([[0, 0, 0, 0]] * 3, "uint8")
    primitive["attributes"]["WEIGHTS_0"] = gltf.accessor([[1, 0, 0, 0]] * 3)
    primitive["targets"] = [{"POSITION": gltf.accessor(TRIANGLE)}]
    gltf.json["nodes"][0]["skin"] = 0
    gltf.add("skins", {"joints": [1]})
    gltf.node(camera=0, children=[])
    gltf.add("cameras", {"type": "perspective", "perspective": {"yfov": 0.5}})
    gltf.add("textures", {"source": gltf.image([[[1, 2, 3]]]), "sampler": 0})
    gltf.add("samplers", {})
    gltf.add("materials", {"normalTexture": {"index": 0}, "extensions": {"KHR_materials_ior": {"ior": 1.4}}})
    gltf.clip(1, "translation", [0.0, 1.0], [[0, 0, 0], [1, 0, 0]])
    return gltf
