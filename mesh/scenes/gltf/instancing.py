"""EXT_mesh_gpu_instancing: many copies of a node's mesh, each with its own pose relative to the node.

There may be millions, so they are arrays, put together by the functions that place single nodes.
"""

from __future__ import annotations

import numpy as np

from mesh.scenes.geometry import F64
from mesh.scenes.gltf.accessors import Accessors
from mesh.scenes.gltf.cursor import Value
from mesh.scenes.matrices import Matrix, determinant3, multiply, upper_rows

_KINDS = {"TRANSLATION": "VEC3", "ROTATION": "VEC4", "SCALE": "VEC3"}


def read_copies(node: Value, accessors: Accessors) -> F64 | None:
    """The copies' transforms (n, 4, 4) relative to the node; None where the node's mesh stands once, as usual."""
    extension = node.extension("EXT_mesh_gpu_instancing")
    if extension is None:
        return None
    attributes = extension.required("attributes")
    rows: dict[str, F64] = {}
    for name, kind in _KINDS.items():
        if attributes.has(name):
            found = accessors.floats(attributes, name, (kind,))
            if not bool((np.abs(found) <= 1e15).all()):
                attributes.fail("has numbers that are not finite or absurdly large", key=name)
            rows[name] = found.astype(np.float64)
    if not rows:
        attributes.fail("has no TRANSLATION, ROTATION or SCALE")
    count = len(next(iter(rows.values())))
    if any(len(row) != count for row in rows.values()):
        attributes.fail("has attributes of different lengths")
    return _composed(count, rows)


def placed(world: Matrix, copies: F64) -> F64:
    """The transforms of copies whose node stands at `world`, but for those that have no extent."""
    entries = multiply(world, tuple(copies.reshape(-1, 16).T))
    extended = determinant3(entries) != 0.0
    found = np.stack(entries, axis=1).reshape(-1, 4, 4)
    return found if bool(extended.all()) else found[extended]


def _composed(count: int, rows: dict[str, F64]) -> F64:
    """Scale, then rotation by quaternions (x, y, z, w), made of unit length, then translation."""
    nought, one = np.zeros(()), np.ones(())
    turn = (nought, nought, nought, one)
    if "ROTATION" in rows:
        x, y, z, w = rows["ROTATION"].T
        length = np.sqrt(((x * x + y * y) + z * z) + w * w)
        still = length == 0.0
        length[still] = 1.0
        turn = (x / length, y / length, z / length, np.where(still, 1.0, w / length))
    scale = tuple(rows["SCALE"].T) if "SCALE" in rows else (one, one, one)
    move = tuple(rows["TRANSLATION"].T) if "TRANSLATION" in rows else (nought, nought, nought)
    found = np.zeros((count, 4, 4))
    found[:, 3, 3] = 1.0
    for place, entry in enumerate(upper_rows(move, turn, scale)):
        found[:, place // 4, place % 4] = entry
    return found
