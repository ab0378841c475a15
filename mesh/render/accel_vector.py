"""The vector instructions of ray traversal, as LLVM code: one ray against eight boxes or eight triangles.

Knows the layout of nodes and packets (see `accel_layout`), and nothing of trees.
"""

# ruff: noqa: ARG001 - an intrinsic's parameters are types; the values come to its `codegen`.

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from mesh.render.accel_layout import CHILD_ROW, LANES, NODE_FLOATS, PACKET_FLOATS, WIDTH
from mesh.render.vector import (
    FLOAT,
    I32,
    I64,
    floats,
    index,
    larger,
    load_lanes,
    mask_of,
    smaller,
    splat,
    store_lanes,
)

_INTS = ir.VectorType(I32, WIDTH)
_LONGS = ir.VectorType(I64, WIDTH)
_LANES = ir.VectorType(FLOAT, LANES)


def _slabs(builder, base, start, ray_value, low, high):
    """Where a ray enters and leaves the eight boxes of the node at `start`, within low and high.

    Ize, "Robust BVH Ray Traversal" (JCGT 2013): the far reciprocals come enlarged, and a lane where 0 * inf
    gives NaN is not restricted by that slab.
    """
    fields = [builder.extract_value(ray_value, i) for i in range(12)]
    origin = [splat(builder, f) for f in fields[0:3]]
    near_inverse = [splat(builder, f) for f in fields[3:6]]
    far_inverse = [splat(builder, f) for f in fields[6:9]]
    entry, leave = splat(builder, low), splat(builder, high)
    for axis in range(3):
        near_row = fields[9 + axis]
        far_row = builder.sub(index((2 * axis + 3) * WIDTH), near_row)
        # The rows' addresses in the tree are the ray's, and are known before the node is.
        near = load_lanes(builder, builder.gep(base, [near_row]), start)
        far = load_lanes(builder, builder.gep(base, [far_row]), start)
        near = builder.fmul(builder.fsub(near, origin[axis]), near_inverse[axis])
        far = builder.fmul(builder.fsub(far, origin[axis]), far_inverse[axis])
        # The first operand falls out where it is not a number.
        entry, leave = larger(builder, near, entry), smaller(builder, far, leave)
    return entry, leave


@intrinsic
def meets_boxes(_context, nodes, node, ray, tmin, tmax):
    """Which of a node's eight boxes the ray meets within [tmin, tmax], as a bit mask (int64).

    nodes: address of float32; node: int64; ray: SlabRay; tmin >= 0 and tmax: float32.
    """
    signature = types.int64(types.voidptr, types.int64, ray, types.float32, types.float32)

    def codegen(_context, builder, _signature, args):
        node_data, node_index, *limited_ray = args
        start = builder.mul(node_index, index(NODE_FLOATS))
        entry, leave = _slabs(builder, floats(builder, node_data), start, *limited_ray)
        return mask_of(builder, builder.fcmp_ordered("<=", entry, leave))

    return signature, codegen


@intrinsic
def hit_boxes(_context, nodes, node, ray, tmin, tmax, keys):
    """As `meets_boxes`; keys (address of 8 int64) receives, per box, the entry distance's bits above the
    child reference: as the distance is not negative, keys order as distances do.
    """
    signature = types.int64(types.voidptr, types.int64, ray, types.float32, types.float32, types.voidptr)

    def codegen(_context, builder, _signature, args):
        node_data, node_index, *limited_ray, key_data = args
        base = floats(builder, node_data)
        start = builder.mul(node_index, index(NODE_FLOATS))
        entry, leave = _slabs(builder, base, start, *limited_ray)
        children = load_lanes(builder, base, builder.add(start, index(CHILD_ROW)), _INTS)
        distance = builder.zext(builder.bitcast(entry, _INTS), _LONGS)
        shifted = builder.shl(distance, ir.Constant(_LONGS, [32] * WIDTH))
        keyed = builder.or_(shifted, builder.zext(children, _LONGS))
        store_lanes(builder, keyed, floats(builder, key_data), index(0))
        return mask_of(builder, builder.fcmp_ordered("<=", entry, leave))

    return signature, codegen


