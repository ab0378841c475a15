"""A tree over the lights that are somewhere, so that each point mostly asks the few that matter to it.

Every node bounds where its lights are, which way they face and how much they give; a walk from the root takes
at each node the child that could give the point more, at random in proportion. (Conty Estevez and Kulla,
"Importance Sampling of Many Lights with Adaptive Tree Splitting", 2018; Pharr, Jakob and Humphreys, "Physically
Based Rendering", 4th edition, section 12.6.3.) Lights at infinity are not in it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mesh.render.kernel import inlined, kernel, step
from mesh.render.light_bounds import (
    AXIS,
    BOUNDS,
    COS_E,
    COS_O,
    HIGH,
    LOW,
    POWER,
    copy_bounds,
    merge_bounds,
    orientation_measure,
)
from mesh.render.math import HALF, ONE, ZERO, sqrt

f32 = np.float32
i32 = np.int32
F32 = NDArray[np.float32]
I32 = NDArray[np.int32]

NODE = 12
_CENTRE, _RADIUS2, _AXIS, _COS_O, _SIN_O, _COS_E, _POWER = 0, 3, 4, 7, 8, 9, 10
_BINS = 12
_BELOW_ONE = f32(0.99999994)


class LightTree(NamedTuple):
    """nodes float32 (k, NODE), root first: centre, squared radius, axis, cosine and sine of the spread of normals,
    cosine of the emission around a normal, power; links int32 (k, 3): children and parent, or for a leaf minus
    one minus its light, and the parent; leaves int32 (n,) of each light, -1 where it is not in the tree."""

    nodes: F32
    links: I32
    leaves: I32


@inlined
def _less(cos_a, sin_a, cos_b, sin_b):
    """The cosine of the angle a - b, 1 where that is negative."""
    if cos_a > cos_b:
        return ONE
    return cos_a * cos_b + sin_a * sin_b


@inlined
def _importance(nodes, node, px, py, pz, nx, ny, nz, both_sides):
    """At most how much the node's lights give the point p with normal n, up to a common factor."""
    wx, wy, wz = nodes[node, 0] - px, nodes[node, 1] - py, nodes[node, 2] - pz
    distance2 = wx * wx + wy * wy + wz * wz
    radius2 = nodes[node, _RADIUS2]
    power = nodes[node, _POWER]
    if not distance2 > radius2:
        return power / max(radius2, f32(1e-12))
    distance = sqrt(distance2)
    wx, wy, wz = wx / distance, wy / distance, wz / distance
    # Half the angle under which p sees the node.
    sin_b = sqrt(radius2 / distance2)
    cos_b = sqrt(ONE - radius2 / distance2)
    cos_w = -(wx * nodes[node, 4] + wy * nodes[node, 5] + wz * nodes[node, 6])
    sin_w = sqrt(max(ONE - cos_w * cos_w, ZERO))
    cos_o, sin_o = nodes[node, _COS_O], nodes[node, _SIN_O]
    cos_x = _less(cos_w, sin_w, cos_o, sin_o)
    sin_x = sqrt(max(ONE - cos_x * cos_x, ZERO))
    cos_p = _less(cos_x, sin_x, cos_b, sin_b)
    if not cos_p > nodes[node, _COS_E]:
        return ZERO
    cos_i = wx * nx + wy * ny + wz * nz
    if both_sides:
        cos_i = abs(cos_i)
    sin_i = sqrt(max(ONE - cos_i * cos_i, ZERO))
    return power * cos_p * max(_less(cos_i, sin_i, cos_b, sin_b), ZERO) / distance2


@inlined
def _share_of_left(tree, node, px, py, pz, nx, ny, nz, both_sides):
    """The chance of the left child of an inner node; negative where neither gives anything."""
    left = _importance(tree.nodes, tree.links[node, 0], px, py, pz, nx, ny, nz, both_sides)
    right = _importance(tree.nodes, tree.links[node, 1], px, py, pz, nx, ny, nz, both_sides)
    total = left + right
    if not total > ZERO:
        return -ONE
    return left / total


@step
def choose_in_tree(tree, px, py, pz, nx, ny, nz, both_sides, u):
    """A light for the point p with unit normal n, by u, and its chance; -1 and 0 where none can reach p.

    `both_sides` where the surface lets light through, so that lights behind it count too.
    """
    node = i32(0)
    chance = ONE
    while tree.links[node, 0] >= 0:
        share = _share_of_left(tree, node, px, py, pz, nx, ny, nz, both_sides)
        if share < ZERO:
            return i32(-1), ZERO
        if u < share:
            node = tree.links[node, 0]
            chance = chance * share
            u = min(u / share, _BELOW_ONE)
        else:
            node = tree.links[node, 1]
            chance = chance * (ONE - share)
            u = min((u - share) / (ONE - share), _BELOW_ONE)
    return i32(-1) - tree.links[node, 0], chance


@step
def chance_in_tree(tree, light, px, py, pz, nx, ny, nz, both_sides):
    """The chance with which `choose_in_tree` takes this light at p."""
    node = tree.leaves[light]
    if node < 0:
        return ZERO
    chance = ONE
    while node != 0:
        parent = tree.links[node, 2]
        share = _share_of_left(tree, parent, px, py, pz, nx, ny, nz, both_sides)
        if share < ZERO:
            return ZERO
        chance = chance * (share if tree.links[parent, 0] == node else ONE - share)
        node = parent
    return chance


