"""Rays against the two-level tree: the nearest hit, or whether there is any.

A query's answer is a property of the geometry, not of the search: of all hits with tmin < t < tmax the
one with the least (t, instance, triangle). A hit counts if the triangle test (see `hit_triangles`)
accepts it and the ray meets the boxes of its packet and its instance; its t is at least the ray's entry
into both. Rounding is monotone, so a box around another is entered no later and left no earlier by the
rounded test too: no node that is culled can hide a hit that counts, whatever the order of the search.

A direction is not normalised and t is in its units; the same in an instance's space as in the world's.
No surface is excluded by number: leave a surface by offsetting the origin along its normal (Waechter and
Binder, "A Fast and Robust Method for Avoiding Self-Intersection", Ray Tracing Gems, chapter 6), which also
holds for neighbours across an edge, and pass tmin = 0. To look behind a hit that proved transparent,
ask again with tmin = t.
"""

from __future__ import annotations

import numpy as np

from mesh.render.accel_bounds import FAR_SLACK
from mesh.render.accel_layout import (
    CHILD_ROW,
    KEYS_AT,
    LANES,
    LANES_AT,
    NODE_FLOATS,
    NUMBER_ROW,
    PACKET_FLOATS,
    STACK_AT,
    TOP_STACK_AT,
    WIDTH,
    ShearRay,
    SlabRay,
)
from mesh.render.accel_vector import entry_of, hit_boxes, hit_triangles, meets_boxes
from mesh.render.kernel import inlined, kernel
from mesh.render.vector import (
    address,
    either,
    float_bits,
    load_float,
    load_key,
    load_word,
    lowest_bit,
    store_key,
)

_NONE = -(1 << 40)  # no child left to visit: a reference has 32 bits
_NOTHING = -1  # its key, and the start of an empty scene: a key is never negative
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)


@inlined
def slab_ray(ox, oy, oz, dx, dy, dz):
    """The ray for box tests; a zero component gives an infinite reciprocal of the zero's sign."""
    ix, iy, iz = _ONE / dx, _ONE / dy, _ONE / dz
    return SlabRay(
        ox,
        oy,
        oz,
        ix,
        iy,
        iz,
        ix * FAR_SLACK,
        iy * FAR_SLACK,
        iz * FAR_SLACK,
        0 if ix >= _ZERO else 3 * WIDTH,
        WIDTH if iy >= _ZERO else 4 * WIDTH,
        2 * WIDTH if iz >= _ZERO else 5 * WIDTH,
    )


@inlined
def shear_ray(ray, dx, dy, dz):
    """The ray for triangle tests (Woop et al. 2013), z the axis of the longest component. Without branches: which axis
    is the longest cannot be guessed."""
    along_x = (abs(dx) > abs(dy)) & (abs(dx) > abs(dz))
    along_y = abs(dy) > abs(dz)

    def turned(x, y, z):
        # The one after that of the longest axis, in the circle x, y, z.
        return either(along_x, y, either(along_y, z, x))

    scale = turned(ray.near_iz, ray.near_ix, ray.near_iy)
    return ShearRay(
        turned(ray.ox, ray.oy, ray.oz),
        turned(ray.oy, ray.oz, ray.ox),
        turned(ray.oz, ray.ox, ray.oy),
        turned(dx, dy, dz) * scale,
        turned(dy, dz, dx) * scale,
        scale,
        turned(0, LANES, 2 * LANES),
        turned(LANES, 2 * LANES, 0),
        turned(2 * LANES, 0, LANES),
    )


@inlined
def _can_hit(ox, oy, oz, dx, dy, dz):
    """False for a ray with a component that is not finite, or without a direction."""
    finite = (ox - ox) + (oy - oy) + (oz - oz) + (dx - dx) + (dy - dy) + (dz - dz) == _ZERO
    return finite and not (dx == _ZERO and dy == _ZERO and dz == _ZERO)


@inlined
def _reference(key):
    """The child reference in the low half of a key, sign restored."""
    return (key << 32) >> 32


@inlined
def _child(nodes, node, lane):
    return np.int64(load_word(nodes, node * NODE_FLOATS + CHILD_ROW + lane))


