"""The vector instructions of the light tree, as LLVM code: at most how much eight children of a node give a point.

The bound is that of Conty Estevez and Kulla ("Importance Sampling of Many Lights with Adaptive Tree Splitting", 2018,
section 4.2; Pharr, Jakob and Humphreys, "Physically Based Rendering", 4th edition, section 12.6.3): of all the
directions in which lights of a sphere could stand, and of all they could face, the best one counts.
"""

# ruff: noqa: ARG001 - an intrinsic's parameters are types; the values come to its `codegen`.

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from mesh.render.vector import (
    FLOATS,
    I32,
    called,
    floats,
    index,
    larger,
    load_lanes,
    mask_of,
    splat,
)

BRANCHES = 8
"""Children of a node, and lanes of its vectors: part of the contract with every processor."""
CENTRE, RADIUS, FACING, COS_SPREAD, SIN_SPREAD, COS_EMISSION, STRENGTH = 0, 3, 4, 7, 8, 9, 10
"""Rows of a node, each of a number for every child: centre and radius of the sphere its lights are in, the middle of
the directions they face, cosine and sine of how far these spread, cosine of how far each shines, power."""
NODE_FLOATS = 11 * BRANCHES

_PLACE = types.UniTuple(types.float32, 6)


def _all(number):
    return ir.Constant(FLOATS, [number] * BRANCHES)


def _root(builder, lanes):
    """The square root, 0 where rounding made the number negative."""
    return called(builder, "llvm.sqrt.v8f32", larger(builder, lanes, _all(0.0)))


def _dot(builder, a, b):
    x, y, z = (builder.fmul(*pair) for pair in zip(a, b, strict=True))
    return builder.fadd(builder.fadd(x, y), z)


def _closer(builder, cosines, sines, by_cosines, by_sines):
    """Cosine and sine of an angle that is made smaller by another one, 1 and 0 where that is larger."""
    mul = builder.fmul
    within = builder.fcmp_ordered(">", cosines, by_cosines)
    cosine = builder.fadd(mul(cosines, by_cosines), mul(sines, by_sines))
    sine = builder.fsub(mul(sines, by_cosines), mul(cosines, by_sines))
    return builder.select(within, _all(1.0), cosine), builder.select(within, _all(0.0), sine)


def _importances(builder, nodes, node, place, both_sides):
    """Of the eight children. What surrounds the point, or touches it, gives as much as at its rim."""
    mul, sub = builder.fmul, builder.fsub
    base, start = floats(builder, nodes), builder.mul(node, index(NODE_FLOATS))

    def row(which):
        return load_lanes(builder, base, builder.add(start, index(which * BRANCHES)))

    values = [splat(builder, builder.extract_value(place, i)) for i in range(6)]
    point, normal = values[:3], values[3:]
    to_light = [sub(row(CENTRE + k), point[k]) for k in range(3)]
    radius, power = row(RADIUS), row(STRENGTH)
    squared, least = _dot(builder, to_light, to_light), mul(radius, radius)
    outside = builder.fcmp_ordered(">", squared, least)
    inverse = builder.fdiv(_all(1.0), _root(builder, squared))
    # Half the angle under which the point sees the child.
    sin_seen = mul(radius, inverse)
    cos_seen = _root(builder, sub(_all(1.0), mul(sin_seen, sin_seen)))

    def closer_by_size(cosine, sine):
        return _closer(builder, cosine, sine, cos_seen, sin_seen)

    def sine_of(cosine):
        return _root(builder, sub(_all(1.0), mul(cosine, cosine)))

    # At most how squarely it shines at the point: the angle from what it faces, less the spread, less its size.
    facing = [row(FACING + k) for k in range(3)]
    cos_faced = sub(_all(0.0), mul(_dot(builder, to_light, facing), inverse))
    turned = _closer(builder, cos_faced, sine_of(cos_faced), row(COS_SPREAD), row(SIN_SPREAD))
    cos_shone, _ = closer_by_size(*turned)
    # At most how squarely the point's surface faces it.
    cos_met = mul(_dot(builder, to_light, normal), inverse)
    cos_met = builder.select(both_sides, called(builder, "llvm.fabs.v8f32", cos_met), cos_met)
    cos_met, _ = closer_by_size(cos_met, sine_of(cos_met))
    given = mul(mul(power, cos_shone), larger(builder, cos_met, _all(0.0)))
    reached = builder.fcmp_ordered(">", cos_shone, row(COS_EMISSION))
    given = builder.select(reached, given, _all(0.0))
    given = builder.select(outside, given, power)
    return builder.fdiv(given, builder.select(outside, squared, larger(builder, least, _all(1e-12))))


def _sums(builder, lanes):
    """The sums of all lanes before each one, and of all; in this order on every processor."""
    before, total = ir.Constant(FLOATS, ir.Undefined), ir.Constant(FLOATS.element, 0.0)
    for lane in range(BRANCHES):
        place = ir.Constant(I32, lane)
        before = builder.insert_element(before, total, place)
        total = builder.fadd(total, builder.extract_element(lanes, place))
    return before, total


@intrinsic
def draw_child(_context, nodes, node, place, both_sides, u):
    """A child of a node, at random by what it could give: (lane, importance, those before it, those of all).

    nodes: address of float32; node: int64; place: the point and its unit normal; u in [0, 1) draws. Where all is 0
    the lane means nothing.
    """
    returned = types.Tuple((types.int64, types.float32, types.float32, types.float32))

    def codegen(context, builder, signature, args):
        *asked, drawn = args
        importances = _importances(builder, *asked)
        before, total = _sums(builder, importances)
        target = splat(builder, builder.fmul(drawn, total))
        # The last lane that gives something and does not begin beyond the target.
        begun = builder.fcmp_ordered("<=", before, target)
        able = builder.fcmp_ordered(">", importances, _all(0.0))
        mask = mask_of(builder, builder.and_(begun, able))
        lane = builder.sub(
            index(63), builder.ctlz(builder.or_(mask, index(1)), ir.Constant(ir.IntType(1), 0))
        )
        place = builder.trunc(lane, I32)
        found = (builder.extract_element(lanes, place) for lanes in (importances, before))
        return context.make_tuple(builder, signature.return_type, (lane, *found, total))

    return returned(types.voidptr, types.int64, _PLACE, types.boolean, types.float32), codegen


@intrinsic
def weigh_child(_context, nodes, node, place, both_sides, lane):
    """How likely `draw_child` takes this lane: (importance, those of all)."""

    def codegen(context, builder, signature, args):
        *asked, lane = args
        importances = _importances(builder, *asked)
        _, total = _sums(builder, importances)
        found = builder.extract_element(importances, builder.trunc(lane, I32))
        return context.make_tuple(builder, signature.return_type, (found, total))

    returned = types.UniTuple(types.float32, 2)
    return returned(types.voidptr, types.int64, _PLACE, types.boolean, types.int64), codegen
