"""A primitive's attributes, wherever they are stored: plain accessors or a Draco stream."""

from __future__ import annotations

import numpy as np

from mesh.scenes.description import F32, I32
from mesh.scenes.gltf.accessors import Accessors, Numbers
from mesh.scenes.gltf.buffers import Buffers
from mesh.scenes.gltf.cursor import MAX_MAGNITUDE, Value

_KINDS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}


class Attributes:
    """Reads the attributes of one primitive, all with as many elements as POSITION."""

    def __init__(self, primitive: Value, buffers: Buffers, accessors: Accessors, warnings: list[str]) -> None:
        self._primitive = primitive
        self._values = primitive.required("attributes")
        self._accessors = accessors
        self._warnings = warnings
        self._draco = None
        extension = primitive.extension("KHR_draco_mesh_compression")
        if extension is not None:
            # Loaded here, since few scenes need it.
            from mesh.scenes.gltf.draco import DracoPrimitive

            self._draco = DracoPrimitive(primitive, extension, buffers, accessors)
        self.positions = self._floats(self._values, "POSITION", (3,))
        check_coordinates(self._values, "POSITION", self.positions)

    def __len__(self) -> int:
        return len(self.positions)

    def has(self, name: str) -> bool:
        return self._values.has(name) or (self._draco is not None and name in self._draco)

    def floats(self, name: str, widths: tuple[int, ...]) -> F32 | None:
        """Attribute `name` as float32 (n, width); None where absent or, with a warning, not finite."""
        if not self.has(name):
            return None
        found = self._floats(self._values, name, widths)
        self._check_length(name, found)
        if not bool(np.isfinite(found).all()):
            self._warnings.append(
                f"{self._values.place(name)} has numbers that are not finite and is left out"
            )
            return None
        return found

    def integers(self, name: str, widths: tuple[int, ...]) -> Numbers | None:
        """Attribute `name` as unsigned integers (n, width); None where absent."""
        if not self.has(name):
            return None
        if self._draco is not None and name in self._draco:
            found = self._draco.raw(name, widths)
            if found.dtype.kind not in "ui":
                self._values.fail("should hold unsigned integers", key=name)
        else:
            found = self._accessors.integers(self._values, name, _kinds(widths))
        self._check_length(name, found)
        return found

    def indices(self) -> Numbers | None:
        """The plain index list, (k,) and below the number of vertices; None where vertices come in order."""
        if not self._primitive.has("indices"):
            return None
        found = self._accessors.integers(self._primitive, "indices", ("SCALAR",))[:, 0]
        if int(found.max()) >= len(self):
            self._primitive.fail(
                f"refers to vertex {int(found.max())}, but there are {len(self)}", key="indices"
            )
        return found

    def decoded_triangles(self) -> I32 | None:
        """The triangles that came out of a Draco stream; None where there is none."""
        if self._draco is None:
            return None
        found = self._draco.triangles()
        if found.size and not 0 <= int(found.min()) <= int(found.max()) < len(self):
            self._primitive.fail("has compressed indices beyond its vertices")
        return found

    def displacements(self, target: Value, name: str) -> F32 | None:
        """A morph target's displacements, (n, 3)."""
        if not target.has(name):
            return None
        found = self._accessors.floats(target, name, ("VEC3",))
        if len(found) != len(self):
            target.fail(f"has {len(found)} elements, but the mesh has {len(self)} vertices", key=name)
        check_coordinates(target, name, found)
        return found

    def _floats(self, values: Value, name: str, widths: tuple[int, ...]) -> F32:
        if self._draco is not None and name in self._draco:
            return self._draco.floats(name, widths)
        return self._accessors.floats(values, name, _kinds(widths))

    def _check_length(self, name: str, found: Numbers) -> None:
        if len(found) != len(self):
            self._values.fail(f"has {len(found)} elements, but POSITION has {len(self)}", key=name)


def check_coordinates(owner: Value, key: str, found: F32) -> None:
    """Refuse what is not finite, or so large that products of it would not be."""
    if not bool((np.abs(found) <= MAX_MAGNITUDE).all()):
        owner.fail("has coordinates that are infinite, not numbers, or absurdly large", key=key)


def _kinds(widths: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(_KINDS[width] for width in widths)
