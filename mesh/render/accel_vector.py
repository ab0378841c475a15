"""The vector instructions of ray traversal, as LLVM code: one ray against eight boxes or eight triangles.

numba does not vectorise these loops by itself, so they are written out as `<8 x float>` operations, which
LLVM maps to whatever the processor has (two SSE or NEON registers, one AVX register). Every operation is
a single IEEE operation without flags, so nothing is contracted or reordered and all processors agree.
Knows the layout of nodes and packets (see `accel_layout`), and nothing of trees.
"""

# ruff: noqa: ARG001 - an intrinsic's parameters are types; the values come to its `codegen`.

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from mesh.render.accel_layout import CHILD_ROW, LANES, NODE_FLOATS, PACKET_FLOATS, WIDTH

_FLOAT = ir.FloatType()
_I8, _I32, _I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)
_FLOATS = ir.VectorType(_FLOAT, WIDTH)
_INTS = ir.VectorType(_I32, WIDTH)
_LONGS = ir.VectorType(_I64, WIDTH)
_LANES = ir.VectorType(_FLOAT, LANES)


def _index(value):
    return ir.Constant(_I64, value)


def _data(context, builder, array_type, array):
    """The address of an array's first element."""
    return context.make_array(array_type)(context, builder, array).data


def _floats(builder, address):
    return builder.bitcast(address, _FLOAT.as_pointer())


def _address(builder, base, offset, kind):
    return builder.bitcast(builder.gep(base, [offset]), kind.as_pointer())


def _load(builder, base, offset, kind=_FLOATS):
    """Load a row; 4 is all the alignment that is promised, and unaligned loads cost nothing extra."""
    row = builder.load(_address(builder, base, offset, kind))
    row.align = 4
    return row


def _store(builder, value, base, offset):
    builder.store(value, _address(builder, base, offset, value.type)).align = 4


def _splat(builder, scalar, kind=_FLOATS):
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(_I32, 0))
    return builder.shuffle_vector(
        first, undefined, ir.Constant(ir.VectorType(_I32, kind.count), [0] * kind.count)
    )


def _larger(builder, a, b):
    """Lane-wise `a if a > b else b`: x86's MAXPS, and b wherever a is not a number."""
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


def _smaller(builder, a, b):
    """Lane-wise `a if a < b else b`: b wherever a is not a number."""
    return builder.select(builder.fcmp_ordered("<", a, b), a, b)


def _mask(builder, lanes):
    """A lane condition as the low bits of an int64."""
    return builder.zext(builder.bitcast(lanes, ir.IntType(lanes.type.count)), _I64)


def _slabs(builder, base, start, ray_value, low, high):
    """Where a ray enters and leaves the eight boxes of the node at `start`, within low and high.

    Ize, "Robust BVH Ray Traversal" (JCGT 2013): the far reciprocals come enlarged, and a lane where 0 * inf
    gives NaN is not restricted by that slab.
    """
    fields = [builder.extract_value(ray_value, i) for i in range(12)]
    origin = [_splat(builder, f) for f in fields[0:3]]
    near_inverse = [_splat(builder, f) for f in fields[3:6]]
    far_inverse = [_splat(builder, f) for f in fields[6:9]]
    entry, leave = _splat(builder, low), _splat(builder, high)
    for axis in range(3):
        near_row = fields[9 + axis]
        far_row = builder.sub(_index((2 * axis + 3) * WIDTH), near_row)
        # The rows' addresses in the tree are the ray's, and are known before the node is.
        near = _load(builder, builder.gep(base, [near_row]), start)
        far = _load(builder, builder.gep(base, [far_row]), start)
        near = builder.fmul(builder.fsub(near, origin[axis]), near_inverse[axis])
        far = builder.fmul(builder.fsub(far, origin[axis]), far_inverse[axis])
        # The first operand falls out where it is not a number.
        entry, leave = _larger(builder, near, entry), _smaller(builder, far, leave)
    return entry, leave


@intrinsic
def meets_boxes(_context, nodes, node, ray, tmin, tmax):
    """Which of a node's eight boxes the ray meets within [tmin, tmax], as a bit mask (int64).

    nodes: address of float32; node: int64; ray: SlabRay; tmin >= 0 and tmax: float32.
    """
    signature = types.int64(types.voidptr, types.int64, ray, types.float32, types.float32)

    def codegen(_context, builder, _signature, args):
        node_data, node_index, *limited_ray = args
        start = builder.mul(node_index, _index(NODE_FLOATS))
        entry, leave = _slabs(builder, _floats(builder, node_data), start, *limited_ray)
        return _mask(builder, builder.fcmp_ordered("<=", entry, leave))

    return signature, codegen


