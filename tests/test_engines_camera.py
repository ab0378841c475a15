"""The built-in engine's camera and light: lenses by their f-stop, and suns as bright as suns are."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.engines.builtin_frame import BuiltinRenderer
from mesh.engines.builtin_light import choose_pose
from mesh.engines.builtin_outline import outline
from mesh.model.manifest import RenderSettings
from mesh.model.units import Unit
from mesh.render.camera import Pose
from mesh.render.pixels import decode
from mesh.scenes.description import Camera, Material, Snapshot
from tests.gltf_builder import Gltf
from tests.render_scenes import Still, ball, facing

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


def on_film(pose: Pose, point: tuple[float, ...]) -> tuple[float, float]:
    """Where a point is seen, from -1 to 1 each way on a square film."""
    offset = [point[k] - pose.origin[k] for k in range(3)]
    x, y, z = (
        sum(a * b for a, b in zip(offset, axis, strict=True)) for axis in (pose.right, pose.up, pose.back)
    )
    assert z < 0.0
    return x / -z / math.tan(pose.yfov / 2.0), y / -z / math.tan(pose.yfov / 2.0)


@given(
    low=st.tuples(*[st.floats(-50, 50)] * 3),
    size=st.tuples(*[st.floats(0.01, 100)] * 3),
)
def test_a_camera_that_frames_a_box_fills_the_film_with_it(low, size) -> None:
    high = tuple(a + b for a, b in zip(low, size, strict=True))
    pose = choose_pose(Snapshot(0.0, (), (), ()), (low, high), RenderSettings(width=64, height=64), 1)
    seen = [
        on_film(pose, (x, y, z))
        for x in (low[0], high[0])
        for y in (low[1], high[1])
        for z in (low[2], high[2])
    ]
    edges = [(min(at[k] for at in seen), max(at[k] for at in seen)) for k in range(2)]
    widest = max(abs(edge) for pair in edges for edge in pair)
    assert widest == pytest.approx(1.0 / 1.12, abs=0.01)
    assert any(-left == pytest.approx(right, abs=0.01) for left, right in edges)


def test_a_turntable_never_cuts_the_scene_off() -> None:
    box = (-3.0, 0.0, -0.5), (3.0, 1.0, 0.5)
    for frame in range(1, 13):
        pose = choose_pose(
            Snapshot(0.0, (), (), ()), box, RenderSettings(width=64, height=64, turntable=12), frame
        )
        for corner in ((x, y, z) for x in (-3.0, 3.0) for y in (0.0, 1.0) for z in (-0.5, 0.5)):
            assert max(map(abs, on_film(pose, corner))) < 1.0


def test_a_scene_is_framed_by_its_vertices_not_by_the_box_around_them() -> None:
    """A ball's box has corners where the ball is not."""
    still = Still((ball(0, 1.0, 24),), (Material(),), facing())
    snapshot = replace(still.scene().at(0.0), cameras=())
    box = (-1.0, -1.0, -1.0), (1.0, 1.0, 1.0)
    asked = RenderSettings(width=64, height=64)
    near = choose_pose(snapshot, box, asked, 1, outline(still.scene(), snapshot))
    far = choose_pose(snapshot, box, asked, 1)
    # Around a ball of 1 the cone of half the view's angle, less the margin, has its tip 1 / sin away.
    half = math.atan(math.tan(0.3) / 1.12)
    assert math.hypot(*near.origin) == pytest.approx(1.0 / math.sin(half), rel=0.01)
    assert math.hypot(*far.origin) > 1.3 * math.hypot(*near.origin)


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
    asked = RenderSettings(width=4, height=4, samples=16, max_depth=2)
    renderer = BuiltinRenderer(tmp_path, "wall.glb", asked, (1,), 1)
    _, data = renderer.render(Unit(1, 0, 1), lambda _share: None, lambda: 1)
    renderer.close()
    assert decode(data).buckets[0][:, :, :3] == pytest.approx(np.full((4, 4, 3), lux / math.pi), rel=1e-3)
