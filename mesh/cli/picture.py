"""What is rendered beside the plain picture, as options of submit: layers, noise target, shutter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import click

from mesh.cli.numbers import Finite, Whole
from mesh.model.layers import LIGHT, Layer, in_order
from mesh.model.manifest import RenderSettings

Command = TypeVar("Command", bound=Callable[..., Any])

_DEFAULTS = RenderSettings()
_ALWAYS = frozenset(("albedo", "normal", "depth", "samples", "ids"))
"""What every frame has; asking for it is no mistake."""
_SETS = {"all": tuple(Layer), "light": LIGHT}


class LayerList(click.ParamType[tuple[Layer, ...]]):
    """`position,direct`, or `light` for the parts of light, or `all`."""

    name = "LAYER,..."

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Layer, ...]:
        if isinstance(value, tuple):
            return value
        names = {part.strip().lower() for part in value.split(",")} - _ALWAYS
        try:
            return in_order(layer for name in names for layer in _SETS.get(name) or (Layer(name),))
        except ValueError:
            known = ", ".join((*Layer, *_SETS, *sorted(_ALWAYS)))
            self.fail(f"{value!r} holds a name of no layer; there are {known}", param, ctx)


def picture_options(command: Command) -> Command:
    """--aov, --noise, --clamp, --f-stop, --focus, --shutter and --motion-steps."""
    for decorate in (
        click.option(
            "--motion-steps",
            type=Whole(2, 256),
            help=f"Moments that stand for the time the shutter is open. Default: {_DEFAULTS.motion_steps}.",
        ),
        click.option(
            "--shutter",
            type=Finite(0, 4),
            default=0.0,
            metavar="FRAMES",
            help="Blur what moves, as a shutter does that is open for so long. 0.5 is a film camera's.",
        ),
        click.option(
            "--focus",
            type=Finite(0, min_open=True),
            metavar="METRES",
            help="How far away things are sharp, with --f-stop. Default: the middle of the scene.",
        ),
        click.option(
            "--f-stop",
            type=Finite(0.1, 256),
            metavar="N",
            help="Depth of field of a lens so wide, such as 2.8. Default: as the scene has it.",
        ),
        click.option(
            "--clamp",
            type=Finite(0, 1e6),
            default=_DEFAULTS.clamp,
            show_default=True,
            metavar="RADIANCE",
            help="Cut brighter samples (fireflies), in bright scenes relative to white; 0 cuts none.",
        ),
        click.option(
            "--noise",
            type=Finite(0, 1),
            default=0.0,
            metavar="ERROR",
            help="Stop at a pixel once its standard error, relative to its light, is below this, such as 0.02.",
        ),
        click.option(
            "--aov",
            "layers",
            type=LayerList(),
            default=(),
            help=f"More layers in the EXRs: {', '.join(Layer)}; light for emission, background and the six parts by"
            " lobe, whose sum is the picture; or all.",
        ),
    ):
        command = decorate(command)
    return command


def with_picture(settings: RenderSettings, options: dict[str, Any]) -> RenderSettings:
    """The settings with what the options above were given."""
    if options["shutter"] > 0.0 and options["noise"] > 0.0:
        raise click.UsageError(
            "--noise and --shutter exclude each other: blur wants the samples of every moment."
        )
    if options["focus"] is not None and options["f_stop"] is None:
        raise click.UsageError("--focus belongs to --f-stop: without a lens all is sharp.")
    if options["motion_steps"] is not None and options["shutter"] == 0.0:
        raise click.UsageError("--motion-steps belongs to --shutter: a picture of one moment has no blur.")
    names = ("layers", "noise", "clamp", "shutter", "motion_steps", "f_stop", "focus")
    return replace(settings, **{name: options[name] for name in names if options[name] is not None})
