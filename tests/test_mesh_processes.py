"""Real nodes as processes on loopback: what a mesh promises when they are killed.

Most of these render with the sleeping engine, whose pixels are a digest of what was asked for.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mesh.control.client import Client
from mesh.control.service import JobAction, SceneFile, SubmitRequest
from mesh.model.manifest import EngineName, RenderSettings
from mesh.model.status import JobState, JobStatus, MeshStatus, NodeState
from tests.gltf_builder import Gltf, triangle
from tools.processes import running_mesh, start_node

PATIENCE = 120.0
"""Seconds after which a wait is given up: a mistake, never a matter of speed."""


def wait_for(client: Client, wanted: Callable[[MeshStatus], bool]) -> MeshStatus:
    """The first status that is as wanted."""
    deadline = time.monotonic() + PATIENCE
    status = client.status()
    while not wanted(status):
        assert time.monotonic() < deadline, f"never came to be: {status}"
        status = client.wait_status(status.revision, 1.0)
    return status


def job_in(status: MeshStatus, job: str) -> JobStatus | None:
    return next((one for one in status.jobs if one.job == job), None)


def is_done(job: str) -> Callable[[MeshStatus], bool]:
    def check(status: MeshStatus) -> bool:
        found = job_in(status, job)
        return found is not None and found.state is JobState.DONE

    return check


def submit_naps(client: Client, folder: Path, frames: int, milliseconds: int) -> str:
    """A job of `frames` frames of 16 buckets that take `milliseconds` each; its id."""
    nothing = folder / "nothing"
    nothing.write_bytes(b"nothing to see")
    stored = client.put_blob(nothing, "nothing")
    request = SubmitRequest(
        name="naps",
        submitter="tester@here",
        files=(SceneFile("nothing", stored.blob, stored.size),),
        entry="nothing",
        frames=tuple(range(1, frames + 1)),
        engine=EngineName.SLEEP,
        settings=RenderSettings(width=64, height=64, bucket=16, samples=milliseconds),
    )
    return client.submit(request).job.hex()


def nap_pixels(frame: int, start: int, stop: int) -> bytes:
    """What the sleeping engine renders, worked out here."""
    digest = hashlib.sha256()
    for bucket in range(start, stop):
        digest.update(f"0/{frame}/{bucket};".encode())
    return digest.digest()


def check_every_pixel(client: Client, job: str, frames: int) -> None:
    """Every bucket of every frame can be had from `client`'s node, and is what one node alone renders."""
    covered: set[tuple[int, int]] = set()
    cursor = 0
    while True:
        page = client.results(job, cursor)
        if not page.entries:
            break
        cursor = page.cursor
        for entry in page.entries:
            pixels = b"".join(client.get_blob(entry.pixels, job))
            assert pixels == nap_pixels(entry.frame, entry.start, entry.stop)
            covered |= {(entry.frame, bucket) for bucket in range(entry.start, entry.stop)}
    assert covered == {(frame, bucket) for frame in range(1, frames + 1) for bucket in range(16)}


def test_a_job_outlives_its_submitter(tmp_path: Path) -> None:
    # given a job submitted on ada and safe on two other nodes
    with running_mesh(tmp_path, ("ada", "grace", "linus")) as nodes:
        with nodes["ada"].connect() as client:
            job = submit_naps(client, tmp_path, frames=40, milliseconds=200)
            wait_for(client, lambda status: (one := job_in(status, job)) is not None and one.durable)
        # when ada is killed
        nodes["ada"].kill()
        # then any other node ends up with all of it
        with nodes["linus"].connect() as client:
            status = wait_for(client, is_done(job))
            ada = next(node for node in status.nodes if node.name == "ada")
            assert ada.state is NodeState.DEAD
            check_every_pixel(client, job, 40)


def test_the_work_of_a_killed_node_is_taken_up_again(tmp_path: Path) -> None:
    with running_mesh(tmp_path, ("ada", "grace", "linus")) as nodes, nodes["ada"].connect() as client:
        # given a job in the middle of which linus renders
        job = submit_naps(client, tmp_path, frames=60, milliseconds=300)
        wait_for(client, lambda status: any(one.activities for one in status.nodes if one.name == "linus"))
        # when linus is killed
        nodes["linus"].kill()
        # then the job is done all the same, and people were told
        status = wait_for(client, is_done(job))
        check_every_pixel(client, job, 60)
        kinds = [event.kind for event in status.events]
        assert "node-down" in kinds
        assert "work-reassigned" in kinds


