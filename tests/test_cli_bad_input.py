"""Bad input: one sentence, a documented exit code, and nothing half-written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mesh.config.paths import Paths
from mesh.errors import ExitCode
from tests.command_line import TRIANGLE, Mesh, files, one_sentence
from tests.fake_service import FakeService
from tests.joining_writer import JoiningWriter

pytest_plugins = ("tests.cli_fixtures",)


def break_texture() -> None:
    Path("triangle.gltf").write_text(json.dumps(TRIANGLE | {"images": [{"uri": "wood.png"}]}))


def break_glb() -> None:
    Path("broken.glb").write_bytes(b"glTF\x02\x00\x00\x00\xff\xff\x00\x00")


def html_for_light() -> None:
    """What a download that wants a login leaves behind."""
    Path("x.hdr").write_bytes(b"<!DOCTYPE html>")


def nothing() -> None:
    """The arguments are what is wrong."""


@pytest.mark.parametrize(
    ("prepare", "arguments", "code", "words"),
    [
        (break_texture, ["triangle.gltf"], ExitCode.REFUSED, "wood.png"),
        (break_glb, ["broken.glb"], ExitCode.REFUSED, "broken.glb cannot be rendered"),
        (nothing, ["nowhere.glb"], ExitCode.USAGE, "There is no scene file nowhere.glb."),
        (nothing, ["triangle.bin"], ExitCode.USAGE, "triangle.bin is not a scene file"),
        (nothing, ["triangle.gltf", "--frames", "9-1"], ExitCode.USAGE, "'9-1' runs backwards"),
        (nothing, ["triangle.gltf", "--frames", ""], ExitCode.USAGE, "it is empty"),
        (nothing, ["triangle.gltf", "--camera", "Side"], ExitCode.USAGE, "no camera called 'Side'"),
        (nothing, ["triangle.gltf", "--clip", "Walk"], ExitCode.USAGE, "no clip called 'Walk'"),
        (nothing, ["triangle.gltf", "--variant", "Red"], ExitCode.USAGE, "no variant called 'Red'"),
        (nothing, ["triangle.gltf", "--environment", "x.hdr"], ExitCode.USAGE, "no environment image x.hdr"),
        (html_for_light, ["triangle.gltf", "--environment", "x.hdr"], ExitCode.USAGE, "x.hdr cannot be used"),
        (nothing, ["."], ExitCode.USAGE, "is a folder. Name the .gltf or .glb file in it"),
        (nothing, ["triangle.gltf", "-o", "a.####.jpg"], ExitCode.USAGE, "as EXR and PNG, not as .jpg"),
        (nothing, ["triangle.gltf", "--name", "a/b"], ExitCode.USAGE, "without slashes"),
        (
            nothing,
            ["triangle.gltf", "--ocio", "ocio://default", "--view", "Nice"],
            ExitCode.USAGE,
            "has no view 'Nice'",
        ),
        (nothing, ["triangle.gltf", "-o", "triangle.bin/x"], ExitCode.REFUSED, "cannot be written to"),
        (
            nothing,
            ["triangle.gltf", "--frames", "1-2", "-o", "x.png"],
            ExitCode.USAGE,
            "2 frames need hashes",
        ),
    ],
)
def test_bad_input_is_one_sentence_and_submits_nothing(
    mesh: Mesh,
    node: FakeService,
    prepare: Callable[[], None],
    arguments: list[str],
    code: ExitCode,
    words: str,
) -> None:
    prepare()
    before = files()
    outcome = mesh("submit", *arguments)
    assert outcome.code == code
    assert words in one_sentence(outcome)
    assert node.requests == []
    assert node.blobs == {}
    assert files() == before


def test_a_node_s_full_disk_is_one_sentence(mesh: Mesh, node: FakeService) -> None:
    node.full = True
    outcome = mesh("submit", "triangle.gltf")
    assert outcome.code == ExitCode.REFUSED
    assert one_sentence(outcome).startswith("The disk under /data/blocks is full")
    assert files() == []


def test_an_output_disk_that_is_full_is_one_sentence_and_leaves_no_part_of_a_frame(
    mesh: Mesh, node: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = JoiningWriter(error=OSError(28, "No space left on device"))
    monkeypatch.setattr("mesh.cli.follow.WriterClient", lambda: full)
    outcome = mesh("submit", "triangle.gltf")
    assert outcome.code == ExitCode.REFUSED
    assert one_sentence(outcome).startswith("The disk of renders is full.")
    assert files() == []


def test_a_second_node_on_one_machine_is_refused(mesh: Mesh, node: FakeService) -> None:
    outcome = mesh("join")
    assert outcome.code == ExitCode.REFUSED
    assert one_sentence(outcome).startswith("A node runs on this machine already")


def test_a_config_file_that_is_wrong_names_the_field(mesh: Mesh, home: Paths) -> None:
    home.config.mkdir(parents=True)
    home.config_file.write_text("[listen]\nprot = 7402\n")
    outcome = mesh("join")
    assert outcome.code == ExitCode.USAGE
    assert "listen.prot" in one_sentence(outcome)
    assert "Did you mean port?" in outcome.err


def test_a_data_folder_that_cannot_be_written_is_one_sentence(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESH_HOME", str(Path("triangle.bin") / "home"))
    outcome = mesh("join")
    assert outcome.code == ExitCode.REFUSED
    assert one_sentence(outcome).startswith("The node cannot keep its data in ")
