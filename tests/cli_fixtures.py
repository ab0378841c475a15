"""The command line for tests: run in this process, in a folder with a scene, beside the stand-in of a node. Named in
`pytest_plugins` of those who use it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mesh.cli.app import run
from mesh.config.paths import Paths
from tests.command_line import TRIANGLE, Mesh, Outcome
from tests.fake_service import FakeService, serving
from tests.joining_writer import JoiningWriter


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """An empty home and an empty working folder with a scene in it."""
    monkeypatch.setenv("MESH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MESH_DEBUG", "")  # set, so that what --debug makes of it ends with the test
    work = tmp_path / "work"
    work.mkdir()
    (work / "triangle.gltf").write_text(json.dumps(TRIANGLE))
    (work / "triangle.bin").write_bytes(bytes(36))
    monkeypatch.chdir(work)
    monkeypatch.setattr("mesh.cli.follow.WriterClient", JoiningWriter)
    return Paths.locate()


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def node(service: FakeService, home: Paths) -> Iterator[FakeService]:
    with serving(service, home):
        yield service


@pytest.fixture
def mesh(home: Paths, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Mesh:
    """Runs the command line in this process."""

    def command(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["mesh", *arguments])
        with pytest.raises(SystemExit) as exit_:
            run()
        captured = capfd.readouterr()
        return Outcome(int(exit_.value.code or 0), captured.out, captured.err)

    return command
