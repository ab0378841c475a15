"""Opens a glTF file: assembles the parts into a `Scene` and evaluates it for a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mesh.scenes.deform import blend_joints, deform, weighted_sum
from mesh.scenes.description import Instance, Mesh, Scene, Snapshot
from mesh.scenes.geometry import F64
from mesh.scenes.gltf.accessors import Accessors
from mesh.scenes.gltf.animation import Clip, read_clip, together
from mesh.scenes.gltf.buffers import Buffers
from mesh.scenes.gltf.clips import played_together
from mesh.scenes.gltf.cursor import Value
from mesh.scenes.gltf.document import Document, choose, read_document
from mesh.scenes.gltf.hierarchy import Node, camera_nodes, chosen_scene, lamps, light_nodes, walk
from mesh.scenes.gltf.images import Images
from mesh.scenes.gltf.instancing import placed, read_copies
from mesh.scenes.gltf.materials import Materials
from mesh.scenes.gltf.meshes import MeshReader, Primitive
from mesh.scenes.gltf.need import least_memory
from mesh.scenes.gltf.pointers import overlaid
from mesh.scenes.gltf.pose import Poses
from mesh.scenes.gltf.skins import Skin, read_skin
from mesh.scenes.gltf.textures import Textures
from mesh.scenes.gltf.views import read_camera, read_light, to_array
from mesh.scenes.matrices import IDENTITY, Matrix, determinant3


@dataclass(frozen=True, slots=True)
class Placement:
    """One primitive in the tree: which, at which node, in which copies, bent by which skin; and as which object."""

    primitive: int
    place: int
    copies: F64 | None
    skin: Skin | None
    rest_weights: tuple[float, ...]
    name: str
    """The node's, where it has one; else the mesh's."""


def open_gltf(path: Path, *, scene: str, clip: str, variant: str, foreseen: Callable[[int], None]) -> Scene:
    document = read_document(path)
    warnings = list(document.warnings)
    nodes = walk(document, chosen_scene(document, scene))
    foreseen(least_memory(document, nodes))
    variants = document.names_of_variants()
    chosen_variant = choose(path.name, "variant", variant, variants) if variant else -1
    buffers = Buffers(document)
    accessors = Accessors(document.objects("accessors"), buffers)
    images = Images(document.objects("images"), buffers)
    materials = Materials(document.objects("materials"), Textures(document.root, images, warnings))
    reader = MeshReader(buffers, accessors, materials, chosen_variant, warnings)
    chosen_clip = _clip(document, clip, accessors, warnings)
    placements, primitives = _place(document, nodes, reader, accessors)
    evaluator = _Evaluator(document, nodes, primitives, placements, chosen_clip)
    evaluator(0.0)
    return Scene(
        name=path.stem,
        images=images.decode(),
        materials=materials.all(),
        meshes=tuple(primitive.mesh for primitive in primitives),
        at=evaluator,
        duration=0.0 if chosen_clip is None else chosen_clip.duration,
        clips=document.names("animations"),
        variants=variants,
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _clip(document: Document, name: str, accessors: Accessors, warnings: list[str]) -> Clip | None:
    """The clip called `name`, or all that play together."""
    animations = document.objects("animations")
    if not name and not animations:
        return None
    chosen = played_together(animations)
    if name:
        chosen = (choose(document.path.name, "clip", name, document.names("animations")),)
    meshes = document.objects("meshes")
    morphs = []
    for node in document.objects("nodes"):
        mesh = node.index("mesh", len(meshes), "meshes")
        morphs.append(0 if mesh < 0 else target_count(meshes[mesh]))
    known = {value.where for value in (*document.objects("cameras"), *lamps(document))}
    return together([read_clip(animations[at], accessors, morphs, known, warnings) for at in chosen])


def target_count(mesh: Value) -> int:
    """How many morph targets a mesh's primitives have, the same for all of them."""
    counts = {len(primitive.objects("targets")) for primitive in mesh.objects("primitives")}
    if len(counts) > 1:
        mesh.fail("has primitives with different numbers of morph targets")
    return counts.pop() if counts else 0


