"""EXT_mesh_gpu_instancing: many copies of a node's mesh, each with its own pose relative to the node."""

from __future__ import annotations

import numpy as np

from mesh.scenes.gltf.accessors import Accessors
from mesh.scenes.gltf.cursor import Value
from mesh.scenes.matrices import Matrix, compose


def read_copies(node: Value, accessors: Accessors) -> tuple[Matrix, ...] | None:
    """The copies' transforms relative to the node; None where the node's mesh stands once, as usual."""
    extension = node.extension("EXT_mesh_gpu_instancing")
    if extension is None:
        return None
    attributes = extension.required("attributes")
    kinds = {"TRANSLATION": "VEC3", "ROTATION": "VEC4", "SCALE": "VEC3"}
    rows: dict[str, list[list[float]]] = {}
    for name, kind in kinds.items():
        if attributes.has(name):
            found = accessors.floats(attributes, name, (kind,))
            if not bool((np.abs(found) <= 1e15).all()):
                attributes.fail("has numbers that are not finite or absurdly large", key=name)
            rows[name] = found.astype(np.float64).tolist()
    if not rows:
        attributes.fail("has no TRANSLATION, ROTATION or SCALE")
    count = len(next(iter(rows.values())))
    if any(len(row) != count for row in rows.values()):
        attributes.fail("has attributes of different lengths")
    translations = rows.get("TRANSLATION", [[0.0, 0.0, 0.0]] * count)
    rotations = rows.get("ROTATION", [[0.0, 0.0, 0.0, 1.0]] * count)
    scales = rows.get("SCALE", [[1.0, 1.0, 1.0]] * count)
    return tuple(map(compose, translations, rotations, scales))
