"""From the scene description's meshes and instances to the path tracer's geometry, kept between frames.

Vertices and trees of meshes at rest are made once and kept; a frame that only moves instances
rebuilds nothing but the tree above them. Deformed meshes have their own place, filled again every frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from mesh.engines.builtin_materials import shines
from mesh.engines.builtin_notes import object_ids, object_name
from mesh.render.accel import assemble, build_mesh, move
from mesh.render.accel_layout import Accel, MeshTree
from mesh.render.geometry import (
    FLIP,
    INSTANCE,
    INSTANCE_INTS,
    VERTEX,
    Geometry,
    instance_records,
    vertex_records,
)
from mesh.render.lights import BOTH_SIDES, triangle_lights
from mesh.scenes.description import AlphaMode, Instance, Material, Mesh, Scene, Snapshot

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
Vector = tuple[float, float, float]
Box = tuple[Vector, Vector]
"""Low and high corner."""
Number = TypeVar("Number", np.float32, np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class Shining:
    """Triangles of the scene that shine: records, ids and powers, as `mesh.render.lights` wants them."""

    records: F32
    ids: NDArray[np.int32]
    powers: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a mesh's rows begin: of triangles, vertices, second uvs and colours; -1 where it has none."""

    triangle: int
    vertex: int
    uv1: int
    color: int


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """One frame's geometry. Without sheer instances all three structures are the same."""

    everything: Accel
    solid: Accel
    sheer: Accel
    sheer_ids: NDArray[np.int32]
    has_sheer: bool
    geometry: Geometry
    shining: Shining
    low: Vector
    high: Vector


class GeometryKeeper:
    """Makes each frame's `Placed`, from what it kept of the frames before."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._trees: dict[bytes, MeshTree] = {}
        self._layout: tuple[tuple[int, bool], ...] = ()
        self._kept: dict[str, tuple[list[MeshTree], Accel]] = {}
        self._places: list[_Place] = []
        self._corners: I32
        self._vertices: F32
        self._uv1: F32
        self._colors: F32
        self._make_places(())

    def place(self, snapshot: Snapshot, apart: bool = False) -> Placed:
        """The geometry at one moment; where `apart`, what was placed before stays as it is."""
        instances = snapshot.instances
        # First the trees, whose making takes more memory than what is kept of them.
        trees = [self._tree(instance) for instance in instances]
        self._lay_out(instances, apart)
        floats = np.zeros((max(len(instances), 1), INSTANCE), np.float32)
        ints = np.full((max(len(instances), 1), INSTANCE_INTS), -1, np.int32)
        matrices = np.array([one.transform for one in instances], np.float64).reshape(-1, 4, 4)
        floats[: len(instances)] = instance_records(matrices)
        objects = object_ids(snapshot)
        lamps = _Lamps()
        for i, instance in enumerate(instances):
            mesh = instance.deformed or self._scene.meshes[instance.mesh]
            material = self._scene.materials[self._scene.meshes[instance.mesh].material]
            at = self._places[i]
            shining = lamps.add(i, floats[i], mesh, material)
            number = self._scene.meshes[instance.mesh].material
            object_id = objects[object_name(instance.name, i)]
            ints[i] = at.triangle, at.vertex, number, at.uv1, at.color, shining, object_id
        everything = self._assemble("everything", trees, matrices)
        is_sheer = [self._is_sheer(instance) for instance in instances]
        sheer_ids = np.array([i for i, sheer in enumerate(is_sheer) if sheer] or [0], np.int32)
        solid = sheer = everything
        if any(is_sheer):
            solid = self._assemble_part("solid", trees, matrices, [not s for s in is_sheer])
            sheer = self._assemble_part("sheer", trees, matrices, is_sheer)
        geometry = Geometry(self._corners, self._vertices, self._uv1, self._colors, floats, ints)
        low, high = _box_around(trees, matrices)
        return Placed(everything, solid, sheer, sheer_ids, any(is_sheer), geometry, lamps.all(), low, high)

    def _is_sheer(self, instance: Instance) -> bool:
        material = self._scene.materials[self._scene.meshes[instance.mesh].material]
        return material.alpha_mode is not AlphaMode.OPAQUE

    def _lay_out(self, instances: tuple[Instance, ...], apart: bool) -> None:
        """Give every mesh at rest and every deformed instance its vertices' place, and fill it if new."""
        layout = tuple((instance.mesh, instance.deformed is not None) for instance in instances)
        if layout != self._layout:
            self._layout = layout
            self._kept.clear()
            self._make_places(instances)
        if apart and any(instance.deformed is not None for instance in instances):
            self._vertices = self._vertices.copy()
        for place, instance in zip(self._places, instances, strict=True):
            if instance.deformed is not None:
                self._vertices[place.vertex : place.vertex + len(instance.deformed.positions)] = (
                    self._records(instance.deformed, self._scene.meshes[instance.mesh])
                )

    def _make_places(self, instances: tuple[Instance, ...]) -> None:
        places: dict[int, _Place] = {}
        corners, vertices = _Rows(np.zeros((0, 3), np.int32)), _Rows(np.zeros((0, VERTEX), np.float32))
        uv1, colors = _Rows(np.zeros((0, 2), np.float32)), _Rows(np.zeros((0, 4), np.float32))
        self._places = []
        for instance in instances:
            mesh = self._scene.meshes[instance.mesh]
            if instance.deformed is None and instance.mesh in places:
                self._places.append(places[instance.mesh])
                continue
            records = (
                np.zeros((len(mesh.positions), VERTEX), np.float32)
                if instance.deformed is not None
                else self._records(mesh, mesh)
            )
            place = _Place(
                corners.add(mesh.triangles),
                vertices.add(records),
                -1 if mesh.uv1 is None else uv1.add(mesh.uv1),
                -1 if mesh.colors is None else colors.add(mesh.colors),
            )
            self._places.append(place)
            if instance.deformed is None:
                places[instance.mesh] = place
        self._corners, self._vertices = corners.all(), vertices.all()
        self._uv1, self._colors = uv1.all(), colors.all()

    @staticmethod
    def _records(mesh: Mesh, rest: Mesh) -> F32:
        return vertex_records(mesh.positions, mesh.normals, rest.uv0, mesh.tangents)

    def _tree(self, instance: Instance) -> MeshTree:
        mesh = instance.deformed or self._scene.meshes[instance.mesh]
        tree = self._trees.get(mesh.digest)
        if tree is None:
            tree = build_mesh(mesh.positions, mesh.triangles)
            if instance.deformed is None:
                self._trees[mesh.digest] = tree
        return tree

    def _assemble(self, name: str, trees: list[MeshTree], matrices: NDArray[np.float64]) -> Accel:
        kept = self._kept.get(name)
        unique = list({id(tree): tree for tree in trees}.values())
        index = {id(tree): i for i, tree in enumerate(unique)}
        which = np.array([index[id(tree)] for tree in trees], np.int32)
        if (
            kept is not None
            and len(kept[0]) == len(unique)
            and all(a is b for a, b in zip(kept[0], unique, strict=True))
        ):
            accel = move(kept[1], unique, which, matrices)
        else:
            accel = assemble(unique, which, matrices)
        self._kept[name] = (unique, accel)
        return accel

    def _assemble_part(
        self, name: str, trees: list[MeshTree], matrices: NDArray[np.float64], wanted: list[bool]
    ) -> Accel:
        chosen = [i for i, want in enumerate(wanted) if want]
        return self._assemble(name, [trees[i] for i in chosen], matrices[chosen])