def test_a_cancelled_job_frees_every_node(tmp_path: Path) -> None:
    with running_mesh(tmp_path, ("ada", "grace")) as nodes, nodes["ada"].connect() as client:
        job = submit_naps(client, tmp_path, frames=100, milliseconds=1000)
        wait_for(client, lambda status: all(node.activities for node in status.nodes))
        # when it is cancelled from a node that did not submit it
        with nodes["grace"].connect() as other:
            other.act(job, JobAction.CANCEL)
        status = wait_for(client, lambda status: not any(node.activities for node in status.nodes))
        cancelled = job_in(status, job)
        assert cancelled is not None
        assert cancelled.state is JobState.CANCELLED


def test_a_whole_mesh_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    # given a mesh of two that has rendered a part of a job
    with running_mesh(tmp_path, ("ada", "grace")) as nodes:
        with nodes["ada"].connect() as client:
            job = submit_naps(client, tmp_path, frames=40, milliseconds=200)
            wait_for(client, lambda status: (one := job_in(status, job)) is not None and one.frames_done > 3)
        # when both are killed and started again
        for node in nodes.values():
            node.kill()
        again = [start_node(name, node.home, "--loopback", "--port", "0") for name, node in nodes.items()]
        try:
            # then the job is done
            with again[0].connect() as client:
                wait_for(client, is_done(job))
                check_every_pixel(client, job, 40)
        finally:
            for node in again:
                node.end()


# --- pictures -----------------------------------------------------------------------------------------


def spinning_triangle() -> Gltf:
    """A triangle that turns half around in a second."""
    gltf = triangle()
    gltf.clip(0, "rotation", [0.0, 1.0], [[0, 0, 0, 1], [0, 0, 1, 0]])
    return gltf


def mesh_command(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mesh.cli", *arguments],
        env={**os.environ, "MESH_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def submit_scene(home: Path, scene: Path, output: Path) -> subprocess.CompletedProcess[str]:
    return mesh_command(
        home,
        "submit",
        str(scene),
        "--frames",
        "1-3",
        "--resolution",
        "96x64",
        "--samples",
        "16",
        "-o",
        str(output),
    )


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """A scene, and its frames as one machine renders them where nothing is set up."""
    folder = tmp_path_factory.mktemp("alone")
    scene = folder / "spin.glb"
    scene.write_bytes(spinning_triangle().glb())
    done = submit_scene(folder / "home", scene, folder / "frames")
    assert done.returncode == 0, done.stderr
    return scene, {file.name: file.read_bytes() for file in sorted((folder / "frames").iterdir())}


def test_submit_needs_nothing_set_up(alone: tuple[Path, dict[str, bytes]]) -> None:
    _, frames = alone
    assert list(frames) == [f"spin.000{n}.{kind}" for n in (1, 2, 3) for kind in ("exr", "png")]
    assert frames["spin.0001.png"] != frames["spin.0002.png"], "nothing moves"


@pytest.mark.parametrize("names", [("ada", "grace"), ("ada", "grace", "linus")], ids=["two", "three"])
def test_a_mesh_renders_the_bytes_that_one_node_renders(
    names: tuple[str, ...], alone: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    scene, expected = alone
    options = dict.fromkeys(names, ("--threads", "1"))
    with running_mesh(tmp_path, names, options) as nodes:
        done = submit_scene(nodes[names[-1]].home, scene, tmp_path / "frames")
    assert done.returncode == 0, done.stderr
    assert {file.name: file.read_bytes() for file in sorted((tmp_path / "frames").iterdir())} == expected


def test_frames_can_be_collected_from_another_node(
    alone: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    scene, expected = alone
    with running_mesh(tmp_path, ("ada", "grace")) as nodes:
        done = submit_scene(nodes["ada"].home, scene, tmp_path / "mine")
        assert done.returncode == 0, done.stderr
        nodes["ada"].kill()
        collected = mesh_command(nodes["grace"].home, "collect", "spin", "-o", str(tmp_path / "theirs"))
    assert collected.returncode == 0, collected.stderr
    assert {file.name: file.read_bytes() for file in sorted((tmp_path / "theirs").iterdir())} == expected
