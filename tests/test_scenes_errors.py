"""A broken scene file is answered with one sentence that names the place, never with a crash."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from mesh.errors import MeshError
from mesh.scenes import open_scene
from mesh.scenes.errors import BadScene, MissingFiles, UnknownFormat, UnsupportedExtension
from tests.gltf_builder import TRIANGLE, Gltf, pack_glb, rich, triangle


def test_the_scene_that_the_table_breaks_is_whole(tmp_path):
    assert rich().open(tmp_path).warnings == ()


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        (("asset", "version"), "1.0", "asset.version is '1.0'; only glTF 2.0 is known"),
        (("meshes",), {}, "meshes should be an array, not an object"),
        (("meshes", 0), 7, "meshes[0] should be an object, not a number"),
        (("meshes", 0, "primitives"), [], "meshes[0].primitives has no primitives"),
        (
            ("meshes", 0, "primitives", 0, "mode"),
            9,
            "meshes[0].primitives[0].mode is 9; it should be at most 6",
        ),
        (
            ("meshes", 0, "primitives", 0, "attributes", "POSITION"),
            99,
            "meshes[0].primitives[0].attributes.POSITION refers to accessors[99], but the file has only 7",
        ),
        (
            ("meshes", 0, "primitives", 0, "indices"),
            0,
            "primitives[0].indices should be SCALAR, but accessors[0] is VEC3",
        ),
        (("meshes", 0, "primitives", 0, "material"), -1, "material is -1; it should be at least 0"),
        (("meshes", 0, "weights"), [1, 2, 3], "meshes[0].weights should have 1 numbers, not 3"),
        (("accessors", 0, "count"), 4, "accessors[0] reaches to byte 48, but bufferViews[0] has 36"),
        (("accessors", 0, "count"), 10**18, "accessors[0].count is"),
        (("accessors", 0, "count"), 2, "indices refers to vertex 2, but there are 2"),
        (("accessors", 0, "count"), "3", "accessors[0].count should be a whole number, not a string"),
        (("accessors", 0, "type"), "VEC5", "accessors[0].type is 'VEC5', which is no accessor type"),
        (
            ("accessors", 0, "componentType"),
            5124,
            "accessors[0].componentType is 5124, which is no component type",
        ),
        (("accessors", 0, "byteOffset"), 2**52, "accessors[0] reaches to byte"),
        (("accessors", 1, "componentType"), 5120, "accessors[1].componentType should hold unsigned integers"),
        (("accessors", 5, "count"), 1, "animations[0].samplers[0].output has"),
        (("bufferViews", 0, "buffer"), 3, "bufferViews[0].buffer refers to buffers[3]"),
        (("bufferViews", 0, "byteLength"), 10**9, "but buffers[0] has"),
        (("bufferViews", 0, "byteStride"), 300, "bufferViews[0].byteStride is 300; it should be at most 252"),
        (("nodes", 1, "children"), [1], "nodes[1] is its own ancestor"),
        (("nodes", 1, "translation"), [1, 2], "nodes[1].translation should have 3 numbers, not 2"),
        (("nodes", 1, "scale"), [1e300, 1, 1], "nodes[1].scale[0] is 1e+300; it should be at most 1e+15"),
        (("scenes", 0, "nodes"), [0, 0, 1], "scenes[0].nodes names a node twice"),
        (("scene",), 4, "scene refers to scenes[4], but the file has only 1"),
        (("skins", 0, "joints"), [], "skins[0].joints has no joints"),
        (("cameras", 0, "type"), "fisheye", "cameras[0].type is 'fisheye'; it should be one of perspective"),
        (("cameras", 0, "perspective", "yfov"), 9, "cameras[0].perspective.yfov is 9; it should be at most"),
        (("textures", 0, "source"), 5, "textures[0].source refers to images[5]"),
        (("samplers", 0, "wrapS"), 5, "samplers[0].wrapS is 5, which is no wrapping mode"),
        (
            ("materials", 0, "alphaMode"),
            "GLASS",
            "materials[0].alphaMode is 'GLASS'; it should be one of OPAQUE",
        ),
        (
            ("materials", 0, "doubleSided"),
            1,
            "materials[0].doubleSided should be true or false, not a number",
        ),
        (
            ("materials", 0, "extensions", "KHR_materials_ior", "ior"),
            0.5,
            "materials[0].extensions.KHR_materials_ior.ior is 0.5; it should be 0, or 1 and above",
        ),
        (
            ("animations", 0, "samplers", 0, "interpolation"),
            "EASE",
            "interpolation is 'EASE'; it should be one of STEP",
        ),
        (("animations", 0, "channels", 0, "sampler"), 3, "channels[0].sampler refers to samplers[3]"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_with_its_place(tmp_path, place, value, sentence):
    gltf = rich()
    *parents, last = place
    at = gltf.json
    for key in parents:
        at = at[key]
    at[last] = value
    with pytest.raises(BadScene) as caught:
        gltf.open(tmp_path)
    assert str(caught.value).startswith("scene.glb cannot be rendered: ")
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("positions", "times", "sentence"),
    [
        ([[np.inf, 0, 0], [1, 0, 0], [0, 1, 0]], [0, 1], "POSITION has coordinates that are infinite"),
        ([[np.nan, 0, 0], [1, 0, 0], [0, 1, 0]], [0, 1], "POSITION has coordinates that are infinite"),
        (TRIANGLE, [1, 0], "animations[0].samplers[0].input has times that do not ascend"),
        (TRIANGLE, [0, np.nan], "animations[0].samplers[0].input has times that are negative, not finite"),
        (TRIANGLE, [0, 0.5, 1], "output has 6 numbers for 3 keyframes, not 9"),
    ],
)
def test_numbers_in_buffers_are_checked_too(tmp_path, positions, times, sentence):
    gltf = Gltf()
    gltf.node(mesh=gltf.mesh({"POSITION": gltf.accessor(positions)}))
    gltf.clip(0, "translation", times, [[0, 0, 0], [1, 0, 0]])
    with pytest.raises(BadScene) as caught:
        gltf.open(tmp_path)
    assert sentence in str(caught.value)


def test_a_joint_beyond_the_skin_is_named(tmp_path):
    gltf = rich()
    attributes = gltf.json["meshes"][0]["primitives"][0]["attributes"]
    attributes["JOINTS_0"] = gltf.accessor([[0, 0, 0, 9]] * 3, "uint8")
    with pytest.raises(BadScene, match=r"nodes\[0\]\.skin has vertices bound to joint 9, but its skin has 1"):
        gltf.open(tmp_path)


def test_sparse_indices_must_ascend(tmp_path):
    gltf = triangle()
    gltf.json["accessors"][0]["sparse"] = {
        "count": 2,
        "indices": {"bufferView": gltf.view(b"\1\1"), "componentType": 5121},
        "values": {"bufferView": gltf.view(bytes(24))},
    }
    with pytest.raises(BadScene, match=r"accessors\[0\]\.sparse\.indices should ascend and stay below 3"):
        gltf.open(tmp_path)


def test_an_accessor_without_data_cannot_fill_the_memory(tmp_path):
    gltf = Gltf()
    huge = gltf.add("accessors", {"componentType": 5126, "count": 2**30, "type": "VEC3"})
    gltf.node(mesh=gltf.mesh({"POSITION": huge}))
    with pytest.raises(BadScene, match="too many for an accessor without data"):
        gltf.open(tmp_path)


def test_a_required_extension_that_is_unknown_refuses_the_file(tmp_path):
    gltf = triangle()
    gltf.json["extensionsRequired"] = ["KHR_texture_transform", "VENDOR_magic"]
    with pytest.raises(
        UnsupportedExtension, match="requires VENDOR_magic, which this version does not support"
    ):
        gltf.open(tmp_path)


whole = triangle().glb()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "does not begin with the glTF mark"),
        (whole[:8], "ends within its 12-byte header"),
        (whole[:60], f"says it has {len(whole)} bytes but holds 60"),
        (whole[:4] + struct.pack("<I", 1) + whole[8:], "has container version 1, only 2 is known"),
        (whole[:12] + struct.pack("<I", 10**6) + whole[16:], "has a chunk of 1000000 bytes at byte 12"),
        (whole[:8] + struct.pack("<I", 12) + whole[12:], "has no JSON chunk"),
        (whole[:16] + b"BIN\0" + whole[20:], "does not begin with a JSON chunk"),
        (pack_glb(b'{"asset": {"version"', b""), "is not valid JSON"),
        (pack_glb(b'{"asset": {"version": "2.0"}, "scene": NaN}', b""), "NaN is not a JSON number"),
        (pack_glb(b"[" * 100_000, b""), "is nested too deeply"),
        (pack_glb(b"[]", b""), "should be a JSON object"),
        (pack_glb(b"\xff\xfe", b""), "is not valid JSON"),
        (pack_glb(b"1" * 5000, b""), "is not valid JSON"),
        (pack_glb(b"{}", b""), "asset is missing"),
    ],
)
def test_a_broken_container_is_refused(tmp_path, data, sentence):
    path = tmp_path / "scene.glb"
    path.write_bytes(data)
    with pytest.raises(BadScene) as caught:
        open_scene(path)
    assert sentence in str(caught.value)


def test_other_formats_are_refused_by_name(tmp_path):
    path = tmp_path / "scene.obj"
    path.write_bytes(b"v 0 0 0\n")
    with pytest.raises(UnknownFormat, match=r"scene\.obj is not a scene file that can be read here"):
        open_scene(path)


def test_a_missing_scene_and_a_missing_buffer_are_named(tmp_path):
    with pytest.raises(MissingFiles, match=r"nowhere\.glb"):
        open_scene(tmp_path / "nowhere.glb")
    gltf = triangle()
    gltf.json["buffers"] = [{"uri": "gone.bin", "byteLength": 36}]
    (tmp_path / "scene.gltf").write_text(json.dumps(gltf.json))
    with pytest.raises(MissingFiles, match=r"gone\.bin"):
        open_scene(tmp_path / "scene.gltf")


@pytest.mark.parametrize(
    "uri", ["../secret.bin", "/etc/passwd", "http://host/x.bin", "a/../../x", "%2e%2e/x"]
)
def test_a_scene_cannot_reach_out_of_its_folder(tmp_path, uri):
    gltf = triangle()
    gltf.json["buffers"] = [{"uri": uri, "byteLength": 36}]
    (tmp_path / "scene.gltf").write_text(json.dumps(gltf.json))
    with pytest.raises(MeshError, match=r"refers to .* at buffers\[0\]\.uri, which is"):
        open_scene(tmp_path / "scene.gltf")
