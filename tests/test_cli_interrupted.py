"""Commands that end before their job: by Ctrl-C, by a closed pipe, or because the node died."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mesh.cli.follow import Following, follow
from mesh.cli.reports import LineReport
from mesh.config.paths import Paths
from mesh.control.client import Client
from mesh.control.errors import NodeGone
from mesh.control.outputs import parse_output
from mesh.errors import ExitCode
from tests.command_line import Mesh, files
from tests.fake_service import FakeService
from tests.joining_writer import JoiningWriter

pytest_plugins = ("tests.cli_fixtures",)


def test_an_interrupted_command_away_from_a_terminal_detaches_and_prints_how_to_collect(
    mesh: Mesh, node: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted = JoiningWriter()
    interrupted.error = KeyboardInterrupt()  # type: ignore[assignment]
    monkeypatch.setattr("mesh.cli.follow.WriterClient", lambda: interrupted)

    outcome = mesh("submit", "triangle.gltf", "-o", "out")

    assert outcome.code == ExitCode.INTERRUPTED
    assert node.acts == []
    assert files() == []
    command = outcome.out.rpartition("with: mesh ")[2].split()
    assert command[0] == "collect"
    monkeypatch.setattr("mesh.cli.follow.WriterClient", JoiningWriter)
    assert mesh(*command).code == ExitCode.DONE
    assert files() == ["out/triangle.0001.exr", "out/triangle.0001.png"]


def test_a_mesh_that_ends_with_its_command_leaves_nothing_to_collect(
    mesh: Mesh,
    node: FakeService,
    home: Paths,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """As in the demo."""
    mesh("submit", "triangle.gltf", "--detach")
    (job,) = node.details
    interrupted = JoiningWriter()
    interrupted.error = KeyboardInterrupt()  # type: ignore[assignment]
    pattern = parse_output("out", "triangle", (), 1)
    monkeypatch.setattr("mesh.cli.follow.WriterClient", lambda: interrupted)
    monkeypatch.setattr("mesh.cli.follow._can_ask", lambda: True)

    with Client.connect(home) as client:
        report = LineReport(str(pattern), 1)
        code = follow(Following(client, job.hex(), (1,), pattern, report, None, whole_mesh=True))

    assert code is ExitCode.INTERRUPTED
    said = capfd.readouterr().out
    assert f"its nodes end with this command; the frames that are written are in {pattern}" in said
    assert "mesh collect" not in said


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("jobs",), ExitCode.DONE, ""),
        (
            ("submit", "triangle.gltf", "-o", "a b", "--view", "filmic", "--format", "exr"),
            ExitCode.INTERRUPTED,
            "-o 'a b' --format exr --view filmic --skip-existing",
        ),
    ],
)
def test_who_stops_reading_ends_a_command_without_a_traceback_and_a_job_goes_on(
    node: FakeService, home: Paths, arguments: tuple[str, ...], code: ExitCode, words: str
) -> None:
    reader, output = os.pipe()
    os.close(reader)

    command = (sys.executable, "-m", "mesh.cli", *arguments)
    done = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, text=True, check=False)
    os.close(output)

    assert done.returncode == code
    assert done.stderr.strip().endswith(words)
    assert len(done.stderr.splitlines()) == (1 if words else 0)
    assert node.acts == []


def test_when_the_node_dies_the_command_says_how_to_fetch_the_frames(
    mesh: Mesh, node: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise NodeGone(reason="Connection refused", logs="/data/logs")

    monkeypatch.setattr("mesh.cli.follow.Collector.run", gone)

    outcome = mesh("submit", "triangle.gltf", "-o", "out")

    assert outcome.code == ExitCode.NO_MESH
    assert "stopped answering: Connection refused" in outcome.err
    assert outcome.err.rstrip().endswith(" -o out --skip-existing")


def test_an_answer_that_is_none_is_asked_for_again(
    mesh: Mesh, node: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = JoiningWriter()
    writer.error = KeyboardInterrupt()  # type: ignore[assignment]
    answers = iter(["x", "", "cancel"])
    monkeypatch.setattr("mesh.cli.follow.WriterClient", lambda: writer)
    monkeypatch.setattr("mesh.cli.follow._can_ask", lambda: True)
    monkeypatch.setattr("click.prompt", lambda *_, **__: next(answers))

    mesh("submit", "triangle.gltf")

    assert [action for _, action in node.acts] == ["cancel"]


@pytest.mark.parametrize(
    ("answer", "code", "cancelled"),
    [("c", ExitCode.INTERRUPTED, True), ("d", ExitCode.INTERRUPTED, False), ("g", ExitCode.DONE, False)],
)
def test_ctrl_c_on_a_terminal_asks_what_to_do(
    mesh: Mesh,
    node: FakeService,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    code: ExitCode,
    cancelled: bool,
) -> None:
    writer = JoiningWriter()
    writer.error = KeyboardInterrupt()  # type: ignore[assignment]

    def reply(*_: object, **__: object) -> str:
        writer.error = None
        return answer

    monkeypatch.setattr("mesh.cli.follow.WriterClient", lambda: writer)
    monkeypatch.setattr("mesh.cli.follow._can_ask", lambda: True)
    monkeypatch.setattr("click.prompt", reply)

    outcome = mesh("submit", "triangle.gltf", "--frames", "1-2")

    assert outcome.code == code
    assert [action for _, action in node.acts] == (["cancel"] if cancelled else [])
    assert len(files()) == (4 if code == ExitCode.DONE else 0)
