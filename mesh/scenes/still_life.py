"""The demo scene: a still life on a walnut sideboard, made from nothing but numbers.

A Newton's cradle swings for one second (24 frames at 24 a second, and again from the start) while the
camera drifts in a small circle. Everything is computed here, the same on every machine, so that the
first render needs no download: `write_still_life(path)` gives a valid binary glTF.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mesh.scenes.description import F32
from mesh.scenes.exact import sin_cos
from mesh.scenes.geometry import F64, cross, normalize
from mesh.scenes.studio.cradle import add_cradle
from mesh.scenes.studio.glb_writer import GlbWriter
from mesh.scenes.studio.palette import Palette, add_materials
from mesh.scenes.studio.shapes import Shape, lathe, sheet

FRAMES = 24
_FPS = 24.0

_CAMERA = (0.09, 0.37, 1.30)
_TARGET = (-0.005, 0.135, 0.0)
_DRIFT = 0.012
_YFOV = math.radians(25.0)


def write_still_life(path: Path) -> None:
    """Writes the demo scene to `path`, a .glb."""
    path.write_bytes(still_life())


def still_life() -> bytes:
    """The demo scene's bytes."""
    file = GlbWriter()
    palette = add_materials(file)
    times = (np.arange(FRAMES + 1) / _FPS).astype(np.float32)
    cradle = add_cradle(
        file,
        palette,
        times,
        translation=[0.225, 0.0, 0.06],
        rotation=_turn((0.0, 1.0, 0.0), -30.0),
        scale=[1.12, 1.12, 1.12],
    )
    roots = [*_room(file, palette), *_vessels(file, palette), *_fruit(file, palette), cradle.root]
    camera, channels = _camera(file, times)
    roots.append(camera)
    file.add_clip("swing", times, [*cradle.channels, *channels])
    return file.finish("still life", roots)


def _room(file: GlbWriter, palette: Palette) -> list[int]:
    table = _quad((-1.6, 0.0, 1.6), (3.2, 0.0, 0.0), (0.0, 0.0, -2.2), repeats=(2.4, 1.65))
    wall = _quad((-2.4, -0.4, -0.6), (4.8, 0.0, 0.0), (0.0, 2.4, 0.0), repeats=(4.0, 2.0))
    panel = _quad((-0.5, -0.5, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), repeats=(1.0, 1.0))
    lights = {"soft box": palette.soft_box, "rim light": palette.rim_light, "window": palette.window}
    meshes = {name: file.add_mesh(name, panel, material) for name, material in lights.items()}
    cloth = sheet(56, 72, _cloth)
    return [
        file.add_node("sideboard", mesh=file.add_mesh("sideboard", table, palette.table)),
        file.add_node("wall", mesh=file.add_mesh("wall", wall, palette.wall)),
        file.add_node("cloth", mesh=file.add_mesh("cloth", cloth, palette.velvet)),
        _facing(file, "soft box", meshes["soft box"], (-1.45, 1.25, 0.75), (0.0, 0.1, 0.0), 1.4),
        _facing(file, "rim light", meshes["rim light"], (1.5, 0.8, 0.0), (0.0, 0.12, 0.0), 0.9),
        _facing(file, "window", meshes["window"], (0.5, 1.2, 2.6), (0.0, 0.2, 0.0), 2.2),
    ]