@intrinsic
def hit_boxes(_context, nodes, node, ray, tmin, tmax, keys):
    """As `meets_boxes`; keys (address of 8 int64) receives, per box, the entry distance's bits above the
    child reference: as the distance is not negative, keys order as distances do.
    """
    signature = types.int64(types.voidptr, types.int64, ray, types.float32, types.float32, types.voidptr)

    def codegen(_context, builder, _signature, args):
        node_data, node_index, *limited_ray, key_data = args
        base = _floats(builder, node_data)
        start = builder.mul(node_index, _index(NODE_FLOATS))
        entry, leave = _slabs(builder, base, start, *limited_ray)
        children = _load(builder, base, builder.add(start, _index(CHILD_ROW)), _INTS)
        distance = builder.zext(builder.bitcast(entry, _INTS), _LONGS)
        shifted = builder.shl(distance, ir.Constant(_LONGS, [32] * WIDTH))
        keyed = builder.or_(shifted, builder.zext(children, _LONGS))
        _store(builder, keyed, _floats(builder, key_data), _index(0))
        return _mask(builder, builder.fcmp_ordered("<=", entry, leave))

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
        base = _floats(builder, packet_data)
        target = _floats(builder, out_data)
        start = builder.mul(packet_index, _index(PACKET_FLOATS))
        fields = [builder.extract_value(ray_value, i) for i in range(9)]
        origin = [_splat(builder, f, _LANES) for f in fields[0:3]]
        shear_x, shear_y, scale_z = (_splat(builder, f, _LANES) for f in fields[3:6])
        zeros = ir.Constant(_LANES, [0.0] * LANES)
        add, sub, mul = builder.fadd, builder.fsub, builder.fmul

        def coordinate(corner, axis):
            row = builder.add(fields[6 + axis], _index(3 * corner * LANES))
            return sub(_load(builder, base, builder.add(start, row), _LANES), origin[axis])

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
        least = _smaller(builder, _smaller(builder, weight_a, weight_b), weight_c)
        most = _larger(builder, _larger(builder, weight_a, weight_b), weight_c)
        inside = builder.or_(
            builder.fcmp_ordered(">=", least, zeros), builder.fcmp_ordered("<=", most, zeros)
        )
        inside = builder.and_(inside, builder.fcmp_ordered("!=", total, zeros))
        inverse = builder.fdiv(ir.Constant(_LANES, [1.0] * LANES), total)
        t = mul(mul(depth, scale_z), inverse)
        within = builder.and_(
            builder.fcmp_ordered(">", t, _splat(builder, low, _LANES)),
            builder.fcmp_ordered("<=", t, _splat(builder, high, _LANES)),
        )
        _store(builder, t, target, _index(0))
        _store(builder, mul(weight_b, inverse), target, _index(LANES))
        _store(builder, mul(weight_c, inverse), target, _index(2 * LANES))
        return _mask(builder, builder.and_(inside, within))

    return signature, codegen


@intrinsic
def either(_context, condition, this, that):
    """this where the condition holds, else that, both numbers of one kind: never a branch, which is slow where the
    processor cannot guess it."""

    def codegen(_context, builder, _signature, args):
        return builder.select(*args)

    return this(types.boolean, this, that), codegen


@intrinsic
def lowest_bit(_context, mask):
    """The index of the lowest set bit of a non-zero int64."""

    def codegen(_context, builder, _signature, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), codegen


@intrinsic
def float_bits(_context, value):
    """The bit pattern of a float32, as a non-negative int64."""

    def codegen(_context, builder, _signature, args):
        return builder.zext(builder.bitcast(args[0], _I32), _I64)

    return types.int64(types.float32), codegen


@intrinsic
def entry_of(_context, key):
    """The float32 whose bit pattern is the high half of an int64."""

    def codegen(_context, builder, _signature, args):
        high = builder.trunc(builder.lshr(args[0], _index(32)), _I32)
        return builder.bitcast(high, _FLOAT)

    return types.float32(types.int64), codegen


@intrinsic
def address(_context, array, offset):
    """The address of element `offset` of a contiguous array, as kernels pass memory among themselves.

    An array is seven values to numba, all copied in every call that is not inlined; this is one.
    """
    signature = types.voidptr(array, types.int64)

    def codegen(context, builder, signature, args):
        base = _data(context, builder, signature.args[0], args[0])
        return builder.bitcast(builder.gep(base, [args[1]]), _I8.as_pointer())

    return signature, codegen


def _loader(name, kind, numba_kind, meaning):
    @intrinsic
    def load(_context, base, index):
        def codegen(_context, builder, _signature, args):
            typed = builder.bitcast(args[0], kind.as_pointer())
            return builder.load(builder.gep(typed, [args[1]]))

        return numba_kind(types.voidptr, types.int64), codegen

    load.__doc__, load.__name__ = meaning, name
    return load


load_float = _loader("load_float", _FLOAT, types.float32, "The float32 at an index from an address.")
load_word = _loader("load_word", _I32, types.int32, "The int32 at an index from an address.")
load_key = _loader("load_key", _I64, types.int64, "The int64 at an index from an address.")


@intrinsic
def store_key(_context, base, index, key):
    """Write an int64 at an index from an address."""

    def codegen(context, builder, _signature, args):
        typed = builder.bitcast(args[0], _I64.as_pointer())
        builder.store(args[2], builder.gep(typed, [args[1]]))
        return context.get_dummy_value()

    return types.void(types.voidptr, types.int64, types.int64), codegen