def _place(
    document: Document, nodes: tuple[Node, ...], reader: MeshReader, accessors: Accessors
) -> tuple[tuple[Placement, ...], tuple[Primitive, ...]]:
    """Reads every mesh that the scene shows, once, and says where it stands."""
    meshes, skins = document.objects("meshes"), document.objects("skins")
    names = document.names("meshes")
    place_of = {node.index: place for place, node in enumerate(nodes)}
    primitives: list[Primitive] = []
    placements: list[Placement] = []
    of_mesh: dict[int, range] = {}
    of_skin: dict[int, Skin] = {}
    for place, node in enumerate(nodes):
        index = node.value.index("mesh", len(meshes), "meshes")
        if index < 0:
            continue
        if index not in of_mesh:
            target_count(meshes[index])
            first = len(primitives)
            primitives.extend(reader.read(meshes[index], names[index]))
            of_mesh[index] = range(first, len(primitives))
        skin_index = node.value.index("skin", len(skins), "skins")
        if skin_index >= 0 and skin_index not in of_skin:
            of_skin[skin_index] = read_skin(
                skins[skin_index], accessors, place_of, len(document.objects("nodes"))
            )
        copies = read_copies(node.value, accessors)
        weights = _rest_weights(node.value, meshes[index])
        name = node.value.text("name") or meshes[index].text("name") or node.name
        for primitive in of_mesh[index]:
            skin = of_skin.get(skin_index) if primitives[primitive].joints is not None else None
            _check_joints(node.value, primitives[primitive], skin)
            placements.append(Placement(primitive, place, copies, skin, weights, name))
    return tuple(placements), tuple(primitives)


def _rest_weights(node: Value, mesh: Value) -> tuple[float, ...]:
    """The node's weights, else the mesh's, else noughts."""
    default = (0.0,) * target_count(mesh)
    return node.numbers("weights", mesh.numbers("weights", default))


def _check_joints(node: Value, primitive: Primitive, skin: Skin | None) -> None:
    if skin is None or primitive.joints is None:
        return
    highest = int(primitive.joints.max())
    if highest >= len(skin.joints):
        node.fail(f"has vertices bound to joint {highest}, but its skin has {len(skin.joints)}", key="skin")


class _Evaluator:
    """The scene as a function of the time; holds no state between calls."""

    def __init__(
        self,
        document: Document,
        nodes: tuple[Node, ...],
        primitives: tuple[Primitive, ...],
        placements: tuple[Placement, ...],
        clip: Clip | None,
    ) -> None:
        self._nodes = nodes
        self._primitives = primitives
        self._placements = placements
        self._poses = Poses(nodes, clip)
        self._clip = clip
        self._cameras = camera_nodes(document, nodes)
        self._lights = light_nodes(document, nodes)

    def __call__(self, time: float, shift: float = 0.0) -> Snapshot:
        moment = 0.0 if self._clip is None else self._clip.wrap(time, shift)
        worlds, weights = self._poses.at(moment)
        dimmers = () if self._clip is None else self._clip.dimmers
        changes = {one.target: one.target.clamped(one.sampler.at(moment)) for one in dimmers}
        instances: list[Instance] = []
        for placement in self._placements:
            morph = weights.get(placement.place, placement.rest_weights)
            instances.extend(self._instances(placement, worlds, morph))
        return Snapshot(
            time=time + shift,
            instances=tuple(instances),
            cameras=tuple(
                read_camera(name, overlaid(camera, changes), worlds[place])
                for name, place, camera in self._cameras
            ),
            lights=tuple(
                read_light(self._nodes[place].name, overlaid(light, changes), worlds[place])
                for place, light in self._lights
            ),
        )

    def _instances(
        self, placement: Placement, worlds: list[Matrix], weights: tuple[float, ...]
    ) -> list[Instance]:
        """A skinned mesh stands in the world by its joints alone; what has no extent is left out."""
        deformed = self._deformed(placement, worlds, weights)
        world = worlds[placement.place]
        transforms: Iterable[F64] = ()
        if placement.skin is not None:
            transforms = (to_array(IDENTITY),)
        elif placement.copies is not None:
            transforms = placed(world, placement.copies)
        elif determinant3(world) != 0.0:
            transforms = (to_array(world),)
        return [Instance(placement.primitive, each, placement.name, deformed) for each in transforms]

    def _deformed(
        self, placement: Placement, worlds: list[Matrix], weights: tuple[float, ...]
    ) -> Mesh | None:
        primitive = self._primitives[placement.primitive]
        mesh, skin = primitive.mesh, None
        if placement.skin is not None and primitive.joints is not None and primitive.weights is not None:
            skin = blend_joints(placement.skin.matrices(worlds), primitive.joints, primitive.weights)
        elif not any(weights):
            return None
        targets = primitive.targets
        tangents = None
        if mesh.tangents is not None:
            tangents = weighted_sum(mesh.tangents[:, :3], [t.tangents for t in targets], weights)
        with np.errstate(over="ignore", invalid="ignore"):
            found = deform(
                mesh,
                weighted_sum(mesh.positions, [t.positions for t in targets], weights),
                weighted_sum(mesh.normals, [t.normals for t in targets], weights),
                tangents,
                skin,
                flat=primitive.flat,
            )
        if not bool(np.isfinite(found.positions).all()):
            self._nodes[placement.place].value.fail("bends its mesh beyond all measure")
        return found
