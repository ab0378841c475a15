"""How the acceleration structure lies in memory: sizes, rays and the arrays kernels are handed.

A node is eight rows of eight 32-bit words, 256 bytes on a cache line boundary: the eight boxes' low x, y,
z, high x, y, z, the eight child references, and one unused row. A reference is a node's index when it is
not negative, else `~leaf`: a packet's index below a mesh, an instance's index in the tree of instances.
Unused boxes are inside out, so that no ray meets them.

A packet is a leaf: ten rows of LANES words, the first vertices' x, y, z, the second's, the third's, and
the triangles' numbers. Unused lanes are degenerate triangles, which no ray meets.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]

WIDTH = 8  # children of a node, and lanes of its test: part of the contract with every processor
LANES = 8  # triangles of a packet; 8 traced faster than 4 in every case measured
NODE_FLOATS = 8 * WIDTH
PACKET_FLOATS = 10 * LANES
CHILD_ROW = 6 * WIDTH
NUMBER_ROW = 9 * LANES
MAX_DEPTH = 64  # of the binary tree before its splits are forced to halve
STACK_SIZE = (MAX_DEPTH + 32) * (WIDTH - 1) + WIDTH


class SlabRay(NamedTuple):
    """A ray as the box test wants it; all float32 but the last three, int64 offsets of the near rows."""

    ox: float
    oy: float
    oz: float
    near_ix: float
    near_iy: float
    near_iz: float
    far_ix: float
    far_iy: float
    far_iz: float
    near_x: int
    near_y: int
    near_z: int


class ShearRay(NamedTuple):
    """A ray as the triangle test wants it: the axes permuted so that z is the direction's longest.

    Origin, x and y shear, z scale (float32); then the int64 offsets of the rows of the permuted axes.
    """

    ox: float
    oy: float
    oz: float
    shear_x: float
    shear_y: float
    scale_z: float
    row_x: int
    row_y: int
    row_z: int


class MeshTree(NamedTuple):
    """The tree of one mesh in its own space; immutable, to be kept by the digest of its geometry.

    nodes: float32 (n * NODE_FLOATS,); packets: float32 (m * PACKET_FLOATS,); references are relative.
    bounds: float32 (6,), low then high corner; a mesh without a triangle of any area has n = m = 0.
    parts: float32 (k, 6), at most WIDTH**2 boxes, those of the upper nodes, which together hold all of it.
    """

    nodes: F32
    packets: F32
    bounds: F32
    parts: F32


class Accel(NamedTuple):
    """What kernels trace rays through: all meshes end to end, and the tree of instances above them.

    start: reference of the root of the tree of instances: 0, or `~instance` without a tree where there is
    but one, as 32 bits; -1 where there is nothing to hit. top: float32, its nodes, whose leaves are
    instances. nodes, packets: float32, of all meshes. roots: int64 (k,), each instance's root node, or `~` of
    it where the mesh is not moved and a ray need not be. to_object: float32 (12 * k,), rows of the 3x4 matrix
    from world to object space. roots and to_object are by the caller's instance numbers.
    """

    start: int
    top: F32
    nodes: F32
    packets: F32
    roots: I64
    to_object: F32


class Scratch(NamedTuple):
    """One thread's working memory, int64: a node's keys, a packet's t, u, v, and the two stacks."""

    memory: I64


KEYS_AT = 0
LANES_AT = KEYS_AT + WIDTH
STACK_AT = LANES_AT + 3 * LANES
TOP_STACK_AT = STACK_AT + STACK_SIZE


def make_scratch() -> Scratch:
    """Working memory for the kernels: one per thread, made once, never shared by two at a time."""
    memory = aligned(2 * (TOP_STACK_AT + STACK_SIZE)).view(np.int64)
    memory[:] = 0
    return Scratch(memory)


def aligned(size: int) -> F32:
    """Uninitialised float32 (size,), starting on a cache line so that a node never straddles a fifth."""
    raw = np.empty(size + 16, np.float32)
    skip = (-raw.ctypes.data % 64) // 4
    return raw[skip : skip + size]
