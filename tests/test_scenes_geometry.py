"""Reading geometry: what a glTF file stores in many ways arrives as plain float32 and int32 arrays."""

from __future__ import annotations

import DracoPy
import numpy as np
import pytest

from tests.gltf_builder import TRIANGLE, Gltf, triangle

SQUARE = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 2, 0]]


def test_a_triangle_without_normals_gets_a_flat_one(tmp_path):
    scene = triangle().open(tmp_path)
    (mesh,) = scene.meshes
    assert mesh.positions.tolist() == TRIANGLE.tolist()
    assert mesh.triangles.tolist() == [[0, 1, 2]]
    assert mesh.normals.tolist() == [[0, 0, 1]] * 3
    assert (mesh.positions.dtype, mesh.triangles.dtype) == (np.float32, np.int32)
    assert mesh.tangents is mesh.uv0 is mesh.colors is None


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (4, [[0, 1, 2]]),
        (5, [[0, 1, 2], [1, 3, 2], [2, 3, 4]]),
        (6, [[1, 2, 0], [2, 3, 0], [3, 4, 0]]),
    ],
)
def test_lists_strips_and_fans_become_triangles(tmp_path, mode, expected):
    gltf = Gltf()
    attributes = {"POSITION": gltf.accessor(SQUARE), "NORMAL": gltf.accessor([[0, 0, 1]] * 5)}
    gltf.node(mesh=gltf.mesh(attributes, mode=mode))
    (mesh,) = gltf.open(tmp_path).meshes
    points = [[SQUARE[corner] for corner in corners] for corners in expected]
    assert mesh.positions[mesh.triangles].tolist() == points


def test_points_are_skipped_with_a_warning(tmp_path):
    scene = triangle(mode=0).open(tmp_path)
    assert scene.meshes == ()
    assert "points or lines" in scene.warnings[0]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32"])
def test_indices_of_every_size_are_read(tmp_path, dtype):
    gltf = triangle()
    gltf.json["meshes"][0]["primitives"][0]["indices"] = gltf.accessor([2, 1, 0], dtype)
    (mesh,) = gltf.open(tmp_path).meshes
    assert mesh.positions[mesh.triangles[0]].tolist() == TRIANGLE[::-1].tolist()


def test_vertices_that_no_triangle_uses_are_dropped(tmp_path):
    gltf = Gltf()
    attributes = {"POSITION": gltf.accessor(SQUARE), "NORMAL": gltf.accessor([[0, 0, 1]] * 5)}
    gltf.node(mesh=gltf.mesh(attributes, indices=gltf.accessor([1, 3, 4], "uint8")))
    (mesh,) = gltf.open(tmp_path).meshes
    assert mesh.positions.tolist() == [SQUARE[1], SQUARE[3], SQUARE[4]]
    assert mesh.triangles.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize(
    ("dtype", "stored", "expected"),
    [
        ("int8", [127, -128, 0], [1.0, -1.0, 0.0]),
        ("uint8", [255, 51, 0], [1.0, 0.2, 0.0]),
        ("int16", [32767, -32768, 0], [1.0, -1.0, 0.0]),
        ("uint16", [65535, 13107, 0], [1.0, 0.2, 0.0]),
    ],
)
def test_normalised_integers_become_fractions(tmp_path, dtype, stored, expected):
    gltf = triangle()
    stored_colors = gltf.accessor([stored] * 3, dtype, normalized=True)
    gltf.json["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"] = stored_colors
    (mesh,) = gltf.open(tmp_path).meshes
    assert mesh.colors[0].tolist() == [np.float32(x) for x in [*expected, 1.0]]


def test_quantised_positions_are_read_as_they_are(tmp_path):
    gltf = Gltf()
    gltf.json["extensionsRequired"] = gltf.json["extensionsUsed"] = ["KHR_mesh_quantization"]
    gltf.node(mesh=gltf.mesh({"POSITION": gltf.accessor(TRIANGLE * 100, "int16")}), scale=[0.01] * 3)
    scene = gltf.open(tmp_path)
    assert scene.meshes[0].positions.tolist() == (TRIANGLE * 100).tolist()
    assert scene.at(0.0).instances[0].transform[0, 0] == 0.01


