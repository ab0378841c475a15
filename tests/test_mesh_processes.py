"""Real nodes as processes on loopback: what a mesh promises when they are killed.

Most of these render with the sleeping engine, whose pixels are a digest of what was asked for.
"""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mesh.control.client import Client
from mesh.control.errors import RefusedByNode
from mesh.control.service import JobAction, SceneFile, SubmitRequest
from mesh.control.submission import Wish, submit_when_complete
from mesh.control.terms import JobChange, JobTerms
from mesh.errors import ExitCode
from mesh.model.manifest import EngineName, RenderSettings
from mesh.model.status import JobState, JobStatus, MeshStatus, NodeState
from tests.gltf_builder import Gltf, triangle
from tests.shared_scenes import shared_scene
from tools.processes import running_mesh, start_node

PATIENCE = 300.0
"""Seconds after which a wait is given up: a mistake, never a matter of speed."""


def wait_for(client: Client, wanted: Callable[[MeshStatus], bool]) -> MeshStatus:
    """The first status that is as wanted."""
    deadline = time.monotonic() + PATIENCE
    status = client.status()
    while not wanted(status):
        assert time.monotonic() < deadline, f"never came to be: {status}"
        status = client.wait_status(status.revision, 1.0)
    return status


def state_of(status: MeshStatus, name: str) -> NodeState:
    return next(node.state for node in status.nodes if node.name == name)


def job_in(status: MeshStatus, job: str) -> JobStatus | None:
    return next((one for one in status.jobs if one.job == job), None)


def is_done(job: str) -> Callable[[MeshStatus], bool]:
    def check(status: MeshStatus) -> bool:
        found = job_in(status, job)
        return found is not None and found.state is JobState.DONE

    return check


def submit_naps(
    client: Client, folder: Path, frames: int, milliseconds: int, terms: JobTerms | None = None
) -> str:
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
        terms=terms or JobTerms(),
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
            wait_for(client, is_done(job))
            check_every_pixel(client, job, 40)
            # and ada counts as dead, which may well be known later
            wait_for(client, lambda status: state_of(status, "ada") is NodeState.DEAD)


def test_what_died_with_two_of_three_nodes_is_rendered_again_by_the_third(tmp_path: Path) -> None:
    names = ("ada", "grace", "linus")
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "mesh.toml").write_text("[jobs]\naway_minutes = 0.05\n")
    with running_mesh(tmp_path, names) as nodes, nodes["linus"].connect() as linus:
        # given a job of ada's that is done, much of which only ada and grace hold
        with nodes["ada"].connect() as ada:
            job = submit_naps(ada, tmp_path, frames=30, milliseconds=100)
            wait_for(ada, is_done(job))
        wait_for(linus, is_done(job))
        # when both are killed
        nodes["ada"].kill()
        nodes["grace"].kill()
        # then linus says what cannot be had, renders it again by itself, and all can be had from it
        wanted = {"results-away", "results-given-up"}
        wait_for(linus, lambda status: wanted <= {event.kind for event in status.events})
        wait_for(linus, is_done(job))
        check_every_pixel(linus, job, 30)


def test_the_work_of_a_killed_node_is_taken_up_again(tmp_path: Path) -> None:
    with running_mesh(tmp_path, ("ada", "grace", "linus")) as nodes, nodes["ada"].connect() as client:
        # given a job in the middle of which linus renders
        job = submit_naps(client, tmp_path, frames=60, milliseconds=300)
        wait_for(client, lambda status: any(one.activities for one in status.nodes if one.name == "linus"))
        # when linus is killed
        nodes["linus"].kill()
        # then the job is done all the same, and people were told
        wait_for(client, is_done(job))
        check_every_pixel(client, job, 60)
        wanted = {"node-down", "work-reassigned"}
        wait_for(client, lambda status: wanted <= {event.kind for event in status.events})


def test_a_cancelled_job_frees_every_node(tmp_path: Path) -> None:
    with running_mesh(tmp_path, ("ada", "grace", "linus")) as nodes, nodes["grace"].connect() as client:
        job = submit_naps(client, tmp_path, frames=100, milliseconds=1000)
        wait_for(client, lambda status: all(node.activities for node in status.nodes))
        # when it is cancelled from a node that did not submit it, and may not
        with (
            nodes["linus"].connect() as other,
            pytest.raises(RefusedByNode, match="submitted on grace: only"),
        ):
            other.act(job, JobAction.CANCEL)
        # and from one that may, for it can invite others
        with nodes["ada"].connect() as admin:
            admin.act(job, JobAction.CANCEL)
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


