"""The submit command."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import click

from mesh.cli.collect import existing_policy, nothing_to_write, output_options
from mesh.cli.common import Sectioned, connect
from mesh.cli.look import read_look
from mesh.cli.numbers import Finite, Whole
from mesh.cli.orders import LateOrder, Order, ReadyOrder
from mesh.cli.picture import picture_options, with_picture
from mesh.cli.printed import collect_command
from mesh.cli.solo import any_node
from mesh.cli.terms import read_terms, terms_options
from mesh.config.paths import Paths
from mesh.control.errors import NoNode
from mesh.control.outputs import (
    Format,
    OutputPattern,
    check_room,
    frames_to_write,
    parse_output,
    work_folder,
)
from mesh.control.submission import Wish, prepare
from mesh.errors import ExitCode, MeshError
from mesh.model.frames import parse_frames
from mesh.model.ids import short
from mesh.model.look import Look
from mesh.model.manifest import EngineName, RenderSettings

_DEFAULTS = RenderSettings()


class NoNodeToDetach(MeshError):
    """With --detach a job is left to the mesh, but no node runs on this machine; start one with `mesh join`."""

    exit_code = ExitCode.NO_MESH


class Resolution(click.ParamType[tuple[int, int]]):
    """`960x540`."""

    name = "WxH"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"(\d{1,5})[xX×](\d{1,5})", value.strip())
        if match is None or not all(1 <= int(side) <= 16384 for side in match.groups()):
            self.fail(f"{value!r} is not like 960x540, with sides from 1 to 16384", param, ctx)
        return int(match[1]), int(match[2])


class _Submit(Sectioned):
    sections: ClassVar[dict[str, str]] = {
        "frames": "What is rendered",
        "name": "The job",
        "layers": "Layers, noise, lens and motion",
        "priority": "Who renders it, and when",
        "output": "How files are written",
        "overwrite": "Files that are there, and scripts",
    }


@click.command(cls=_Submit)
@click.argument("scene", type=click.Path(path_type=Path))
@click.option(
    "--frames", default="1", show_default=True, metavar="SET", help="Frames: 1-240, 1-240x2 or 1,5,10-20."
)
@click.option(
    "--engine",
    type=click.Choice([EngineName.BUILTIN.value]),
    default=EngineName.BUILTIN.value,
    show_default=True,
    help="Renderer.",
)
@click.option(
    "--samples",
    default=_DEFAULTS.samples,
    show_default=True,
    type=Whole(1, 1 << 20),
    help="Per pixel.",
)
@click.option(
    "--resolution",
    type=Resolution(),
    default=f"{_DEFAULTS.width}x{_DEFAULTS.height}",
    show_default=True,
    help="Width and height in pixels.",
)
@click.option(
    "--camera", default="", metavar="NAME", help="Camera of the scene. Default: its first, or a framed one."
)
@click.option(
    "--environment",
    default="",
    metavar="FILE|sky",
    help="Light from an equirectangular image, or a computed sky.",
)
@click.option(
    "--environment-rotation",
    default=0.0,
    type=Finite(-360, 360),
    metavar="DEGREES",
    help="Turn the environment.",
)
@click.option(
    "--environment-strength", default=1.0, type=Finite(0), metavar="FACTOR", help="Brighten the environment."
)
@click.option("--turntable", is_flag=True, help="Turn the camera once around the scene over the frames.")
@click.option(
    "--scene", "scene_name", default="", metavar="NAME", help="Scene of the file. Default: its own choice."
)
@click.option(
    "--clip",
    default="",
    metavar="NAME",
    help="Animation clip. Default: the first, and all that move other things.",
)
@click.option("--variant", default="", metavar="NAME", help="Material variant.")
@click.option(
    "--fps",
    default=_DEFAULTS.fps,
    show_default=True,
    type=Finite(0, 1000, min_open=True),
    help="Frames a second.",
)
@click.option("--seed", default=0, show_default=True, type=Whole(0, 2**31 - 1), help="Of the noise.")
@click.option(
    "--max-depth",
    default=_DEFAULTS.max_depth,
    show_default=True,
    type=Whole(1, 1024),
    help="Longest path in bounces.",
)
@click.option(
    "--name", default="", metavar="NAME", help="What to call the job. Default: the scene file's name."
)
@click.option(
    "--wait-for-files",
    is_flag=True,
    help="Start by itself once SCENE and all it refers to are there, and nothing of it changes any more.",
)
@click.option("--detach", is_flag=True, help="Do not wait; frames stay in the mesh until collected.")
@picture_options
@terms_options
@output_options
def submit(
    scene: Path,
    frames: str,
    engine: str,
    samples: int,
    resolution: tuple[int, int],
    camera: str,
    environment: str,
    environment_rotation: float,
    environment_strength: float,
    turntable: bool,
    scene_name: str,
    clip: str,
    variant: str,
    fps: float,
    seed: int,
    max_depth: int,
    name: str,
    wait_for_files: bool,
    detach: bool,
    output: str | None,
    formats: tuple[Format, ...],
    overwrite: bool,
    skip_existing: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Render a scene on the mesh; frames land here.

    SCENE is a .gltf or .glb file; everything it refers to goes with it. Frames are written as they finish.
    Ctrl-C asks whether to detach or cancel. Where no node runs on this machine, one is started for the
    duration: nothing needs to be set up.

    With --wait-for-files the job may be submitted before its scene is exported: the node of this machine looks for
    the files where they are missed, whether or not this command goes on, and starts the job when they are complete.
    `mesh jobs` on this machine says what it waits for, and `mesh cancel` ends that.

    \b
    Examples:
      mesh submit scene.glb --frames 1-240
      mesh submit scene.glb --frames 1-240x2 --samples 256 --resolution 1920x1080 -o shot/a.####.exr
      mesh submit helmet.gltf --turntable --frames 1-48 --environment studio.hdr
      mesh submit scene.glb --frames 1-240 --detach
      mesh submit export/shot.gltf --frames 1-240 --wait-for-files --detach
      mesh submit shot.glb --frames 1-240 --tags gpu --priority 4 --after layout
    """
    width, height = resolution
    chosen = parse_frames(frames)
    settings = RenderSettings(
        width=width,
        height=height,
        samples=samples,
        max_depth=max_depth,
        seed=seed,
        fps=fps,
        camera=camera,
        environment_rotation=environment_rotation,
        environment_strength=environment_strength,
        turntable=chosen[-1] - chosen[0] + 1 if turntable else 0,
        scene=scene_name,
        clip=clip,
        variant=variant,
    )
    settings = with_picture(settings, options)
    wish = Wish(scene, chosen, EngineName(engine), settings, environment, name, read_terms(options))
    order: Order = LateOrder(wish) if wait_for_files else ReadyOrder(prepare(wish))
    for warning in order.warnings:
        click.echo(f"Note: {warning}", err=True)
    policy = existing_policy(overwrite, skip_existing)
    look = read_look(options)
    if detach:
        sys.exit(_detached(order, lambda job: collect_command(job, output, formats, look), as_json))
    pattern = parse_output(output, order.name, formats, len(chosen))
    wanted = frames_to_write(pattern, chosen, policy)
    if not wanted:
        nothing_to_write(None, pattern, as_json)
        return
    with work_folder(pattern) as work:  # that it can be written to must be known before anything is rendered
        check_room(work.parent, settings.frame_bytes)
    sys.exit(_watched(order, wanted, pattern, output, formats, look, as_json))


