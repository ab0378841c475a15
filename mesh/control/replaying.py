"""Has one sample of a job's frame traced again, here: fetches the scene from the node and asks a child process.

Runs in the command's process; the renderer is the child, `mesh.engines.replay`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from mesh.blocks.tree import check_path
from mesh.config.paths import Paths
from mesh.control.client import Client
from mesh.control.service import JobPlan
from mesh.engines.adapter import KERNEL_CACHE
from mesh.engines.protocol import Refused, Replay, Story, frame, read_message
from mesh.errors import ExitCode, MeshError
from mesh.model.frames import format_frames
from mesh.model.manifest import EngineName
from mesh.render.build import engine_build


class NothingToReplay(MeshError):
    """{job} cannot be replayed so: {reason}."""

    exit_code = ExitCode.USAGE


class OtherBuild(MeshError):
    """{job} was rendered by {theirs}, but this machine has {ours}, whose paths may differ. Run the command where that
    version is installed."""


class ReplayRefused(MeshError):
    """{reason}"""


class ReplayerDied(MeshError):
    """The process that replays the sample ended by itself (status {status}). Run the command with --debug to see its
    messages, and report them."""


BRIGHTEST = -1


def replay(client: Client, job: str, frame_number: int, x: int, y: int, sample: int = BRIGHTEST) -> Story:
    """The path of one sample of pixel (x, y), counted from the top left. Raises NothingToReplay, OtherBuild,
    ReplayRefused, ReplayerDied, and what the client raises."""
    plan = client.plan(job)
    _check(plan, frame_number, x, y, sample)
    with tempfile.TemporaryDirectory(prefix="mesh-replay-") as folder:
        _fetch(client, plan, Path(folder))
        return _ask(Replay(folder, plan.entry, plan.settings, frame_number, x, y, sample))


def _check(plan: JobPlan, frame_number: int, x: int, y: int, sample: int) -> None:
    settings = plan.settings
    reason = ""
    if plan.engine is not EngineName.BUILTIN:
        reason = f"its engine is {plan.engine.value}, and only the built-in one tells of paths"
    elif frame_number not in plan.frames:
        reason = f"it has no frame {frame_number}, but {format_frames(plan.frames)}"
    elif not (0 <= x < settings.width and 0 <= y < settings.height):
        reason = f"pixel {x} {y} is outside its {settings.width}x{settings.height}"
    elif not BRIGHTEST <= sample < settings.samples:
        reason = f"a pixel has samples 0 to {settings.samples - 1}"
    if reason:
        raise NothingToReplay(job=plan.name, reason=reason)
    if plan.engine_build != engine_build():
        raise OtherBuild(job=plan.name, theirs=plan.engine_build, ours=engine_build())


def _fetch(client: Client, plan: JobPlan, folder: Path) -> None:
    for file in plan.files:
        check_path(file.path)
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as stream:
            stream.writelines(client.get_blob(file.blob, plan.job.hex()))


def _ask(request: Replay) -> Story:
    process = subprocess.Popen(
        [sys.executable, "-m", "mesh.engines.replay"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, KERNEL_CACHE: str(Paths.locate().kernels)},
    )
    assert process.stdin and process.stdout
    with process, process.stdin, process.stdout:
        process.stdin.write(frame(request))
        process.stdin.flush()
        answer = read_message(process.stdout)
    if isinstance(answer, Refused):
        raise ReplayRefused(reason=answer.reason)
    if not isinstance(answer, Story):
        raise ReplayerDied(status=process.returncode)
    return answer
