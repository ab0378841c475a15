"""A scene larger than the machine is refused with a sentence, and may still be rendered by a larger one."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from mesh.engines import child as child_module
from mesh.engines.child import Child
from mesh.engines.memory import SceneTooLarge, machine_memory
from mesh.engines.protocol import Open, Refused, Unframer, WriteFailed, WriteFrame
from mesh.engines.writer import answer
from mesh.errors import ExitCode
from mesh.model.manifest import EngineName, RenderSettings

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

    (said,) = Unframer().feed(answers.getvalue())
    assert isinstance(said, Refused)
    assert said.session == 7
    assert said.elsewhere
    assert said.reason == str(SceneTooLarge(entry="hall.glb", total=machine_memory() / 1e9))
    assert said.reason.startswith("hall.glb does not fit into this machine's ")


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
