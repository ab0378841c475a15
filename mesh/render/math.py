"""Elementary functions whose every bit is ours: float32, from + - * / and sqrt alone.

The C library's sin, exp or pow differ between machines in the last bit, and one bit changes a path. IEEE 754
fixes + - * / sqrt and floor everywhere, so polynomials written with them, uncontracted, give the same picture
on every CPU. Coefficients: S. Moshier, Cephes Mathematical Library, single precision; errors are below 2 ulp
in the ranges used. Nothing here may be called with NaN where a comment says so.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from mesh.render.kernel import kernel, step

f32 = np.float32
i32 = np.int32

PI = f32(3.14159265358979)
TWO_PI = f32(6.28318530717959)
INV_PI = f32(0.318309886183791)
INV_TWO_PI = f32(0.159154943091895)
ZERO = f32(0.0)
HALF = f32(0.5)
ONE = f32(1.0)
TWO = f32(2.0)


@intrinsic
def sqrt(_context, x):
    """The hardware square root of a float32; IEEE rounds it the same everywhere."""

    def codegen(_ctx, builder, _signature, args):
        module, kind = builder.module, ir.FloatType()
        name = module.declare_intrinsic("llvm.sqrt", [kind])
        return builder.call(name, args)

    return (types.float32(types.float32), codegen) if x == types.float32 else None


@intrinsic
def floor(_context, x):
    """The largest integer not above a float32, as a float32."""

    def codegen(_ctx, builder, _signature, args):
        name = builder.module.declare_intrinsic("llvm.floor", [ir.FloatType()])
        return builder.call(name, args)

    return (types.float32(types.float32), codegen) if x == types.float32 else None


@intrinsic
def bits_of(_context, x):
    """The 32 bits of a float32 as an int32."""

    def codegen(_ctx, builder, _signature, args):
        return builder.bitcast(args[0], ir.IntType(32))

    return (types.int32(types.float32), codegen) if x == types.float32 else None


@intrinsic
def from_bits(_context, x):
    """The float32 that has these 32 bits."""

    def codegen(_ctx, builder, _signature, args):
        return builder.bitcast(args[0], ir.FloatType())

    return (types.float32(types.int32), codegen) if x == types.int32 else None


@intrinsic
def reverse_bits(_context, x):
    """A uint32 read backwards."""

    def codegen(_ctx, builder, _signature, args):
        return builder.bitreverse(args[0])

    return (types.uint32(types.uint32), codegen) if x == types.uint32 else None


@kernel
def sincos_turns(turns):
    """Sine and cosine of `turns` full turns; |turns| below 2^20."""
    quadrant = floor(turns * f32(4.0) + HALF)
    x = (turns - quadrant * f32(0.25)) * TWO_PI
    z = x * x
    s = x + x * z * (f32(-1.6666654611e-1) + z * (f32(8.3321608736e-3) - z * f32(1.9515295891e-4)))
    c = (
        ONE
        - HALF * z
        + z
        * z
        * (f32(4.166664568298827e-2) + z * (f32(-1.388731625493765e-3) + z * f32(2.443315711809948e-5)))
    )
    q = i32(quadrant) & 3
    if q == 0:
        return s, c
    if q == 1:
        return c, -s
    if q == 2:
        return -s, -c
    return -c, s


@step
def exp(x):
    """e to the x; 0 below -87, capped at x = 88."""
    if x < f32(-87.0):
        return ZERO
    if x > f32(88.0):
        x = f32(88.0)
    n = floor(x * f32(1.44269504088896) + HALF)
    x = x - n * f32(0.693359375) + n * f32(2.12194440e-4)
    p = f32(1.9875691500e-4)
    p = p * x + f32(1.3981999507e-3)
    p = p * x + f32(8.3334519073e-3)
    p = p * x + f32(4.1665795894e-2)
    p = p * x + f32(1.6666665459e-1)
    p = p * x + f32(5.0000001201e-1)
    p = p * x * x + x + ONE
    return p * from_bits(i32((i32(n) + 127) << 23))


@step
def log(x):
    """The natural logarithm; anything below 1e-37 counts as 1e-37."""
    if not x > f32(1e-37):
        x = f32(1e-37)
    bits = bits_of(x)
    e = f32((bits >> 23) - 126)
    m = from_bits(i32((bits & 0x007FFFFF) | 0x3F000000))
    if m < f32(0.707106781186547):
        e = e - ONE
        m = m + m
    m = m - ONE
    z = m * m
    p = f32(7.0376836292e-2)
    p = p * m - f32(1.1514610310e-1)
    p = p * m + f32(1.1676998740e-1)
    p = p * m - f32(1.2420140846e-1)
    p = p * m + f32(1.4249322787e-1)
    p = p * m - f32(1.6668057665e-1)
    p = p * m + f32(2.0000714765e-1)
    p = p * m - f32(2.4999993993e-1)
    p = p * m + f32(3.3333331174e-1)
    y = m * z * p - e * f32(2.12194440e-4) - HALF * z
    return m + y + e * f32(0.693359375)


@step
def power(x, y):
    """x to the y for x >= 0; 0 to any power is 0, except to the power 0."""
    if x <= ZERO:
        return ONE if y == ZERO else ZERO
    return exp(y * log(x))


@step
def rough_log2(x):
    """The base-2 logarithm read off the bits of a positive float32: exact at powers of two, within 0.09."""
    return f32(bits_of(x)) * f32(1.1920928955078125e-7) - f32(127.0)


@step
def atan2(y, x):
    """The angle of (x, y) in -pi .. pi; 0 at the origin."""
    ax, ay = abs(x), abs(y)
    small, large = (ay, ax) if ay <= ax else (ax, ay)
    if large == ZERO:
        return ZERO
    t = small / large
    offset = ZERO
    if t > f32(0.414213562373095):
        offset = f32(0.785398163397448)
        t = (t - ONE) / (t + ONE)
    z = t * t
    p = f32(8.05374449538e-2)
    p = p * z - f32(1.38776856032e-1)
    p = p * z + f32(1.99777106478e-1)
    p = p * z - f32(3.33329491539e-1)
    angle = offset + (p * z * t + t)
    if ay > ax:
        angle = f32(1.57079632679490) - angle
    if x < ZERO:
        angle = PI - angle
    return -angle if y < ZERO else angle


@step
def asin(x):
    """The arc sine; x outside -1 .. 1 counts as the nearer end."""
    a = min(abs(x), ONE)
    flipped = a > HALF
    if flipped:
        z = HALF * (ONE - a)
        a = sqrt(z)
    else:
        z = a * a
    p = f32(4.2163199048e-2)
    p = p * z + f32(2.4181311049e-2)
    p = p * z + f32(4.5470025998e-2)
    p = p * z + f32(7.4953002686e-2)
    p = p * z + f32(1.6666752422e-1)
    p = p * z * a + a
    if flipped:
        p = f32(1.57079632679490) - (p + p)
    return -p if x < ZERO else p


@step
def acos(x):
    """The arc cosine; x outside -1 .. 1 counts as the nearer end."""
    if x > HALF:
        return TWO * asin(sqrt(max(ZERO, HALF * (ONE - x))))
    if x < -HALF:
        return PI - TWO * asin(sqrt(max(ZERO, HALF * (ONE + x))))
    return f32(1.57079632679490) - asin(x)


@kernel
def normalize(x, y, z):
    """The unit vector along (x, y, z), and (0, 0, 1) for the zero vector."""
    length2 = x * x + y * y + z * z
    if not length2 > f32(1e-36):
        return ZERO, ZERO, ONE
    inverse = ONE / sqrt(length2)
    return x * inverse, y * inverse, z * inverse


@step
def luminance(r, g, b):
    """Rec. 709 relative luminance."""
    return f32(0.2126) * r + f32(0.7152) * g + f32(0.0722) * b