def test_a_job_that_waits_for_its_files_outlives_its_node_and_starts_when_they_are_there(
    tmp_path: Path,
) -> None:
    scene = tmp_path / "export" / "shot.glb"
    wish = Wish(scene, (1, 2), EngineName.SLEEP, RenderSettings(width=64, height=64, bucket=16, samples=1))
    with running_mesh(tmp_path, ("ada",)) as nodes:
        # given a job whose scene is not there
        with nodes["ada"].connect() as client:
            waiting = submit_when_complete(client, wish).job.hex()
            status = client.job(waiting).status
            assert (status.state, status.waiting) == (
                JobState.WAITING,
                f"it starts when a file is there: {scene}",
            )
            with pytest.raises(RefusedByNode, match="shot waits for its files and has not begun"):
                client.act(waiting, JobAction.PAUSE)
            with pytest.raises(RefusedByNode, match="no job can come after it"):
                submit_naps(client, tmp_path, frames=1, milliseconds=1, terms=JobTerms(after=("shot",)))
        # when its node is killed and started again, and the scene is there
        nodes["ada"].kill()
        scene.parent.mkdir()
        scene.write_bytes(triangle().glb())
        ada = start_node("ada", nodes["ada"].home, "--loopback", "--port", "0")
        try:
            # then it begins by itself and is done, for whoever asks by the id of before
            with ada.connect() as client:
                wait_for(client, lambda status: [one.state for one in status.jobs] == [JobState.DONE])
                status = client.job(waiting).status
                assert (status.name, status.frames_done) == ("shot", 2)
                assert status.job != waiting
        finally:
            ada.end()


def test_what_was_rendered_is_counted_and_cannot_be_cancelled(tmp_path: Path) -> None:
    with running_mesh(tmp_path, ("ada",)) as nodes, nodes["ada"].connect() as client:
        job = submit_naps(client, tmp_path, frames=5, milliseconds=1)
        wait_for(client, is_done(job))
        wait_for(client, lambda status: status.nodes[0].frames_done == 5)
        with pytest.raises(RefusedByNode, match="naps is done already; there is nothing left to cancel"):
            client.act(job, JobAction.CANCEL)


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


def submit_scene(
    home: Path,
    scene: Path,
    output: Path,
    *more: str,
    frames: str = "1-3",
    size: str = "96x64",
    samples: int = 16,
) -> subprocess.CompletedProcess[str]:
    settings = ("--frames", frames, "--resolution", size, "--samples", str(samples))
    return mesh_command(home, "submit", str(scene), *settings, "-o", str(output), *more)


