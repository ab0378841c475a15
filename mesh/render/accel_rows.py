"""Boxes as rows of eight float32 numbers, held in vector registers while a tree is built.

A row is (low x, y, z, number, -high x, -high y, -high z, 0). With the upper corner negated the union of two
boxes is one vector minimum. The fourth word is the number of what the box is around, moved along with it
(see `NUMBER_BIAS`); what unions and centroids make of that word means nothing.

`Row` is a type of numba's own making: kernels keep its values in local variables, which become registers.
Every operation is a single IEEE operation without flags, so all processors agree on every bit.
"""

# ruff: noqa: ARG001 - an intrinsic's parameters are types; the values come to its `codegen`.

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic, models, register_model

from mesh.render.accel_layout import WIDTH
from mesh.render.vector import FLOATS, I32, I64, splat

NUMBER_LANE = 3
NUMBER_BIAS = 1 << 30
"""Added to a number in a row, so that as a float it is an ordinary one: others make some processors slow."""

_INTS = ir.VectorType(I32, WIDTH)
_INFINITY = float("inf")
_OPPOSITE = [4, 5, 6, 7, 0, 1, 2, 3]


class _RowType(types.Type):
    """Eight float32 numbers in one vector register."""

    def __init__(self) -> None:
        super().__init__(name="Row")


@register_model(_RowType)
class _RowModel(models.PrimitiveModel):
    def __init__(self, manager, row_type) -> None:
        super().__init__(manager, row_type, FLOATS)


ROW = _RowType()


def _place(builder, base, index):
    """Where row `index` after an address is."""
    rows = builder.bitcast(base, FLOATS.as_pointer())
    return builder.gep(rows, [index])


def _shuffled(builder, row, lanes):
    order = ir.Constant(ir.VectorType(I32, len(lanes)), lanes)
    return builder.shuffle_vector(row, ir.Constant(FLOATS, ir.Undefined), order)


@intrinsic
def load_row(_context, base, index):
    """The row at an index from an address."""

    def codegen(_context, builder, _signature, args):
        row = builder.load(_place(builder, *args))
        row.align = 4
        return row

    return ROW(types.voidptr, types.int64), codegen


@intrinsic
def store_row(_context, base, index, row):
    """Write a row at an index from an address."""

    def codegen(context, builder, _signature, args):
        builder.store(args[2], _place(builder, args[0], args[1])).align = 4
        return context.get_dummy_value()

    return types.void(types.voidptr, types.int64, ROW), codegen


@intrinsic
def empty_row(_context):
    """The box of nothing: its union with another is that one."""

    def codegen(_context, _builder, _signature, _args):
        return ir.Constant(FLOATS, [_INFINITY] * WIDTH)

    return ROW(), codegen


@intrinsic
def union(_context, new, old):
    """The box around two; a `hidden` new one leaves the old as it is."""

    def codegen(_context, builder, _signature, args):
        return builder.select(builder.fcmp_ordered("<", *args), *args)

    return ROW(ROW, ROW), codegen


@intrinsic
def hidden(_context, row, mask):
    """The row if mask (int32) is 0; if it is -1, one that unions with it as their first argument ignore."""

    def codegen(_context, builder, _signature, args):
        bits = builder.bitcast(args[0], _INTS)
        return builder.bitcast(builder.or_(bits, splat(builder, args[1], _INTS)), FLOATS)

    return ROW(ROW, types.int32), codegen


@intrinsic
def centroid(_context, row):
    """A box of no size around twice the centroid of a box."""

    def codegen(_context, builder, _signature, args):
        return builder.fsub(args[0], _shuffled(builder, args[0], _OPPOSITE))

    return ROW(ROW), codegen


@intrinsic
def bins_of(_context, point, low, scale, last):
    """The bins (three int64) of a `centroid`: what is not a number goes to bin 0.

    low, scale, last (rows): the least centroid, bins per unit, the last bin.
    """

    def codegen(context, builder, signature, args):
        point, low, scale, last = args
        place = builder.fmul(builder.fsub(point, low), scale)
        zero = ir.Constant(FLOATS, [0.0] * WIDTH)
        place = builder.select(builder.fcmp_ordered(">", place, zero), place, zero)
        place = builder.select(builder.fcmp_ordered("<", place, last), place, last)
        lanes = builder.fptosi(place, _INTS)
        bins = [builder.zext(builder.extract_element(lanes, ir.Constant(I32, k)), I64) for k in range(3)]
        return context.make_tuple(builder, signature.return_type, bins)

    return types.UniTuple(types.int64, 3)(ROW, ROW, ROW, ROW), codegen


@intrinsic
def half_area(_context, row):
    """Half the surface of a box that is not empty (float32)."""

    def codegen(_context, builder, _signature, args):
        minus_size = builder.fadd(args[0], _shuffled(builder, args[0], _OPPOSITE))
        x, y, z = (builder.extract_element(minus_size, ir.Constant(I32, k)) for k in range(3))
        products = (builder.fmul(x, y), builder.fmul(y, z), builder.fmul(z, x))
        return builder.fadd(builder.fadd(products[0], products[1]), products[2])

    return types.float32(ROW), codegen
