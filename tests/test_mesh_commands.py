"""Commands on real nodes: the pictures that they bring, and the sentences where there are none."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mesh.control.service import JobAction
from mesh.control.terms import JobChange
from mesh.errors import ExitCode
from mesh.model.status import JobState
from tests.gltf_builder import Gltf, triangle
from tests.real_nodes import job_in, wait_for
from tests.shared_scenes import shared_scene
from tools.processes import running_mesh


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