def test_interleaved_attributes_are_cut_by_their_stride(tmp_path):
    gltf = Gltf()
    rows = np.hstack([TRIANGLE, np.full((3, 3), [0, 1, 0])]).astype(np.float32)
    view = gltf.view(rows.tobytes(), byteStride=24)
    layout = {"bufferView": view, "componentType": 5126, "count": 3, "type": "VEC3"}
    position = gltf.add("accessors", layout)
    normal = gltf.add("accessors", {**layout, "byteOffset": 12})
    gltf.node(mesh=gltf.mesh({"POSITION": position, "NORMAL": normal}))
    (mesh,) = gltf.open(tmp_path).meshes
    assert mesh.positions.tolist() == TRIANGLE.tolist()
    assert mesh.normals.tolist() == [[0, 1, 0]] * 3


@pytest.mark.parametrize("backed", [True, False])
def test_a_sparse_accessor_replaces_a_few_elements(tmp_path, backed):
    gltf = Gltf()
    position = gltf.accessor(TRIANGLE)
    accessor = gltf.json["accessors"][position]
    if not backed:
        del accessor["bufferView"]
    accessor["sparse"] = {
        "count": 2,
        "indices": {"bufferView": gltf.view(np.uint16([1, 2]).tobytes()), "componentType": 5123},
        "values": {"bufferView": gltf.view(np.float32([[5, 0, 0], [0, 7, 0]]).tobytes())},
    }
    gltf.node(mesh=gltf.mesh({"POSITION": position}))
    (mesh,) = gltf.open(tmp_path).meshes
    assert mesh.positions.tolist() == [[0, 0, 0], [5, 0, 0], [0, 7, 0]]


def test_the_digest_names_the_geometry_and_nothing_else(tmp_path):
    plain = triangle().open(tmp_path).meshes[0]
    colored = triangle()
    colors = colored.accessor([[1, 0, 0]] * 3)
    colored.json["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"] = colors
    moved = Gltf()
    moved.node(mesh=moved.mesh({"POSITION": moved.accessor(TRIANGLE * 2)}))
    assert colored.open(tmp_path).meshes[0].digest == plain.digest
    assert moved.open(tmp_path).meshes[0].digest != plain.digest


def test_draco_gives_the_same_triangles(tmp_path):
    gltf = Gltf()
    gltf.json["extensionsRequired"] = gltf.json["extensionsUsed"] = ["KHR_draco_mesh_compression"]
    data = DracoPy.encode(TRIANGLE, np.uint32([[0, 1, 2]]), quantization_bits=14)
    layout = {"componentType": 5126, "count": 3, "type": "VEC3"}
    compressed = {"bufferView": gltf.view(data), "attributes": {"POSITION": 0}}
    position = gltf.add("accessors", layout)
    gltf.node(mesh=gltf.mesh({"POSITION": position}, extensions={"KHR_draco_mesh_compression": compressed}))
    (mesh,) = gltf.open(tmp_path).meshes
    found = sorted(mesh.positions[mesh.triangles[0]].round(3).tolist())
    assert found == sorted(TRIANGLE.tolist())


def test_normals_that_are_not_numbers_are_ignored_with_a_warning(tmp_path):
    gltf = triangle()
    normals = gltf.accessor([[np.nan, 0, 0]] * 3)
    gltf.json["meshes"][0]["primitives"][0]["attributes"]["NORMAL"] = normals
    scene = gltf.open(tmp_path)
    assert scene.meshes[0].normals.tolist() == [[0, 0, 1]] * 3
    assert "NORMAL has numbers that are not finite" in scene.warnings[0]


@pytest.mark.parametrize(("flip", "sign"), [(1.0, -1.0), (-1.0, 1.0)])
def test_a_normal_map_without_tangents_gets_them_along_u_and_against_v(tmp_path, flip, sign):
    gltf = Gltf()
    gltf.add("textures", {"source": gltf.image([[[128, 128, 255]]])})
    material = gltf.add("materials", {"normalTexture": {"index": 0}})
    attributes = {
        "POSITION": gltf.accessor(TRIANGLE),
        "NORMAL": gltf.accessor([[0, 0, 1]] * 3),
        "TEXCOORD_0": gltf.accessor([[0, 0], [1, 0], [0, flip]]),
    }
    gltf.node(mesh=gltf.mesh(attributes, material=material))
    (mesh,) = gltf.open(tmp_path).meshes
    assert mesh.tangents.tolist() == [[1, 0, 0, sign]] * 3