@intrinsic
def hit_triangles(_context, packets, packet, ray, tmin, tmax, out):
    """Which of a packet's triangles the ray meets within (tmin, tmax], as a bit mask (int64).

    packets: flat float32 array; packet: int64; ray: ShearRay; out (3 * LANES float32) receives, for each lane,
    t, then u, then v, the weights of the second and third vertex. After Woop, Benthin and Wald,
    "Watertight Ray/Triangle Intersection" (JCGT 2013). An edge function is the difference of two rounded
    products, so its sign is never wrong, at worst zero, and zero counts as inside on both sides of an
    edge: no ray slips between two triangles that share it. A triangle seen exactly edge-on is not met.
    """
    signature = types.int64(types.voidptr, types.int64, ray, types.float32, types.float32, types.voidptr)

    def codegen(context, builder, signature, args):
        packet_data, packet_index, ray_value, low, high, out_data = args
        base = floats(builder, packet_data)
        target = floats(builder, out_data)
        start = builder.mul(packet_index, index(PACKET_FLOATS))
        fields = [builder.extract_value(ray_value, i) for i in range(9)]
        origin = [splat(builder, f, _LANES) for f in fields[0:3]]
        shear_x, shear_y, scale_z = (splat(builder, f, _LANES) for f in fields[3:6])
        zeros = ir.Constant(_LANES, [0.0] * LANES)
        add, sub, mul = builder.fadd, builder.fsub, builder.fmul

        def coordinate(corner, axis):
            row = builder.add(fields[6 + axis], index(3 * corner * LANES))
            return sub(load_lanes(builder, base, builder.add(start, row), _LANES), origin[axis])

        def vertex(corner):
            x, y, z = (coordinate(corner, axis) for axis in range(3))
            return sub(x, mul(shear_x, z)), sub(y, mul(shear_y, z)), z

        ax, ay, az = vertex(0)
        bx, by, bz = vertex(1)
        cx, cy, cz = vertex(2)
        weight_a = sub(mul(cx, by), mul(cy, bx))
        weight_b = sub(mul(ax, cy), mul(ay, cx))
        weight_c = sub(mul(bx, ay), mul(by, ax))
        total = add(add(weight_a, weight_b), weight_c)
        depth = add(add(mul(weight_a, az), mul(weight_b, bz)), mul(weight_c, cz))
        least = smaller(builder, smaller(builder, weight_a, weight_b), weight_c)
        most = larger(builder, larger(builder, weight_a, weight_b), weight_c)
        inside = builder.or_(
            builder.fcmp_ordered(">=", least, zeros), builder.fcmp_ordered("<=", most, zeros)
        )
        inside = builder.and_(inside, builder.fcmp_ordered("!=", total, zeros))
        inverse = builder.fdiv(ir.Constant(_LANES, [1.0] * LANES), total)
        t = mul(mul(depth, scale_z), inverse)
        within = builder.and_(
            builder.fcmp_ordered(">", t, splat(builder, low, _LANES)),
            builder.fcmp_ordered("<=", t, splat(builder, high, _LANES)),
        )
        store_lanes(builder, t, target, index(0))
        store_lanes(builder, mul(weight_b, inverse), target, index(LANES))
        store_lanes(builder, mul(weight_c, inverse), target, index(2 * LANES))
        return mask_of(builder, builder.and_(inside, within))

    return signature, codegen


@intrinsic
def entry_of(_context, key):
    """The float32 whose bit pattern is the high half of an int64."""

    def codegen(_context, builder, _signature, args):
        high = builder.trunc(builder.lshr(args[0], index(32)), I32)
        return builder.bitcast(high, FLOAT)

    return types.float32(types.int64), codegen
