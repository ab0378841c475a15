"""One sample traced again: the very path that was rendered, told so that its numbers add up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mesh.engines.adapter import KERNEL_CACHE
from mesh.engines.builtin_frame import BuiltinRenderer
from mesh.engines.builtin_replay import replay
from mesh.engines.protocol import Refused, Replay, Step, Story, frame, read_message
from mesh.model.layers import LIGHT
from mesh.model.manifest import RenderSettings
from mesh.model.units import Unit
from mesh.render.pixels import decode
from tests.gltf_builder import little_room

SETTINGS = RenderSettings(width=6, height=6, bucket=6, samples=16, max_depth=4, clamp=0.0)


@pytest.fixture
def room(tmp_path: Path) -> Path:
    (tmp_path / "room.glb").write_bytes(little_room().glb())
    return tmp_path


def ask(room: Path, x: int, y: int, sample: int) -> Replay:
    return Replay(str(room), "room.glb", SETTINGS, 1, x, y, sample)


def value(step: Step, name: str) -> np.ndarray:
    return np.array(dict(step.numbers)[name])


def test_the_samples_of_a_pixel_are_what_the_film_averages(room: Path) -> None:
    renderer = BuiltinRenderer(room, "room.glb", SETTINGS, (1,), 1)
    _, data = renderer.render(Unit(1, 0, 1), lambda _share: None, lambda: 1)
    renderer.close()
    pixel = decode(data).buckets[0][3, 2, :3]

    stories = [replay(ask(room, 2, 3, sample)) for sample in range(SETTINGS.samples)]

    assert {story.taken for story in stories} == {16}
    assert np.mean([story.radiance for story in stories], axis=0) == pytest.approx(pixel, rel=1e-5)
    brightest = replay(ask(room, 2, 3, -1))
    assert sum(brightest.radiance) == max(sum(story.radiance) for story in stories)


def test_what_each_step_brings_adds_up_to_the_sample(room: Path) -> None:
    for sample in range(SETTINGS.samples):
        story = replay(ask(room, 3, 3, sample))
        total = np.zeros(3)
        for step in story.steps:
            if step.kind in ("emit", "miss"):
                total += value(step, "contribution")
            elif step.kind == "light":
                total += value(step, "unshadowed") * value(step, "visible")
        assert total == pytest.approx(np.array(story.radiance), rel=1e-4, abs=1e-6)


def test_the_last_step_tells_in_which_passes_the_sample_is_seen(room: Path) -> None:
    seen = set()
    for sample in range(SETTINGS.samples):
        story = replay(ask(room, 3, 3, sample))
        passes = {name: color for name, color in story.steps[-1].numbers if name in tuple(LIGHT)}
        together = np.sum(list(passes.values()) or [(0.0, 0.0, 0.0)], axis=0)
        assert together == pytest.approx(np.array(story.radiance), rel=1e-5, abs=1e-6)
        seen |= passes.keys()
    assert {"diffuse-direct", "glossy-direct"} <= seen


def test_things_and_lights_are_called_by_their_names(room: Path) -> None:
    stories = [replay(ask(room, x, 3, sample)) for x in range(6) for sample in range(4)]
    steps = [step for story in stories for step in story.steps]

    assert all(story.steps[0].kind == "camera" for story in stories)
    assert ("floor", "grey") in {(step.object, step.material) for step in steps if step.kind == "vertex"}
    assert {step.about for step in steps if step.kind == "light"} == {"lamp", "a shining surface"}


def test_a_process_of_its_own_answers_over_its_pipes(room: Path) -> None:
    kernels = str(Path(os.environ["NUMBA_CACHE_DIR"]).parent)
    for request, kind in (
        (ask(room, 2, 3, 5), Story),
        (Replay("nowhere", "x.glb", SETTINGS, 1, 0, 0, 0), Refused),
    ):
        with subprocess.Popen(
            [sys.executable, "-m", "mesh.engines.replay"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, KERNEL_CACHE: kernels},
        ) as process:
            assert process.stdin and process.stdout
            process.stdin.write(frame(request))
            process.stdin.flush()
            answer = read_message(process.stdout)
        assert isinstance(answer, kind)
        if isinstance(answer, Story):
            assert answer == replay(request)
