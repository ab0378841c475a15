"""Tangents made for files that have none are those of MikkTSpace, vertices split as it splits them."""

from __future__ import annotations

import numpy as np
import pytest

from mesh.scenes.tangents import tangent_space
from tests.gltf_builder import Gltf

# Four squares, the right two with their uvs mirrored, tilted and uneven; every vertex is shared by all around it.
GRID = np.array(
    [[x, y, (3 * x * x + 5 * y + x * y) % 4 * 0.25] for y in range(3) for x in range(3)], np.float32
)
GRID_UV = np.array(
    [[(0.3, 0.7, 0.2)[x] + 0.1 * y, 0.4 * y + 0.1 * x * y] for y in range(3) for x in range(3)], np.float32
)
CORNERS = [(y * 3 + x, y * 3 + x + 1, y * 3 + x + 3, y * 3 + x + 4) for y in range(2) for x in range(2)]
TRIANGLES = np.array([t for a, b, c, d in CORNERS for t in ((a, b, c), (b, d, c))], np.int32)
# What the reference implementation gives for it, corner by corner (as of Blender 4.5), v turned to run down.
REFERENCE = {
    (0, 0): (0.9119, -0.3283, 0.2462, -1),
    (0, 1): (0.9582, -0.2289, 0.1716, -1),
    (1, 1): (0.9703, -0.1936, 0.1452, -1),
    (2, 0): (-0.9119, -0.3283, 0.2462, 1),
    (2, 1): (-0.9992, -0.0323, 0.0242, 1),
    (3, 1): (-0.9561, 0.2345, -0.1760, 1),
    (4, 0): (0.9720, -0.1879, 0.1409, -1),
    (5, 1): (0.9439, -0.2643, 0.1982, -1),
    (7, 1): (-0.9864, 0.1315, -0.0986, 1),
    (7, 2): (-0.9618, 0.2191, -0.1643, 1),
}  # fmt: skip


def flat(count: int, normal: tuple[float, float, float] = (0.0, 0.0, 1.0)) -> np.ndarray:
    return np.tile(np.array(normal, np.float32), (count, 1))


def test_tangents_are_the_reference_s() -> None:
    made = tangent_space(GRID, flat(9, (0.0, 0.6, 0.8)), GRID_UV, TRIANGLES)
    for (triangle, corner), expected in REFERENCE.items():
        assert made.tangents[made.triangles[triangle, corner]] == pytest.approx(expected, abs=2e-4)


def test_vertices_are_split_where_mirrored_uvs_meet_and_nowhere_else() -> None:
    made = tangent_space(GRID, flat(9, (0.0, 0.6, 0.8)), GRID_UV, TRIANGLES)
    assert made.source.tolist() == [0, 1, 1, 2, 3, 4, 4, 5, 6, 7, 7, 8]
    assert np.array_equal(made.source[made.triangles], TRIANGLES)


def test_triangles_that_only_touch_in_a_vertex_do_not_share_its_tangent() -> None:
    positions = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]], np.float32)
    uv = np.array([[0, 0], [1, 0], [0, 1], [0, 1], [1, 0]], np.float32)
    made = tangent_space(positions, flat(5), uv, np.array([[0, 1, 2], [0, 3, 4]], np.int32))
    first, second = (made.tangents[made.triangles[t, 0]].tolist() for t in (0, 1))
    assert first == pytest.approx([1, 0, 0, -1])
    assert second == pytest.approx([0, -1, 0, 1])


def test_vertices_that_are_alike_count_as_one() -> None:
    """Two triangles of a curved strip that share an edge, but no vertex numbers."""
    joined = tangent_space(GRID, flat(9), GRID_UV, TRIANGLES[:2])
    apart = tangent_space(
        GRID[TRIANGLES[:2].reshape(-1)],
        flat(6),
        GRID_UV[TRIANGLES[:2].reshape(-1)],
        np.arange(6, dtype=np.int32).reshape(2, 3),
    )
    assert np.array_equal(apart.tangents[apart.triangles], joined.tangents[joined.triangles])


@pytest.mark.parametrize("uv", [0.0, 0.5])
def test_uvs_without_area_give_some_tangent_in_the_plane(uv: float) -> None:
    made = tangent_space(GRID, flat(9), np.full((9, 2), uv, np.float32), TRIANGLES)
    assert np.abs(made.tangents[:, 2]).max() == 0.0
    assert np.linalg.norm(made.tangents[:, :3], axis=1) == pytest.approx(np.ones(9))


def test_a_file_s_vertices_are_split_with_all_they_carry(tmp_path) -> None:
    gltf = Gltf()
    gltf.add("textures", {"source": gltf.image([[[128, 128, 255]]])})
    attributes = {
        "POSITION": gltf.accessor(GRID),
        "NORMAL": gltf.accessor(flat(9)),
        "TEXCOORD_0": gltf.accessor(GRID_UV),
        "TEXCOORD_1": gltf.accessor(GRID_UV * 2.0),
        "COLOR_0": gltf.accessor(np.arange(27.0).reshape(9, 3)),
    }
    material = gltf.add("materials", {"normalTexture": {"index": 0}})
    target = {"POSITION": gltf.accessor(GRID + 1.0)}
    indices = gltf.accessor(TRIANGLES.reshape(-1), "uint16")
    gltf.node(mesh=gltf.mesh(attributes, indices=indices, material=material, targets=[target]), weights=[1.0])

    scene = gltf.open(tmp_path)

    (mesh,), (instance,) = scene.meshes, scene.at(0.0).instances
    source = [0, 1, 1, 2, 3, 4, 4, 5, 6, 7, 7, 8]
    assert np.array_equal(mesh.positions, GRID[source])
    assert np.array_equal(mesh.uv1, (GRID_UV * 2.0)[source])
    assert mesh.colors[:, 0].tolist() == [3.0 * vertex for vertex in source]
    assert instance.deformed.positions == pytest.approx((GRID + GRID + 1.0)[source])
    assert {tuple(row) for row in instance.deformed.tangents[:, 3:].tolist()} == {(-1.0,), (1.0,)}


@pytest.mark.parametrize("extension", ["KHR_materials_anisotropy", "KHR_materials_clearcoat"])
def test_whatever_needs_a_direction_gets_tangents(tmp_path, extension) -> None:
    fields = {
        "KHR_materials_anisotropy": {"anisotropyStrength": 0.5},
        "KHR_materials_clearcoat": {"clearcoatFactor": 1.0, "clearcoatNormalTexture": {"index": 0}},
    }
    gltf = Gltf()
    gltf.add("textures", {"source": gltf.image([[[128, 128, 255]]])})
    attributes = {
        "POSITION": gltf.accessor([[0, 0, 0], [1, 0, 0], [0, 1, 0]]),
        "TEXCOORD_0": gltf.accessor([[0, 0], [0, 1], [-1, 0]]),
    }
    material = gltf.add("materials", {"extensions": {extension: fields[extension]}})
    gltf.node(mesh=gltf.mesh(attributes, material=material))
    assert gltf.open(tmp_path).meshes[0].tangents == pytest.approx(np.array([[0, -1, 0, -1]] * 3), abs=1e-6)
