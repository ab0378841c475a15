"""How frames are written, as options of submit and collect: the look of PNGs, and the EXRs' precision."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from mesh.cli.numbers import Finite
from mesh.engines.writer_client import WriterClient
from mesh.model.look import DenoiserMissing, Depth, Look, OcioView, View

Command = TypeVar("Command", bound=Callable[..., Any])

_SHIPPED = "ocio://"


class Stops(click.ParamType[float | None]):
    """A number, or `auto`, which is None."""

    name = "STOPS|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        if isinstance(value, str) and value.strip().lower() == "auto":
            return None
        return float(Finite(-32, 32).convert(value, param, ctx))


def look_options(command: Command) -> Command:
    """--view, --exposure, --denoise, --ocio, --display and --exr-bits."""
    for decorate in (
        click.option(
            "--exr-bits",
            type=click.Choice([depth.value for depth in Depth]),
            default=Depth.HALF.value,
            show_default=True,
            help="Of the EXRs' colours; distances, positions and ids always have 32.",
        ),
        click.option("--display", default="", metavar="NAME", help="Of --ocio. Default: its own choice."),
        click.option(
            "--ocio",
            metavar="CONFIG",
            help="Take --view from an OpenColorIO file, or from one that comes along, as ocio://default.",
        ),
        click.option("--denoise", is_flag=True, help="Clean the PNGs; the EXRs stay as rendered."),
        click.option(
            "--exposure",
            type=Stops(),
            metavar="STOPS|auto",
            default=0.0,
            help="Brighten or darken the PNGs; `auto` looks at each frame's own light.",
        ),
        click.option(
            "--view",
            metavar="|".join(View),
            help=f"Tone mapping of the PNGs.  [default: {View.AGX.value}]",
        ),
    ):
        command = decorate(command)
    return command


def read_look(options: dict[str, Any]) -> Look:
    """What the options above were given. What cannot be had is refused now rather than at the first frame: raises
    DenoiserMissing, WriterRefused."""
    view, config, display = options["view"], options["ocio"], options["display"]
    denoise, depth = options["denoise"], Depth(options["exr_bits"])
    auto, exposure = options["exposure"] is None, options["exposure"] or 0.0
    if denoise and importlib.util.find_spec("pyoidn") is None:
        raise DenoiserMissing()
    if config is None:
        if display:
            raise click.UsageError("--display belongs to --ocio.")
        if view not in (None, *View):
            raise click.BadParameter(
                f"{view!r} is not one of {', '.join(View)}; others come with --ocio", param_hint="--view"
            )
        return Look(View(view or View.AGX), exposure, denoise, depth, auto_exposure=auto)
    if not config.startswith(_SHIPPED) and not Path(config).is_file():
        raise click.BadParameter(
            f"there is no file {config!r}; give one, or ocio://default", param_hint="--ocio"
        )
    look = Look(View.AGX, exposure, denoise, depth, OcioView(config, display, view or ""), auto)
    with WriterClient() as writer:
        writer.check(look)
    return look
