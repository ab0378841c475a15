"""Newton's cradle: five steel balls on threads, and one second of their swing.

Left and right ball take turns, each out and back in half a second. That is the period of a pendulum of
0.25 m, a little more than this one has, so that the clip loops after exactly one second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mesh.scenes.description import F32
from mesh.scenes.exact import sin_cos
from mesh.scenes.studio.glb_writer import GlbWriter
from mesh.scenes.studio.palette import Palette
from mesh.scenes.studio.shapes import Shape, bar, lathe, merge, rounded_box, sphere, tube

BALL_RADIUS = 0.022
_BALLS = 5
_BASE = (0.30, 0.024, 0.17)
_RAIL_HEIGHT = 0.245
_RAIL_DEPTH = 0.062
_POST = 0.130
_BALL_HEIGHT = 0.078
_SWING = math.radians(31.0)


@dataclass(frozen=True, slots=True)
class Cradle:
    """The cradle's root node and the channels that move the outer balls."""

    root: int
    channels: tuple[tuple[int, str, F32], ...]


def add_cradle(file: GlbWriter, palette: Palette, times: F32, **placement: object) -> Cradle:
    """Adds the cradle, standing on the plane y = 0 before `placement`; `times` in seconds from 0 to 1."""
    base = file.add_mesh("cradle base", rounded_box(_BASE, 0.006), palette.lacquer)
    frame = file.add_mesh("cradle frame", _frame(), palette.brass)
    ball = file.add_mesh("ball", sphere(BALL_RADIUS), palette.steel)
    threads = file.add_mesh("threads", _threads(), palette.thread)
    eyelet = file.add_mesh("eyelet", _eyelet(), palette.brass)
    children = [
        file.add_node("cradle base", mesh=base, translation=[0.0, _BASE[1] / 2.0, 0.0]),
        file.add_node("cradle frame", mesh=frame),
    ]
    pendulums = []
    for at in range(_BALLS):
        x = (at - (_BALLS - 1) / 2.0) * 2.0 * BALL_RADIUS
        drop = [0.0, _BALL_HEIGHT - _RAIL_HEIGHT, 0.0]
        parts = [
            file.add_node(f"ball {at + 1}", mesh=ball, translation=drop),
            file.add_node(f"threads {at + 1}", mesh=threads),
            file.add_node(f"eyelet {at + 1}", mesh=eyelet, translation=drop),
        ]
        pendulums.append(
            file.add_node(f"pendulum {at + 1}", translation=[x, _RAIL_HEIGHT, 0.0], children=parts)
        )
    root = file.add_node("cradle", children=children + pendulums, **placement)
    channels = (
        (pendulums[0], "rotation", _swing(times, left=True)),
        (pendulums[-1], "rotation", _swing(times, left=False)),
    )
    return Cradle(root, channels)


def _swing(times: F32, *, left: bool) -> F32:
    """Rotations about z, (n, 4). At the start the left ball is at its highest, in the middle the right one."""
    rows = []
    for time in times.astype(float).tolist():
        wave = sin_cos(2.0 * math.pi * time)[1] * _SWING
        angle = -max(0.0, wave) if left else max(0.0, -wave)
        s, c = sin_cos(angle / 2.0)
        rows.append((0.0, 0.0, s, c))
    return np.array(rows, np.float32)


def _frame() -> Shape:
    """Two bent rails with their feet."""
    foot, bend, top = _BASE[1] - 0.002, 0.022, _RAIL_HEIGHT
    arc = [sin_cos(math.pi / 2.0 * at / 10) for at in range(11)]
    path = [(-_POST, foot), *((-_POST + bend * (1.0 - c), top - bend * (1.0 - s)) for s, c in arc)]
    path += [(-x, y) for x, y in reversed(path)]
    parts = []
    for z in (-_RAIL_DEPTH, _RAIL_DEPTH):
        parts.append(tube([(x, y, z) for x, y in path], 0.0042, around=16))
        for x in (-_POST, _POST):
            collar = lathe([(0.0080, 0.0), (0.0078, 0.006), (0.0062, 0.0095), (0.0042, 0.010)], around=24)
            parts.append(collar.moved((x, foot, z)))
    return merge(parts)


def _threads() -> Shape:
    """The two threads of a ball, from the rails down to the top of the ball, about the pivot."""
    knot = (0.0, _BALL_HEIGHT + BALL_RADIUS * 1.12 - _RAIL_HEIGHT, 0.0)
    return merge([bar((0.0, 0.0, z), knot, 0.0006, around=6) for z in (-_RAIL_DEPTH, _RAIL_DEPTH)])


def _eyelet() -> Shape:
    r = BALL_RADIUS
    return lathe([(0.0042, r * 0.95), (0.0040, r * 1.05), (0.0030, r * 1.13), (0.0, r * 1.16)], around=16)
