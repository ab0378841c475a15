"""Meshes: each triangle primitive becomes a `description.Mesh` with what is needed to deform it.

Vertices that a primitive does not use are dropped, since many files keep one vertex pool for all their
primitives. Primitives without normals are taken apart into single triangles with flat normals, as the
specification asks (section 3.7.2.1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mesh.scenes.description import F32, I32, Material, Mesh
from mesh.scenes.geometry import F64, flat_normals, geometry_digest, normalize
from mesh.scenes.gltf.accessors import Accessors, Numbers
from mesh.scenes.gltf.attributes import Attributes
from mesh.scenes.gltf.buffers import Buffers
from mesh.scenes.gltf.cursor import Value
from mesh.scenes.gltf.document import TRIANGLES
from mesh.scenes.gltf.materials import Materials
from mesh.scenes.gltf.topology import HIGHEST_MODE, triangulate
from mesh.scenes.tangents import tangent_space


@dataclass(frozen=True, slots=True, eq=False)
class MorphTarget:
    """Displacements of positions, normals and tangents, each (n, 3) or None."""

    positions: F32 | None
    normals: F32 | None
    tangents: F32 | None


@dataclass(frozen=True, slots=True, eq=False)
class Primitive:
    """A mesh at rest, and how it bends: joints and weights (n, k), morph targets.

    `flat`: the normals were computed from the triangles, and are again after each deformation.
    """

    mesh: Mesh
    flat: bool
    joints: I32 | None
    weights: F64 | None
    targets: tuple[MorphTarget, ...]


class MeshReader:
    """Reads the meshes of one document, with the materials of one variant."""

    def __init__(
        self,
        buffers: Buffers,
        accessors: Accessors,
        materials: Materials,
        variant: int,
        warnings: list[str],
    ) -> None:
        self._buffers = buffers
        self._accessors = accessors
        self._materials = materials
        self._variant = variant
        self._warnings = warnings

    def read(self, mesh: Value, name: str) -> tuple[Primitive, ...]:
        """The primitives of `mesh` that have triangles; at least one must be stated."""
        values = mesh.objects("primitives")
        if not values:
            mesh.fail("has no primitives", key="primitives")
        found: list[Primitive] = []
        for value in values:
            label = name if len(values) == 1 else f"{name}[{len(found)}]"
            primitive = self._primitive(value, label)
            if primitive is not None:
                found.append(primitive)
        return tuple(found)

    def _primitive(self, value: Value, name: str) -> Primitive | None:
        mode = value.integer("mode", TRIANGLES, high=HIGHEST_MODE)
        if mode < TRIANGLES:
            self._warnings.append(f"{name} is made of points or lines, which are not rendered")
            return None
        if not value.required("attributes").has("POSITION"):
            self._warnings.append(f"{name} has no positions and is left out")
            return None
        attributes = Attributes(value, self._buffers, self._accessors, self._warnings)
        triangles = self._triangles(attributes, mode)
        if not len(triangles):
            self._warnings.append(f"{name} has no triangles")
            return None
        normals = attributes.floats("NORMAL", (3,))
        if normals is None:
            keep, triangles = triangles.reshape(-1), np.arange(triangles.size, dtype=np.int32).reshape(-1, 3)
        else:
            keep, triangles = _used(triangles, len(attributes))
        return self._assemble(value, name, attributes, triangles, keep, normals)

    def _triangles(self, attributes: Attributes, mode: int) -> I32:
        decoded = attributes.decoded_triangles()
        if decoded is not None:
            return triangulate(TRIANGLES, decoded.reshape(-1))
        indices = attributes.indices()
        return triangulate(mode, np.arange(len(attributes), dtype=np.uint32) if indices is None else indices)

    def _assemble(
        self,
        value: Value,
        name: str,
        attributes: Attributes,
        triangles: I32,
        keep: Numbers,
        file_normals: F32 | None,
    ) -> Primitive:
        positions = attributes.positions[keep]
        if file_normals is None:
            normals = flat_normals(positions)
        else:
            normals = normalize(file_normals[keep].astype(np.float64)).astype(np.float32)
        material = self._materials.want(self._material(value))
        uv0, uv1 = (_kept(attributes.floats(f"TEXCOORD_{at}", (2,)), keep) for at in (0, 1))
        tangents = None if file_normals is None else _kept(attributes.floats("TANGENT", (4,)), keep)
        uv = (uv0, uv1, None)[_tangent_uv(self._materials.at(material))]
        if tangents is None and uv is not None:
            made = tangent_space(positions, normals, uv, triangles)
            keep, triangles, tangents = keep[made.source], made.triangles, made.tangents
            positions, normals = positions[made.source], normals[made.source]
            uv0, uv1 = _kept(uv0, made.source), _kept(uv1, made.source)
        joints, weights = self._skin(value, attributes, keep)
        mesh = Mesh(
            name=name,
            material=material,
            digest=geometry_digest(positions, triangles),
            positions=positions,
            triangles=triangles,
            normals=normals,
            tangents=tangents,
            uv0=uv0,
            uv1=uv1,
            colors=_rgba(_kept(attributes.floats("COLOR_0", (3, 4)), keep)),
        )
        targets = tuple(
            MorphTarget(
                _kept(attributes.displacements(target, "POSITION"), keep),
                _kept(attributes.displacements(target, "NORMAL"), keep),
                _kept(attributes.displacements(target, "TANGENT"), keep),
            )
            for target in value.objects("targets")
        )
        return Primitive(mesh, file_normals is None, joints, weights, targets)

    def _material(self, value: Value) -> int:
        mappings = value.extension("KHR_materials_variants")
        if mappings is not None and self._variant >= 0:
            for mapping in mappings.objects("mappings"):
                if self._variant in mapping.integers("variants", high=2**31):
                    return mapping.index("material", self._materials.count, "materials")
        return value.index("material", self._materials.count, "materials")

    def _skin(
        self, value: Value, attributes: Attributes, keep: Numbers
    ) -> tuple[I32, F64] | tuple[None, None]:
        """All sets of joints side by side, with weights that add up to one."""
        joints: list[I32] = []
        weights: list[F64] = []
        while True:
            at = len(joints)
            joint_set = attributes.integers(f"JOINTS_{at}", (4,))
            weight_set = attributes.floats(f"WEIGHTS_{at}", (4,))
            if joint_set is None or weight_set is None:
                break
            joints.append(joint_set[keep].astype(np.int32))
            weights.append(weight_set[keep].astype(np.float64))
        if not joints:
            return None, None
        weight = np.maximum(np.concatenate(weights, axis=1), 0.0)
        total = np.zeros(len(weight))
        for column in range(weight.shape[1]):
            total = total + weight[:, column]
        unbound = total == 0.0
        weight[unbound, 0] = 1.0
        total[unbound] = 1.0
        if bool((total > 1e6).any()):
            value.fail("has absurd joint weights", key="attributes")
        return np.concatenate(joints, axis=1), weight / total[:, None]


def _tangent_uv(material: Material) -> int:
    """Along which uv set the material wants tangents; 2 where it wants none."""
    textures = material.normal_texture, material.clearcoat_normal_texture, material.anisotropy_texture
    found = [texture.texcoord for texture in textures if texture is not None]
    return found[0] if found else 0 if material.anisotropy > 0.0 else 2


def _used(triangles: I32, count: int) -> tuple[Numbers, I32]:
    """Which vertices the triangles use, and the triangles renumbered for these alone."""
    used = np.zeros(count, bool)
    used[triangles.reshape(-1)] = True
    keep = np.flatnonzero(used)
    if len(keep) == count:
        return keep, triangles
    places = np.zeros(count, np.int32)
    places[keep] = np.arange(len(keep), dtype=np.int32)
    return keep, places[triangles]


def _kept(array: F32 | None, keep: Numbers) -> F32 | None:
    return None if array is None else np.ascontiguousarray(array[keep])


def _rgba(colors: F32 | None) -> F32 | None:
    if colors is None or colors.shape[1] == 4:
        return colors
    return np.concatenate([colors, np.ones((len(colors), 1), np.float32)], axis=1)