@step
def _write_node(nodes, node, bounds):
    radius2 = 0.0
    for k in range(3):
        low, high = bounds[LOW + k], bounds[HIGH + k]
        nodes[node, _CENTRE + k] = low + (high - low) * HALF
        radius2 += float((high - low) * HALF) ** 2
        nodes[node, _AXIS + k] = bounds[AXIS + k]
    nodes[node, _RADIUS2] = f32(radius2)
    cos_o = bounds[COS_O]
    nodes[node, _COS_O] = cos_o
    nodes[node, _SIN_O] = sqrt(max(ONE - cos_o * cos_o, ZERO))
    nodes[node, _COS_E] = bounds[COS_E]
    nodes[node, _POWER] = bounds[POWER]


@step
def _cost(bounds):
    """Surface area times orientation times power: the heuristic of the paper, section 4.4."""
    x, y, z = (
        bounds[HIGH] - bounds[LOW],
        bounds[HIGH + 1] - bounds[LOW + 1],
        bounds[HIGH + 2] - bounds[LOW + 2],
    )
    area = x * y + y * z + z * x
    return bounds[POWER] * (area + f32(1e-12)) * orientation_measure(bounds[COS_O], bounds[COS_E])


@step
def _bin_of(bounds, light, axis, low, scale):
    middle = (bounds[light, LOW + axis] + bounds[light, HIGH + axis]) * HALF
    return min(max(i32((middle - low) * scale), i32(0)), i32(_BINS - 1))


@step
def _split(bounds, order, start, stop, bins, filled, left, right):
    """Part order[start:stop] in two, and give where the second begins."""
    axis, low, extent = 0, ZERO, -ONE
    for k in range(3):
        least, most = f32(np.inf), f32(-np.inf)
        for i in range(start, stop):
            middle = (bounds[order[i], LOW + k] + bounds[order[i], HIGH + k]) * HALF
            least, most = min(least, middle), max(most, middle)
        if most - least > extent:
            axis, low, extent = k, least, most - least
    if not extent > ZERO:
        return (start + stop) // 2
    scale = f32(_BINS) / extent
    for b in range(_BINS):
        filled[b] = 0
    for i in range(start, stop):
        b = _bin_of(bounds, order[i], axis, low, scale)
        if filled[b] == 0:
            copy_bounds(bins[b], bounds[order[i]])
        else:
            merge_bounds(bins[b], bounds[order[i]])
        filled[b] += 1
    best, cheapest = -1, f32(np.inf)
    for border in range(1, _BINS):
        below, above = 0, 0
        for b in range(_BINS):
            if filled[b] > 0 and b < border:
                if below == 0:
                    copy_bounds(left, bins[b])
                else:
                    merge_bounds(left, bins[b])
                below += filled[b]
            elif filled[b] > 0:
                if above == 0:
                    copy_bounds(right, bins[b])
                else:
                    merge_bounds(right, bins[b])
                above += filled[b]
        if below > 0 and above > 0:
            cost = _cost(left) + _cost(right)
            if cost < cheapest:
                best, cheapest = border, cost
    if best < 0:
        return (start + stop) // 2
    i, j = start, stop - 1
    while i <= j:
        if _bin_of(bounds, order[i], axis, low, scale) < best:
            i += 1
        else:
            order[i], order[j] = order[j], order[i]
            j -= 1
    return i


@kernel
def _build(bounds, order, nodes, links, leaves, todo, bins, filled, left, right):
    """Fill the tree from the root down; `order` lists the lights in it. Returns the number of nodes."""
    made = 1
    todo[0, 0], todo[0, 1], todo[0, 2] = 0, 0, order.shape[0]
    links[0, 2] = -1
    depth = 1
    while depth > 0:
        depth -= 1
        node, start, stop = todo[depth, 0], todo[depth, 1], todo[depth, 2]
        copy_bounds(left, bounds[order[start]])
        for i in range(start + 1, stop):
            merge_bounds(left, bounds[order[i]])
        _write_node(nodes, node, left)
        if stop - start == 1:
            links[node, 0] = -1 - order[start]
            leaves[order[start]] = node
            continue
        middle = _split(bounds, order, start, stop, bins, filled, left, right)
        for side in range(2):
            links[node, side] = made
            links[made, 2] = node
            todo[depth, 0] = made
            todo[depth, 1] = middle if side else start
            todo[depth, 2] = stop if side else middle
            depth += 1
            made += 1
    return made


def make_light_tree(bounds: F32) -> LightTree:
    """The tree over lights with these bounds, float32 (n, BOUNDS); those of no power are left out."""
    order = np.flatnonzero(bounds[:, POWER] > 0.0).astype(np.int32)
    n = max(len(order), 1)
    nodes = np.zeros((2 * n - 1, NODE), np.float32)
    links = np.full((2 * n - 1, 3), -1, np.int32)
    leaves = np.full(max(len(bounds), 1), -1, np.int32)
    if len(order):
        bins, sides = np.zeros((_BINS, BOUNDS), np.float32), np.zeros((2, BOUNDS), np.float32)
        todo, filled = np.zeros((n + 1, 3), np.int64), np.zeros(_BINS, np.int64)
        _build(bounds, order, nodes, links, leaves, todo, bins, filled, sides[0], sides[1])
    return LightTree(nodes, links, leaves)
