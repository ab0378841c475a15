"""Rays in bulk for the tests of the acceleration structure, and brute force to hold it against.

The reference is scalar float32 code that looks at every triangle of every instance. It takes from the
product only the definition of a triangle's box, which triangles share a packet, and the rays' forms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mesh.render.accel import assemble, build_mesh, world_bounds
from mesh.render.accel_bounds import triangle_box
from mesh.render.accel_layout import LANES, PACKET_FLOATS, Accel, MeshTree, make_scratch
from mesh.render.accel_traverse import closest, occluded, shear_ray, slab_ray
from mesh.render.kernel import kernel

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
F64 = NDArray[np.float64]
INFINITY = np.float32(np.inf)


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """Meshes (positions, triangles), which of them each instance shows, and where."""

    meshes: list[tuple[F32, I32]]
    instance_tree: I32
    object_to_world: F64

    def accel(self) -> Accel:
        return assemble([build_mesh(*m) for m in self.meshes], self.instance_tree, self.object_to_world)


def one_mesh(positions: object, triangles: object) -> World:
    mesh = (np.array(positions, np.float32).reshape(-1, 3), np.array(triangles, np.int32).reshape(-1, 3))
    return World([mesh], np.zeros(1, np.int32), np.eye(4)[None])


def cloud(rng: np.random.Generator, count: int, size: float) -> tuple[F32, I32]:
    """Triangles of about `size` strewn in the cube from -1 to 1, three vertices each."""
    centres = rng.uniform(-1, 1, (count, 1, 3))
    positions = (centres + rng.normal(0, size, (count, 3, 3))).astype(np.float32).reshape(-1, 3)
    return positions, np.arange(3 * count, dtype=np.int32).reshape(-1, 3)


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """One row a ray: instance, triangle (-1 for none); t, u, v."""

    ids: NDArray[np.int64]
    tuv: F32


@kernel
def _closest_all(accel, rays, tmin, tmax, scratch, ids, tuv):
    for i in range(len(rays)):
        r = rays[i]
        ids[i, 0], ids[i, 1], tuv[i, 0], tuv[i, 1], tuv[i, 2] = closest(
            accel, r[0], r[1], r[2], r[3], r[4], r[5], tmin[i], tmax[i], scratch
        )


@kernel
def _occluded_all(accel, rays, tmin, tmax, scratch, blocked):
    for i in range(len(rays)):
        r = rays[i]
        blocked[i] = occluded(accel, r[0], r[1], r[2], r[3], r[4], r[5], tmin[i], tmax[i], scratch)


def _limits(rays: F32, tmin: object, tmax: object) -> tuple[F32, F32]:
    def each(limit: object) -> F32:
        return np.broadcast_to(np.asarray(limit, np.float32), len(rays)).copy()

    return each(tmin), each(tmax)


def closest_hits(accel: Accel, rays: F32, tmin: object = 0.0, tmax: object = INFINITY) -> Hits:
    """`closest` for rays (n, 6), origin then direction; limits are numbers or one each."""
    ids, tuv = np.empty((len(rays), 2), np.int64), np.empty((len(rays), 3), np.float32)
    _closest_all(accel, rays, *_limits(rays, tmin, tmax), make_scratch(), ids, tuv)
    return Hits(ids, tuv)


def any_hits(accel: Accel, rays: F32, tmin: object = 0.0, tmax: object = INFINITY) -> NDArray[np.bool_]:
    """`occluded` for rays (n, 6)."""
    blocked = np.empty(len(rays), np.bool_)
    _occluded_all(accel, rays, *_limits(rays, tmin, tmax), make_scratch(), blocked)
    return blocked


@kernel
def _span(box, ray, tmin):
    """The part of the ray inside a box (6,), at least tmin: entry and exit, by Ize's slab test."""
    origin = (ray.ox, ray.oy, ray.oz)
    near_inverse = (ray.near_ix, ray.near_iy, ray.near_iz)
    far_inverse = (ray.far_ix, ray.far_iy, ray.far_iz)
    entry, leave = tmin, np.float32(np.inf)
    for axis in range(3):
        low, high = box[axis], box[axis + 3]
        if not near_inverse[axis] >= np.float32(0.0):
            low, high = high, low
        near = (low - origin[axis]) * near_inverse[axis]
        far = (high - origin[axis]) * far_inverse[axis]
        if near > entry:  # noqa: PLR1730 - max() would keep a NaN
            entry = near
        if far < leave:  # noqa: PLR1730 - min() would keep a NaN
            leave = far
    return entry, leave


@kernel
def _fill_boxes(positions, triangles, packet, boxes):
    """The boxes (n, 6) around the padded boxes of each packet's triangles."""
    for number in range(len(triangles)):
        if packet[number] >= 0:
            a, b, c = (
                positions[triangles[number, 0]],
                positions[triangles[number, 1]],
                positions[triangles[number, 2]],
            )
            own = triangle_box(a[0], a[1], a[2], b[0], b[1], b[2], c[0], c[1], c[2])
            row = boxes[packet[number]]
            for k in range(3):
                row[k] = min(row[k], own[k])
                row[k + 3] = max(row[k + 3], own[k + 3])


