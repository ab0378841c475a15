"""Skins: joints and inverse bind matrices, and the joints' matrices at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mesh.scenes.geometry import F64
from mesh.scenes.gltf.accessors import Accessors
from mesh.scenes.gltf.cursor import Value
from mesh.scenes.matrices import IDENTITY, Matrix, from_columns, multiply


@dataclass(frozen=True, slots=True)
class Skin:
    """Places of the joints in drawing order, and for each its inverse bind matrix."""

    joints: tuple[int, ...]
    inverse_binds: tuple[Matrix, ...]

    def matrices(self, worlds: Sequence[Matrix]) -> F64:
        """(j, 3, 4): from the rest pose to the world."""
        rows = [
            multiply(worlds[joint], bind)[:12]
            for joint, bind in zip(self.joints, self.inverse_binds, strict=True)
        ]
        return np.array(rows).reshape(-1, 3, 4)


def read_skin(value: Value, accessors: Accessors, place_of: Mapping[int, int], node_count: int) -> Skin:
    """`place_of` gives the place of each node of the scene by its index in the file."""
    joints = value.indices("joints", node_count, "nodes")
    if not joints:
        value.fail("has no joints", key="joints")
    outside = [joint for joint in joints if joint not in place_of]
    if outside:
        value.fail(f"has the joint nodes[{outside[0]}], which is not in the scene", key="joints")
    binds: tuple[Matrix, ...] = (IDENTITY,) * len(joints)
    if value.has("inverseBindMatrices"):
        found = accessors.floats(value, "inverseBindMatrices", ("MAT4",))
        if len(found) < len(joints):
            value.fail(f"has {len(found)} matrices for {len(joints)} joints", key="inverseBindMatrices")
        if not bool((np.abs(found) <= 1e15).all()):
            value.fail("has numbers that are not finite", key="inverseBindMatrices")
        binds = tuple(from_columns(row) for row in found[: len(joints)].astype(np.float64).tolist())
    return Skin(tuple(place_of[joint] for joint in joints), binds)
