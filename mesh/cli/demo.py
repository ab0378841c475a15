"""The demo: a mesh of three nodes on this machine renders an animation and survives a kill.

Every node is a real process with a data folder of its own under the output folder; all of them are gone
when this ends, whichever way it ends. The frames stay.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import click

from mesh.cli.follow import Following, follow
from mesh.cli.reports import Closing, Report, choose_report
from mesh.config import Paths
from mesh.control.client import Client
from mesh.control.collection import Collector, FrameWritten, Looked, Update
from mesh.control.errors import NoNode
from mesh.control.outputs import Format, OutputPattern, UnwritableFolder, work_folder
from mesh.control.submission import Wish, prepare
from mesh.control.submission import submit as send
from mesh.engines.protocol import MakePreview
from mesh.engines.writer_client import WriterClient
from mesh.errors import ExitCode, MeshError
from mesh.model.ids import JobId
from mesh.model.look import Look
from mesh.model.manifest import EngineName, RenderSettings
from mesh.model.status import JobStatus, MeshStatus, NodeState
from mesh.ui.words import duration

FRAMES = tuple(range(1, 25))
WITNESS = 12
"""The frame that is rendered once more, by a node alone, to be compared."""

KILL_AT = 0.4
"""The part of the job that is done when a node is killed."""

SETTINGS = RenderSettings(width=512, height=288, bucket=32, samples=6, environment="sky")

_NODES = ("ada", "grace", "linus")
_VICTIM = "linus"
_DESK = "desk"
_START_SECONDS = 60.0
_MARKER = ".mesh-demo"
"""Tells a folder that this demo made, and may make again, from somebody's own."""


class DemoFolderTaken(MeshError):
    """{folder} exists and was not made by this demo. Name another with -o, or remove it."""


class DemoNodeFailed(MeshError):
    """The demo's node {name} did not start: {reason}"""


class DemoRenderFailed(MeshError):
    """The demo's frame could not be rendered: {reason}"""

    exit_code = ExitCode.FRAMES_FAILED


class DemoFramesDiffer(MeshError):
    """Frame {frame} rendered by the mesh is not what one node alone renders. This is a bug in mesh; please
    report it with both EXR files and the processor types of the machine."""

    exit_code = ExitCode.FRAMES_FAILED