@inlined
def _visit(nodes, node, ray, tmin, tmax, stack, sp, keys):
    """Test a node's boxes; returns the nearest child met and its key, the others stacked above sp.

    The child is loaded from the node itself, not out of its key, which has been through memory: the
    next node's loads can start sooner.
    """
    mask = hit_boxes(nodes, node, ray, tmin, tmax, keys)
    if mask == 0:
        return _NONE, _NOTHING, sp
    lane = lowest_bit(mask)
    nearest = load_key(keys, lane)
    child = _child(nodes, node, lane)
    mask &= mask - 1
    if mask == 0:
        return child, nearest, sp
    lane = lowest_bit(mask)
    other = load_key(keys, lane)
    mask &= mask - 1
    first = nearest <= other
    child = either(first, child, _child(nodes, node, lane))
    store_key(stack, sp, either(first, other, nearest))
    nearest = either(first, nearest, other)
    base = sp
    sp += 1
    if mask == 0:
        return child, nearest, sp
    while mask != 0:
        # Keep the nearest in hand and the stack sorted, farthest at the bottom.
        key = load_key(keys, lowest_bit(mask))
        mask &= mask - 1
        farther = max(nearest, key)
        nearest = min(nearest, key)
        place = sp
        while place > base and load_key(stack, place - 1) < farther:
            store_key(stack, place, load_key(stack, place - 1))
            place -= 1
        store_key(stack, place, farther)
        sp += 1
    return _reference(nearest), nearest, sp


@inlined
def _visit_any(nodes, node, ray, tmin, tmax, stack, sp, _keys):
    """As `_visit`, but the last child first, the largest, and bare references on the stack: what is looked for may
    be in any of the boxes."""
    mask = meets_boxes(nodes, node, ray, tmin, tmax)
    if mask == 0:
        return _NONE, _NOTHING, sp
    child = _child(nodes, node, lowest_bit(mask))
    mask &= mask - 1
    while mask != 0:
        store_key(stack, sp, child)
        sp += 1
        child = _child(nodes, node, lowest_bit(mask))
        mask &= mask - 1
    return child, _NOTHING, sp


@inlined
def _pop(stack, sp, tmax_bits):
    """The topmost stacked child, and its key, that is entered no later than tmax."""
    while sp > 0:
        sp -= 1
        key = load_key(stack, sp)
        if key >> 32 <= tmax_bits:
            return _reference(key), key, sp
    return _NONE, _NOTHING, sp


@inlined
def _pop_any(stack, sp, _tmax_bits):
    """As `_pop`: what is looked for may be anywhere before tmax, which does not change."""
    if sp > 0:
        return load_key(stack, sp - 1), _NOTHING, sp - 1
    return _NONE, _NOTHING, sp


@inlined
def _precedes(instance, number, other_instance, other_number):
    """The order of hits at equal distance; before any hit the other is -1, -1 and nothing precedes it."""
    return instance < other_instance or (instance == other_instance and number < other_number)


@inlined
def _row(base, m):
    """Four floats: a row of a 3x4 matrix."""
    return load_float(base, m), load_float(base, m + 1), load_float(base, m + 2), load_float(base, m + 3)