def _vessels(file: GlbWriter, palette: Palette) -> list[int]:
    vase = lathe(
        [
            (0.0, 0.0),
            (0.038, 0.0),
            (0.0455, 0.003),
            (0.047, 0.010),
            (0.052, 0.040),
            (0.076, 0.105),
            (0.086, 0.165),
            (0.074, 0.225),
            (0.045, 0.275),
            (0.0265, 0.315),
            (0.025, 0.345),
            (0.032, 0.374),
            (0.0405, 0.387),
            (0.0415, 0.390),
            (0.0395, 0.3915),
            (0.034, 0.384),
            (0.023, 0.350),
            (0.021, 0.310),
            (0.0, 0.280),
        ],
        around=72,
    )
    drop = lathe(
        [
            (0.0, 0.0),
            (0.036, 0.0),
            (0.050, 0.004),
            (0.062, 0.018),
            (0.069, 0.048),
            (0.066, 0.082),
            (0.053, 0.118),
            (0.036, 0.150),
            (0.022, 0.182),
            (0.0135, 0.212),
            (0.0115, 0.230),
            (0.0145, 0.244),
            (0.0140, 0.254),
            (0.0090, 0.261),
            (0.0, 0.2635),
        ],
        around=64,
    )
    cup = lathe(
        [
            (0.0, 0.0),
            (0.028, 0.0),
            (0.0335, 0.002),
            (0.036, 0.007),
            (0.038, 0.040),
            (0.042, 0.086),
            (0.0445, 0.1055),
            (0.0445, 0.1085),
            (0.0425, 0.109),
            (0.0415, 0.106),
            (0.039, 0.086),
            (0.035, 0.040),
            (0.032, 0.010),
            (0.0, 0.008),
        ],
        around=64,
    )
    return [
        file.add_node(
            "vase", mesh=file.add_mesh("vase", vase, palette.vase), translation=[-0.325, 0.0, -0.13]
        ),
        file.add_node(
            "glass drop",
            mesh=file.add_mesh("glass drop", drop, palette.glass),
            translation=[-0.178, 0.0, -0.03],
        ),
        file.add_node(
            "cup", mesh=file.add_mesh("cup", cup, palette.copper), translation=[-0.055, 0.0, -0.22]
        ),
    ]


def _fruit(file: GlbWriter, palette: Palette) -> list[int]:
    """A porcelain bowl of oranges on the cloth, and one that got away."""
    bowl = lathe(
        [
            (0.0, 0.003),
            (0.034, 0.003),
            (0.036, 0.0),
            (0.0405, 0.0),
            (0.042, 0.006),
            (0.058, 0.014),
            (0.086, 0.034),
            (0.104, 0.062),
            (0.1095, 0.0785),
            (0.1085, 0.0805),
            (0.1065, 0.079),
            (0.100, 0.062),
            (0.082, 0.037),
            (0.054, 0.018),
            (0.0, 0.011),
        ],
        around=72,
    )
    centre = (-0.105, 0.0035, 0.15)
    nodes = [
        file.add_node("bowl", mesh=file.add_mesh("bowl", bowl, palette.porcelain), translation=list(centre))
    ]
    orange = file.add_mesh("orange", _orange(), palette.orange)
    stem = file.add_mesh("stem", _stem(), palette.stem)
    places = [
        ((centre[0] - 0.042, 0.064, centre[2] + 0.022), (0.3, 0.0, 1.0), 38.0),
        ((centre[0] + 0.045, 0.063, centre[2] + 0.020), (1.0, 0.0, -0.5), 50.0),
        ((centre[0] + 0.002, 0.064, centre[2] - 0.047), (1.0, 0.2, 0.3), -24.0),
        ((centre[0] + 0.002, 0.1185, centre[2] + 0.002), (0.8, 0.0, -0.6), 33.0),
        ((0.075, 0.0400, 0.30), (1.0, 0.0, -0.8), 62.0),
    ]
    for at, (place, axis, degrees) in enumerate(places, 1):
        parts = [file.add_node(f"stem {at}", mesh=stem)]
        nodes.append(
            file.add_node(
                f"orange {at}",
                mesh=orange,
                translation=list(place),
                rotation=_turn(axis, degrees),
                children=parts,
            )
        )
    return nodes


def _orange() -> Shape:
    """Nearly a ball, a little flat, with a dimple at the stem; the peel repeats around it."""
    shape = lathe(
        [
            (0.0, -0.0378),
            (0.0135, -0.0368),
            (0.0275, -0.0292),
            (0.0382, -0.0150),
            (0.0415, 0.0005),
            (0.0383, 0.0160),
            (0.0280, 0.0298),
            (0.0140, 0.0372),
            (0.0060, 0.0378),
            (0.0, 0.0366),
        ],
        steps=3,
        around=40,
    )
    return Shape(shape.positions, shape.normals, shape.uv * np.array([6.0, 3.0], np.float32), shape.triangles)


def _stem() -> Shape:
    return lathe([(0.0034, 0.0360), (0.0037, 0.0378), (0.0022, 0.0390), (0.0, 0.0391)], steps=3, around=12)


