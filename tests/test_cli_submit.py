"""Submitting a job and changing it later: what the node is asked for, and what is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesh.config.paths import Paths
from mesh.control.submission import Wish
from mesh.control.terms import JobChange, JobTerms
from mesh.errors import ExitCode
from mesh.model.ids import short
from mesh.model.layers import Layer
from mesh.model.manifest import RenderSettings
from mesh.model.policy import FrameOrder
from tests.command_line import Mesh, files, one_sentence
from tests.fake_service import FakeService

pytest_plugins = ("tests.cli_fixtures",)


def test_a_scene_is_submitted_with_all_its_files_and_its_frames_land_here(
    mesh: Mesh, node: FakeService
) -> None:
    outcome = mesh("submit", "triangle.gltf", "--frames", "1-3", "--resolution", "128x128", "--samples", "4")

    assert outcome.code == ExitCode.DONE
    request = node.requests[0]
    assert [file.path for file in request.files] == ["triangle.gltf", "triangle.bin"]
    assert (request.name, request.entry, request.frames) == ("triangle", "triangle.gltf", (1, 2, 3))
    assert (request.settings.width, request.settings.samples) == (128, 4)
    assert files() == [f"renders/triangle.000{n}.{kind}" for n in (1, 2, 3) for kind in ("exr", "png")]
    assert "frame 2 written (2 of 3" in outcome.out
    assert "triangle (" in outcome.out
    assert "3 frames written to renders/triangle.####.{exr,png}" in outcome.out
    assert "render1" in outcome.out


def test_a_job_may_be_submitted_before_its_scene_is_there(mesh: Mesh, node: FakeService, home: Paths) -> None:
    outcome = mesh(
        *("submit", "later/shot.gltf", "--frames", "1-2", "--wait-for-files", "--environment", "sky.hdr"),
        *("--priority", "3"),
    )

    # the node is told where to look for the files, and frames land here when it has begun under another id
    assert outcome.code == ExitCode.DONE
    (request,) = node.pending
    here = Path.cwd()
    assert (request.name, request.scene) == ("shot", str(here / "later/shot.gltf"))
    assert request.environment == str(here / "sky.hdr")
    assert (request.frames, request.terms.priority) == ((1, 2), 3)
    assert "waits: it starts when a file is there: wood.png" in outcome.out
    assert files() == [f"renders/shot.000{n}.{kind}" for n in (1, 2) for kind in ("exr", "png")]
    assert "2 frames written to renders/shot" in outcome.out


def test_whoever_detaches_from_a_job_that_waits_is_told_for_what(mesh: Mesh, node: FakeService) -> None:
    outcome = mesh("submit", "later/shot.gltf", "--wait-for-files", "--detach", "--environment", "sky")
    (job,) = node.begins
    assert (
        f"shot is submitted as {short(job)}. Fetch its frames with: mesh collect {short(job)}" in outcome.out
    )
    assert outcome.err == "Note: it starts when a file is there: wood.png.\n"
    assert node.pending[0].environment == "sky"
    # and the id that was printed goes on meaning it
    outcome = mesh("collect", short(job))
    assert outcome.code == ExitCode.DONE
    assert files() == ["renders/shot.0001.exr", "renders/shot.0001.png"]


def test_without_being_told_to_wait_submit_says_how_to(mesh: Mesh, node: FakeService) -> None:
    Path("triangle.bin").unlink()
    outcome = mesh("submit", "triangle.gltf")
    assert one_sentence(outcome).endswith(
        "or, where files are still to come, submit it with --wait-for-files."
    )
    outcome = mesh("submit", "nothing.gltf")
    assert one_sentence(outcome).endswith("or, where it is still to come, submit it with --wait-for-files.")
    assert not node.requests


def test_how_a_job_is_to_be_treated_goes_with_it(mesh: Mesh, node: FakeService) -> None:
    mesh("submit", "triangle.gltf", "--detach")
    assert node.requests[0].terms == JobTerms()
    mesh(
        *(
            "submit",
            "triangle.gltf",
            "--detach",
            "--priority",
            "3",
            "--category",
            "film",
            "--tags",
            "gpu,fast",
        ),
        *("--on", "local,render2", "--chunk", "4", "--order", "scattered", "--after", "triangle", "--paused"),
        *("--memory", "16 GB"),
    )
    assert node.requests[1].terms == JobTerms(
        priority=3,
        category="film",
        tags=("gpu", "fast"),
        on=("local", "render2"),
        chunk=4,
        order=FrameOrder.SCATTERED,
        after=("triangle",),
        paused=True,
        memory_bytes=16_000_000_000,
    )


def test_a_job_that_will_not_start_says_so_when_it_is_left_to_the_mesh(mesh: Mesh, node: FakeService) -> None:
    node.waiting = "no node that is here may render it"
    outcome = mesh("submit", "triangle.gltf", "--detach")
    assert outcome.code == ExitCode.DONE
    assert outcome.err == "Note: no node that is here may render it.\n"
    assert "Fetch its frames with" in outcome.out
    assert "waits: no node that is here may render it." in mesh("jobs").out


def test_a_job_is_edited_while_it_runs(mesh: Mesh, node: FakeService) -> None:
    mesh("submit", "triangle.gltf", "--detach")
    outcome = mesh("edit", "triangle", "--priority", "4", "--on", "any", "--tags", "")
    assert outcome.out.endswith("): priority 4.\n")
    outcome = mesh("exclude", "triangle", "render2")
    assert outcome.out.endswith("): not on render2.\n")
    outcome = mesh("edit", "triangle", "--after", "layout,paint")
    assert outcome.out.endswith("): like any other job.\n")
    mesh("edit", "triangle", "--after", "none")
    mesh("include", "triangle", "render2", "render3")
    assert [change for _, change in node.changes] == [
        JobChange(priority=4, tags=(), on=()),
        JobChange(exclude=("render2",)),
        JobChange(after=("layout", "paint")),
        JobChange(after=()),
        JobChange(include=("render2", "render3")),
    ]


def test_layers_and_a_shutter_are_asked_for_with_the_job(mesh: Mesh, node: FakeService) -> None:
    mesh("submit", "triangle.gltf", "--detach")
    mesh("submit", "triangle.gltf", "--detach", "--aov", "Direct,depth,position", "--shutter", "0.5")
    mesh("submit", "triangle.gltf", "--detach", "--aov", "all", "--noise", "0.02", "--clamp", "0")
    mesh("submit", "triangle.gltf", "--detach", "--f-stop", "2.8", "--focus", "3")

    plain, some, every, lens = (request.settings for request in node.requests)
    assert plain == RenderSettings()
    assert (some.layers, some.shutter) == ((Layer.POSITION, Layer.DIRECT), 0.5)
    assert (every.layers, every.noise, every.clamp) == (tuple(Layer), 0.02, 0.0)
    assert (lens.f_stop, lens.focus) == (2.8, 3.0)


def test_an_environment_image_goes_with_the_scene(mesh: Mesh, node: FakeService) -> None:
    Path("light").mkdir()
    Path("light/studio.hdr").write_bytes(b"#?RADIANCE")
    mesh("submit", "triangle.gltf", "--environment", "light/studio.hdr", "--detach")
    mesh("submit", "triangle.gltf", "--environment", "sky", "--detach")
    assert [file.path for file in node.requests[0].files] == ["triangle.gltf", "triangle.bin", "studio.hdr"]
    assert [request.settings.environment for request in node.requests] == ["studio.hdr", "sky"]


def test_a_command_without_enough_memory_says_so_and_what_to_do(
    mesh: Mesh, node: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(wish: Wish) -> None:
        raise MemoryError

    monkeypatch.setattr("mesh.cli.submit.prepare", too_large)
    outcome = mesh("submit", "triangle.gltf")
    assert outcome.code == ExitCode.REFUSED
    assert "not enough memory here for this command" in one_sentence(outcome)