def _detached(order: Order, command: Callable[[str], str], as_json: bool) -> ExitCode:
    """Submit, print the `command` that collects, and be done."""
    from mesh.cli.reports import JsonReport

    try:
        client = connect()
    except NoNode as error:
        raise NoNodeToDetach() from error
    with client:
        receipt = order.send(client)
        waiting = client.job(receipt.job.hex()).status.waiting
    name = short(receipt.job)
    if as_json:
        JsonReport().submitted(receipt.job, receipt.durable_on, name=order.name, waiting=waiting)
        return ExitCode.DONE
    if waiting:
        click.echo(f"Note: {waiting}.", err=True)
    safe = f", safe on {' and '.join(receipt.durable_on)} too" if receipt.durable_on else ""
    click.echo(f"{order.name} is submitted as {name}{safe}. Fetch its frames with: {command(name)}")
    return ExitCode.DONE


def _watched(
    order: Order,
    wanted: tuple[int, ...],
    pattern: OutputPattern,
    output: str | None,
    formats: tuple[Format, ...],
    look: Look,
    as_json: bool,
) -> ExitCode:
    """Submit the `wanted` frames and stay until they are written."""
    from mesh.cli.follow import Following, follow
    from mesh.cli.reports import choose_report

    with any_node(Paths.locate()) as (client, own):
        receipt = order.only(wanted).send(client)
        report = choose_report(as_json, str(pattern), len(wanted))
        return follow(
            Following(client, receipt.job.hex(), wanted, pattern, report, output, formats, look, receipt, own)
        )
