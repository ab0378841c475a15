"""Scenes of our own for the gallery: a chart of materials, and things in fast motion."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from mesh.scenes.studio.glb_writer import GlbWriter
from mesh.scenes.studio.shapes import rounded_box, sheet, sphere

Row = tuple[str, dict[str, Any], dict[str, dict[str, Any]]]

_COLUMNS = 7
_STEP = 0.24


def _plain(color: tuple[float, float, float], metallic: float, roughness: float) -> dict[str, Any]:
    return {
        "pbrMetallicRoughness": {
            "baseColorFactor": [*color, 1.0],
            "metallicFactor": metallic,
            "roughnessFactor": roughness,
        }
    }


def _cell(row: int, t: float) -> Row:
    """The material of one row where its parameter, from left to right, stands at `t`."""
    glass = {"KHR_materials_transmission": {"transmissionFactor": 1.0}}
    match row:
        case 0:
            return "metal, roughness", _plain((0.95, 0.64, 0.54), 1.0, t), {}
        case 1:
            return "plastic, roughness", _plain((0.1, 0.35, 0.6), 0.0, t), {}
        case 2:
            coat = {"clearcoatFactor": 1.0, "clearcoatRoughnessFactor": 0.6 * t}
            return (
                "clearcoat, roughness",
                _plain((0.5, 0.02, 0.03), 0.6, 0.6),
                {"KHR_materials_clearcoat": coat},
            )
        case 3:
            volume = {
                "thicknessFactor": 0.2,
                "attenuationDistance": 0.15,
                "attenuationColor": [0.3, 0.8, 0.6],
            }
            extensions: dict[str, dict[str, Any]] = {
                **glass,
                "KHR_materials_volume": volume,
                "KHR_materials_ior": {"ior": 1.5},
            }
            return "glass, roughness", _plain((1.0, 1.0, 1.0), 0.0, 0.7 * t), extensions
        case 4:
            sheen = {"sheenColorFactor": [1.0, 0.6, 0.3], "sheenRoughnessFactor": 0.1 + 0.9 * t}
            return "sheen, roughness", _plain((0.15, 0.03, 0.05), 0.0, 0.9), {"KHR_materials_sheen": sheen}
        case 5:
            turned = {"anisotropyStrength": t, "anisotropyRotation": 0.5}
            return "anisotropy", _plain((0.8, 0.8, 0.82), 1.0, 0.35), {"KHR_materials_anisotropy": turned}
        case _:
            film = {
                "iridescenceFactor": 1.0,
                "iridescenceIor": 1.4,
                "iridescenceThicknessMaximum": 150.0 + 550.0 * t,
            }
            return (
                "iridescence, thickness",
                _plain((0.6, 0.6, 0.6), 1.0, 0.2),
                {"KHR_materials_iridescence": film},
            )


def material_chart(path: Path) -> None:
    """Balls, one row for each kind of material, its parameter growing from left to right."""
    file, roots, rows = GlbWriter(), [], 7
    ball = sphere(0.105)
    for row in range(rows):
        for column in range(_COLUMNS):
            t = column / (_COLUMNS - 1)
            name, fields, extensions = _cell(row, t)
            mesh = file.add_mesh(name, ball, file.add_material(f"{name} {t:.2f}", fields, extensions))
            place = [(column - (_COLUMNS - 1) / 2) * _STEP, ((rows - 1) / 2 - row) * _STEP, 0.0]
            roots.append(file.add_node(f"{name} {column}", mesh=mesh, translation=place))
    backdrop = sheet(2, 2, lambda u, v: np.stack([3.0 * (u - 0.5), 3.0 * (v - 0.5), 0.0 * u - 0.16], axis=-1))
    wall = file.add_material("wall", _plain((0.25, 0.25, 0.25), 0.0, 0.9))
    roots.append(file.add_node("wall", mesh=file.add_mesh("wall", backdrop, wall)))
    camera = file.add_camera("front", yfov=0.36, aspect=1.0)
    roots.append(file.add_node("front", camera=camera, translation=[0.0, 0.0, 5.0]))
    path.write_bytes(file.finish("materials", roots))


def fast_things(path: Path) -> None:
    """A propeller at four turns a second, a ball that flies by, and a post that stands still."""
    file = GlbWriter()
    times = (np.arange(25) / 24.0).astype(np.float32)
    red = file.add_material("red", _plain((0.7, 0.06, 0.04), 0.0, 0.4))
    steel = file.add_material("steel", _plain((0.7, 0.72, 0.75), 1.0, 0.25))
    blade = file.add_mesh("blade", rounded_box((1.6, 0.16, 0.03), 0.012), red)
    propeller = file.add_node("propeller", mesh=blade, translation=[-0.5, 0.2, 0.1])
    ball = file.add_node("ball", mesh=file.add_mesh("ball", sphere(0.18), steel))
    post = file.add_node(
        "post",
        mesh=file.add_mesh("post", rounded_box((0.12, 2.0, 0.12), 0.02), steel),
        translation=[-0.5, -0.2, 0.0],
    )
    half_turns = 4.0 * math.pi * times.astype(np.float64)
    spin = np.stack([0 * half_turns, 0 * half_turns, np.sin(half_turns), np.cos(half_turns)], axis=-1)
    flight = np.stack([0.3 + 2.4 * (times - 0.5), -0.35 + 0 * times, 0.3 + 0 * times], axis=-1)
    file.add_clip(
        "motion",
        times,
        [(propeller, "rotation", spin.astype(np.float32)), (ball, "translation", flight.astype(np.float32))],
    )
    camera = file.add_camera("front", yfov=0.5, aspect=1.6)
    front = file.add_node("front", camera=camera, translation=[0.0, 0.0, 4.2])
    path.write_bytes(file.finish("motion", [propeller, ball, post, front]))
