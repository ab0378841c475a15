"""From a binary tree to the 8-wide tree that is traversed, and triangles into packets.

Which binary nodes become wide ones is chosen for the least cost by the surface area heuristic, after Ylitie,
Karras and Laine, "Efficient Incoherent Ray Traversal on GPUs Through Compressed Wide BVHs" (2017), section
3.1. Taking in the largest children until a node is full leaves half the places of the lowest nodes empty.
"""

from __future__ import annotations

import numpy as np

from mesh.render.accel_bounds import triangle_box
from mesh.render.accel_layout import (
    CHILD_ROW,
    LANES,
    NODE_FLOATS,
    NUMBER_ROW,
    PACKET_FLOATS,
    WIDTH,
)
from mesh.render.accel_rows import NUMBER_BIAS, NUMBER_LANE, half_area, load_row
from mesh.render.kernel import inlined, kernel
from mesh.render.vector import address, load_float, load_word

_INFINITY = np.float32(np.inf)


@kernel
def box_triangles(positions, triangles, boxes, words):
    """The boxes (n, 8) of the triangles that can be hit, rows of `accel_rows`; returns how many there are.

    Left out are triangles without area, with a vertex that is not finite or an index out of range.
    """
    kept = 0
    for i in range(triangles.shape[0]):
        a, b, c = triangles[i, 0], triangles[i, 1], triangles[i, 2]
        if min(a, b, c) < 0 or max(a, b, c) >= positions.shape[0]:
            continue
        ax, ay, az = positions[a, 0], positions[a, 1], positions[a, 2]
        bx, by, bz = positions[b, 0], positions[b, 1], positions[b, 2]
        cx, cy, cz = positions[c, 0], positions[c, 1], positions[c, 2]
        # In double precision, where differences and products of float32 numbers are all but exact.
        ux, uy, uz = float(bx) - ax, float(by) - ay, float(bz) - az
        vx, vy, vz = float(cx) - ax, float(cy) - ay, float(cz) - az
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        area = nx * nx + ny * ny + nz * nz
        if not 0.0 < area < np.inf:
            continue
        lx, ly, lz, hx, hy, hz = triangle_box(ax, ay, az, bx, by, bz, cx, cy, cz)
        row = (lx, ly, lz, np.float32(0.0), -hx, -hy, -hz, np.float32(0.0))
        for k in range(8):
            boxes[kept, k] = row[k]
        words[kept, NUMBER_LANE] = NUMBER_BIAS + i
        kept += 1
    return kept


@inlined
def _share(cost, left, right, places):
    """How many of two or more places the left subtree is best given, and the least cost of both."""
    given, least = 1, cost[left, 0] + cost[right, places - 2]
    for more in range(2, places):
        both = cost[left, more - 1] + cost[right, places - more - 1]
        if both < least:
            given, least = more, both
    return given, least


@kernel
def price(boxes, first, count, nodes, cost):
    """Fill cost (nodes, WIDTH): the least cost of a binary node as at most 1 to WIDTH children of a wide one.

    A wide node and a packet cost their surface, for both tests take about as long. boxes, first, count and
    the number of nodes are those of `build_binary`, which puts nodes before their children.
    """
    rows = address(boxes, 0)
    for node in range(nodes - 1, -1, -1):
        area = half_area(load_row(rows, node))
        if count[node] > 0:
            cost[node] = area
            continue
        left = first[node]
        for places in range(2, WIDTH + 1):
            cost[node, places - 1] = _share(cost, left, left + 1, places)[1]
        cost[node, 0] = area + cost[node, WIDTH - 1]
        for places in range(2, WIDTH + 1):
            cost[node, places - 1] = min(cost[node, places - 1], cost[node, places - 2])


@inlined
def _gather(source, first, count, cost, held, places):
    """Put the children of the wide node made of a binary node into `held`; returns how many there are."""
    held[0], places[0] = source, WIDTH
    number, done = 1, 0
    while done < number:
        node = held[done]
        # As a child of its own it costs cost[node, 0]: so does any greater number of places if none pays.
        whole = node != source and cost[node, 0] <= cost[node, places[done] - 1]
        if count[node] > 0 or whole:
            done += 1
        else:
            left = first[node]
            given = _share(cost, left, left + 1, places[done])[0]
            held[number], places[number] = left + 1, places[done] - given
            held[done], places[done] = left, given
            number += 1
    return number


@inlined
def _largest_last(rows, held, number):
    """Sort the children by surface, where a ray in search of any hit looks first (Nah and Manocha, "SATO: Surface
    Area Traversal Order for Shadow Ray Tracing", 2014)."""
    for i in range(1, number):
        child = held[i]
        area = half_area(load_row(rows, child))
        place = i
        while place > 0 and half_area(load_row(rows, held[place - 1])) > area:
            held[place] = held[place - 1]
            place -= 1
        held[place] = child


@kernel
def collapse(boxes, first, count, cost, nodes, words, leaves, stack, held):
    """Write the 8-wide tree of a binary one; returns its numbers of nodes and of leaves.

    nodes: float32 (n * NODE_FLOATS,); words: the same memory as int32; leaves: int32 (m,) receives the
    binary node of each leaf, in the order of their references. A tree of one leaf gets a node above it.
    cost is that of `price`. stack (STACK_SIZE, 2) and held (2, WIDTH): int64 working memory.
    """
    children = held[0]
    rows = address(boxes, 0)
    stack[0, 0], stack[0, 1] = 0, 0
    waiting = 1
    used, leaf_count = 1, 0
    while waiting > 0:
        waiting -= 1
        source, target = stack[waiting, 0], stack[waiting, 1]
        number = _gather(source, first, count, cost, children, held[1])
        _largest_last(rows, children, number)
        base = target * NODE_FLOATS
        for i in range(WIDTH):
            for axis in range(3):
                inside = i < number
                nodes[base + axis * WIDTH + i] = boxes[children[i], axis] if inside else _INFINITY
                nodes[base + (axis + 3) * WIDTH + i] = -boxes[children[i], axis + 4] if inside else -_INFINITY
            words[base + CHILD_ROW + i] = 0
            words[base + CHILD_ROW + WIDTH + i] = 0
        for i in range(number):
            if count[children[i]] > 0:
                leaves[leaf_count] = children[i]
                words[base + CHILD_ROW + i] = ~leaf_count
                leaf_count += 1
            else:
                words[base + CHILD_ROW + i] = used
                stack[waiting, 0], stack[waiting, 1] = children[i], used
                waiting += 1
                used += 1
    return used, leaf_count


@kernel
def pack(leaves, first, count, boxes, positions, triangles, packets, words):
    """Copy each leaf's triangles into its packet; see `accel_layout`. words: packets' memory as int32."""
    numbers, corners, points = address(boxes, 0), address(triangles, 0), address(positions, 0)
    for leaf in range(leaves.shape[0]):
        base = leaf * PACKET_FLOATS
        node = leaves[leaf]
        used = count[node]
        for lane in range(used):
            number = np.int64(load_word(numbers, 8 * (first[node] + lane) + NUMBER_LANE)) - NUMBER_BIAS
            words[base + NUMBER_ROW + lane] = number
            for corner in range(3):
                point = 3 * np.int64(load_word(corners, 3 * number + corner))
                for axis in range(3):
                    row = 3 * corner + axis
                    packets[base + row * LANES + lane] = load_float(points, point + axis)
        for lane in range(used, LANES):
            for row in range(9):
                packets[base + row * LANES + lane] = np.float32(0.0)
            words[base + NUMBER_ROW + lane] = -1
