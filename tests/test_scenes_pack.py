"""What submit learns of a scene: the files it needs, and what can be chosen in it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from mesh.control.submission import Wish, prepare
from mesh.control.terms import JobTerms
from mesh.model.manifest import EngineName, RenderSettings
from mesh.scenes.errors import BadScene, MissingFiles, NoSuchChoice, UnsafeReference, UnsupportedExtension
from mesh.scenes.inspection import CameraInfo, ClipInfo, inspect
from mesh.scenes.pack import find_files
from tests.gltf_builder import triangle


def write_gltf(folder, uris, images=()):
    """A .gltf with one empty-looking buffer for each uri; the files themselves are not written."""
    document = {
        "asset": {"version": "2.0"},
        "buffers": [{"uri": uri, "byteLength": 4} for uri in uris],
        "images": [{"uri": uri} for uri in images],
    }
    path = folder / "scene.gltf"
    path.write_text(json.dumps(document))
    return path


def test_a_glb_needs_only_itself(tmp_path):
    path = tmp_path / "scene.glb"
    path.write_bytes(triangle().glb())
    found = find_files(path)
    assert found.entry == "scene.glb"
    assert [(file.tree_path, file.local, file.size) for file in found.files] == [
        ("scene.glb", path, path.stat().st_size)
    ]
    assert found.size == path.stat().st_size


def test_a_gltf_needs_its_buffers_and_images_each_once(tmp_path):
    (tmp_path / "maps").mkdir()
    for name in ("a b.bin", "maps/wood.png"):
        (tmp_path / name).write_bytes(b"1234")
    images = ["maps/wood.png", "./maps/wood.png", "maps/../maps/wood.png", "data:image/png;base64,"]
    found = find_files(write_gltf(tmp_path, ["a%20b.bin"], images))
    assert [file.tree_path for file in found.files] == ["scene.gltf", "a b.bin", "maps/wood.png"]
    assert [file.local for file in found.files][2] == tmp_path / "maps/wood.png"


def test_extra_files_stand_beside_the_scene_under_names_of_their_own(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "sky.hdr").write_bytes(b"1")
    (tmp_path / "elsewhere" / "sky.hdr").write_bytes(b"22")
    extra = [tmp_path / "sky.hdr", tmp_path / "elsewhere" / "sky.hdr"]
    found = find_files(write_gltf(tmp_path, []), extra)
    assert found.extras == ("sky.hdr", "sky-2.hdr")
    assert {file.tree_path: file.size for file in found.files}["sky-2.hdr"] == 2


def test_all_missing_files_are_named_in_one_sentence(tmp_path):
    (tmp_path / "there.bin").write_bytes(b"1234")
    (tmp_path / "folder.png").mkdir()
    path = write_gltf(tmp_path, ["there.bin", "gone.bin"], ["lost.png", "folder.png"])
    with pytest.raises(MissingFiles) as caught:
        find_files(path)
    assert str(caught.value).startswith(
        "scene.gltf needs 3 files that cannot be read: gone.bin, lost.png, folder.png."
    )


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("../up.bin", "which is outside the scene's folder"),
        ("a/../../up.bin", "which is outside the scene's folder"),
        ("..%2fup.bin", "which is outside the scene's folder"),
        ("..\\up.bin", "which is outside the scene's folder"),
        ("/root.bin", "which is an absolute path"),
        ("C:\\x.bin", "which is not a path relative to the scene"),
        ("file:///x.bin", "which is not a path relative to the scene"),
        ("https://host/x.bin", "which is not a path relative to the scene"),
        ("a%00b.bin", "which has characters that a file name may not have everywhere"),
        (".", "which names no file"),
    ],
)
def test_paths_never_leave_the_scenes_folder(tmp_path, uri, reason):
    with pytest.raises(UnsafeReference) as caught:
        find_files(write_gltf(tmp_path, [uri]))
    assert reason in str(caught.value)


def test_a_file_cannot_be_another_ones_folder(tmp_path):
    with pytest.raises(UnsafeReference, match="but x is a file itself"):
        find_files(write_gltf(tmp_path, ["x", "x/y.bin"]))


def test_what_could_not_be_opened_is_refused_at_once(tmp_path):
    gltf = triangle()
    gltf.json["extensionsRequired"] = ["VENDOR_magic"]
    path = tmp_path / "scene.glb"
    path.write_bytes(gltf.glb())
    with pytest.raises(UnsupportedExtension):
        find_files(path)
    path.write_bytes(triangle().glb()[:-4])
    with pytest.raises(BadScene, match="cut off or damaged"):
        find_files(path)


def test_other_formats_are_single_files(tmp_path):
    path = tmp_path / "scene.blend"
    path.write_bytes(b"BLENDER")
    assert [file.tree_path for file in find_files(path).files] == ["scene.blend"]


def full():
    gltf = triangle()
    gltf.json["scenes"][0]["name"] = "stage"
    gltf.add("cameras", {"type": "perspective", "perspective": {"yfov": 0.5, "aspectRatio": 2.39}})
    gltf.node(name="Hero", camera=0)
    clip = gltf.clip(0, "translation", [0.0, 2.5], [[0, 0, 0], [1, 0, 0]])
    gltf.json["animations"][clip]["name"] = "walk"
    gltf.json["accessors"][gltf.json["animations"][clip]["samplers"][0]["input"]]["max"] = [2.5]
    gltf.json["extensions"] = {"KHR_materials_variants": {"variants": [{"name": "night"}]}}
    return gltf


def test_inspection_lists_what_can_be_chosen(tmp_path):
    path = tmp_path / "scene.glb"
    path.write_bytes(full().glb())
    info = inspect(path)
    assert info.cameras == (CameraInfo("Hero", 2.39),)
    assert info.clips == (ClipInfo("walk", 2.5),)
    assert (info.scenes, info.variants, info.has_lights) == (("stage",), ("night",), False)


def test_inspection_agrees_with_the_opened_scene(tmp_path):
    gltf = full()
    scene = gltf.open(tmp_path)
    info = inspect(tmp_path / "scene.glb")
    assert tuple(clip.name for clip in info.clips) == scene.clips
    assert [camera.name for camera in info.cameras] == [camera.name for camera in scene.at(0.0).cameras]
    assert info.clips[0].duration == scene.duration
    assert info.variants == scene.variants


@pytest.mark.parametrize("shines", [True, False])
def test_inspection_sees_surfaces_that_shine(tmp_path, shines):
    gltf = triangle(material=0)
    gltf.add("materials", {"emissiveFactor": [0, 1 if shines else 0, 0]})
    path = tmp_path / "scene.glb"
    path.write_bytes(gltf.glb())
    assert inspect(path).has_lights is shines


def test_an_unknown_camera_is_answered_with_the_known_ones(tmp_path):
    path = tmp_path / "scene.glb"
    path.write_bytes(full().glb())
    info = inspect(path)
    info.check_camera("Hero")
    with pytest.raises(NoSuchChoice, match=r"has no camera called 'hero'\. It has: Hero\."):
        info.check_camera("hero")


def test_inspection_tells_how_much_memory_a_scene_needs_at_least(tmp_path):
    # given two triangles, 1000 times, and another mesh that nothing shows
    gltf = triangle()
    gltf.json["meshes"][0]["primitives"][0]["indices"] = gltf.accessor([0, 1, 2, 2, 1, 0], "uint16")
    gltf.mesh({"POSITION": gltf.accessor([[0, 0, 0]] * 900)})
    copies = {"attributes": {"TRANSLATION": gltf.accessor([[1, 0, 0]] * 1000)}}
    gltf.json["nodes"][0]["extensions"] = {"EXT_mesh_gpu_instancing": copies}
    path = tmp_path / "scene.glb"
    path.write_bytes(gltf.glb())
    # then they are counted by what stands there
    assert inspect(path).least_memory == 2 * 100 + 1000 * 1500


def test_a_scene_that_not_every_node_can_open_asks_for_those_that_can(tmp_path):
    gltf = triangle()
    gltf.json["accessors"][0]["count"] = gltf.json["bufferViews"][0]["byteLength"] = 180_000_000
    path = tmp_path / "city.glb"
    path.write_bytes(gltf.glb())
    wish = Wish(path, (1,), EngineName.BUILTIN, RenderSettings())

    prepared = prepare(wish)
    assert prepared.terms.memory_bytes == 6_000_001_500
    assert prepared.warnings == ("it needs at least 6.0 GB of memory: only nodes with so much render it",)
    # and whoever asks for more gets more
    more = JobTerms(memory_bytes=64_000_000_000)
    assert prepare(replace(wish, terms=more)).terms == more
    # while what any node can open asks for nothing
    path.write_bytes(triangle().glb())
    assert prepare(wish).terms == JobTerms()


def test_packing_loads_no_heavy_library():
    code = (
        "import sys, mesh.scenes, mesh.scenes.pack, mesh.scenes.inspection\n"
        "print(sorted({'numpy', 'PIL', 'OpenImageIO', 'DracoPy', 'numba'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
