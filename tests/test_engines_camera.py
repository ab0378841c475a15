"""The built-in engine's camera and light: lenses by their f-stop, and suns as bright as suns are."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mesh.engines.builtin_frame import BuiltinRenderer
from mesh.engines.builtin_light import choose_pose
from mesh.model.manifest import RenderSettings
from mesh.model.units import Unit
from mesh.render.pixels import decode
from mesh.scenes.description import Camera, Snapshot
from tests.gltf_builder import Gltf
from tests.render_scenes import facing

BOX = (-1.0, -1.0, -2.0), (1.0, 1.0, 0.0)
FIFTY = replace(facing(z=4.0), yfov=2.0 * math.atan(0.012 / 0.05))
"""A 50 mm lens, five metres before the middle of the box."""


def lens(camera: Camera, **settings: float) -> tuple[float, float]:
    """The radius of the aperture and the distance of focus."""
    pose = choose_pose(Snapshot(0.0, (), (camera,), ()), BOX, RenderSettings(**settings), 1)  # type: ignore[arg-type]
    return pose.aperture_radius, pose.focus_distance


def test_an_f_stop_is_the_focal_length_over_the_aperture() -> None:
    assert lens(FIFTY, f_stop=2.0) == pytest.approx((0.0125, 5.0))
    assert lens(FIFTY, f_stop=4.0, focus=1.5) == pytest.approx((0.00625, 1.5))


def test_without_an_f_stop_the_lens_is_the_scene_s() -> None:
    assert lens(FIFTY) == (0.0, 0.0)
    assert lens(replace(FIFTY, aperture_radius=0.1, focus_distance=2.0)) == (0.1, 2.0)


def test_a_parallel_camera_has_no_lens() -> None:
    assert lens(replace(FIFTY, orthographic_height=2.0), f_stop=2.0)[0] == 0.0


@pytest.mark.parametrize("lux", [3.0, 100_000.0])
def test_what_a_sun_lights_is_as_bright_as_it_is_whatever_the_firefly_clamp(
    tmp_path: Path, lux: float
) -> None:
    """A white wall shows its illuminance over pi; exporters give suns a hundred thousand lux."""
    gltf = Gltf()
    corners = gltf.accessor([[-9, -9, 0], [9, -9, 0], [9, 9, 0], [-9, 9, 0]])
    white = {
        "pbrMetallicRoughness": {"metallicFactor": 0},
        "extensions": {"KHR_materials_specular": {"specularFactor": 0}},
    }
    gltf.json["extensionsUsed"] = ["KHR_lights_punctual", "KHR_materials_specular"]
    indices = gltf.accessor([0, 1, 2, 0, 2, 3], "uint16")
    gltf.node(mesh=gltf.mesh({"POSITION": corners}, indices=indices, material=gltf.add("materials", white)))
    gltf.json["extensions"] = {"KHR_lights_punctual": {"lights": [{"type": "directional", "intensity": lux}]}}
    gltf.node(extensions={"KHR_lights_punctual": {"light": 0}})
    perspective = {"yfov": 0.1, "znear": 0.1}
    gltf.node(
        translation=[0, 0, 4], camera=gltf.add("cameras", {"type": "perspective", "perspective": perspective})
    )
    (tmp_path / "wall.glb").write_bytes(gltf.glb())
    settings = RenderSettings(width=4, height=4, samples=16, max_depth=2)
    renderer = BuiltinRenderer(tmp_path, "wall.glb", settings, (1,), 1)
    _, data = renderer.render(Unit(1, 0, 1), lambda _share: None, lambda: 1)
    renderer.close()
    assert decode(data).buckets[0][:, :, :3] == pytest.approx(np.full((4, 4, 3), lux / math.pi), rel=1e-3)