class _Lamps:
    """Gathers the triangles that shine."""

    def __init__(self) -> None:
        self._records: list[F32] = []
        self._ids: list[NDArray[np.int32]] = []
        self._powers: list[NDArray[np.float64]] = []
        self._count = 0

    def add(self, instance: int, record: F32, mesh: Mesh, material: Material) -> int:
        """The number of its first triangle among those that shine, -1 if it is dark."""
        if not shines(material):
            return -1
        side = BOTH_SIDES if material.double_sided else float(record[FLIP])
        records, ids, areas = triangle_lights(
            instance, record[:12].tolist(), mesh.positions, mesh.triangles, side
        )
        r, g, b = material.emissive
        sides = 2.0 if material.double_sided else 1.0
        power = math.pi * sides * (0.2126 * r + 0.7152 * g + 0.0722 * b)
        self._records.append(records)
        self._ids.append(ids)
        self._powers.append(areas.astype(np.float64) * power)
        first = self._count
        self._count += len(records)
        return first

    def all(self) -> Shining:
        return Shining(
            np.concatenate(self._records) if self._records else np.zeros((0, 12), np.float32),
            np.concatenate(self._ids) if self._ids else np.zeros((0, 2), np.int32),
            np.concatenate(self._powers) if self._powers else np.zeros(0, np.float64),
        )


def _box_around(trees: list[MeshTree], matrices: NDArray[np.float64]) -> Box:
    """The box around instances, from the corners of their own boxes."""
    boxes = np.array([tree.bounds for tree in trees], np.float64).reshape(-1, 6)
    filled = (boxes[:, :3] <= boxes[:, 3:]).all(axis=1)
    if not filled.any():
        return (-1.0, -1.0, -1.0), (1.0, 1.0, 1.0)
    lows, highs, rows = boxes[filled, :3], boxes[filled, 3:], matrices[filled, :3]
    low, high = [math.inf] * 3, [-math.inf] * 3
    for corner in range(8):
        x, y, z = (highs[:, k] if corner >> k & 1 else lows[:, k] for k in range(3))
        for k in range(3):
            row = rows[:, k].T
            values = row[0] * x + row[1] * y + row[2] * z + row[3]
            low[k] = min(low[k], float(values.min()))
            high[k] = max(high[k], float(values.max()))
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])


class _Rows(Generic[Number]):
    """Arrays of one width, to be put end to end."""

    def __init__(self, none: NDArray[Number]) -> None:
        """`none`: no rows, of the width and type wanted."""
        self._parts: list[NDArray[Number]] = [none]
        self._count = 0

    def add(self, part: NDArray[Number]) -> int:
        """The number of its first row."""
        self._parts.append(part)
        self._count += len(part)
        return self._count - len(part)

    def all(self) -> NDArray[Number]:
        """As kernels want them; those of a single part, which may be most of the memory, are not copied."""
        none, *parts = self._parts
        whole = parts[0] if len(parts) == 1 else np.concatenate(self._parts)
        return np.require(whole, none.dtype, ["C", "W"])
