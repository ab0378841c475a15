"""What a channel of an animation moves, as a JSON pointer: of a node, or by KHR_animation_pointer of a lamp or a camera.

Standard library only, since submit wants to know which clips move the same things. Source: the extension's own text; its
templates for nodes, punctual lights and cameras. Materials are packed once and stand still.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from mesh.scenes.gltf.cursor import MAX_MAGNITUDE, Value

WEIGHTS = "weights"
NODE_PATHS = ("translation", "rotation", "scale", WEIGHTS)

_NODE = re.compile(r"/nodes/(0|[1-9]\d{0,15})/(translation|rotation|scale|weights)")
# Blender writes a spot's angles with a dot.
_LAMP = re.compile(
    r"/extensions/KHR_lights_punctual/lights/(0|[1-9]\d{0,15})/(color|intensity|range|spot[./](?:inner|outer)ConeAngle)"
)
_CAMERA = re.compile(r"/cameras/(0|[1-9]\d{0,15})/(perspective/yfov|orthographic/[xy]mag)")
_UNSEEN = re.compile(r"/cameras/\d+/(perspective|orthographic)/z(near|far)")
"""Cameras have no near and far planes here, so that nobody misses these."""

_BOUNDS = {
    "innerConeAngle": (0.0, math.pi / 2.0),
    "outerConeAngle": (0.0, math.pi / 2.0),
    "yfov": (1e-3, math.pi - 1e-3),
    "xmag": (1e-9, MAX_MAGNITUDE),
    "ymag": (1e-9, MAX_MAGNITUDE),
}
"""A spline may swing beyond what the static value may be; others must not be below 0."""


@dataclass(frozen=True, slots=True)
class Property:
    """A number, or three, of the object that stands at `where` in the file."""

    where: str
    keys: tuple[str, ...]
    width: int

    def clamped(self, numbers: tuple[float, ...]) -> tuple[float, ...]:
        low, high = _BOUNDS.get(self.keys[-1], (0.0, MAX_MAGNITUDE))
        return tuple(min(max(number, low), high) for number in numbers)


def pointer_of(channel: Value) -> str:
    """Empty where it is nothing that glTF knows."""
    target = channel.required("target")
    extension = target.extension("KHR_animation_pointer")
    if extension is not None:
        return extension.text("pointer")
    node, path = target.index("node", 1 << 53, "nodes"), target.text("path")
    return f"/nodes/{node}/{path}" if node >= 0 and path in NODE_PATHS else ""


def node_path(pointer: str) -> tuple[int, str] | None:
    """The node and what of it, where the pointer is to one."""
    match = _NODE.fullmatch(pointer)
    return None if match is None else (int(match[1]), match[2])


def lamp_or_camera(pointer: str) -> Property | None:
    if match := _LAMP.fullmatch(pointer):
        where = f"extensions.KHR_lights_punctual.lights[{match[1]}]"
    elif match := _CAMERA.fullmatch(pointer):
        where = f"cameras[{match[1]}]"
    else:
        return None
    return Property(where, tuple(re.split("[./]", match[2])), 3 if match[2] == "color" else 1)


def changes_nothing(pointer: str) -> bool:
    return _UNSEEN.fullmatch(pointer) is not None


def overlaid(value: Value, changes: Mapping[Property, tuple[float, ...]]) -> Value:
    """The object as it is at a moment at which `changes` hold."""
    fields = dict(value.fields)
    for one, numbers in changes.items():
        if one.where == value.where:
            content = list(numbers) if one.width > 1 else numbers[0]
            *parents, key = one.keys
            if parents:
                held = fields.get(parents[0])
                fields[parents[0]] = {**(held if isinstance(held, dict) else {}), key: content}
            else:
                fields[key] = content
    return Value(value.file, value.where, fields)
