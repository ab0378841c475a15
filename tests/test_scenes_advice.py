"""What submitters are told of a scene whose frames, framing or lamps are not what its author saw."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mesh.control.submission import Wish, prepare
from mesh.model.manifest import EngineName, RenderSettings
from mesh.scenes.advice import advice
from mesh.scenes.inspection import CameraInfo, ClipInfo, SceneInfo, inspect
from tests.gltf_builder import triangle

PLAIN = SceneInfo("shot.glb", (), (), (), (), True, 0, ())
BLENDER = replace(PLAIN, generator="Khronos glTF Blender I/O v4.5.51")
AT_24 = RenderSettings()
AT_30 = RenderSettings(fps=30.0)
ALL = range(1, 241)


def sampled(first: int, last: int, fps: float) -> ClipInfo:
    """A clip with a keyframe at each of Blender's frames, times as float32 has them."""
    return ClipInfo("Scene", last / fps + 1e-8, first / fps - 1e-8, 1.0 / fps)


@pytest.mark.parametrize(
    ("clip", "settings", "frames", "said"),
    [
        (sampled(0, 29, 30), AT_30, ALL, []),
        (sampled(0, 29, 24), AT_24, ALL, []),
        (sampled(1, 24, 24), AT_24, [1], []),
        (sampled(1, 24, 24), AT_24, ALL, ["frames 1-24 are frames 2-25 here"]),
        (sampled(101, 130, 30), AT_30, ALL, ["frames 101-130 are frames 102-131 here"]),
        (sampled(0, 29, 30), AT_24, ALL, ["30 frames a second: with --fps 30, which is 24 now,"]),
        # Every second of 24 frames, or 12 a second: nobody knows.
        (sampled(0, 14, 12), AT_24, ALL, []),
        # What is exported at 23.976 has frames a thousandth shorter than at 24.
        (sampled(0, 29, 24.024), AT_24, ALL, ["--fps 24.024"]),
        (sampled(101, 130, 30), AT_24, ALL, ["--fps 30", "frames 101-130 are frames 102-131 here"]),
        (sampled(0, 29, 30), AT_30, range(101, 131), ["after the end of its animation, frame 30:"]),
        # Without a keyframe for each frame the rate is not to be known, and --fps is taken to be right.
        (
            ClipInfo("Scene", 130 / 30, 101 / 30, 29 / 30),
            AT_30,
            ALL,
            ["frames 101-130 are frames 102-131 here"],
        ),
        (ClipInfo("Scene", None), AT_24, ALL, []),
    ],
)
def test_blenders_frames_are_told_as_frames_here(clip, settings, frames, said):
    told = advice(replace(BLENDER, clips=(clip,)), frames, settings)
    assert len(told) == len(said)
    for sentence, part in zip(told, said, strict=True):
        assert part in sentence


def test_of_other_programs_nothing_is_said_about_frames():
    assert advice(replace(PLAIN, clips=(sampled(1, 24, 30),)), ALL, AT_24) == ()


def test_clips_that_do_not_play_are_named_unless_one_was_chosen():
    clips = (ClipInfo("walk", 1.0), ClipInfo("camera", 9.0), ClipInfo("run", 1.0, plays=False))
    info = replace(PLAIN, clips=clips)
    assert advice(info, ALL, AT_24) == (
        "of its clips walk, camera play, and not run: --clip NAME chooses one",
    )
    assert advice(info, ALL, RenderSettings(clip="run")) == ()
    assert advice(replace(PLAIN, clips=clips[:2]), ALL, AT_24) == ()


@pytest.mark.parametrize(
    ("aspect", "size", "said"),
    [
        (16 / 9, (960, 540), None),
        (16 / 9, (1366, 768), None),
        (None, (100, 300), None),
        (
            0.6,
            (960, 540),
            "more is seen at the sides than camera Hero frames: --resolution 576x960 shows just that",
        ),
        (
            2.39,
            (960, 540),
            "less is seen at the sides than camera Hero frames: --resolution 960x402 shows just that",
        ),
    ],
)
def test_a_picture_of_another_aspect_than_its_camera_is_told(aspect, size, said):
    info = replace(PLAIN, cameras=(CameraInfo("Other", 1.0), CameraInfo("Hero", aspect)))
    told = advice(info, [1], RenderSettings(width=size[0], height=size[1], camera="Hero"))
    assert told == (() if said is None else (f"at {size[0]}x{size[1]} {said}",))


def test_which_of_several_cameras_is_taken_is_told_unless_one_was_chosen():
    # Blender does not export which of them was the active one.
    info = replace(PLAIN, cameras=tuple(CameraInfo(name, None) for name in ("Close", "Wide", "Top")))
    assert advice(info, [1], AT_24) == (
        "its first camera, Close, is taken: --camera NAME chooses another of Wide, Top",
    )
    assert advice(info, [1], RenderSettings(camera="Top")) == ()
    assert advice(replace(info, cameras=info.cameras[:1]), [1], AT_24) == ()


@pytest.mark.parametrize(
    ("lux", "candela", "said"),
    [(5.0, 80.0, False), (683.0, 0.0, True), (0.0, 54351.0, True), (0.0, 0.0, False)],
)
def test_blenders_lamps_in_lux_are_told_apart_from_those_in_watts(lux, candela, said):
    lit = replace(BLENDER, lux=lux, candela=candela)
    assert ["Unitless" in sentence for sentence in advice(lit, [1], AT_24)] == [True] * said
    assert advice(replace(lit, generator="another"), [1], AT_24) == ()


def shot():
    """A moving triangle under a sun and a lamp, seen by an upright camera, as Blender would export it."""
    gltf = triangle()
    gltf.json["asset"]["generator"] = BLENDER.generator
    gltf.add("cameras", {"type": "perspective", "perspective": {"yfov": 0.5, "aspectRatio": 0.5}})
    gltf.node(name="Hero", camera=0)
    gltf.clip(0, "translation", [1 / 24, 2 / 24, 3 / 24], [[0, 0, 0], [1, 0, 0], [2, 0, 0]])
    gltf.json["accessors"][gltf.json["animations"][0]["samplers"][0]["input"]] |= {
        "min": [1 / 24],
        "max": [3 / 24],
    }
    lights = [{"type": "directional", "intensity": 700.0}, {"type": "point", "intensity": 30.0}]
    gltf.json["extensions"] = {"KHR_lights_punctual": {"lights": lights}}
    for light in (0, 1):
        gltf.node(extensions={"KHR_lights_punctual": {"light": light}})
    return gltf


def test_inspection_tells_what_advice_wants_to_know(tmp_path):
    path = tmp_path / "shot.glb"
    path.write_bytes(shot().glb())
    info = inspect(path)
    assert (info.generator, info.lux, info.candela) == (BLENDER.generator, 700.0, 30.0)
    (clip,) = info.clips
    assert (clip.first, clip.duration, clip.plays) == (1 / 24, 3 / 24, True)
    assert clip.step == pytest.approx(1 / 24)


def test_advice_comes_with_the_warnings_at_submit(tmp_path):
    path = tmp_path / "shot.glb"
    path.write_bytes(shot().glb())
    prepared = prepare(Wish(path, (1, 2, 3), EngineName.BUILTIN, AT_24))
    for part in ("frames 1-3 are frames 2-4", "Unitless", "--resolution 480x960"):
        assert any(part in warning for warning in prepared.warnings)