def _cloth(u: F64, v: F64) -> F64:
    """A loosely laid velvet runner: folds that die away toward the bowl, in metres."""
    x = (u - 0.5) * 0.56
    z = (0.5 - v) * 0.40
    away = np.clip((np.abs(x) - 0.10) / 0.18, 0.0, 1.0)
    rise = away * away * (3.0 - 2.0 * away)
    fold = _wave(x * 9.0 + z * 3.1 + _wave(z * 2.3 + 0.2) * 0.35) * 0.5 + _wave(x * 5.3 - z * 6.7 + 0.3) * 0.5
    height = 0.0025 + rise * (fold + 1.0) * 0.0085
    lean = 0.42
    place_x = -0.13 + x * (1.0 - lean * lean / 2.0) + z * lean
    place_z = 0.16 - x * lean + z * (1.0 - lean * lean / 2.0) + _wave(x * 3.0 + 0.1) * 0.008
    return np.stack(np.broadcast_arrays(place_x, height, place_z), axis=-1)


def _wave(turns: F64) -> F64:
    """A smooth wave of period 1 between -1 and 1, made of a polynomial instead of a sine."""
    t = turns - np.floor(turns)
    half = np.where(t < 0.5, t, t - 0.5) * 2.0
    arch = half * (1.0 - half)
    return np.where(t < 0.5, 1.0, -1.0) * arch * (3.2 + 3.2 * arch)


def _quad(
    corner: Sequence[float], right: Sequence[float], up: Sequence[float], *, repeats: tuple[float, float]
) -> Shape:
    c, r, u = np.array(corner), np.array(right), np.array(up)
    normal = normalize(cross(r[None], u[None]))
    uv = np.array([[0.0, repeats[1]], [repeats[0], repeats[1]], [repeats[0], 0.0], [0.0, 0.0]])
    return Shape(
        np.array([c, c + r, c + r + u, c + u]).astype(np.float32),
        np.repeat(normal, 4, axis=0).astype(np.float32),
        uv.astype(np.float32),
        np.array([[0, 1, 2], [0, 2, 3]], np.int32),
    )


def _camera(file: GlbWriter, times: F32) -> tuple[int, list[tuple[int, str, F32]]]:
    """The camera and its drift: once around a small circle, always looking at the same point."""
    places, turns = [], []
    for time in times.astype(float).tolist():
        s, c = sin_cos(2.0 * math.pi * time)
        place = (_CAMERA[0] + _DRIFT * s, _CAMERA[1] - _DRIFT * 0.4 * c, _CAMERA[2])
        places.append(place)
        turns.append(_look(place, _TARGET))
    camera = file.add_camera("camera", _YFOV, 16.0 / 9.0)
    node = file.add_node("camera", camera=camera, translation=list(places[0]), rotation=turns[0])
    return node, [
        (node, "translation", np.array(places, np.float32)),
        (node, "rotation", np.array(turns, np.float32)),
    ]


def _facing(
    file: GlbWriter, name: str, mesh: int, place: Sequence[float], target: Sequence[float], size: float
) -> int:
    """A square panel of `size` metres that faces `target`."""
    away = [2.0 * p - t for p, t in zip(place, target, strict=True)]
    return file.add_node(
        name, mesh=mesh, translation=list(place), rotation=_look(place, away), scale=[size, size, 1.0]
    )


def _look(place: Sequence[float], target: Sequence[float]) -> list[float]:
    """The rotation that turns -Z from `place` to `target` and keeps +Y up."""
    dx, dy, dz = (t - p for p, t in zip(place, target, strict=True))
    flat = math.sqrt(dx * dx + dz * dz)
    length = math.sqrt(flat * flat + dy * dy)
    # Half-angle formulas on the cosines; yaw first, then pitch.
    yaw = _half_turn(-dz / flat, -dx)
    pitch = _half_turn(flat / length, dy)
    (sy, cy), (sp, cp) = yaw, pitch
    return [cy * sp, sy * cp, -sy * sp, cy * cp]


def _half_turn(cosine: float, sign: float) -> tuple[float, float]:
    """Sine and cosine of half the angle that has this cosine, and a sine of this sign."""
    s = math.sqrt(max(0.0, (1.0 - cosine) / 2.0))
    return (-s if sign < 0.0 else s), math.sqrt(max(0.0, (1.0 + cosine) / 2.0))


def _turn(axis: Sequence[float], degrees: float) -> list[float]:
    """The quaternion of a turn about `axis`."""
    x, y, z = axis
    length = math.sqrt((x * x + y * y) + z * z)
    s, c = sin_cos(degrees * math.pi / 360.0)
    return [x / length * s, y / length * s, z / length * s, c]
