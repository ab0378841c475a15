"""The acceleration structure from the host's side: trees of meshes, and instances of them put together.

    tree = build_mesh(positions, triangles)                       # once per mesh, kept by content digest
    accel = assemble(trees, instance_tree, object_to_world)       # once per scene
    accel = move(accel, trees, instance_tree, object_to_world)    # once per frame: rebuilds only the top
    scratch = make_scratch()                                      # once per thread

Then, in kernels, `closest(accel, ...)` and `occluded(accel, ...)` of `accel_traverse`. Meshes that never
move trace faster as one tree than as many overlapping instances.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mesh.render.accel_build import build_binary, make_build_scratch
from mesh.render.accel_collapse import box_triangles, collapse, pack, price
from mesh.render.accel_layout import (
    CHILD_ROW,
    F32,
    I32,
    I64,
    LANES,
    NODE_FLOATS,
    PACKET_FLOATS,
    STACK_SIZE,
    WIDTH,
    Accel,
    MeshTree,
    aligned,
)
from mesh.render.accel_rows import NUMBER_BIAS, NUMBER_LANE

F64 = NDArray[np.float64]

_EMPTY = np.empty(0, np.float32)
_IN_PLACE = np.eye(3, 4, dtype=np.float32)
# World boxes are padded by this part of their coordinates: float32 transforms of a ray round as much.
_WORLD_PADDING = 2.0**-20
# So many instances' boxes are worked out at a time, which bounds the memory it takes.
_TOGETHER = 4096


def build_mesh(positions: F32, triangles: I32) -> MeshTree:
    """The tree of one mesh: positions float32 (n, 3), triangles int32 (m, 3), indices into positions.

    Triangles without area, with vertices that are not finite, or indices out of range are left out and
    never hit; the others keep their numbers.
    """
    positions = np.ascontiguousarray(positions, np.float32)
    triangles = np.ascontiguousarray(triangles, np.int32)
    boxes = aligned(8 * len(triangles)).reshape(-1, 8)
    kept = box_triangles(positions, triangles, boxes, boxes.view(np.int32))
    if kept == 0:
        return MeshTree(_EMPTY, _EMPTY, np.zeros(6, np.float32), np.zeros((1, 6), np.float32))
    nodes, leaves, binary = _wide_tree(boxes[:kept], LANES)
    packets = aligned(len(leaves) * PACKET_FLOATS)
    pack(leaves, binary.first, binary.count, boxes, positions, triangles, packets, packets.view(np.int32))
    bounds = np.concatenate([binary.boxes[0, 0:3], -binary.boxes[0, 4:7]])
    return MeshTree(nodes, packets, bounds, _parts(nodes))


def _parts(nodes: F32) -> F32:
    """The boxes (k, 6) of the root's children, or rather of their children where they have any."""
    rows = nodes.reshape(-1, NODE_FLOATS // WIDTH, WIDTH)
    children = nodes.view(np.int32).reshape(rows.shape)[0, CHILD_ROW // WIDTH]
    # Unused places refer to the root, and so do not count as inner.
    own, below = rows[0, :6, children < 0], rows[children[children > 0], :6].transpose(0, 2, 1).reshape(-1, 6)
    boxes = np.concatenate([own, below])
    return np.ascontiguousarray(boxes[boxes[:, 0] <= boxes[:, 3]])


def assemble(trees: Sequence[MeshTree], instance_tree: I32, object_to_world: F64) -> Accel:
    """Trees end to end, under instances: instance i is trees[instance_tree[i]] (k,) moved by the float64
    4x4 matrix object_to_world[i] (k, 4, 4), column vectors, last row 0 0 0 1.

    An instance of an empty tree, or whose matrix is singular or not finite, is never hit.
    """
    nodes, packets = _end_to_end(trees)
    start, top, roots, to_object = _instances(trees, instance_tree, object_to_world)
    return Accel(start, top, nodes, packets, roots, to_object)


def _end_to_end(trees: Sequence[MeshTree]) -> tuple[F32, F32]:
    """Nodes and packets of all trees, references counted through; those of a single tree are its own memory."""
    if len(trees) == 1:
        return trees[0].nodes, trees[0].packets
    nodes = aligned(sum(tree.nodes.size for tree in trees))
    packets = aligned(sum(tree.packets.size for tree in trees))
    node_at, packet_at = 0, 0
    for tree in trees:
        part = nodes[node_at : node_at + tree.nodes.size]
        part[:] = tree.nodes
        packets[packet_at : packet_at + tree.packets.size] = tree.packets
        children = part.view(np.int32).reshape(-1, NODE_FLOATS)[:, CHILD_ROW : CHILD_ROW + WIDTH]
        offsets = np.where(children >= 0, node_at // NODE_FLOATS, -(packet_at // PACKET_FLOATS))
        children += offsets.astype(np.int32)
        node_at += tree.nodes.size
        packet_at += tree.packets.size
    return nodes, packets


def move(accel: Accel, trees: Sequence[MeshTree], instance_tree: I32, object_to_world: F64) -> Accel:
    """`assemble` for the same trees with other instances: shares `accel`'s memory of the meshes."""
    start, top, roots, to_object = _instances(trees, instance_tree, object_to_world)
    return accel._replace(start=start, top=top, roots=roots, to_object=to_object)


def _instances(
    trees: Sequence[MeshTree], instance_tree: I32, object_to_world: F64
) -> tuple[int, F32, I64, F32]:
    """Where to start, the top tree, the roots of the instances, and the rows of their world to object matrices."""
    sizes = np.array([tree.nodes.size // NODE_FLOATS for tree in trees], np.int64)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    which = np.asarray(instance_tree, np.int64).reshape(-1)
    matrices = np.asarray(object_to_world, np.float64).reshape(-1, 4, 4)
    roots = starts[which]

    usable = (sizes[which] > 0) & np.isfinite(matrices).all(axis=(1, 2))
    to_object = np.zeros((len(which), 3, 4), np.float32)
    with np.errstate(all="ignore"):
        to_object[usable] = inverses(matrices[usable])
    usable &= np.isfinite(to_object).all(axis=(1, 2))
    roots = np.where((to_object == _IN_PLACE).all(axis=(1, 2)), ~roots, roots)
    if not usable.any():
        return -1, _EMPTY, roots, to_object.reshape(-1)

    lows, highs = world_bounds([tree.parts for tree in trees], which[usable], matrices[usable])
    boxes = np.zeros((len(lows), 8), np.float32)
    boxes[:, 0:3] = lows
    boxes[:, 4:7] = -highs
    numbers = boxes.view(np.int32)[:, NUMBER_LANE]
    numbers[:] = np.flatnonzero(usable) + NUMBER_BIAS
    top, leaves, binary = _wide_tree(boxes, 1)
    ids = numbers - NUMBER_BIAS
    words = top.view(np.int32).reshape(-1, NODE_FLOATS)[:, CHILD_ROW : CHILD_ROW + WIDTH]
    leaf = words < 0
    words[leaf] = ~ids[binary.first[leaves[~words[leaf]]]]
    start = int(~ids[0]) & 0xFFFFFFFF if len(ids) == 1 else 0
    return start, top, roots, to_object.reshape(-1)


def inverses(matrices: F64) -> F64:
    """The upper rows (n, 3, 4) of what inverts affine matrices (n, 4, 4), by cofactors; not finite where nothing does.

    Element by element: LAPACK's inverse has other bits on other processors.
    """
    (a, b, c, x), (d, e, f, y), (g, h, i, z) = matrices[:, :3].transpose(1, 2, 0)
    first, second, third = e * i - f * h, f * g - d * i, d * h - e * g
    scale = 1.0 / (a * first + b * second + c * third)
    rows = (
        (first, c * h - b * i, b * f - c * e),
        (second, a * i - c * g, c * d - a * f),
        (third, b * g - a * h, a * e - b * d),
    )
    found = np.empty((len(matrices), 3, 4))
    for k, (u, v, w) in enumerate(rows):
        for column, value in enumerate((u, v, w, -(u * x + v * y + w * z))):
            found[:, k, column] = value * scale
    return found


def world_bounds(parts: Sequence[F32], which: I64, matrices: F64) -> tuple[F32, F32]:
    """Float32 world boxes, low and high (k, 3), of instances: the boxes parts[which[i]] moved by matrices (k, 4, 4).

    Around the parts' world boxes, for around the corners of the mesh's own box a turned ball gets twice the surface.
    """
    counts = np.array([len(boxes) for boxes in parts], np.int64)
    starts = np.cumsum(counts) - counts
    boxes = np.concatenate(parts).astype(np.float64)
    middles, halves = (boxes[:, :3] + boxes[:, 3:]) / 2.0, (boxes[:, 3:] - boxes[:, :3]) / 2.0
    lows, highs = np.empty((len(which), 3)), np.empty((len(which), 3))
    for at in range(0, len(which), _TOGETHER):
        some = slice(at, min(at + _TOGETHER, len(which)))
        number = counts[which[some]]
        first = np.cumsum(number) - number
        owner = np.repeat(np.arange(len(number)), number)
        row = starts[which[some]][owner] + np.arange(len(owner)) - first[owner]
        linear, (x, y, z), (w, h, d) = matrices[some, :3][owner], middles[row].T, halves[row].T
        centre = np.stack([a * x + b * y + c * z + e for a, b, c, e in linear.transpose(1, 2, 0)], axis=1)
        reach = np.stack([a * w + b * h + c * d for a, b, c, _ in abs(linear).transpose(1, 2, 0)], axis=1)
        lows[some] = np.minimum.reduceat(centre - reach, first)
        highs[some] = np.maximum.reduceat(centre + reach, first)
    size = (highs - lows).max(axis=1, keepdims=True)
    padding = (np.maximum(abs(lows), abs(highs)) + size) * _WORLD_PADDING
    return (lows - padding).astype(np.float32), (highs + padding).astype(np.float32)


class _Binary:
    """The binary tree between the two stages of a build."""

    __slots__ = ("boxes", "count", "first")

    def __init__(self, size: int) -> None:
        self.boxes = aligned(8 * size).reshape(-1, 8)
        self.first = np.empty(size, np.int32)
        self.count = np.empty(size, np.int32)


def _wide_tree(boxes: F32, leaf_size: int) -> tuple[F32, I32, _Binary]:
    """Nodes of the 8-wide tree over boxes (n >= 1), the binary node of each leaf, and the binary tree.

    Sorts the boxes, rows of `accel_rows`.
    """
    binary = _Binary(2 * len(boxes))
    tree = binary.boxes, binary.first, binary.count
    size = build_binary(boxes, leaf_size, *tree, make_build_scratch())
    cost = np.empty((size, WIDTH), np.float32)
    price(*tree, size, cost)
    most = (size + 1) // 2  # inner nodes are one less than leaves
    nodes, leaves = aligned(most * NODE_FLOATS), np.empty(most, np.int32)
    stack, held = np.empty((STACK_SIZE, 2), np.int64), np.empty((2, WIDTH), np.int64)
    used, leaf_count = collapse(*tree, cost, nodes, nodes.view(np.int32), leaves, stack, held)
    return nodes[: used * NODE_FLOATS], leaves[:leaf_count], binary
