"""EXT_mesh_gpu_instancing: many copies of a node's mesh, each with its own pose relative to the node.

There may be millions, so they are arrays; element by element, in the order of `mesh/scenes/matrices.py`, so that both
give the same bits on every processor.
"""

from __future__ import annotations

import numpy as np

from mesh.scenes.geometry import F64
from mesh.scenes.gltf.accessors import Accessors
from mesh.scenes.gltf.cursor import Value
from mesh.scenes.matrices import Matrix

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
    found = np.empty_like(copies)
    for row in range(4):
        a, b, c, d = world[4 * row : 4 * row + 4]
        for column in range(4):
            x, y, z, w = (copies[:, k, column] for k in range(4))
            found[:, row, column] = ((a * x + b * y) + c * z) + d * w
    (a, b, c), (d, e, f), (g, h, i) = found[:, :3, :3].transpose(1, 2, 0)
    determinants = (a * (e * i - f * h) - b * (d * i - f * g)) + c * (d * h - e * g)
    extended = determinants != 0.0
    return found if bool(extended.all()) else found[extended]


def _composed(count: int, rows: dict[str, F64]) -> F64:
    """Scale, then rotation by quaternions (x, y, z, w), made of unit length, then translation."""
    found = np.zeros((count, 4, 4))
    found[:, 3, 3] = 1.0
    turn = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    if "ROTATION" in rows:
        x, y, z, w = rows["ROTATION"].T
        length = np.sqrt(((x * x + y * y) + z * z) + w * w)
        still = length == 0.0
        length[still] = 1.0
        x, y, z, w = x / length, y / length, z / length, np.where(still, 1.0, w / length)
        turn = (
            (1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - z * w), 2.0 * (x * z + y * w)),
            (2.0 * (x * y + z * w), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - x * w)),
            (2.0 * (x * z - y * w), 2.0 * (y * z + x * w), 1.0 - 2.0 * (x * x + y * y)),
        )
    for column in range(3):
        scale = rows["SCALE"][:, column] if "SCALE" in rows else 1.0
        for row in range(3):
            found[:, row, column] = turn[row][column] * scale
    if "TRANSLATION" in rows:
        found[:, :3, 3] = rows["TRANSLATION"]
    return found
