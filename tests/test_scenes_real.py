"""Real files from real exporters open as they should. Found through $MESH_TEST_SCENES or beside the project."""

from __future__ import annotations

import numpy as np
import pytest

from mesh.scenes import open_scene
from mesh.scenes.pack import find_files
from mesh.scenes.tangents import tangent_space
from tests.shared_scenes import shared_scene


def bounds(scene, time):
    """The corners of the box around everything at `time`."""
    corners = []
    for instance in scene.at(time).instances:
        mesh = instance.deformed or scene.meshes[instance.mesh]
        corners.append(mesh.positions @ instance.transform[:3, :3].T + instance.transform[:3, 3])
    points = np.concatenate(corners)
    return points.min(axis=0), points.max(axis=0)


@pytest.mark.parametrize(
    ("name", "triangles", "materials", "images", "clips"),
    [
        ("FlightHelmet/FlightHelmet.gltf", 94722, 6, 15, ()),
        ("Fox.glb", 576, 1, 1, ("Survey", "Walk", "Run")),
        ("CesiumMilkTruck.glb", 2856, 4, 1, ("animation 1",)),
        ("Duck.glb", 4212, 1, 1, ()),
        ("CornellBox.glb", 36, 5, 0, ()),
        ("AlphaBlendModeTest.glb", 61, 6, 9, ()),
        ("DepthOfFieldExample.glb", 10610, 3, 5, ()),
    ],
)
def test_real_scenes_open_in_full(name, triangles, materials, images, clips):
    scene = open_scene(shared_scene(name))
    assert sum(len(mesh.triangles) for mesh in scene.meshes) == triangles
    assert (len(scene.materials), len(scene.images), scene.clips) == (materials, images, clips)
    assert scene.warnings == ()


def test_a_gltf_is_packed_with_all_its_textures():
    found = find_files(shared_scene("FlightHelmet/FlightHelmet.gltf"))
    assert len(found.files) == 17
    assert found.files[0].tree_path == found.entry == "FlightHelmet.gltf"


def test_the_fox_walks_and_comes_back():
    scene = open_scene(shared_scene("Fox.glb"), clip="Walk")
    start, middle, again = (scene.at(scene.duration * part).instances[0].deformed for part in (0.0, 0.5, 2.0))
    assert middle.digest != start.digest
    assert again.positions == pytest.approx(start.positions, abs=1e-3)
    low, high = bounds(scene, 0.3)
    assert -2.0 < low[1] < 2.0
    assert 60.0 < high[1] < 100.0


def test_the_trucks_wheels_turn_about_their_axles():
    scene = open_scene(shared_scene("CesiumMilkTruck.glb"))
    early, late = scene.at(0.0).instances, scene.at(0.3).instances
    turning = [at for at in range(len(early)) if not np.array_equal(early[at].transform, late[at].transform)]
    assert len(turning) == 2
    for at in turning:
        assert early[at].transform[:, 3] == pytest.approx(late[at].transform[:, 3], abs=1e-6)


def test_computed_tangents_agree_with_those_an_exporter_wrote():
    """Nearly: its own weighted faces in another way than MikkTSpace does."""
    for mesh in open_scene(shared_scene("FlightHelmet/FlightHelmet.gltf")).meshes:
        made = tangent_space(mesh.positions, mesh.normals, mesh.uv0, mesh.triangles)
        theirs = mesh.tangents[made.source]
        assert len(made.source) < 1.001 * len(mesh.positions)
        assert (made.tangents[:, 3] == theirs[:, 3]).mean() > 0.999
        agreement = (made.tangents[:, :3] * theirs[:, :3]).sum(axis=1)
        assert (agreement > 0.95).mean() > 0.98