@dataclass(slots=True)
class DemoNode:
    name: str
    paths: Paths
    process: subprocess.Popen[bytes]

    def connect(self) -> Client:
        """Waits until the node answers. Raises DemoNodeFailed."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                return Client.connect(self.paths)
            except NoNode:
                time.sleep(0.05)
        log = (self.paths.home / "demo.log").read_text("utf-8", "replace").strip().splitlines()
        raise DemoNodeFailed(name=self.name, reason=log[-1] if log else "it did not answer.")


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("demo-output"),
    show_default=True,
    help="Folder for the frames; one that an earlier demo made is replaced.",
)
def demo(output: Path) -> None:
    """See a mesh of three nodes render and survive a kill.

    Starts three nodes on this machine that find each other by themselves, submits an animated still life
    from a fourth place, kills one node in the middle, and ends with every frame as EXR and PNG, an animated
    preview, and proof that the frames are what one machine alone would have rendered. Needs about a minute,
    and half a minute more the first time; leaves nothing behind but the output folder.
    """
    sys.exit(_demo(output))


def _demo(output: Path) -> ExitCode:
    _make_folder(output)
    scene = output / "still-life.glb"
    homes = output / ".nodes"
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, homes, ignore_errors=True)
        _say("computing the scene")
        _write_scene(scene)
        alone, seconds = _render_alone(scene, output, homes / "alone")
        _say(f"that took {duration(seconds)}")
        began = time.monotonic()
        client, victim = _start_mesh(stack, homes)
        pattern = OutputPattern(output / "frames", "still-life.####", (Format.EXR, Format.PNG))
        prepared = prepare(Wish(scene, FRAMES, EngineName.BUILTIN, SETTINGS, "sky"))
        receipt = send(client, prepared)
        job = receipt.job.hex()
        report = _KillingReport(choose_report(False, str(pattern), len(FRAMES)), victim)
        report.submitted(receipt.job, receipt.durable_on)
        look = Look(denoise=importlib.util.find_spec("pyoidn") is not None)
        code = follow(Following(client, job, FRAMES, pattern, report, None, (), look))
        if code is not ExitCode.DONE:
            return code
        preview = _make_preview(output, pattern)
        _conclude(report, alone, pattern, preview, time.monotonic() - began)
    return ExitCode.DONE


def _make_folder(output: Path) -> None:
    """An empty folder of ours at `output`. Raises DemoFolderTaken, UnwritableFolder."""
    try:
        if output.exists():
            if not (output / _MARKER).is_file() and any(output.iterdir()):
                raise DemoFolderTaken(folder=output)
            shutil.rmtree(output)
        output.mkdir(parents=True)
        (output / _MARKER).touch()
    except OSError as error:
        raise UnwritableFolder(folder=output, reason=error.strerror) from error


def _write_scene(scene: Path) -> None:
    from mesh.scenes.still_life import write_still_life

    write_still_life(scene)


# --- nodes --------------------------------------------------------------------------------------------


def _start(stack: ExitStack, name: str, home: Path, *arguments: str) -> DemoNode:
    """Start a node that ends with this process, or with `stack`."""
    home.mkdir(parents=True)
    log = stack.enter_context((home / "demo.log").open("wb"))
    command = [sys.executable, "-m", "mesh.cli", "join", "--name", name, "--headless", "--ephemeral"]
    process = subprocess.Popen(
        [*command, *arguments],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        env={**os.environ, "MESH_HOME": str(home.absolute())},
        start_new_session=True,  # Ctrl-C is for the demo, which then ends its nodes
    )
    stack.callback(_end, process)
    return DemoNode(name, Paths(home, home), process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """A node ends when its standard input closes."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _start_mesh(stack: ExitStack, homes: Path) -> tuple[Client, DemoNode]:
    """Three nodes and a desk, all of one mesh: the desk's client, and the node to kill."""
    _say(f"starting three nodes: {', '.join(_NODES)}; they find each other by themselves")
    here = ("--loopback", "--port", "0")
    first = _start(stack, _NODES[0], homes / _NODES[0], "--found", "--threads", "1", *here)
    with first.connect() as founder:
        code = founder.invite(len(_NODES), 1.0)
    others = [_start(stack, name, homes / name, code, "--threads", "1", *here) for name in _NODES[1:]]
    desk = _start(stack, _DESK, homes / _DESK, code, "--no-render", *here)
    client = stack.enter_context(desk.connect())
    status = client.status()
    while not _all_here(status, len(_NODES) + 1):
        status = client.wait_status(status.revision, 1.0)
        for node in (first, *others):
            if node.process.poll() is not None:
                node.connect()
    _say(f"{len(_NODES)} nodes have found each other; submitting from a fourth place, the {_DESK}")
    return client, next(node for node in others if node.name == _VICTIM)


def _all_here(status: MeshStatus, count: int) -> bool:
    return sum(node.state is NodeState.ALIVE for node in status.nodes) >= count


# --- the kill -----------------------------------------------------------------------------------------


