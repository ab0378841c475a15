"""The tree of nodes of the chosen scene, in drawing order, and each node's rest pose. Standard library only.

Shared by the reader and by the cheap inspection at submit, so both see the same nodes. A node with two
parents, or in a loop with itself, is refused: glTF demands a strict tree (section 3.5.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mesh.scenes.gltf.cursor import Value
from mesh.scenes.gltf.document import Document, choose, unique_names
from mesh.scenes.matrices import IDENTITY, Matrix, from_columns


@dataclass(frozen=True, slots=True)
class Node:
    """One node: where it stands in the file, its parent's place in the drawing order or -1, and its pose.

    A node has either a `matrix` or the three parts of a pose.
    """

    index: int
    parent: int
    name: str
    value: Value
    matrix: Matrix | None
    translation: tuple[float, ...]
    rotation: tuple[float, ...]
    scale: tuple[float, ...]


def chosen_scene(document: Document, name: str) -> Value | None:
    """The scene called `name`, or the file's default one; None where the file has no scenes at all."""
    scenes = document.objects("scenes")
    if name:
        return scenes[choose(document.path.name, "scene", name, document.names("scenes"))]
    default = document.root.index("scene", len(scenes), "scenes")
    return scenes[max(default, 0)] if scenes else None


def walk(document: Document, scene: Value | None) -> tuple[Node, ...]:
    """The nodes below the scene's roots, each parent before its children. Without a scene, of the whole file."""
    values = document.objects("nodes")
    children = [value.indices("children", len(values), "nodes") for value in values]
    _check_tree(values, children)
    if scene is None:
        below = {child for row in children for child in row}
        roots: Sequence[int] = [at for at in range(len(values)) if at not in below]
    else:
        roots = scene.indices("nodes", len(values), "nodes")
        if len(set(roots)) < len(roots):
            scene.fail("names a node twice", key="nodes")
    nodes: list[Node] = []
    pending = [(root, -1) for root in reversed(roots)]
    while pending:
        index, parent = pending.pop()
        place = len(nodes)
        nodes.append(_node(index, parent, values[index]))
        pending.extend((child, place) for child in reversed(children[index]))
    if len({node.index for node in nodes}) < len(nodes):
        # Only possible where one root of the scene stands below another.
        (scene or document.root).fail("names a node that is also below another one", key="nodes")
    return tuple(nodes)


def _check_tree(values: Sequence[Value], children: Sequence[Sequence[int]]) -> None:
    parent = [-1] * len(values)
    for index, row in enumerate(children):
        for child in row:
            if parent[child] >= 0:
                values[child].fail(f"is a child of both nodes[{parent[child]}] and nodes[{index}]")
            parent[child] = index
    state = [0] * len(values)
    for start in range(len(values)):
        at, trail = start, []
        while at >= 0 and state[at] == 0:
            state[at] = 1
            trail.append(at)
            at = parent[at]
        if at >= 0 and state[at] == 1:
            values[at].fail("is its own ancestor")
        for passed in trail:
            state[passed] = 2


def _node(index: int, parent: int, value: Value) -> Node:
    matrix = from_columns(value.numbers("matrix", IDENTITY)) if value.has("matrix") else None
    return Node(
        index,
        parent,
        value.text("name") or f"node {index + 1}",
        value,
        matrix,
        value.numbers("translation", (0.0, 0.0, 0.0)),
        value.numbers("rotation", (0.0, 0.0, 0.0, 1.0)),
        value.numbers("scale", (1.0, 1.0, 1.0)),
    )


def camera_nodes(document: Document, nodes: Sequence[Node]) -> tuple[tuple[str, int, Value], ...]:
    """The scene's cameras in drawing order: the name people call it, its node's place, the camera.

    It is called as its node is, which is what authoring programs show; else as the camera itself is.
    """
    cameras = document.objects("cameras")
    found = []
    for place, node in enumerate(nodes):
        index = node.value.index("camera", len(cameras), "cameras")
        if index >= 0:
            name = node.value.text("name") or cameras[index].text("name") or f"camera {index + 1}"
            found.append((name, place, cameras[index]))
    names = unique_names(name for name, _, _ in found)
    return tuple((name, place, camera) for name, (_, place, camera) in zip(names, found, strict=True))


def lamps(document: Document) -> tuple[Value, ...]:
    """The file's punctual lights, wherever they stand."""
    extension = document.root.extension("KHR_lights_punctual")
    return () if extension is None else extension.objects("lights")


def light_nodes(document: Document, nodes: Sequence[Node]) -> tuple[tuple[int, Value], ...]:
    """The scene's punctual lights in drawing order: the node's place and the light."""
    lights = lamps(document)
    found = []
    for place, node in enumerate(nodes):
        reference = node.value.extension("KHR_lights_punctual")
        if reference is not None:
            index = reference.index("light", len(lights), "lights")
            if index >= 0:
                found.append((place, lights[index]))
    return tuple(found)
