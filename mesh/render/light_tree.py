"""A tree over the lights that are somewhere, so that each point mostly asks the few that matter to it.

Every node bounds for each of its eight children where the lights below are, which way they face and how much they give;
a walk from the root takes at each node a child at random, in proportion to what it could give the point. (Conty Estevez
and Kulla, "Importance Sampling of Many Lights with Adaptive Tree Splitting", 2018, there with two children; Pharr, Jakob
and Humphreys, "Physically Based Rendering", 4th edition, section 12.6.3.) Lights at infinity are not in it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mesh.render.kernel import step
from mesh.render.light_vector import BRANCHES, draw_child, weigh_child
from mesh.render.math import ONE, ZERO
from mesh.render.vector import address

f32 = np.float32
i32 = np.int32

_BELOW_ONE = f32(0.99999994)


class LightTree(NamedTuple):
    """nodes float32, flat, of NODE_FLOATS each, root first, see light_vector.py; links int32 (k, BRANCHES): a node, or
    for a light minus one minus its number; parents int32 (k,): the node's own slot, which is its parent times BRANCHES
    plus its lane there, -1 of the root; slots int32 (n,) of each light, -1 where it is not in the tree."""

    nodes: NDArray[np.float32]
    links: NDArray[np.int32]
    parents: NDArray[np.int32]
    slots: NDArray[np.int32]


@step
def choose_in_tree(tree, px, py, pz, nx, ny, nz, both_sides, u):
    """A light for the point p with unit normal n, by u, and its chance; -1 and 0 where none can reach p.

    `both_sides` where the surface lets light through, so that lights behind it count too.
    """
    nodes, place = address(tree.nodes, 0), (px, py, pz, nx, ny, nz)
    node = 0
    chance = ONE
    while node >= 0:
        lane, given, before, total = draw_child(nodes, node, place, both_sides, u)
        if not total > ZERO:
            return i32(-1), ZERO
        chance = chance * (given / total)
        u = min((u * total - before) / given, _BELOW_ONE)
        node = np.int64(tree.links[node, lane])
    return i32(-1 - node), chance


@step
def chance_in_tree(tree, light, px, py, pz, nx, ny, nz, both_sides):
    """The chance with which `choose_in_tree` takes this light at p."""
    nodes, place = address(tree.nodes, 0), (px, py, pz, nx, ny, nz)
    slot = np.int64(tree.slots[light])
    chance = ONE if slot >= 0 else ZERO
    while slot >= 0 and chance > ZERO:
        node = slot // BRANCHES
        given, total = weigh_child(nodes, node, place, both_sides, slot - node * BRANCHES)
        chance = chance * (given / total) if total > ZERO else ZERO
        slot = np.int64(tree.parents[node])
    return chance
