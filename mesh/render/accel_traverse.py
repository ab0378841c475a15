"""Rays against the two-level tree: the nearest hit, or whether there is any.

A query's answer is a property of the geometry, not of the search: of all hits with tmin < t < tmax the
one with the least (t, instance, triangle). A hit counts if the triangle test (see `hit_triangles`)
accepts it and the ray meets the triangle's and the instance's boxes; its t is at least the ray's entry
into both (see `accel_bounds`), so t is what every box on the way to it was culled against.

A direction is not normalised and t is in its units; the same in an instance's space as in the world's.
No surface is excluded by number: leave a surface by offsetting the origin along its normal (Waechter and
Binder, "A Fast and Robust Method for Avoiding Self-Intersection", Ray Tracing Gems, chapter 6), which also
holds for neighbours across an edge, and pass tmin = 0. To look behind a hit that proved transparent,
ask again with tmin = t.
"""

from __future__ import annotations

import numpy as np

from mesh.render.accel_bounds import FAR_SLACK, triangle_box
from mesh.render.accel_layout import LANES, NUMBER_ROW, PACKET_FLOATS, WIDTH, ShearRay, SlabRay
from mesh.render.accel_vector import entry_of, float_bits, hit_boxes, hit_triangles, item, lowest_bit, put
from mesh.render.kernel import inlined, kernel

_NOTHING = -1  # no child left to visit: a key is never negative
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
def shear_ray(ox, oy, oz, dx, dy, dz):
    """The ray for triangle tests (Woop et al. 2013), z the axis of the longest component."""
    if abs(dx) > abs(dy) and abs(dx) > abs(dz):
        scale = _ONE / dx
        return ShearRay(oy, oz, ox, dy * scale, dz * scale, scale, LANES, 2 * LANES, 0)
    if abs(dy) > abs(dz):
        scale = _ONE / dy
        return ShearRay(oz, ox, oy, dz * scale, dx * scale, scale, 2 * LANES, 0, LANES)
    scale = _ONE / dz
    return ShearRay(ox, oy, oz, dx * scale, dy * scale, scale, 0, LANES, 2 * LANES)


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
def _visit(nodes, node, ray, tmin, tmax, stack, sp, keys):
    """Test a node's boxes; returns the key of the nearest child met, or _NOTHING, the others stacked at sp."""
    mask = hit_boxes(nodes, node, ray, tmin, tmax, keys)
    if mask == 0:
        return _NOTHING, sp
    nearest = item(keys, lowest_bit(mask))
    mask &= mask - 1
    if mask == 0:
        return nearest, sp
    other = item(keys, lowest_bit(mask))
    mask &= mask - 1
    put(stack, sp, max(nearest, other))
    nearest = min(nearest, other)
    base = sp
    sp += 1
    while mask != 0:
        # Keep the nearest in hand and the stack sorted, farthest at the bottom.
        key = item(keys, lowest_bit(mask))
        mask &= mask - 1
        farther = max(nearest, key)
        nearest = min(nearest, key)
        place = sp
        while place > base and item(stack, place - 1) < farther:
            put(stack, place, item(stack, place - 1))
            place -= 1
        put(stack, place, farther)
        sp += 1
    return nearest, sp


@inlined
def _pop(stack, sp, tmax_bits):
    """The topmost stacked key whose child is entered no later than tmax, or _NOTHING."""
    while sp > 0:
        sp -= 1
        key = item(stack, sp)
        if key >> 32 <= tmax_bits:
            return key, sp
    return _NOTHING, sp


@inlined
def _precedes(instance, number, other_instance, other_number):
    """The order of hits at equal distance; before any hit the other is -1, -1 and nothing precedes it."""
    return instance < other_instance or (instance == other_instance and number < other_number)


@inlined
def _slab(low, high, origin, near_inverse, far_inverse, forward, entry, leave):
    """One axis of the box test, in the same operations as `hit_boxes`."""
    near = ((low if forward else high) - origin) * near_inverse
    far = ((high if forward else low) - origin) * far_inverse
    return (near if near > entry else entry), (far if far < leave else leave)


@inlined
def _own_box(packets, packet, lane, ray, tmin):
    """The ray's entry into and exit from the box of one triangle."""
    base = packet * PACKET_FLOATS + lane
    lx, ly, lz, hx, hy, hz = triangle_box(
        item(packets, base),
        item(packets, base + LANES),
        item(packets, base + 2 * LANES),
        item(packets, base + 3 * LANES),
        item(packets, base + 4 * LANES),
        item(packets, base + 5 * LANES),
        item(packets, base + 6 * LANES),
        item(packets, base + 7 * LANES),
        item(packets, base + 8 * LANES),
    )
    entry, leave = tmin, np.float32(np.inf)
    entry, leave = _slab(lx, hx, ray.ox, ray.near_ix, ray.far_ix, ray.near_x == 0, entry, leave)
    entry, leave = _slab(ly, hy, ray.oy, ray.near_iy, ray.far_iy, ray.near_y == WIDTH, entry, leave)
    return _slab(lz, hz, ray.oz, ray.near_iz, ray.far_iz, ray.near_z == 2 * WIDTH, entry, leave)


