"""How much memory a scene needs at least to be rendered, from its JSON alone. Standard library only.

Known at submit, so that no machine begins what it cannot end; and said to people where none can.
"""

from __future__ import annotations

from collections.abc import Sequence

from mesh.scenes.gltf.cursor import Value
from mesh.scenes.gltf.document import MAX_IMPLIED_ELEMENTS, TRIANGLES, Document
from mesh.scenes.gltf.hierarchy import Node

_TRIANGLE = 100
"""Bytes: a triangle's part of its tree, and of what its shading knows, with its vertices."""
_INSTANCE = 1500
"""Bytes of one copy of a mesh, while it is placed: its transforms in the scene and in the renderer's tables, and its part
of a tree."""


def least_memory(document: Document, nodes: Sequence[Node]) -> int:
    """Bytes. Measured on large scenes, rounded down; textures, which are bounded anyway, and deformation not counted."""
    accessors, views = document.objects("accessors"), document.objects("bufferViews")
    meshes = document.objects("meshes")
    instances = 0
    shown: dict[int, int] = {}
    for node in nodes:
        mesh = node.value.index("mesh", len(meshes), "meshes")
        if mesh < 0:
            continue
        primitives = meshes[mesh].objects("primitives")
        instances += len(primitives) * _copies(node.value, accessors, views)
        if mesh not in shown:
            shown[mesh] = sum(_triangles(primitive, accessors, views) for primitive in primitives)
    return sum(shown.values()) * _TRIANGLE + instances * _INSTANCE


def _copies(node: Value, accessors: Sequence[Value], views: Sequence[Value]) -> int:
    """How often the node's mesh stands."""
    extension = node.extension("EXT_mesh_gpu_instancing")
    if extension is None:
        return 1
    attributes = extension.required("attributes")
    keys = ("TRANSLATION", "ROTATION", "SCALE")
    return max(_count(attributes, key, accessors, views) for key in keys)


def _triangles(primitive: Value, accessors: Sequence[Value], views: Sequence[Value]) -> int:
    """About how many: three corners each, as strips and fans are rare."""
    attributes = primitive.child("attributes")
    if attributes is None or primitive.integer("mode", TRIANGLES) < TRIANGLES:
        return 0
    corners = _count(primitive, "indices", accessors, views)
    return (corners or _count(attributes, "POSITION", accessors, views)) // 3


def _count(owner: Value, key: str, accessors: Sequence[Value], views: Sequence[Value]) -> int:
    """Elements of an accessor; of one that claims more than its bytes can hold, no more than these."""
    index = owner.index(key, len(accessors), "accessors")
    if index < 0:
        return 0
    accessor = accessors[index]
    view = accessor.index("bufferView", len(views), "bufferViews")
    most = MAX_IMPLIED_ELEMENTS if view < 0 else views[view].integer("byteLength", low=1)
    return min(accessor.integer("count", low=1), most)
