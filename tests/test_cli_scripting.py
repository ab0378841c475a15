"""What scripts read: one line of JSON for each event, nothing else on the standard output, and the same names everywhere."""

from __future__ import annotations

import json

import pytest

from mesh.errors import ExitCode
from tests.command_line import Mesh
from tests.fake_service import FakeService

pytest_plugins = ("tests.cli_fixtures",)


def objects(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("detach", [True, False])
def test_submitting_says_in_one_line_what_was_submitted(mesh: Mesh, node: FakeService, detach: bool) -> None:
    node.waiting = "it is paused"
    outcome = mesh("submit", "triangle.gltf", "--json", *(["--detach"] * detach))
    first = objects(outcome.out)[0]
    assert first["event"] == "submitted"
    assert set(first) >= {"job", "short", "durable_on"}
    if detach:
        assert len(objects(outcome.out)) == 1
        assert (first["name"], first["waiting"]) == ("triangle", "it is paused")
    assert outcome.err == ""


def test_the_last_line_says_how_a_job_ended(mesh: Mesh, node: FakeService) -> None:
    node.failing = frozenset({2})
    outcome = mesh("submit", "triangle.gltf", "--frames", "1-3", "--json")
    closed = objects(outcome.out)[-1]
    assert outcome.code == ExitCode.FRAMES_FAILED
    assert (closed["event"], closed["state"], closed["name"]) == ("closed", "failed", "triangle")
    assert (closed["frames_done"], closed["frames_failed"], closed["written"]) == (2, 1, 2)
    assert closed["failures"] == ["Frame 2 failed on three nodes."]
    assert closed["job"] == objects(outcome.out)[0]["job"]


@pytest.mark.parametrize("command", [("collect", "triangle"), ("submit", "triangle.gltf")])
def test_where_every_frame_is_there_already_a_script_reads_that_too(
    mesh: Mesh, node: FakeService, command: tuple[str, str]
) -> None:
    mesh("submit", "triangle.gltf", "--json")
    (closed,) = objects(mesh(*command, "--skip-existing", "--json").out)
    assert (closed["event"], closed["written"]) == ("closed", 0)


@pytest.mark.parametrize(
    "command",
    [
        ("cancel", "triangle"),
        ("pause", "triangle"),
        ("resume", "triangle"),
        ("retry", "triangle"),
        ("edit", "triangle", "--priority", "4"),
        ("exclude", "triangle", "render1"),
        ("include", "triangle", "render1"),
    ],
)
def test_who_steers_a_job_reads_how_it_stands(
    mesh: Mesh, node: FakeService, command: tuple[str, ...]
) -> None:
    mesh("submit", "triangle.gltf", "--detach")
    (listed,) = json.loads(mesh("jobs", "--json").out)
    status = json.loads(mesh(*command, "--json").out)
    assert status.keys() == listed.keys()
    assert status["job"] == listed["job"]
