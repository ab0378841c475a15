"""The binary tree under an 8-wide one: binned surface area heuristic, top down.

Wald, "On fast Construction of SAH-based Bounding Volume Hierarchies" (2007), with what Embree's builders do
for speed: as few bins as a range of boxes can fill, and children bounded while their parent is split.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mesh.render.accel_layout import MAX_DEPTH
from mesh.render.accel_rows import (
    bins_of,
    centroid,
    empty_row,
    half_area,
    hidden,
    load_row,
    store_row,
    union,
)
from mesh.render.kernel import inlined, kernel
from mesh.render.vector import address, load_float

BINS = 32
LEAST_BINS = 8
BOXES_PER_BIN = 16
_INFINITY = np.float32(np.inf)
# Keeps the topmost centroid inside the last bin.
_BELOW_ONE = np.float32(0.99999)
_ZERO = np.float32(0.0)


class BuildScratch(NamedTuple):
    """Working memory of `build_binary`, one per thread."""

    bins: NDArray[np.float32]
    sizes: NDArray[np.int64]
    right_cost: NDArray[np.float32]
    grid: NDArray[np.float32]
    stack: NDArray[np.int64]
    centroids: NDArray[np.float32]


def make_build_scratch() -> BuildScratch:
    """Working memory for one `build_binary` at a time."""
    return BuildScratch(
        np.empty((3 * BINS, 8), np.float32),
        np.empty((3, BINS), np.int64),
        np.empty(BINS, np.float32),
        np.zeros((3, 8), np.float32),
        np.empty((2 * MAX_DEPTH, 4), np.int64),
        np.empty((2 * MAX_DEPTH, 8), np.float32),
    )


@inlined
def _bound(rows, start, end, node_rows, node, centroids, slot):
    """Write the box of a range of boxes, and that of their centroids."""
    box, points = empty_row(), empty_row()
    for i in range(start, end):
        row = load_row(rows, i)
        box = union(row, box)
        points = union(centroid(row), points)
    store_row(node_rows, node, box)
    store_row(centroids, slot, points)


@inlined
def _merge(bins, axis, begin, end):
    """The box of a run of an axis' bins."""
    box = empty_row()
    for b in range(begin, end):
        box = union(load_row(bins, axis * BINS + b), box)
    return box


@inlined
def _fill_bins(rows, start, end, bin_count, bins, sizes, grid):
    """Sort boxes into bins along all three axes: the bins' boxes and their numbers of boxes."""
    for axis in range(3):
        for b in range(bin_count):
            sizes[axis, b] = 0
            store_row(bins, axis * BINS + b, empty_row())
    low, scale, last = load_row(grid, 0), load_row(grid, 1), load_row(grid, 2)
    for i in range(start, end):
        row = load_row(rows, i)
        x, y, z = bins_of(centroid(row), low, scale, last)
        store_row(bins, x, union(row, load_row(bins, x)))
        store_row(bins, BINS + y, union(row, load_row(bins, BINS + y)))
        store_row(bins, 2 * BINS + z, union(row, load_row(bins, 2 * BINS + z)))
        sizes[0, x] += 1
        sizes[1, y] += 1
        sizes[2, z] += 1


@inlined
def _cheapest_plane(bins, sizes, bin_count, number, leaf_size, right_cost):
    """The axis, -1 if none separates the boxes, and the first bin beyond the plane of least cost.

    A leaf is tested as a whole packet, so a side's cost counts packets, not triangles.
    """
    best, best_axis, best_plane = _INFINITY, -1, 0
    for axis in range(3):
        box, above = empty_row(), 0
        for b in range(bin_count - 1, 0, -1):
            box = union(load_row(bins, axis * BINS + b), box)
            above += sizes[axis, b]
            packets = (above + leaf_size - 1) // leaf_size
            right_cost[b] = half_area(box) * np.float32(packets) if above > 0 else _INFINITY
        box, below = empty_row(), 0
        for b in range(1, bin_count):
            box = union(load_row(bins, axis * BINS + b - 1), box)
            below += sizes[axis, b - 1]
            if below == 0 or below == number:
                continue
            packets = (below + leaf_size - 1) // leaf_size
            cost = right_cost[b] + half_area(box) * np.float32(packets)
            if cost < best:
                best, best_axis, best_plane = cost, axis, b
    return best_axis, best_plane


