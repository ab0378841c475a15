"""Builds the light tree: halves by the surface area orientation heuristic, then eight children to a node."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mesh.render.kernel import kernel, step
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
from mesh.render.light_tree import LightTree
from mesh.render.light_vector import (
    BRANCHES,
    CENTRE,
    COS_EMISSION,
    COS_SPREAD,
    FACING,
    NODE_FLOATS,
    RADIUS,
    SIN_SPREAD,
    STRENGTH,
)
from mesh.render.math import HALF, ONE, ZERO, sqrt

f32 = np.float32
i32 = np.int32
F32 = NDArray[np.float32]

_BINS = 12


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
def _halve(bounds, order, around, links, todo, bins, filled, left, right):
    """Fill a tree of two children a node from the root down: what is around each, and its children, or minus one minus
    its light. `order` lists the lights in it."""
    made = 1
    todo[0, 0], todo[0, 1], todo[0, 2] = 0, 0, order.shape[0]
    depth = 1
    while depth > 0:
        depth -= 1
        node, start, stop = todo[depth, 0], todo[depth, 1], todo[depth, 2]
        copy_bounds(around[node], bounds[order[start]])
        for i in range(start + 1, stop):
            merge_bounds(around[node], bounds[order[i]])
        if stop - start == 1:
            links[node, 0] = -1 - order[start]
            continue
        middle = _split(bounds, order, start, stop, bins, filled, left, right)
        for side in range(2):
            links[node, side] = made
            todo[depth, 0] = made
            todo[depth, 1] = middle if side else start
            todo[depth, 2] = stop if side else middle
            depth += 1
            made += 1


@step
def _write_child(nodes, start, lane, bounds):
    """What light_vector.py reads of one child, of the node whose numbers begin at `start`."""
    squared = 0.0
    for k in range(3):
        low, high = bounds[LOW + k], bounds[HIGH + k]
        nodes[start + (CENTRE + k) * BRANCHES + lane] = low + (high - low) * HALF
        squared += float((high - low) * HALF) ** 2
        nodes[start + (FACING + k) * BRANCHES + lane] = bounds[AXIS + k]
    cosine = bounds[COS_O]
    nodes[start + RADIUS * BRANCHES + lane] = sqrt(f32(squared))
    nodes[start + COS_SPREAD * BRANCHES + lane] = cosine
    nodes[start + SIN_SPREAD * BRANCHES + lane] = sqrt(max(ONE - cosine * cosine, ZERO))
    nodes[start + COS_EMISSION * BRANCHES + lane] = bounds[COS_E]
    nodes[start + STRENGTH * BRANCHES + lane] = bounds[POWER]


@kernel
def _widen(around, halves, nodes, links, parents, slots, held, todo):
    """Fill the tree of BRANCHES children a node: of each, those that are dearest are opened as long as there is room.
    Returns the number of nodes."""
    made = 1
    todo[0] = 0
    parents[0] = -1
    done = 0
    while done < made:
        held[0] = todo[done]
        count = 1
        while count < BRANCHES:
            dearest, most = -1, -ONE
            for i in range(count):
                if halves[held[i], 0] >= 0:
                    cost = _cost(around[held[i]])
                    if cost > most:
                        dearest, most = i, cost
            if dearest < 0:
                break
            opened = held[dearest]
            held[dearest] = halves[opened, 0]
            held[count] = halves[opened, 1]
            count += 1
        for lane in range(count):
            _write_child(nodes, done * NODE_FLOATS, lane, around[held[lane]])
            slot = done * BRANCHES + lane
            light = -1 - halves[held[lane], 0]
            if light >= 0:
                links[done, lane] = -1 - light
                slots[light] = slot
            else:
                links[done, lane] = made
                parents[made] = slot
                todo[made] = held[lane]
                made += 1
        done += 1
    return made


def make_light_tree(bounds: F32) -> LightTree:
    """The tree over lights with these bounds, float32 (n, BOUNDS); those of no power are left out."""
    order = np.flatnonzero(bounds[:, POWER] > 0.0).astype(np.int32)
    n = max(len(order), 1)
    nodes = np.zeros(n * NODE_FLOATS, np.float32)
    links = np.full((n, BRANCHES), -1, np.int32)
    parents = np.full(n, -1, np.int32)
    slots = np.full(max(len(bounds), 1), -1, np.int32)
    made = 1
    if len(order):
        around, halves = np.zeros((2 * n - 1, BOUNDS), np.float32), np.full((2 * n - 1, 2), -1, np.int32)
        bins, sides = np.zeros((_BINS, BOUNDS), np.float32), np.zeros((2, BOUNDS), np.float32)
        todo, filled = np.zeros((n + 1, 3), np.int64), np.zeros(_BINS, np.int64)
        _halve(bounds, order, around, halves, todo, bins, filled, sides[0], sides[1])
        held = np.zeros(BRANCHES, np.int64)
        made = _widen(around, halves, nodes, links, parents, slots, held, np.zeros(n, np.int64))
    return LightTree(nodes[: made * NODE_FLOATS].copy(), links[:made].copy(), parents[:made].copy(), slots)