def _traversal(any_hit):
    """The traversal, as the kernel that stops at the first hit it finds or the one that finds the first."""

    @inlined
    def traverse(accel, ox, oy, oz, dx, dy, dz, tmin, tmax, scratch):
        instance, number = -1, -1
        t, u, v = tmax, _ZERO, _ZERO
        tmin = tmin if tmin > _ZERO else _ZERO
        if accel.top.size == 0 or not t > tmin or not _can_hit(ox, oy, oz, dx, dy, dz):
            return instance, number, t, u, v
        nodes, packets, words = accel.nodes, accel.packets, accel.packet_words
        top_stack, stack, keys, lanes = scratch.top_stack, scratch.stack, scratch.keys, scratch.lanes
        top_ray = slab_ray(ox, oy, oz, dx, dy, dz)
        t_bits = float_bits(t)
        top_key, top_sp = 0, 0
        while top_key != _NOTHING:
            top_child = _reference(top_key)
            if top_child >= 0:
                top_key, top_sp = _visit(accel.top, top_child, top_ray, tmin, t, top_stack, top_sp, keys)
            else:
                candidate = ~top_child
                instance_entry = entry_of(top_key)
                m = 12 * candidate
                to = accel.to_object
                qx = ((to[m] * ox + to[m + 1] * oy) + to[m + 2] * oz) + to[m + 3]
                qy = ((to[m + 4] * ox + to[m + 5] * oy) + to[m + 6] * oz) + to[m + 7]
                qz = ((to[m + 8] * ox + to[m + 9] * oy) + to[m + 10] * oz) + to[m + 11]
                ex = (to[m] * dx + to[m + 1] * dy) + to[m + 2] * dz
                ey = (to[m + 4] * dx + to[m + 5] * dy) + to[m + 6] * dz
                ez = (to[m + 8] * dx + to[m + 9] * dy) + to[m + 10] * dz
                ray = slab_ray(qx, qy, qz, ex, ey, ez)
                sheared = shear_ray(qx, qy, qz, ex, ey, ez)
                sp = 0
                key = accel.roots[candidate] if _can_hit(qx, qy, qz, ex, ey, ez) else _NOTHING
                while key != _NOTHING:
                    child = _reference(key)
                    if child >= 0:
                        key, sp = _visit(nodes, child, ray, tmin, t, stack, sp, keys)
                    else:
                        packet = ~child
                        key = _NOTHING
                        mask = hit_triangles(packets, packet, sheared, tmin, t, lanes)
                        while mask != 0:
                            lane = lowest_bit(mask)
                            mask &= mask - 1
                            which = np.int64(item(words, packet * PACKET_FLOATS + NUMBER_ROW + lane))
                            entry, leave = _own_box(packets, packet, lane, ray, tmin)
                            found = max(item(lanes, lane), entry, instance_entry)
                            if entry <= leave and (
                                found < t or (found == t and _precedes(candidate, which, instance, number))
                            ):
                                if any_hit:
                                    return candidate, which, found, u, v
                                t, instance, number = found, candidate, which
                                u, v = item(lanes, LANES + lane), item(lanes, 2 * LANES + lane)
                                t_bits = float_bits(t)
                    if key == _NOTHING:
                        key, sp = _pop(stack, sp, t_bits)
                top_key = _NOTHING
            if top_key == _NOTHING:
                top_key, top_sp = _pop(top_stack, top_sp, t_bits)
        return instance, number, t, u, v

    return traverse


_first = _traversal(any_hit=False)
_any = _traversal(any_hit=True)


@kernel
def closest(accel, ox, oy, oz, dx, dy, dz, tmin, tmax, scratch):
    """The nearest hit with tmin < t < tmax: (instance, triangle, t, u, v), instance -1 if there is none.

    All numbers in are float32, tmin at least 0, tmax may be infinite. instance and triangle are int64, the
    numbers given to `assemble` and the triangle's place in its mesh; u and v (float32) weigh the second
    and third vertex. The triangle is hit from either side.
    """
    return _first(accel, ox, oy, oz, dx, dy, dz, tmin, tmax, scratch)


@kernel
def occluded(accel, ox, oy, oz, dx, dy, dz, tmin, tmax, scratch):
    """Whether `closest` with the same arguments would find anything; cheaper."""
    return _any(accel, ox, oy, oz, dx, dy, dz, tmin, tmax, scratch)[0] >= 0
