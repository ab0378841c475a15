"""The replay command."""

from __future__ import annotations

from collections.abc import Sequence

import click

from mesh.cli.common import connect, json_option, print_json
from mesh.cli.numbers import Whole
from mesh.control.replaying import BRIGHTEST, replay
from mesh.engines.protocol import Step, Story
from mesh.model.layers import LIGHT

_INDENT = "      "


@click.command("replay")
@click.argument("job")
@click.argument("frame", type=int)
@click.argument("x", type=int)
@click.argument("y", type=int)
@click.argument("sample", type=Whole(0), default=None, required=False)
@json_option
def replay_command(job: str, frame: int, x: int, y: int, sample: int | None, as_json: bool) -> None:
    """Trace one sample of a pixel again and print its path.

    X and Y count pixels from the top left. SAMPLE counts from 0; without it the brightest sample is told, which is
    the one to blame for a firefly. The path is the one that was rendered, to the bit.

    \b
    Examples:
      mesh replay still-life 12 480 270
      mesh replay 7f3a-91c2 1 0 0 63 --json
    """
    with connect() as client:
        story = replay(client, job, frame, x, y, BRIGHTEST if sample is None else sample)
    if as_json:
        print_json(story)
        return
    click.echo(
        f"frame {story.frame}, pixel {story.x} {story.y}, sample {story.sample} of {story.taken}"
        + (f", {story.offset:+g} frames from its time" if story.offset else "")
        + f": radiance {_numbers(story.radiance)}"
    )
    for line in _lines(story):
        click.echo(line)


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:.5g}" for value in values)


def _lines(story: Story) -> list[str]:
    return [_line(step, {name: _numbers(values) for name, values in step.numbers}) for step in story.steps]


def _line(step: Step, n: dict[str, str]) -> str:
    thing = f"{step.object} ({step.material}), triangle {step.triangle}"
    match step.kind:
        case "camera":
            return f"  camera at {n['origin']}, along {n['direction']}"
        case "pass":
            return f"{_INDENT}passes {thing} at {n['position']}, which covers {n['coverage']}"
        case "vertex":
            side = "front" if n["side"] == "1" else "back"
            return (
                f"  {step.bounce + 1}. {thing}, {side}, at {n['position']}, {n['distance']} away;"
                f" normal {n['normal']}, throughput {n['throughput']}"
            )
        case "emit":
            return f"{_INDENT}shines {n['radiance']}, weight {n['weight']}: adds {n['contribution']}"
        case "light":
            added = f"{n['unshadowed']} where {n['visible']} is not in shadow"
            where = f" at {n['distance']}" if "distance" in n else ""
            return f"{_INDENT}asks {step.about}{where}, along {n['direction']}: {added}"
        case "bounce":
            return (
                f"{_INDENT}goes on along {n['direction']}, density {n.get('density', 'infinite')}:"
                f" throughput {n['throughput']}"
            )
        case "miss":
            return f"  environment: {n['radiance']}, weight {n['weight']}: adds {n['contribution']}"
        case "end":
            return f"  ends: {step.about}"
        case _:
            clamped = "" if n["clamp"] == "1" else f", the rest scaled by {n['clamp']} against fireflies"
            passes = "".join(f"\n{_INDENT}{layer} {n[layer]}" for layer in LIGHT if layer in n)
            return f"  sum: {n['radiance']}, of it {n['direct']} by way of one surface{clamped}{passes}"
