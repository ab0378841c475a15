"""The demo scene: valid, the same every time, light enough, and moving in a loop."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from mesh.scenes import open_scene
from mesh.scenes.inspection import inspect
from mesh.scenes.still_life import FRAMES, still_life, write_still_life


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("still_life") / "still_life.glb"
    write_still_life(path)
    return path


def test_it_is_the_same_every_time(path):
    assert path.read_bytes() == still_life()


def test_it_opens_without_a_warning_and_stays_light(path):
    scene = open_scene(path)
    assert scene.warnings == ()
    assert sum(len(mesh.triangles) for mesh in scene.meshes) <= 60_000
    assert path.stat().st_size < 4_000_000


def test_it_has_one_widescreen_camera_its_own_light_and_one_clip_of_a_second(path):
    info = inspect(path)
    assert [camera.aspect for camera in info.cameras] == [16.0 / 9.0]
    assert info.has_lights
    assert [(clip.name, clip.duration) for clip in info.clips] == [("swing", 1.0)]


def test_the_clip_loops_and_moves_between(path):
    scene = open_scene(path)

    def poses(frame):
        snapshot = scene.at(frame / FRAMES)
        return np.array([item.transform for item in (*snapshot.instances, *snapshot.cameras)])

    # Frame 25 starts the clip again.
    assert poses(FRAMES) == pytest.approx(poses(0), abs=1e-6)
    assert np.abs(poses(FRAMES // 2) - poses(0)).max() > 0.05


def test_its_pixels_are_pinned(path):
    # The same on every machine; it changes only when somebody edits the scene's textures on purpose.
    digest = hashlib.sha256(b"".join(image.pixels.tobytes() for image in open_scene(path).images))
    assert digest.hexdigest()[:16] == "d0bd7730fb3c3dcb"


def test_every_normal_is_of_unit_length_and_points_to_the_outside(path):
    for mesh in open_scene(path).meshes:
        length = np.sqrt((mesh.normals.astype(float) ** 2).sum(axis=1))
        assert length == pytest.approx(1.0, abs=1e-5)
        corners = mesh.positions[mesh.triangles].astype(float)
        faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        agreement = (faces * mesh.normals[mesh.triangles].sum(axis=1)).sum(axis=1)
        assert (agreement > 0.0).all(), mesh.name
