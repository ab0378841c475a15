"""Replaying a sample of a job: from its files, on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mesh.engines.protocol import Replay, Step, Story
from mesh.render.build import engine_build
from tests.command_line import Mesh, one_sentence
from tests.fake_service import FakeService

pytest_plugins = ("tests.cli_fixtures",)


def test_a_sample_is_replayed_from_the_files_of_the_job(
    mesh: Mesh, node: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh("submit", "triangle.gltf", "--detach", "--frames", "3")
    node.build = engine_build()
    asked: list[Replay] = []

    def ask(request: Replay) -> Story:
        asked.append(request)
        assert (Path(request.scene_dir) / "triangle.bin").read_bytes() == bytes(36)
        vertex = Step("vertex", 0, "floor", "oak", 7, "", tuple((name, (1.0,)) for name in _VERTEX))
        result = Step(
            "result", 0, numbers=(("radiance", (1.0, 2.0, 3.0)), ("clamp", (1.0,)), ("direct", (1.0,)))
        )
        return Story(3, 10, 20, 5, 64, 0.0, (1.0, 2.0, 3.0), (vertex, result))

    monkeypatch.setattr("mesh.control.replaying._ask", ask)

    outcome = mesh("replay", "triangle", "3", "10", "20", "5")
    as_json = mesh("replay", "triangle", "3", "10", "20", "--json")

    assert [request.sample for request in asked] == [5, -1]
    assert outcome.out.splitlines() == [
        "frame 3, pixel 10 20, sample 5 of 64: radiance 1 2 3",
        "  1. floor (oak), triangle 7, front, at 1, 1 away; normal 1, throughput 1",
        "  sum: 1 2 3, of it 1 by way of one surface",
    ]
    assert json.loads(as_json.out)["steps"][0]["object"] == "floor"


_VERTEX = ("position", "normal", "distance", "side", "throughput")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["9", "0", "0"], "it has no frame 9, but 1"),
        (["1", "960", "0"], "pixel 960 0 is outside its 960x540"),
        (["1", "0", "0", "64"], "a pixel has samples 0 to 63"),
        (["1", "0", "0"], "was rendered by builtin-000000000000, but this machine has builtin-"),
    ],
)
def test_what_cannot_be_replayed_is_one_sentence(
    mesh: Mesh, node: FakeService, arguments: list[str], words: str
) -> None:
    mesh("submit", "triangle.gltf", "--detach")
    assert words in one_sentence(mesh("replay", "triangle", *arguments))
