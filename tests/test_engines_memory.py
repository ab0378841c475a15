"""A scene larger than the machine is refused with a sentence, and may still be rendered by a larger one."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from mesh.config.paths import Paths
from mesh.engines import child as child_module
from mesh.engines.adapter import KERNEL_CACHE, UnitControl
from mesh.engines.child import Attempt as ChildAttempt
from mesh.engines.child import Child
from mesh.engines.memory import SceneTooLarge, group_limit, machine_memory
from mesh.engines.protocol import (
    Done,
    Open,
    Opened,
    Refused,
    RenderUnit,
    Reopening,
    Replay,
    Unframer,
    WriteFailed,
    WriteFrame,
)
from mesh.engines.replay import answer as replay_answer
from mesh.engines.writer import answer
from mesh.errors import ExitCode
from mesh.model.manifest import EngineName, RenderSettings
from mesh.model.units import SampleRange, Unit
from tests.gltf_builder import triangle

PROGRAM = """
from mesh.engines.memory import limit_memory
limit_memory(1 << 30)
try:
    bytearray(2 << 30)
except MemoryError:
    print("refused")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems set no such limit")
def test_more_memory_than_the_limit_cannot_be_had() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n"


def test_a_scene_that_does_not_fit_is_refused_here_and_not_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_large(request: Open) -> None:
        raise MemoryError

    monkeypatch.setattr(child_module, "opener", lambda engine: too_large)
    answers = io.BytesIO()
    child = Child(io.BytesIO(), answers)

    child._open(Open(7, EngineName.BUILTIN, "/scene", "hall.glb", RenderSettings(), (1,), 1))
    child.flush()

    *_, said = Unframer().feed(answers.getvalue())  # maybe that it compiles, before
    assert isinstance(said, Refused)
    assert said.session == 7
    assert said.needs == machine_memory() + 1
    assert said.reason == str(SceneTooLarge.found("hall.glb"))
    assert said.reason.startswith("hall.glb needs more than ")


@pytest.mark.parametrize("need", [0, 1])
def test_a_scene_whose_need_is_foreseen_is_refused_before_it_is_read(
    need: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KERNEL_CACHE, str(Paths.locate({}).kernels))
    gltf = triangle()
    gltf.json["accessors"][0] |= {"count": 60_000_000_000, "bufferView": 0}
    gltf.json["bufferViews"][0]["byteLength"] = 60_000_000_000 * need + 36
    (tmp_path / "hall.glb").write_bytes(gltf.glb())
    child = Child(io.BytesIO(), answers := io.BytesIO())

    child._open(Open(7, EngineName.BUILTIN, str(tmp_path), "hall.glb", RenderSettings(), (1,), 1))
    child.flush()

    *_, said = Unframer().feed(answers.getvalue())  # maybe that it compiles, before
    assert isinstance(said, Refused)
    # what claims more than its bytes can hold is wrong everywhere
    assert bool(said.needs) == bool(need)
    assert said.reason.startswith(
        "hall.glb needs at least 2000.0 GB of memory, and this machine has "
    ) == bool(need)


class Scene:
    """A session of a scene, in a memory for one: what was opened and closed is written down."""

    warnings = ()
    happened: ClassVar[list[str]] = []

    def __init__(self, request: Open) -> None:
        if len([one for one in self.happened if one[0] == "+"]) > len(
            [one for one in self.happened if one[0] == "-"]
        ):
            raise MemoryError
        self.name = request.entry
        self.happened.append(f"+{self.name}")

    def render(self, unit: Unit, control: UnitControl, samples: SampleRange | None) -> tuple[Unit, bytes]:
        return unit, self.name.encode()

    def close(self) -> None:
        self.happened.append(f"-{self.name}")


def test_of_two_scenes_that_fit_one_by_one_each_is_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs take turns at a renderer, which keeps two scenes open where that is possible."""
    monkeypatch.setattr(child_module, "opener", lambda engine: Scene)
    monkeypatch.setattr(child_module, "compiles_first", lambda engine: False)
    Scene.happened.clear()
    child = Child(io.BytesIO(), answers := io.BytesIO())

    for session, entry in ((1, "hall"), (2, "yard")):
        child._open(Open(session, EngineName.BUILTIN, "/scene", entry, RenderSettings(), (1,), 1))
    for number, session in enumerate((2, 1, 1)):
        child._render(ChildAttempt(RenderUnit(session, number, Unit(1, 0, 1), "/nowhere"), child))
    child.flush()

    said = Unframer().feed(answers.getvalue())
    assert [type(one) for one in said] == [Opened, Opened, Done, Reopening, Opened, Done, Done]
    assert [one.payload for one in said if isinstance(one, Done)] == [b"yard", b"hall", b"hall"]
    assert Scene.happened == ["+hall", "-hall", "+yard", "-yard", "+hall"]


@pytest.mark.parametrize(
    ("line", "files", "limit"),
    [
        ("0::/farm/node", {"farm/node/memory.max": "max", "farm/memory.max": "8000"}, 8000),
        ("0::/farm/node", {"farm/node/memory.max": "4000", "farm/memory.max": "8000"}, 4000),
        ("0::/seen/from/outside", {"memory.max": "6000"}, 6000),
        ("4:cpu,memory:/box", {"memory/box/memory.limit_in_bytes": "5000"}, 5000),
        ("3:cpu:/box", {"memory/box/memory.limit_in_bytes": "5000"}, sys.maxsize),
        ("0::/", {}, sys.maxsize),
    ],
)
def test_a_container_has_the_memory_that_its_groups_allow(
    line: str, files: dict[str, str], limit: int, tmp_path: Path
) -> None:
    for name, text in files.items():
        path = tmp_path / "groups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    (tmp_path / "mine").write_text(f"{line}\n")
    assert group_limit(tmp_path / "groups", tmp_path / "mine") == limit


def test_where_no_group_can_be_seen_none_limits() -> None:
    assert group_limit(Path("/nowhere"), Path("/nowhere")) == sys.maxsize


def test_a_sample_of_a_scene_that_does_not_fit_is_not_traced_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def too_large(request: Replay) -> None:
        raise MemoryError

    monkeypatch.setenv(KERNEL_CACHE, str(Paths.locate({}).kernels))
    monkeypatch.setattr("mesh.engines.builtin_replay.replay", too_large)
    said = replay_answer(Replay("/scene", "hall.glb", RenderSettings(), 1, 0, 0, 0))
    assert said == Refused(0, str(SceneTooLarge.found("hall.glb")))


def test_a_frame_that_does_not_fit_is_told_by_the_writer_which_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def too_large(payloads: object, scratch: object) -> None:
        raise MemoryError

    monkeypatch.setattr("mesh.render.output.assemble", too_large)
    said = answer(WriteFrame(3, (), ("a.exr",)))
    assert isinstance(said, WriteFailed)
    assert said.reason.startswith("Frame 3 does not fit into this machine's ")
    assert said.exit_code == ExitCode.REFUSED
