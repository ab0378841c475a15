"""The binary tree under an 8-wide one: binned surface area heuristic, top down.

Wald, "On fast Construction of SAH-based Bounding Volume Hierarchies" (2007). Boxes are rows of eight
floats (low x, y, z, 0, -high x, -high y, -high z, 0), so that a union is one vector minimum.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mesh.render.accel_layout import MAX_DEPTH
from mesh.render.accel_vector import merge_bounds
from mesh.render.kernel import inlined, kernel

BINS = 16
_INFINITY = np.float32(np.inf)
# Bins are found by multiplication; the factor keeps the topmost centroid inside the last bin.
_BIN_SCALE = np.float32(BINS * 0.99999)
_ZERO = np.float32(0.0)


class BuildScratch(NamedTuple):
    """Working memory of `build_binary`, one per thread."""

    bins: NDArray[np.float32]
    sizes: NDArray[np.int64]
    sweep: NDArray[np.float32]
    left_cost: NDArray[np.float32]
    stack: NDArray[np.int64]


def make_build_scratch() -> BuildScratch:
    """Working memory for one `build_binary` at a time."""
    return BuildScratch(
        np.empty((3 * BINS, 8), np.float32),
        np.empty((3, BINS), np.int64),
        np.empty((2, 8), np.float32),
        np.empty(BINS, np.float32),
        np.empty((2 * MAX_DEPTH, 4), np.int64),
    )


@inlined
def half_area(bounds, row):
    """Half the surface of a box; negative infinities of an empty box are not expected here."""
    x = -bounds[row, 4] - bounds[row, 0]
    y = -bounds[row, 5] - bounds[row, 1]
    z = -bounds[row, 6] - bounds[row, 2]
    return x * y + y * z + z * x


@inlined
def _clear(bounds, row):
    for k in range(8):
        bounds[row, k] = _INFINITY


@inlined
def _bin(boxes, item, axis, low, scale):
    """The bin of a box by its centroid (twice the centroid, in fact: low minus negated high)."""
    return min(max(int((boxes[item, axis] - boxes[item, 4 + axis] - low) * scale), 0), BINS - 1)


@inlined
def _swap(boxes, ids, i, j):
    for k in range(8):
        boxes[i, k], boxes[j, k] = boxes[j, k], boxes[i, k]
    ids[i], ids[j] = ids[j], ids[i]


@kernel
def build_binary(boxes, ids, leaf_size, node_boxes, first, count, scratch):
    """Sort boxes (n, 8) and ids (n,) into a tree and return its number of nodes; n >= 1.

    node_boxes (2n, 8), first (2n,) and count (2n,) receive the nodes, root at 0: an inner node has
    count 0 and its children at first and first + 1; a leaf covers ids[first : first + count], with
    count <= leaf_size. Depends on nothing but the boxes and their order. scratch: `make_build_scratch`.
    """
    bins, sizes, sweep, left_cost, stack = scratch
    stack[0] = (0, 0, boxes.shape[0], 0)
    held = 1
    nodes = 1
    while held > 0:
        held -= 1
        node, start, end, depth = stack[held, 0], stack[held, 1], stack[held, 2], stack[held, 3]
        number = end - start

        # 1. The node's box, and the box of (twice) the centroids.
        _clear(node_boxes, node)
        lx, ly, lz = _INFINITY, _INFINITY, _INFINITY
        hx, hy, hz = -_INFINITY, -_INFINITY, -_INFINITY
        for i in range(start, end):
            merge_bounds(node_boxes, node, boxes, i)
            x = boxes[i, 0] - boxes[i, 4]
            y = boxes[i, 1] - boxes[i, 5]
            z = boxes[i, 2] - boxes[i, 6]
            lx, ly, lz = min(lx, x), min(ly, y), min(lz, z)
            hx, hy, hz = max(hx, x), max(hy, y), max(hz, z)
        if number <= 1:
            first[node], count[node] = start, number
            continue
        low = (lx, ly, lz)
        extent = (hx - lx, hy - ly, hz - lz)
        scale = (_BIN_SCALE / extent[0], _BIN_SCALE / extent[1], _BIN_SCALE / extent[2])

        # 2. Bin along all three axes, then sweep for the cheapest plane. A leaf is tested as a whole
        # packet, so a side's cost counts packets, not triangles.
        best = _INFINITY
        best_axis, best_plane = -1, 0
        if depth < MAX_DEPTH and (extent[0] > _ZERO or extent[1] > _ZERO or extent[2] > _ZERO):
            sizes[:] = 0
            for b in range(3 * BINS):
                _clear(bins, b)
            for i in range(start, end):
                for axis in range(3):
                    if extent[axis] > _ZERO:
                        b = _bin(boxes, i, axis, low[axis], scale[axis])
                        sizes[axis, b] += 1
                        merge_bounds(bins, axis * BINS + b, boxes, i)
            for axis in range(3):
                if not extent[axis] > _ZERO:
                    continue
                _clear(sweep, 0)
                below = 0
                for b in range(BINS - 1):
                    merge_bounds(sweep, 0, bins, axis * BINS + b)
                    below += sizes[axis, b]
                    packets = (below + leaf_size - 1) // leaf_size
                    left_cost[b] = half_area(sweep, 0) * packets if below > 0 else _INFINITY
                _clear(sweep, 1)
                above = 0
                for b in range(BINS - 1, 0, -1):
                    merge_bounds(sweep, 1, bins, axis * BINS + b)
                    above += sizes[axis, b]
                    if above == 0 or above == number:
                        continue
                    packets = (above + leaf_size - 1) // leaf_size
                    cost = left_cost[b - 1] + half_area(sweep, 1) * np.float32(packets)
                    if cost < best:
                        best, best_axis, best_plane = cost, axis, b

        # 3. A small node stays a leaf unless splitting it saves more than a node's own test costs.
        if number <= leaf_size:
            first[node], count[node] = start, number
            continue

        # 4. Partition in place; where no plane separates the centroids, halve.
        middle = (start + end) // 2
        if best_axis >= 0:
            i, j = start, end - 1
            while i <= j:
                if _bin(boxes, i, best_axis, low[best_axis], scale[best_axis]) < best_plane:
                    i += 1
                else:
                    _swap(boxes, ids, i, j)
                    j -= 1
            middle = i
        first[node], count[node] = nodes, 0
        stack[held] = (nodes + 1, middle, end, depth + 1)
        stack[held + 1] = (nodes, start, middle, depth + 1)
        held += 2
        nodes += 2
    return nodes
