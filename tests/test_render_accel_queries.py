"""What ray queries promise: the least (t, instance, triangle) of all hits, as brute force finds it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mesh.render.accel import assemble, build_mesh, inverses, move, world_bounds
from tests.ray_reference import F32, World, any_hits, brute_force, closest_hits, cloud, one_mesh
from tools.ray_scenes import boulder


def random_rays(rng: np.random.Generator, count: int, reach: float = 2.0) -> F32:
    """Rays from in and around the cube, every fourth along an axis (zeros of both signs)."""
    rays = rng.uniform(-reach, reach, (count, 6)).astype(np.float32)
    for i in range(0, count, 4):
        axis = rng.integers(0, 3)
        direction = np.where(rng.random(3) < 0.5, 0.0, -0.0)
        direction[axis] = rng.choice([-1.0, 1.0])
        rays[i, 3:] = direction
    return rays


def instanced_world(seed: int) -> World:
    """Three meshes shown nine times: turned, mirrored, stretched; two instances exactly coincide, two are not moved."""
    rng = np.random.default_rng(seed)
    meshes = [cloud(rng, count, size) for count, size in ((1, 0.5), (60, 0.2), (400, 0.1))]
    matrices = np.tile(np.eye(4), (9, 1, 1))
    matrices[:, :3, :3] += rng.normal(0, 0.6, (9, 3, 3))
    matrices[:, :3, 3] = rng.uniform(-1, 1, (9, 3))
    matrices[4] = matrices[3]
    matrices[6:8] = np.eye(4)
    return World(meshes, np.array([0, 1, 2, 1, 1, 2, 0, 1, 2], np.int32), matrices)


@pytest.mark.parametrize(("count", "size"), [(1, 1.5), (5, 0.5), (500, 0.1), (4000, 0.02)])
def test_the_nearest_triangle_of_a_cloud_is_found_bit_for_bit(count: int, size: float) -> None:
    rng = np.random.default_rng(count)
    mesh = cloud(rng, count, size)
    world, rays = one_mesh(*mesh), random_rays(rng, 2000)

    found, expected = closest_hits(world.accel(), rays), brute_force(world, rays)

    np.testing.assert_array_equal(found.ids, expected.ids)
    np.testing.assert_array_equal(found.tuv, expected.tuv)
    assert (expected.ids[:, 0] >= 0).any()


@pytest.mark.parametrize("seed", range(5))
def test_the_nearest_triangle_of_moved_instances_is_found_bit_for_bit(seed: int) -> None:
    world = instanced_world(seed)
    rays = random_rays(np.random.default_rng(seed + 100), 2000)

    found, expected = closest_hits(world.accel(), rays), brute_force(world, rays)

    np.testing.assert_array_equal(found.ids, expected.ids)
    np.testing.assert_array_equal(found.tuv, expected.tuv)
    assert len(np.unique(expected.ids[:, 0])) > 5


def test_hits_are_where_double_precision_says() -> None:
    rng = np.random.default_rng(5)
    positions, triangles = cloud(rng, 300, 0.2)
    rays = random_rays(rng, 500)

    found = closest_hits(one_mesh(positions, triangles).accel(), rays)

    hit = found.ids[:, 0] >= 0
    corners = positions.astype(np.float64)[triangles[found.ids[hit, 1]]]
    t, u, v = (found.tuv[hit, i, None].astype(np.float64) for i in range(3))
    on_triangle = (1 - u - v) * corners[:, 0] + u * corners[:, 1] + v * corners[:, 2]
    on_ray = rays[hit, :3] + t * rays[hit, 3:]
    np.testing.assert_allclose(on_triangle, on_ray, atol=2e-5)


def test_hits_lie_strictly_between_the_limits() -> None:
    world = instanced_world(7)
    rays = random_rays(np.random.default_rng(7), 1000)
    accel = world.accel()
    first = closest_hits(accel, rays)
    hit = first.ids[:, 0] >= 0
    t = first.tuv[hit, 0]

    beyond = closest_hits(accel, rays[hit], tmin=t)
    before = closest_hits(accel, rays[hit], tmax=t)

    assert (beyond.tuv[:, 0] > t).all()
    np.testing.assert_array_equal(beyond.ids, brute_force(world, rays[hit], tmin=t).ids)
    assert (before.ids == -1).all()


def test_any_hit_agrees_with_the_nearest_hit() -> None:
    rng = np.random.default_rng(11)
    rays = random_rays(rng, 3000)
    accel = instanced_world(11).accel()
    tmin, tmax = rng.uniform(0, 0.3, 3000), rng.uniform(0.2, 2.0, 3000)

    blocked = any_hits(accel, rays, tmin, tmax)

    np.testing.assert_array_equal(blocked, closest_hits(accel, rays, tmin, tmax).ids[:, 0] >= 0)
    assert 0.05 < blocked.mean() < 0.95


def test_equal_distances_go_to_the_lower_instance_then_the_lower_triangle() -> None:
    square = np.array([[-1, -1, 0], [1, -1, 0], [0, 1, 0]], np.float32)
    mesh = (square, np.array([[0, 1, 2]] * 9, np.int32))
    world = World([mesh], np.zeros(5, np.int32), np.tile(np.eye(4), (5, 1, 1)))
    rays = np.array([[0.1, 0, 1, 0, 0, -1], [0.1, 0, -1, 0, 0, 1]], np.float32)

    assert closest_hits(world.accel(), rays).ids.tolist() == [[0, 0], [0, 0]]


def test_no_ray_slips_between_triangles_that_share_edges() -> None:
    # Given a closed, crumpled sphere, rays from inside aimed exactly at its vertices and along its edges.
    rng = np.random.default_rng(13)
    steps = 24
    theta, phi = np.meshgrid(
        np.linspace(0, np.pi, steps + 1)[1:-1], np.arange(2 * steps) * np.pi / steps, indexing="ij"
    )
    unit = np.stack([np.sin(theta) * np.cos(phi), np.cos(theta), np.sin(theta) * np.sin(phi)], -1)
    ring = unit.reshape(-1, 3) * rng.uniform(0.8, 1.2, (unit.shape[0] * unit.shape[1], 1))
    positions = np.concatenate([ring, [[0, 1, 0], [0, -1, 0]]]).astype(np.float32)
    around = 2 * steps
    triangles = []
    for j in range(around):
        k = (j + 1) % around
        for i in range(steps - 2):
            a, b, c, d = i * around + j, i * around + k, (i + 1) * around + j, (i + 1) * around + k
            triangles += [[a, b, c], [b, d, c]]
        last = (steps - 2) * around
        triangles += [[len(ring), j, k], [len(ring) + 1, last + j, last + k]]
    edges = np.array(triangles)[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    weight = rng.choice([0.0, 0.25, 0.5, rng.random()], (len(edges), 1)).astype(np.float32)
    origins = rng.uniform(-0.1, 0.1, (len(edges), 3)).astype(np.float32)
    targets = positions[edges[:, 0]] * weight + positions[edges[:, 1]] * (1 - weight)
    rays = np.concatenate([origins, targets - origins], axis=1).astype(np.float32)

    assert any_hits(one_mesh(positions, triangles).accel(), rays).all()


def test_a_floor_without_thickness_stops_rays_along_every_axis() -> None:
    corners = np.array([[0, 0], [4, 0], [4, 4], [0, 4]], np.float32)
    for axis in range(3):
        positions = np.insert(corners, axis, 0.0, axis=1)
        accel = one_mesh(positions, [[0, 1, 2], [0, 2, 3]]).accel()
        grid = np.stack(np.meshgrid(np.arange(5.0), np.arange(5.0)), -1).reshape(-1, 2)
        origins = np.insert(grid, axis, 1.0, axis=1)
        direction = -np.eye(3)[axis] + 0.0
        rays = np.concatenate([origins, np.tile(direction, (25, 1))], axis=1).astype(np.float32)

        assert any_hits(accel, rays).all()  # corners, outer edges and the diagonal included


def test_an_empty_scene_is_never_hit() -> None:
    rays = random_rays(np.random.default_rng(0), 50)
    nothing = (np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32))
    empty_mesh = World([nothing], np.zeros(3, np.int32), np.tile(np.eye(4), (3, 1, 1)))
    no_instance = assemble([], np.zeros(0, np.int32), np.zeros((0, 4, 4)))

    for accel in (empty_mesh.accel(), no_instance):
        assert (closest_hits(accel, rays).ids == -1).all()
        assert not any_hits(accel, rays).any()


def test_triangles_without_area_or_with_bad_vertices_are_never_hit_and_keep_the_numbering() -> None:
    positions = [[-9, -9, 0], [9, -9, 0], [0, 9, 0], [np.nan, 0, 1], [0, np.inf, 1], [-9, 0, 1], [9, 0, 1]]
    triangles = [[0, 0, 1], [5, 6, 5], [0, 1, 3], [0, 4, 1], [0, 1, 99], [-1, 0, 1], [0, 1, 2], [2, 2, 2]]
    rays = np.array([[0, 0, 5, 0, 0, -1]], np.float32)

    assert closest_hits(one_mesh(positions, triangles).accel(), rays).ids.tolist() == [[0, 6]]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_ray_that_is_not_finite_or_has_no_direction_hits_nothing(bad: float) -> None:
    accel = one_mesh(*cloud(np.random.default_rng(1), 500, 0.5)).accel()
    rays = np.tile(np.array([0, 0, 0, 1, 1, 1], np.float32), (7, 1))
    for field in range(6):
        rays[field, field] = bad
    rays[6, 3:] = 0.0

    assert (closest_hits(accel, rays).ids == -1).all()
    assert not any_hits(accel, rays).any()


def test_a_hidden_or_broken_instance_is_skipped() -> None:
    mesh = cloud(np.random.default_rng(2), 200, 0.5)
    matrices = np.tile(np.eye(4), (3, 1, 1))
    matrices[0, :3, :3] = 0.0
    matrices[1, 0, 3] = np.nan
    rays = random_rays(np.random.default_rng(3), 200)

    found = closest_hits(World([mesh], np.zeros(3, np.int32), matrices).accel(), rays)

    assert set(np.unique(found.ids[:, 0])) == {-1, 2}


def test_moving_instances_gives_the_same_as_assembling_anew_and_shares_the_meshes() -> None:
    before, after = instanced_world(1), instanced_world(1)
    after.object_to_world[:, :3, 3] += 0.25
    trees = [build_mesh(*mesh) for mesh in before.meshes]
    accel = before.accel()

    moved = move(accel, trees, after.instance_tree, after.object_to_world)

    rays = random_rays(np.random.default_rng(4), 500)
    np.testing.assert_array_equal(closest_hits(moved, rays).tuv, closest_hits(after.accel(), rays).tuv)
    assert moved.nodes is accel.nodes
    assert moved.packets is accel.packets


def surface(low: NDArray[np.float64], high: NDArray[np.float64]) -> float:
    x, y, z = high - low
    return float(x * y + y * z + z * x)


def test_the_box_of_a_turned_ball_is_not_that_of_its_turned_box() -> None:
    # given a ball among other meshes, turned halfway between all axes
    positions, triangles = boulder(40, 1)
    trees = [build_mesh(*cloud(np.random.default_rng(1), 5, 0.5)), build_mesh(positions, triangles)]
    matrix = np.eye(4)
    turn, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    matrix[:3] = np.column_stack([0.7 * turn, [5.0, -2.0, 1.0]])

    lows, highs = world_bounds(
        [tree.parts for tree in trees], np.array([1, 1]), np.stack([np.eye(4), matrix])
    )

    # then its box holds all of it and little else
    points = positions @ matrix[:3, :3].T + matrix[:3, 3]
    low, high = points.min(axis=0), points.max(axis=0)
    assert (lows[1] <= low).all() and (highs[1] >= high).all()
    assert surface(lows[1], highs[1]) < 1.6 * surface(low, high)
    # and one that stands as it was built has the box it was built with
    np.testing.assert_allclose(np.concatenate([lows[0], highs[0]]), trees[1].bounds, rtol=1e-4)


def answers_digest() -> str:
    """A digest of trees and of answers to rays; run by the test below in another process too."""
    world = instanced_world(21)
    accel = world.accel()
    found = closest_hits(accel, random_rays(np.random.default_rng(21), 4000))
    digest = hashlib.sha256()
    for array in (accel.nodes, accel.packets, accel.top, found.ids, found.tuv):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def test_a_generic_processor_builds_the_same_trees_and_finds_the_same_hits() -> None:
    command = "from tests.test_render_accel_queries import answers_digest; print(answers_digest())"
    environment = {**os.environ, "NUMBA_CPU_NAME": "generic"}

    other = subprocess.run(
        [sys.executable, "-c", command],
        env=environment,
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )

    assert other.stdout.strip() == answers_digest()


def test_inverses_of_matrices_undo_them() -> None:
    random = np.random.default_rng(3)
    matrices = np.tile(np.eye(4), (200, 1, 1))
    matrices[:, :3] = random.normal(size=(200, 3, 4)) * 10.0 ** random.integers(-6, 6, (200, 1, 1))

    found = inverses(matrices)

    assert found == pytest.approx(np.linalg.inv(matrices)[:, :3], rel=1e-6, abs=1e-9)
    with np.errstate(all="ignore"):
        assert not np.isfinite(inverses(np.zeros((1, 4, 4)))).any()
