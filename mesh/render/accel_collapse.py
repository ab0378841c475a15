"""From a binary tree to the 8-wide tree that is traversed, and triangles into packets.

Wald, Benthin and Boulos, "Getting Rid of Packets" (2008): a node takes in its two children, then
replaces the child of largest surface by that child's children until eight are held.
"""

from __future__ import annotations

import numpy as np

from mesh.render.accel_bounds import triangle_box
from mesh.render.accel_build import half_area
from mesh.render.accel_layout import (
    CHILD_ROW,
    LANES,
    NODE_FLOATS,
    NUMBER_ROW,
    PACKET_FLOATS,
    WIDTH,
)
from mesh.render.kernel import kernel

_INFINITY = np.float32(np.inf)


@kernel
def box_triangles(positions, triangles, boxes, ids):
    """The boxes (n, 8) and numbers (n,) of the triangles that can be hit; returns how many there are.

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
        ids[kept] = i
        kept += 1
    return kept


@kernel
def collapse(boxes, first, count, nodes, words, leaves, stack, held):
    """Write the 8-wide tree of a binary one; returns its numbers of nodes and of leaves.

    nodes: float32 (n * NODE_FLOATS,); words: the same memory as int32; leaves: int32 (m,) receives the
    binary node of each leaf, in the order of their references. A tree of one leaf gets a node above it.
    stack (STACK_SIZE, 2) and held (WIDTH,): int64 working memory.
    """
    stack[0] = (0, 0)
    waiting = 1
    used, leaf_count = 1, 0
    while waiting > 0:
        waiting -= 1
        source, target = stack[waiting, 0], stack[waiting, 1]
        held[0] = source
        number = 1
        while number < WIDTH:
            widest, largest = -1, np.float32(-1.0)
            for i in range(number):
                if count[held[i]] == 0 and half_area(boxes, held[i]) > largest:
                    widest, largest = i, half_area(boxes, held[i])
            if widest < 0:
                break
            child = first[held[widest]]
            held[widest] = child
            held[number] = child + 1
            number += 1
        base = target * NODE_FLOATS
        for i in range(WIDTH):
            for axis in range(3):
                inside = i < number
                nodes[base + axis * WIDTH + i] = boxes[held[i], axis] if inside else _INFINITY
                nodes[base + (axis + 3) * WIDTH + i] = -boxes[held[i], axis + 4] if inside else -_INFINITY
            words[base + CHILD_ROW + i] = 0
            words[base + CHILD_ROW + WIDTH + i] = 0
        for i in range(number):
            if count[held[i]] > 0:
                leaves[leaf_count] = held[i]
                words[base + CHILD_ROW + i] = ~leaf_count
                leaf_count += 1
            else:
                words[base + CHILD_ROW + i] = used
                stack[waiting] = (held[i], used)
                waiting += 1
                used += 1
    return used, leaf_count


@kernel
def pack(leaves, first, count, ids, positions, triangles, packets, words):
    """Copy each leaf's triangles into its packet; see `accel_layout`. words: packets' memory as int32."""
    for leaf in range(leaves.shape[0]):
        base = leaf * PACKET_FLOATS
        packets[base : base + PACKET_FLOATS] = np.float32(0.0)
        for lane in range(LANES):
            words[base + NUMBER_ROW + lane] = -1
        node = leaves[leaf]
        for lane in range(count[node]):
            number = ids[first[node] + lane]
            words[base + NUMBER_ROW + lane] = number
            for corner in range(3):
                for axis in range(3):
                    row = 3 * corner + axis
                    packets[base + row * LANES + lane] = positions[triangles[number, corner], axis]
