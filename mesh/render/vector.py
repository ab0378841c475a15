"""Vector instructions as LLVM code: what the intrinsics of other files are made of, and memory by its address.

numba does not vectorise a renderer's loops by itself, so they are written out as `<8 x float>` operations, which
LLVM maps to whatever the processor has (two SSE or NEON registers, one AVX register). Every operation is
a single IEEE operation without flags, so nothing is contracted or reordered and all processors agree.
"""

# ruff: noqa: ARG001 - an intrinsic's parameters are types; the values come to its `codegen`.

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

FLOAT = ir.FloatType()
I32, I64 = ir.IntType(32), ir.IntType(64)
_I8 = ir.IntType(8)
FLOATS = ir.VectorType(FLOAT, 8)


def index(value):
    """An int64 constant."""
    return ir.Constant(I64, value)


def _data(context, builder, array_type, array):
    """The address of an array's first element."""
    return context.make_array(array_type)(context, builder, array).data


def floats(builder, address):
    """An untyped address as that of float32."""
    return builder.bitcast(address, FLOAT.as_pointer())


def _address(builder, base, offset, kind):
    return builder.bitcast(builder.gep(base, [offset]), kind.as_pointer())


def load_lanes(builder, base, offset, kind=FLOATS):
    """Load a row; 4 is all the alignment that is promised, and unaligned loads cost nothing extra."""
    row = builder.load(_address(builder, base, offset, kind))
    row.align = 4
    return row


def store_lanes(builder, value, base, offset):
    """Store a row, as `load_lanes` loads it."""
    builder.store(value, _address(builder, base, offset, value.type)).align = 4


def splat(builder, scalar, kind=FLOATS):
    """The scalar in every lane."""
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(I32, 0))
    return builder.shuffle_vector(
        first, undefined, ir.Constant(ir.VectorType(I32, kind.count), [0] * kind.count)
    )


def larger(builder, a, b):
    """Lane-wise `a if a > b else b`: x86's MAXPS, and b wherever a is not a number."""
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


def smaller(builder, a, b):
    """Lane-wise `a if a < b else b`: b wherever a is not a number."""
    return builder.select(builder.fcmp_ordered("<", a, b), a, b)


def called(builder, name, lanes):
    """What an LLVM intrinsic of one row makes of it."""
    kind = ir.FunctionType(lanes.type, [lanes.type])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [lanes])


def mask_of(builder, lanes):
    """A lane condition as the low bits of an int64."""
    return builder.zext(builder.bitcast(lanes, ir.IntType(lanes.type.count)), I64)


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
        return builder.zext(builder.bitcast(args[0], I32), I64)

    return types.int64(types.float32), codegen


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


load_float = _loader("load_float", FLOAT, types.float32, "The float32 at an index from an address.")
load_word = _loader("load_word", I32, types.int32, "The int32 at an index from an address.")
load_key = _loader("load_key", I64, types.int64, "The int64 at an index from an address.")


@intrinsic
def store_key(_context, base, index, key):
    """Write an int64 at an index from an address."""

    def codegen(context, builder, _signature, args):
        typed = builder.bitcast(args[0], I64.as_pointer())
        builder.store(args[2], builder.gep(typed, [args[1]]))
        return context.get_dummy_value()

    return types.void(types.voidptr, types.int64, types.int64), codegen
