"""An open shutter: moments that share a frame's samples, and what they make of what moves."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.engines.builtin_frame import BuiltinRenderer
from mesh.engines.builtin_shutter import Moment, moments
from mesh.model.layers import Layer
from mesh.model.manifest import RenderSettings
from mesh.model.units import Grid, Unit
from mesh.render.output import Frame, assemble
from mesh.render.pixels import decode
from tests.gltf_builder import Gltf
from tests.shared_scenes import shared_scene


def test_without_a_shutter_there_is_one_moment_with_every_sample() -> None:
    assert moments(7, RenderSettings(samples=50)) == (Moment(0.0, 0, 50),)


def test_moments_lie_evenly_around_the_frame_s_time() -> None:
    asked = RenderSettings(samples=8, shutter=0.5, motion_steps=4)
    assert moments(7, asked) == (
        Moment(-0.1875, 0, 2),
        Moment(-0.0625, 2, 4),
        Moment(0.0625, 4, 6),
        Moment(0.1875, 6, 8),
    )
    assert [moment.offset for moment in moments(1, asked)] == [0.0, 0.0, 0.0625, 0.1875]


@given(samples=st.integers(1, 500), steps=st.integers(2, 64))
def test_every_sample_is_taken_once(samples: int, steps: int) -> None:
    found = moments(3, RenderSettings(samples=samples, shutter=1.0, motion_steps=steps))
    taken = [sample for moment in found for sample in range(moment.start, moment.stop)]
    assert taken == list(range(samples))
    assert all(moment.start < moment.stop for moment in found)


def flying_square(folder: Path, start: float = -4.0) -> None:
    """Half a metre wide, eight metres to the right in two seconds, of which two around the middle are seen from above."""
    gltf = Gltf()
    corners = [[-0.25, -9, 0], [0.25, -9, 0], [0.25, 9, 0], [-0.25, 9, 0]]
    mesh = gltf.mesh(
        {"POSITION": gltf.accessor(corners)}, indices=gltf.accessor([0, 1, 2, 0, 2, 3], "uint16")
    )
    gltf.node(mesh=mesh, name="square")
    gltf.node(
        name="camera",
        translation=[0, 0, 4],
        camera=gltf.add("cameras", {"type": "orthographic", "orthographic": {"xmag": 1, "ymag": 1 / 64, "znear": 1, "zfar": 9}}),
    )  # fmt: skip
    gltf.clip(0, "translation", [0.0, 2.0], [[start, 0, 0], [start + 8, 0, 0]])
    (folder / "square.glb").write_bytes(gltf.glb())


def frame_of(folder: Path, entry: str, frame: int, asked: RenderSettings, cut: int = 1) -> Frame:
    """Frame `frame`, rendered in `cut` units one after the other."""
    renderer = BuiltinRenderer(folder, entry, asked, (frame,), 2)
    count = Grid(asked.width, asked.height, asked.bucket).count
    edges = [count * k // cut for k in range(cut + 1)]
    payloads = [
        decode(renderer.render(Unit(frame, a, b), lambda _share: None, lambda: count)[1])
        for a, b in pairwise(edges)
        if b > a
    ]
    renderer.close()
    return assemble(payloads)


def test_what_flies_by_covers_each_place_for_as_long_as_it_was_there(tmp_path: Path) -> None:
    flying_square(tmp_path)
    asked = RenderSettings(
        width=64, height=1, samples=256, fps=4.0, shutter=1.0, motion_steps=128, max_depth=1
    )

    covered = frame_of(tmp_path, "square.glb", 5, asked).pixels[0, :, 3]

    # The square moves by one metre, from -0.5 to 0.5: a place sees it for half the time at most, and the share
    # falls to nothing a quarter of a metre beyond either end.
    at = (np.arange(64) + 0.5) / 32 - 1.0
    share = np.clip(np.minimum(at + 0.75, 0.75 - at) / 1.0, 0.0, 0.5)
    assert covered == pytest.approx(share, abs=0.03)


def test_what_comes_to_its_clip_s_end_is_not_blurred_back_to_its_beginning(tmp_path: Path) -> None:
    # Given a square that the clip's end leaves in the middle of the picture,
    flying_square(tmp_path, start=-8.0)
    asked = RenderSettings(
        width=64, height=1, samples=128, fps=4.0, shutter=1.0, motion_steps=64, max_depth=1
    )
    # when the last frame's shutter is open half before and half after that,
    covered = frame_of(tmp_path, "square.glb", 9, asked).pixels[0, :, 3]
    # then the square comes half a metre to there in the first half, and stands there for the second.
    at = (np.arange(64) + 0.5) / 32 - 1.0
    coming = np.clip(np.minimum(at + 0.25, 0.0) - np.maximum(at - 0.25, -0.5), 0.0, 0.5)
    share = coming + 0.5 * (np.abs(at) < 0.25)
    away = np.abs(np.abs(at) - 0.25) > 0.04  # from its edges, which the pixel filter softens
    assert covered[away] == pytest.approx(share[away], abs=0.03)


def test_a_bending_fox_is_the_same_in_one_unit_and_in_many() -> None:
    folder = shared_scene("Fox.glb").parent
    plain = RenderSettings(width=48, height=48, bucket=16, samples=8, clip="Run", layers=tuple(Layer))
    asked = replace(plain, shutter=1.0, motion_steps=4)

    whole = frame_of(folder, "Fox.glb", 6, asked)
    cut = frame_of(folder, "Fox.glb", 6, asked, 5)
    sharp = frame_of(folder, "Fox.glb", 6, plain)

    assert cut.pixels.tobytes() == whole.pixels.tobytes()
    assert np.abs(sharp.pixels[:, :, 3] - whole.pixels[:, :, 3]).max() > 0.2
