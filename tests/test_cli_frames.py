"""Frames as they land here: written, told of, collected again, and never over others."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from mesh.errors import ExitCode
from mesh.model.look import Depth, Look, OcioView, View
from tests.command_line import Mesh, files, one_sentence
from tests.fake_service import FakeService, event
from tests.joining_writer import JoiningWriter

pytest_plugins = ("tests.cli_fixtures",)


def test_how_files_are_written_is_told_to_the_writer(
    mesh: Mesh, node: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = JoiningWriter()
    monkeypatch.setattr("mesh.cli.follow.WriterClient", lambda: writer)

    mesh("submit", "triangle.gltf", "--exr-bits", "32", "--view", "filmic", "--exposure", "1")
    mesh("collect", "triangle", "--overwrite", "--ocio", "ocio://default", "--view", "Un-tone-mapped")
    mesh("collect", "triangle", "--overwrite", "--exposure", "auto")

    assert [request.look for request in writer.written] == [
        Look(View.FILMIC, 1.0, depth=Depth.FLOAT),
        Look(ocio=OcioView("ocio://default", view="Un-tone-mapped")),
        Look(auto_exposure=True),
    ]


def test_a_detached_job_prints_how_to_collect_it_and_that_works(mesh: Mesh, node: FakeService) -> None:
    outcome = mesh("submit", "triangle.gltf", "--frames", "1,3", "--detach", "-o", "out")
    assert outcome.code == ExitCode.DONE
    assert files() == []

    command = outcome.out.rpartition("with: mesh ")[2].split()
    assert mesh(*command).code == ExitCode.DONE
    assert files() == [f"out/triangle.000{n}.{kind}" for n in (1, 3) for kind in ("exr", "png")]


def test_scripts_read_progress_as_json_lines(mesh: Mesh, node: FakeService) -> None:
    outcome = mesh("submit", "triangle.gltf", "--frames", "1-2", "--json")
    lines = [json.loads(line) for line in outcome.out.splitlines()]
    assert [line["event"] for line in lines if line["event"] != "progress"] == [
        "submitted",
        "frame",
        "frame",
        "closed",
    ]
    frame = next(line for line in lines if line["event"] == "frame")
    assert (frame["frame"], frame["nodes"]) == (1, ["render1"])
    assert [Path(file["path"]).name for file in frame["files"]] == ["triangle.0001.exr", "triangle.0001.png"]
    assert lines[-1]["state"] == "done"


def test_failed_frames_are_said_and_make_the_exit_code_one(mesh: Mesh, node: FakeService) -> None:
    node.failing = frozenset({2})
    outcome = mesh("submit", "triangle.gltf", "--frames", "1-3", "--format", "png")
    assert outcome.code == ExitCode.FRAMES_FAILED
    assert "1 failed" in outcome.out
    assert "Frame 2 failed on three nodes." in outcome.out
    assert files() == ["renders/triangle.0001.png", "renders/triangle.0003.png"]


def test_frames_that_exist_are_refused_and_nothing_is_submitted(mesh: Mesh, node: FakeService) -> None:
    mesh("submit", "triangle.gltf", "--frames", "2", "--format", "png")
    outcome = mesh("submit", "triangle.gltf", "--frames", "1-3", "--format", "png")
    assert outcome.code == ExitCode.REFUSED
    assert "triangle.0002.png in renders would be overwritten" in one_sentence(outcome)
    assert len(node.requests) == 1


@pytest.mark.parametrize(
    ("resolution", "free", "fits"),
    [("16384x16384", 15, False), ("16384x16384", 16, True), ("1920x1080", 0, True)],
)
def test_a_frame_that_has_no_room_on_the_disk_is_refused_before_it_is_rendered(
    mesh: Mesh,
    node: FakeService,
    monkeypatch: pytest.MonkeyPatch,
    resolution: str,
    free: int,
    fits: bool,
) -> None:
    monkeypatch.setattr(
        "mesh.control.outputs.shutil.disk_usage", lambda folder: SimpleNamespace(free=free * 10**9)
    )
    outcome = mesh("submit", "triangle.gltf", "--resolution", resolution, "--format", "png")
    assert len(node.requests) == fits
    if not fits:
        assert outcome.code == ExitCode.REFUSED
        assert "A frame takes 15.0 GB on the disk of renders" in one_sentence(outcome)
        assert "which has 15.0 GB left" in outcome.err
        assert not Path("renders").exists()


def test_skipped_frames_are_not_even_rendered(mesh: Mesh, node: FakeService) -> None:
    mesh("submit", "triangle.gltf", "--frames", "2", "--format", "png")
    assert mesh("submit", "triangle.gltf", "--frames", "1-3", "--format", "png", "--skip-existing").code == 0
    assert node.requests[1].frames == (1, 3)
    again = mesh("submit", "triangle.gltf", "--frames", "1-3", "--format", "png", "--skip-existing")
    assert again.out == "Every frame is already in renders/triangle.####.png.\n"
    assert len(node.requests) == 2


def test_collecting_goes_on_where_it_stopped(mesh: Mesh, node: FakeService) -> None:
    mesh("submit", "triangle.gltf", "--frames", "1-3", "--format", "png", "--name", "shot")
    Path("renders/shot.0002.png").unlink()
    outcome = mesh("collect", "shot", "--format", "png", "--skip-existing")
    assert outcome.code == 0
    assert "frame 2 written" in outcome.out
    assert "frame 1 written" not in outcome.out


def test_overwriting_replaces_frames(mesh: Mesh, node: FakeService) -> None:
    mesh("submit", "triangle.gltf", "--format", "png")
    Path("renders/triangle.0001.png").write_text("old")
    assert mesh("collect", "triangle", "--format", "png", "--overwrite").code == 0
    assert Path("renders/triangle.0001.png").read_text() != "old"


def test_detaching_without_a_node_says_that_one_is_needed(mesh: Mesh) -> None:
    outcome = mesh("submit", "triangle.gltf", "--detach")
    assert outcome.code == ExitCode.NO_MESH
    assert one_sentence(outcome).endswith("start one with `mesh join`.")


def test_the_job_s_events_are_told_as_they_happen(mesh: Mesh, node: FakeService) -> None:
    before, other = event(1, "render9 is here"), event(3, "not ours", job="ff" * 32)
    mine = event(2, "what render3 had not finished of triangle is taken up again (2 frames, 80 buckets)")
    node.shown = replace(node.shown, events=(before,))
    looked = node.results

    def results(job, after):  # type: ignore[no-untyped-def]
        node.shown = replace(node.shown, revision=2, events=(before, mine, other))
        return looked(job, after)

    node.results = results  # type: ignore[method-assign]
    outcome = mesh("submit", "triangle.gltf", "--frames", "1-6")
    assert outcome.out.count("is taken up again (2 frames, 80 buckets)") == 1
    assert "render9" not in outcome.out
    assert "not ours" not in outcome.out