def _traversal(any_hit):
    """The traversal, as the function that stops at any hit or the one that finds the first."""
    visit, pop = (_visit_any, _pop_any) if any_hit else (_visit, _pop)

    def traverse(
        ox, oy, oz, dx, dy, dz, tmin, tmax,
        start, top, nodes, packets, roots, to_object, top_stack, stack, keys, lanes,
    ):  # fmt: skip
        instance, number = -1, -1
        t, u, v = tmax, _ZERO, _ZERO
        tmin = tmin if tmin > _ZERO else _ZERO
        if start == _NOTHING or not t > tmin or not _can_hit(ox, oy, oz, dx, dy, dz):
            return instance, number, t, u, v
        top_ray = slab_ray(ox, oy, oz, dx, dy, dz)
        t_bits = float_bits(t)
        if any_hit:
            # The number below tmax, for what is met at tmax itself does not count.
            t = entry_of((t_bits - 1) << 32)
        top_key, top_sp = start, 0
        top_child = _reference(top_key)
        while top_child != _NONE:
            if top_child >= 0:
                top_child, top_key, top_sp = visit(top, top_child, top_ray, tmin, t, top_stack, top_sp, keys)
            else:
                candidate = ~top_child
                instance_entry = entry_of(top_key)
                child = load_key(roots, candidate)
                ray, qx, qy, qz, ex, ey, ez = top_ray, ox, oy, oz, dx, dy, dz
                if child < 0:
                    child = ~child  # the mesh is where it was modelled
                else:
                    m = 12 * candidate
                    xx, xy, xz, xw = _row(to_object, m)
                    yx, yy, yz, yw = _row(to_object, m + 4)
                    zx, zy, zz, zw = _row(to_object, m + 8)
                    qx = ((xx * ox + xy * oy) + xz * oz) + xw
                    qy = ((yx * ox + yy * oy) + yz * oz) + yw
                    qz = ((zx * ox + zy * oy) + zz * oz) + zw
                    ex = (xx * dx + xy * dy) + xz * dz
                    ey = (yx * dx + yy * dy) + yz * dz
                    ez = (zx * dx + zy * dy) + zz * dz
                    ray = slab_ray(qx, qy, qz, ex, ey, ez)
                    if not _can_hit(qx, qy, qz, ex, ey, ez):
                        child = _NONE
                sheared = shear_ray(ray, ex, ey, ez)
                sp = 0
                key = child
                while child != _NONE:
                    if child >= 0:
                        child, key, sp = visit(nodes, child, ray, tmin, t, stack, sp, keys)
                    else:
                        packet = ~child
                        child = _NONE
                        mask = hit_triangles(packets, packet, sheared, tmin, t, lanes)
                        if any_hit and mask != 0:
                            return candidate, packet, t, u, v
                        entry = max(entry_of(key), instance_entry)
                        while mask != 0:
                            lane = lowest_bit(mask)
                            mask &= mask - 1
                            which = np.int64(load_word(packets, packet * PACKET_FLOATS + NUMBER_ROW + lane))
                            found = max(load_float(lanes, lane), entry)
                            if found < t or (found == t and _precedes(candidate, which, instance, number)):
                                t, instance, number = found, candidate, which
                                u, v = load_float(lanes, LANES + lane), load_float(lanes, 2 * LANES + lane)
                                t_bits = float_bits(t)
                    if child == _NONE:
                        child, key, sp = pop(stack, sp, t_bits)
                top_child = _NONE
            if top_child == _NONE:
                top_child, top_key, top_sp = pop(top_stack, top_sp, t_bits)
        return instance, number, t, u, v

    return traverse


_first = kernel(_traversal(any_hit=False))
_any = kernel(_traversal(any_hit=True))


@inlined
def _memory(accel, scratch):
    """Where the search starts, and the addresses of all that it reads and writes."""
    m = scratch.memory
    return (
        accel.start,
        address(accel.top, 0),
        address(accel.nodes, 0),
        address(accel.packets, 0),
        address(accel.roots, 0),
        address(accel.to_object, 0),
        address(m, TOP_STACK_AT),
        address(m, STACK_AT),
        address(m, KEYS_AT),
        address(m, LANES_AT),
    )


@inlined
def closest(accel, ox, oy, oz, dx, dy, dz, tmin, tmax, scratch):
    """The nearest hit with tmin < t < tmax: (instance, triangle, t, u, v), instance -1 if there is none.

    All numbers in are float32, tmin at least 0, tmax may be infinite. instance and triangle are int64, the
    numbers given to `assemble` and the triangle's place in its mesh; u and v (float32) weigh the second
    and third vertex. The triangle is hit from either side.
    """
    return _first(ox, oy, oz, dx, dy, dz, tmin, tmax, *_memory(accel, scratch))


@inlined
def occluded(accel, ox, oy, oz, dx, dy, dz, tmin, tmax, scratch):
    """Whether `closest` with the same arguments would find anything; cheaper."""
    return _any(ox, oy, oz, dx, dy, dz, tmin, tmax, *_memory(accel, scratch))[0] >= 0