def _packets(mesh: tuple[F32, I32], tree: MeshTree) -> tuple[NDArray[np.int64], F32]:
    """Each triangle's packet, -1 for one that cannot be hit; and the packets' boxes."""
    numbers = tree.packets.view(np.int32).reshape(-1, PACKET_FLOATS)[:, 9 * LANES :]
    packet = np.full(len(mesh[1]), -1, np.int64)
    where, lane = np.nonzero(numbers >= 0)
    packet[numbers[where, lane]] = where
    boxes = np.tile(np.array([np.inf] * 3 + [-np.inf] * 3, np.float32), (len(numbers), 1))
    _fill_boxes(*mesh, packet, boxes)
    return packet, boxes


@kernel
def _brute(positions, triangles, packet, boxes, instance, to_object, world_box, rays, tmin, ids, tuv):
    """Lower the best hits of all rays by one instance's triangles."""
    m = to_object
    for i in range(len(rays)):
        ox, oy, oz, dx, dy, dz = rays[i, 0], rays[i, 1], rays[i, 2], rays[i, 3], rays[i, 4], rays[i, 5]
        world_entry, world_leave = _span(world_box, slab_ray(ox, oy, oz, dx, dy, dz), tmin[i])
        if not world_entry <= world_leave:
            continue
        qx = ((m[0] * ox + m[1] * oy) + m[2] * oz) + m[3]
        qy = ((m[4] * ox + m[5] * oy) + m[6] * oz) + m[7]
        qz = ((m[8] * ox + m[9] * oy) + m[10] * oz) + m[11]
        ex = (m[0] * dx + m[1] * dy) + m[2] * dz
        ey = (m[4] * dx + m[5] * dy) + m[6] * dz
        ez = (m[8] * dx + m[9] * dy) + m[10] * dz
        slab = slab_ray(qx, qy, qz, ex, ey, ez)
        shear = shear_ray(slab, ex, ey, ez)
        kx, ky, kz = shear.row_x // LANES, shear.row_y // LANES, shear.row_z // LANES
        for number in range(len(triangles)):
            if packet[number] < 0:
                continue
            a, b, c = (
                positions[triangles[number, 0]],
                positions[triangles[number, 1]],
                positions[triangles[number, 2]],
            )
            az, bz, cz = a[kz] - shear.oz, b[kz] - shear.oz, c[kz] - shear.oz
            ax, ay = (a[kx] - shear.ox) - shear.shear_x * az, (a[ky] - shear.oy) - shear.shear_y * az
            bx, by = (b[kx] - shear.ox) - shear.shear_x * bz, (b[ky] - shear.oy) - shear.shear_y * bz
            cx, cy = (c[kx] - shear.ox) - shear.shear_x * cz, (c[ky] - shear.oy) - shear.shear_y * cz
            wa, wb, wc = cx * by - cy * bx, ax * cy - ay * cx, bx * ay - by * ax
            outside = (wa < 0 or wb < 0 or wc < 0) and (wa > 0 or wb > 0 or wc > 0)
            total = (wa + wb) + wc
            if outside or total == 0:
                continue
            inverse = np.float32(1.0) / total
            t = (((wa * az + wb * bz) + wc * cz) * shear.scale_z) * inverse
            if not t > tmin[i]:
                continue
            entry, leave = _span(boxes[packet[number]], slab, tmin[i])
            if not entry <= leave:
                continue
            t = max(t, entry, world_entry)
            if t < tuv[i, 0] or (
                t == tuv[i, 0] and (instance < ids[i, 0] or (instance == ids[i, 0] and number < ids[i, 1]))
            ):
                ids[i, 0], ids[i, 1] = instance, number
                tuv[i, 0], tuv[i, 1], tuv[i, 2] = t, wb * inverse, wc * inverse


def brute_force(world: World, rays: F32, tmin: object = 0.0, tmax: object = INFINITY) -> Hits:
    """What `closest_hits` must answer for finite rays, bit for bit."""
    near, far = _limits(rays, tmin, tmax)
    ids, tuv = np.full((len(rays), 2), -1, np.int64), np.zeros((len(rays), 3), np.float32)
    tuv[:, 0] = far
    trees = [build_mesh(*mesh) for mesh in world.meshes]
    lows, highs = world_bounds([tree.parts for tree in trees], world.instance_tree, world.object_to_world)
    if len(lows) == 1:  # a lone instance has no tree above it, and so no box of its own
        lows, highs = np.full((1, 3), -INFINITY), np.full((1, 3), INFINITY)
    for instance, which in enumerate(world.instance_tree):
        to_object = np.linalg.inv(world.object_to_world[instance])[:3].astype(np.float32).reshape(-1)
        box = np.concatenate([lows[instance], highs[instance]])
        mesh = world.meshes[which]
        groups = _packets(mesh, trees[which])
        _brute(*mesh, *groups, instance, to_object, box, rays, near, ids, tuv)
    return Hits(ids, tuv)
