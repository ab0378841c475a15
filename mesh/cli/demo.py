"""The demo: a mesh of three nodes on this machine renders an animation and survives a kill.

Nodes are gone when this ends, whichever way it ends; the frames stay.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import click

from mesh.cli.demo_nodes import VICTIM, KillingReport, say, start, start_mesh
from mesh.cli.follow import Following, follow
from mesh.cli.reports import choose_report
from mesh.control.collection import Collector, FrameWritten, Looked
from mesh.control.outputs import Format, OutputPattern, UnwritableFolder, work_folder
from mesh.control.submission import Wish, prepare
from mesh.control.submission import submit as send
from mesh.engines.protocol import MakePreview
from mesh.engines.writer_client import WriterClient
from mesh.errors import ExitCode, MeshError
from mesh.model.look import Look
from mesh.model.manifest import EngineName, RenderSettings
from mesh.ui.words import duration

FRAMES = tuple(range(1, 25))
WITNESS = 12
"""The frame that is rendered once more, by a node alone, to be compared."""

SETTINGS = RenderSettings(width=512, height=288, bucket=32, samples=6, environment="sky")

_MARKER = ".mesh-demo"
"""Tells a folder that this demo made, and may make again, from somebody's own."""


class DemoFolderTaken(MeshError):
    """{folder} exists and was not made by this demo. Name another with -o, or remove it."""


class DemoRenderFailed(MeshError):
    """The demo's frame could not be rendered: {reason}"""

    exit_code = ExitCode.FRAMES_FAILED


class DemoFramesDiffer(MeshError):
    """Frame {frame} rendered by the mesh is not what one node alone renders. This is a bug in mesh; please
    report it with both EXR files and the processor types of the machine."""

    exit_code = ExitCode.FRAMES_FAILED


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
        say("computing the scene")
        _write_scene(scene)
        alone, seconds = _render_alone(scene, output, homes / "alone")
        say(f"that took {duration(seconds)}")
        began = time.monotonic()
        client, victim = start_mesh(stack, homes)
        pattern = OutputPattern(output / "frames", "still-life.####", (Format.EXR, Format.PNG))
        prepared = prepare(Wish(scene, FRAMES, EngineName.BUILTIN, SETTINGS, "sky"))
        receipt = send(client, prepared)
        job = receipt.job.hex()
        report = KillingReport(choose_report(False, str(pattern), len(FRAMES)), victim)
        report.submitted(receipt.job, receipt.durable_on)
        look = Look(denoise=importlib.util.find_spec("pyoidn") is not None)
        code = follow(Following(client, job, FRAMES, pattern, report, None, look=look, whole_mesh=True))
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


# --- proof --------------------------------------------------------------------------------------------


def _render_alone(scene: Path, output: Path, home: Path) -> tuple[str, float]:
    """Frame WITNESS rendered by one node that knows nobody: the SHA-256 of its EXR, and how many seconds it
    took. Compiles the path tracer where that has not been done."""
    say(
        f"rendering frame {WITNESS} on one node alone, to compare with (the first time, this compiles the renderer)"
    )
    began = time.monotonic()
    pattern = OutputPattern(output / "alone", "still-life.####", (Format.EXR,))
    prepared = prepare(Wish(scene, (WITNESS,), EngineName.BUILTIN, SETTINGS, "sky"))
    with ExitStack() as stack:
        client = stack.enter_context(start(stack, "alone", home, "--solo").connect())
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
    report: KillingReport, alone: str, pattern: OutputPattern, preview: Path, seconds: float
) -> None:
    """The closing lines: the kill's cost, the time, and the two digests."""
    exr = next(file for file in pattern.files(WITNESS) if file.suffix == ".exr")
    meshed = hashlib.sha256(exr.read_bytes()).hexdigest()
    assert report.job is not None
    redone = sum(share.redone for share in report.job.shares)
    total = report.job.buckets_total
    if report.killed:
        click.echo(
            f"Killed:       {VICTIM}; {report.lost_buckets} of {total} buckets were lost with it and rendered again"
        )
    else:
        click.echo(f"Killed:       nobody; the job was done before {VICTIM}'s turn came")
    click.echo(f"Redone twice: {redone} of {total} buckets")
    click.echo(f"Wall time:    {duration(seconds)}, from the first node's start to the preview")
    click.echo(f"SHA-256 of frame {WITNESS} by the mesh:  {meshed}")
    click.echo(f"SHA-256 of frame {WITNESS} by one node:  {alone}")
    if meshed != alone:
        raise DemoFramesDiffer(frame=WITNESS)
    click.echo("              equal, to the bit")
    click.echo(f"Frames:       {pattern}")
    click.echo(f"Preview:      {preview}")