def bytes_in(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """A scene, and its frames as one machine renders them where nothing is set up."""
    folder = tmp_path_factory.mktemp("alone")
    scene = folder / "spin.glb"
    scene.write_bytes(spinning_triangle().glb())
    done = submit_scene(folder / "home", scene, folder / "frames")
    assert done.returncode == 0, done.stderr
    return scene, bytes_in(folder / "frames")


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
    assert bytes_in(tmp_path / "frames") == expected


_LIAR = """
import os, sys
if os.environ["MESH_HOME"].endswith("mallory") and "mesh.engines.child" in sys.orig_argv:
    from mesh.render import pixels
    honest = pixels.encode
    def encode(payload):
        for bucket in payload.buckets:
            bucket[0, 0, 0] += 1.0
        return honest(payload)
    pixels.encode = encode
"""
"""Makes the renderer of one node add some light to a pixel of every bucket."""


def test_a_node_that_renders_falsely_is_found_out_and_its_work_done_again(
    alone: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    scene, expected = alone
    names = ("ada", "grace", "linus", "mallory")
    # given four nodes that look at each other's results, of which one renders falsely
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "mesh.toml").write_text("[jobs]\naudit_percent = 100\n")
    (tmp_path / "sitecustomize.py").write_text(_LIAR)
    path = {"PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])}
    options = dict.fromkeys(names, ("--threads", "1"))
    with running_mesh(tmp_path, names, options, path) as nodes, nodes["ada"].connect() as client:
        # and which alone has rendered most of a job
        submit_scene(nodes["ada"].home, scene, tmp_path / "unused", "--paused", "--detach", frames="1-4")
        client.change("spin", JobChange(exclude=names[:3], frames="1-3"))
        job = client.act("spin", JobAction.RESUME).job
        wait_for(client, lambda status: job_in(status, job).frames_done == 3)  # type: ignore[union-attr]
        # when the others may look at it
        client.change("spin", JobChange(include=names[:3], frames=""))
        # then they agree that it is false, and render it again
        status = wait_for(
            client,
            lambda status: (
                (one := job_in(status, job)) is not None
                and one.distrusted == ("mallory",)
                and one.state is JobState.DONE
            ),
        )
        assert "node-convicted" in [event.kind for event in status.events]
        with nodes["mallory"].connect() as liar:
            wait_for(liar, lambda status: any(event.kind == "self-convicted" for event in status.events))
        collected = mesh_command(nodes["grace"].home, "collect", "spin", "-o", str(tmp_path / "frames"))
    assert collected.returncode == 0, collected.stderr
    assert {
        name: data for name, data in bytes_in(tmp_path / "frames").items() if name in expected
    } == expected


def test_frames_can_be_collected_from_another_node(
    alone: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    scene, expected = alone
    with running_mesh(tmp_path, ("ada", "grace")) as nodes:
        done = submit_scene(nodes["ada"].home, scene, tmp_path / "mine")
        assert done.returncode == 0, done.stderr
        nodes["ada"].kill()
        collected = mesh_command(nodes["grace"].home, "collect", "spin", "-o", str(tmp_path / "theirs"))
        replayed = mesh_command(nodes["grace"].home, "replay", "spin", "2", "48", "32")
    assert collected.returncode == 0, collected.stderr
    assert replayed.returncode == 0, replayed.stderr
    assert replayed.stdout.startswith("frame 2, pixel 48 32, sample ")
    assert bytes_in(tmp_path / "theirs") == expected


@pytest.mark.parametrize(
    ("scene", "frames", "more"),
    [
        (
            "FlightHelmet/FlightHelmet.gltf",
            "1-8x4",
            ("--turntable", "--environment", "spiaggia_di_mondello_1k.hdr"),
        ),
        ("Fox.glb", "1,9,17", ("--aov", "all", "--shutter", "0.5", "--motion-steps", "4")),
        ("CesiumMilkTruck.glb", "1,13", ()),
    ],
    ids=["helmet", "fox", "truck"],
)
def test_real_scenes_move_and_are_the_same_on_one_node_and_on_three(
    scene: str, frames: str, more: tuple[str, ...], tmp_path: Path
) -> None:
    arguments = [str(shared_scene(one)) if one.endswith(".hdr") else one for one in more]
    file = shared_scene(scene)
    alone = submit_scene(
        tmp_path / "home",
        file,
        tmp_path / "alone",
        *arguments,
        frames=frames,
        size="64x48",
        samples=4,
    )
    assert alone.returncode == 0, alone.stderr
    names = ("ada", "grace", "linus")
    with running_mesh(tmp_path, names, dict.fromkeys(names, ("--threads", "1"))) as nodes:
        meshed = submit_scene(
            nodes["grace"].home,
            file,
            tmp_path / "meshed",
            *arguments,
            frames=frames,
            size="64x48",
            samples=4,
        )
    assert meshed.returncode == 0, meshed.stderr
    expected = bytes_in(tmp_path / "alone")
    assert bytes_in(tmp_path / "meshed") == expected
    pictures = [data for name, data in expected.items() if name.endswith(".png")]
    assert len(set(pictures)) == len(pictures), "nothing moves"


# --- what a person meets ------------------------------------------------------------------------------


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = mesh_command(tmp_path, "join", "--found", "--loopback", "--headless", "--port", str(port))
    assert done.returncode == ExitCode.REFUSED
    assert done.stderr.strip().splitlines()[-1].startswith(f"mesh: Port {port} of 127.0.0.1 is taken")
    assert "Traceback" not in done.stderr


def test_a_scene_the_renderer_refuses_fails_with_its_sentence(tmp_path: Path) -> None:
    broken = triangle()
    broken.json["accessors"][0]["count"] = 10**6
    scene = tmp_path / "broken.glb"
    scene.write_bytes(broken.glb())
    done = submit_scene(tmp_path / "home", scene, tmp_path / "frames")
    assert done.returncode in (ExitCode.FRAMES_FAILED, ExitCode.REFUSED), done.stdout
    assert "accessors[0]" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not (tmp_path / "frames").exists()