@inlined
def _partition(rows, start, end, axis, low, scale, plane, centroids, slot):
    """Boxes of bins below the plane before the others; returns where these begin.

    Also bounds the centroids of both sides, the left one's in `slot` + 1. No branch depends on a box.
    """
    left, right = empty_row(), empty_row()
    middle = start
    for i in range(start, end):
        row = load_row(rows, i)
        place = (load_float(rows, 8 * i + axis) - load_float(rows, 8 * i + axis + 4) - low) * scale
        is_left = np.int64(not place >= plane)
        point = centroid(row)
        left = union(hidden(point, np.int32(is_left - 1)), left)
        right = union(hidden(point, np.int32(-is_left)), right)
        store_row(rows, i, load_row(rows, middle))
        store_row(rows, middle, row)
        middle += is_left
    store_row(centroids, slot, right)
    store_row(centroids, slot + 1, left)
    return middle


@inlined
def _push(stack, place, node, start, end, depth):
    # Assigned as one tuple the row would take a second to compile, for the sake of messages nobody can see.
    stack[place, 0], stack[place, 1], stack[place, 2], stack[place, 3] = node, start, end, depth


@kernel
def build_binary(boxes, leaf_size, node_boxes, first, count, scratch):
    """Sort boxes (n, 8), rows of `accel_rows`, into a tree and return its number of nodes; n >= 1.

    node_boxes (2n, 8), first (2n,) and count (2n,) receive the nodes, root at 0: an inner node has
    count 0 and its children at first and first + 1; a leaf covers boxes[first : first + count], with
    count <= leaf_size. Depends on nothing but the boxes and their order. scratch: `make_build_scratch`.
    """
    sizes, right_cost, grid, stack = scratch.sizes, scratch.right_cost, scratch.grid, scratch.stack
    rows, node_rows = address(boxes, 0), address(node_boxes, 0)
    bins, grid_rows = address(scratch.bins, 0), address(grid, 0)
    bounds, centroids = scratch.centroids, address(scratch.centroids, 0)
    _bound(rows, 0, boxes.shape[0], node_rows, 0, centroids, 0)
    _push(stack, 0, 0, 0, boxes.shape[0], 0)
    held = 1
    nodes = 1
    while held > 0:
        held -= 1
        node, start, end, depth = stack[held, 0], stack[held, 1], stack[held, 2], stack[held, 3]
        number = end - start
        if number <= leaf_size:
            first[node], count[node] = start, number
            continue

        # 1. Bins between the outermost centroids.
        bin_count = min(BINS, LEAST_BINS + number // BOXES_PER_BIN)
        widest = _ZERO
        for axis in range(3):
            extent = -bounds[held, 4 + axis] - bounds[held, axis]
            widest = max(widest, extent)
            grid[0, axis] = bounds[held, axis]
            grid[1, axis] = np.float32(bin_count) * _BELOW_ONE / extent if extent > _ZERO else _ZERO
            grid[2, axis] = np.float32(bin_count - 1)

        # 2. The cheapest plane; where none separates the centroids, halve.
        axis, plane = -1, 0
        if depth < MAX_DEPTH and widest > _ZERO:
            _fill_bins(rows, start, end, bin_count, bins, sizes, grid_rows)
            axis, plane = _cheapest_plane(bins, sizes, bin_count, number, leaf_size, right_cost)
        if axis >= 0:
            store_row(node_rows, nodes, _merge(bins, axis, 0, plane))
            store_row(node_rows, nodes + 1, _merge(bins, axis, plane, bin_count))
            low, scale = grid[0, axis], grid[1, axis]
            middle = _partition(rows, start, end, axis, low, scale, np.float32(plane), centroids, held)
        else:
            middle = (start + end) // 2
            _bound(rows, middle, end, node_rows, nodes + 1, centroids, held)
            _bound(rows, start, middle, node_rows, nodes, centroids, held + 1)
        first[node], count[node] = nodes, 0
        _push(stack, held, nodes + 1, middle, end, depth + 1)
        _push(stack, held + 1, nodes, start, middle, depth + 1)
        held += 2
        nodes += 2
    return nodes