class _KillingReport:
    """Another report, with a kill in the middle."""

    def __init__(self, inner: Report, victim: DemoNode) -> None:
        self._inner = inner
        self._victim = victim
        self.lost_buckets = 0
        """Rendered by the victim and not yet stored anywhere else when it was killed."""
        self.killed = False
        self.job: JobStatus | None = None

    def __enter__(self) -> Report:
        self._inner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inner.__exit__(kind, error, trace)

    def pause(self) -> None:
        self._inner.pause()

    def resume(self) -> None:
        self._inner.resume()

    def submitted(self, job: JobId, durable_on: tuple[str, ...]) -> None:
        self._inner.submitted(job, durable_on)

    def note(self, sentence: str) -> None:
        self._inner.note(sentence)

    def update(self, update: Update) -> None:
        self._inner.update(update)
        if isinstance(update, Looked):
            self.job = update.job
            if not self.killed and update.job.fraction >= KILL_AT:
                self._kill(update)

    def close(self, closing: Closing) -> None:
        self._inner.close(closing)

    def _kill(self, look: Looked) -> None:
        """kill -9, while it is rendering."""
        self._victim.process.kill()
        self.killed = True
        doing = ""
        for node in look.mesh.nodes:
            if node.name == self._victim.name and node.activities:
                activity = node.activities[0]
                first, end = activity.buckets
                self.lost_buckets = round(activity.fraction * (end - first))
                doing = f" in the middle of {activity.what}"
        self._inner.note(f"*** {self._victim.name} is killed (kill -9){doing} ***")


# --- proof --------------------------------------------------------------------------------------------


def _render_alone(scene: Path, output: Path, home: Path) -> tuple[str, float]:
    """Frame WITNESS rendered by one node that knows nobody: the SHA-256 of its EXR, and how many seconds it
    took. Compiles the path tracer where that has not been done."""
    _say(
        f"rendering frame {WITNESS} on one node alone, to compare with (the first time, this compiles the renderer)"
    )
    began = time.monotonic()
    pattern = OutputPattern(output / "alone", "still-life.####", (Format.EXR,))
    prepared = prepare(Wish(scene, (WITNESS,), EngineName.BUILTIN, SETTINGS, "sky"))
    with ExitStack() as stack:
        client = stack.enter_context(_start(stack, "alone", home, "--solo").connect())
        work = stack.enter_context(work_folder(pattern))
        writer = stack.enter_context(WriterClient())
        job = send(client, prepared).job.hex()
        updates = list(Collector(client, writer, job, (WITNESS,), pattern, work).run())
    digests = [digest for update in updates if isinstance(update, FrameWritten) for _, digest in update.files]
    if not digests:
        looks = [update.job for update in updates if isinstance(update, Looked)]
        raise DemoRenderFailed(reason="; ".join(looks[-1].failures) or "it was not written.")
    return digests[0], time.monotonic() - began


def _make_preview(output: Path, pattern: OutputPattern) -> Path:
    """One animated image of all frames."""
    preview = output / "still-life.webp"
    pngs = tuple(str(file) for frame in FRAMES for file in pattern.files(frame) if file.suffix == ".png")
    with WriterClient() as writer:
        writer.preview(MakePreview(pngs, str(preview), SETTINGS.fps))
    return preview


def _conclude(
    report: _KillingReport, alone: str, pattern: OutputPattern, preview: Path, seconds: float
) -> None:
    """The closing lines: the kill's cost, the time, and the two digests."""
    exr = next(file for file in pattern.files(WITNESS) if file.suffix == ".exr")
    meshed = hashlib.sha256(exr.read_bytes()).hexdigest()
    assert report.job is not None
    redone = sum(share.redone for share in report.job.shares)
    total = report.job.buckets_total
    if report.killed:
        click.echo(
            f"Killed:       {_VICTIM}; {report.lost_buckets} of {total} buckets were lost with it and rendered again"
        )
    else:
        click.echo(f"Killed:       nobody; the job was done before {_VICTIM}'s turn came")
    click.echo(f"Redone twice: {redone} of {total} buckets")
    click.echo(f"Wall time:    {duration(seconds)}, from the first node's start to the preview")
    click.echo(f"SHA-256 of frame {WITNESS} by the mesh:  {meshed}")
    click.echo(f"SHA-256 of frame {WITNESS} by one node:  {alone}")
    if meshed != alone:
        raise DemoFramesDiffer(frame=WITNESS)
    click.echo("              equal, to the bit")
    click.echo(f"Frames:       {pattern}")
    click.echo(f"Preview:      {preview}")


def _say(sentence: str) -> None:
    click.echo(f"demo: {sentence}")
