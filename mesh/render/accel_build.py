"""The binary tree under an 8-wide one: binned surface area heuristic, top down.

Wald, "On fast Construction of SAH-based Bounding Volume Hierarchies" (2007). Boxes are rows of eight
floats (low x, y, z, 0, -high x, -high y, -high z, 0), so that a union is one vector minimum.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mesh.render.accel_layout import MAX_DEPTH
from mesh.render.accel_vector import find_bins, merge_bounds, merge_centroid
from mesh.render.kernel import inlined, kernel

BINS = 16
_INFINITY = np.float32(np.inf)
# Keeps the topmost centroid inside the last bin.
_BELOW_ONE = np.float32(0.99999)
_ZERO = np.float32(0.0)


class BuildScratch(NamedTuple):
    """Working memory of `build_binary`, one per thread."""

    bins: NDArray[np.float32]
    sizes: NDArray[np.int64]
    sweep: NDArray[np.float32]
    left_cost: NDArray[np.float32]
    grid: NDArray[np.float32]
    found: NDArray[np.int32]
    stack: NDArray[np.int64]


def make_build_scratch() -> BuildScratch:
    """Working memory for one `build_binary` at a time."""
    return BuildScratch(
        np.empty((3 * BINS, 8), np.float32),
        np.empty((3, BINS), np.int64),
        np.empty((2, 8), np.float32),
        np.empty(BINS, np.float32),
        np.zeros((3, 8), np.float32),
        np.empty(8, np.int32),
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
def _count_in(bins, sizes, boxes, item, axis, b):
    sizes[axis, b] += 1
    merge_bounds(bins, axis * BINS + b, boxes, item)


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
    bins, sizes, sweep, left_cost, grid, found, stack = scratch
    stack[0] = (0, 0, boxes.shape[0], 0)
    held = 1
    nodes = 1
    while held > 0:
        held -= 1
        node, start, end, depth = stack[held, 0], stack[held, 1], stack[held, 2], stack[held, 3]
        number = end - start

        # 1. The node's box, and the box of (twice) the centroids.
        _clear(node_boxes, node)
        _clear(sweep, 0)
        for i in range(start, end):
            merge_bounds(node_boxes, node, boxes, i)
            merge_centroid(sweep, 0, boxes, i)
        if number <= leaf_size:
            first[node], count[node] = start, number
            continue
        # Few triangles do not fill many bins; sweeping these would cost more than it finds.
        bin_count = BINS if number > 8 * BINS else BINS // 2
        widest = _ZERO
        for axis in range(3):
            extent = -sweep[0, 4 + axis] - sweep[0, axis]
            widest = max(widest, extent)
            grid[0, axis] = sweep[0, axis]
            grid[1, axis] = np.float32(bin_count) * _BELOW_ONE / extent if extent > _ZERO else _ZERO
            grid[2, axis] = np.float32(bin_count - 1)

        # 2. Bin along all three axes, then sweep for the cheapest plane. A leaf is tested as a whole
        # packet, so a side's cost counts packets, not triangles.
        best = _INFINITY
        best_axis, best_plane = -1, 0
        if depth < MAX_DEPTH and widest > _ZERO:
            for axis in range(3):
                for b in range(bin_count):
                    sizes[axis, b] = 0
                    _clear(bins, axis * BINS + b)
            for i in range(start, end):
                find_bins(boxes, i, grid, found)
                _count_in(bins, sizes, boxes, i, 0, found[0])
                _count_in(bins, sizes, boxes, i, 1, found[1])
                _count_in(bins, sizes, boxes, i, 2, found[2])
            for axis in range(3):
                _clear(sweep, 0)
                below = 0
                for b in range(bin_count - 1):
                    merge_bounds(sweep, 0, bins, axis * BINS + b)
                    below += sizes[axis, b]
                    packets = (below + leaf_size - 1) // leaf_size
                    left_cost[b] = half_area(sweep, 0) * packets if below > 0 else _INFINITY
                _clear(sweep, 1)
                above = 0
                for b in range(bin_count - 1, 0, -1):
                    merge_bounds(sweep, 1, bins, axis * BINS + b)
                    above += sizes[axis, b]
                    if above == 0 or above == number:
                        continue
                    packets = (above + leaf_size - 1) // leaf_size
                    cost = left_cost[b - 1] + half_area(sweep, 1) * np.float32(packets)
                    if cost < best:
                        best, best_axis, best_plane = cost, axis, b

        # 3. Partition in place; where no plane separates the centroids, halve.
        middle = (start + end) // 2
        if best_axis >= 0:
            i, j = start, end - 1
            while i <= j:
                find_bins(boxes, i, grid, found)
                if found[best_axis] < best_plane:
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
