"""The still life's materials: what they are called, their numbers, and the textures they need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mesh.scenes.description import U8
from mesh.scenes.studio import patterns
from mesh.scenes.studio.glb_writer import GlbWriter

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Palette:
    """Material indices in the file."""

    table: int
    wall: int
    steel: int
    brass: int
    thread: int
    lacquer: int
    copper: int
    vase: int
    glass: int
    porcelain: int
    orange: int
    stem: int
    velvet: int
    soft_box: int
    rim_light: int
    window: int


def add_materials(file: GlbWriter) -> Palette:
    return Palette(
        table=_wood(file),
        wall=_plaster(file),
        steel=_metal(file, "polished steel", (0.83, 0.84, 0.85), 0.03),
        brass=_metal(file, "polished brass", (0.91, 0.70, 0.36), 0.10),
        thread=_paint(file, "thread", (0.55, 0.52, 0.47), 0.6),
        lacquer=_lacquer(file),
        copper=_copper(file),
        vase=_car_paint(file),
        glass=_glass(file),
        porcelain=_porcelain(file),
        orange=_orange(file),
        stem=_paint(file, "stem", (0.11, 0.14, 0.04), 0.7),
        velvet=_velvet(file),
        soft_box=_light(file, "soft box", (1.0, 0.85, 0.68), 8.5),
        rim_light=_light(file, "rim light", (0.62, 0.78, 1.0), 4.5),
        window=_light(file, "window", (0.80, 0.90, 1.0), 0.9),
    )


def _pbr(color: tuple[float, float, float], metallic: float, roughness: float, **textures: Json) -> Json:
    return {
        "pbrMetallicRoughness": {
            "baseColorFactor": [*color, 1.0],
            "metallicFactor": metallic,
            "roughnessFactor": roughness,
            **textures,
        }
    }


def _paint(file: GlbWriter, name: str, color: tuple[float, float, float], roughness: float) -> int:
    return file.add_material(name, _pbr(color, 0.0, roughness))


def _metal(file: GlbWriter, name: str, color: tuple[float, float, float], roughness: float) -> int:
    return file.add_material(name, _pbr(color, 1.0, roughness))


def _texture(file: GlbWriter, name: str, pixels: U8) -> Json:
    return {"index": file.add_texture(name, pixels)}


def _wood(file: GlbWriter) -> int:
    tone, height, wear = patterns.wood_planks(1024, 5, 11)
    stops = [
        (0.05, (0.11, 0.065, 0.045)),
        (0.35, (0.30, 0.185, 0.12)),
        (0.60, (0.46, 0.30, 0.195)),
        (0.90, (0.60, 0.42, 0.28)),
    ]
    color = patterns.to_bytes(patterns.ramp(tone, stops))
    fields = _pbr(
        (1.0, 1.0, 1.0),
        1.0,
        1.0,
        baseColorTexture=_texture(file, "walnut colour", color),
        metallicRoughnessTexture=_texture(
            file, "walnut roughness", patterns.roughness_map(0.30 + wear * 0.35)
        ),
    )
    fields["normalTexture"] = _texture(file, "walnut relief", patterns.normal_map(height, 1.4))
    return file.add_material("walnut", fields)


def _plaster(file: GlbWriter) -> int:
    height = patterns.fractal_noise(512, (6, 6), 40, 6)
    stops = [(0.25, (0.30, 0.375, 0.375)), (0.75, (0.365, 0.44, 0.43))]
    color = patterns.to_bytes(patterns.ramp(height, stops))
    fields = _pbr((1.0, 1.0, 1.0), 0.0, 0.9, baseColorTexture=_texture(file, "plaster colour", color))
    fields["normalTexture"] = _texture(file, "plaster relief", patterns.normal_map(height, 5.0))
    return file.add_material("plaster", fields)


def _lacquer(file: GlbWriter) -> int:
    coat = {"clearcoatFactor": 1.0, "clearcoatRoughnessFactor": 0.04}
    return file.add_material(
        "black lacquer", _pbr((0.012, 0.011, 0.012), 0.0, 0.5), {"KHR_materials_clearcoat": coat}
    )


def _copper(file: GlbWriter) -> int:
    scratches = patterns.brushed(512, 60)
    fields = _pbr(
        (0.95, 0.52, 0.36),
        1.0,
        1.0,
        metallicRoughnessTexture=_texture(
            file, "copper scratches", patterns.roughness_map(0.20 + scratches * 0.22, 1.0)
        ),
    )
    fields["normalTexture"] = _texture(file, "copper relief", patterns.normal_map(scratches, 0.35))
    return file.add_material(
        "brushed copper", fields, {"KHR_materials_anisotropy": {"anisotropyStrength": 0.6}}
    )


def _car_paint(file: GlbWriter) -> int:
    """A metallic base under a clear coat."""
    coat = {"clearcoatFactor": 1.0, "clearcoatRoughnessFactor": 0.02}
    return file.add_material(
        "candy red", _pbr((0.42, 0.008, 0.022), 0.85, 0.33), {"KHR_materials_clearcoat": coat}
    )


def _glass(file: GlbWriter) -> int:
    return file.add_material(
        "aqua glass",
        _pbr((1.0, 1.0, 1.0), 0.0, 0.0),
        {
            "KHR_materials_transmission": {"transmissionFactor": 1.0},
            "KHR_materials_ior": {"ior": 1.5},
            "KHR_materials_volume": {
                "thicknessFactor": 0.05,
                "attenuationDistance": 0.06,
                "attenuationColor": [0.42, 0.86, 0.84],
            },
        },
    )


def _porcelain(file: GlbWriter) -> int:
    coat = {"clearcoatFactor": 1.0, "clearcoatRoughnessFactor": 0.03}
    fields = _pbr(
        (1.0, 1.0, 1.0), 0.0, 0.4, baseColorTexture=_texture(file, "cobalt glaze", _cobalt_bands(512))
    )
    return file.add_material("porcelain", fields, {"KHR_materials_clearcoat": coat})


def _cobalt_bands(size: int) -> U8:
    """White with two cobalt lines and a row of lozenges; v runs from the foot over the rim to the inside."""
    v = (np.arange(size) / size)[:, None]
    u = (np.arange(size) * (24.0 / size))[None, :]
    across = np.abs((u - np.floor(u)) * 2.0 - 1.0)
    centre = 0.645
    lozenge = np.clip((0.72 - across - np.abs(v - centre) * 26.0) * 14.0, 0.0, 1.0)
    ink = lozenge
    for line in (centre - 0.042, centre + 0.042):
        ink = np.maximum(ink, np.clip((0.006 - np.abs(v - line)) * 400.0, 0.0, 1.0) + u * 0.0)
    return patterns.to_bytes(patterns.ramp(ink, [(0.0, (0.93, 0.925, 0.90)), (1.0, (0.07, 0.16, 0.42))]))


def _orange(file: GlbWriter) -> int:
    bumps = patterns.peel(256, 80)
    fields = _pbr((0.89, 0.29, 0.018), 0.0, 0.38)
    fields["normalTexture"] = _texture(file, "orange peel", patterns.normal_map(bumps, 1.1))
    return file.add_material("orange", fields)


def _velvet(file: GlbWriter) -> int:
    relief = patterns.normal_map(patterns.weave(128, 16), 1.6)
    fields = _pbr((0.018, 0.045, 0.125), 0.0, 0.85)
    repeat = {"KHR_texture_transform": {"scale": [18.0, 18.0]}}
    fields["normalTexture"] = {**_texture(file, "weave", relief), "extensions": repeat}
    fields["doubleSided"] = True
    sheen = {"sheenColorFactor": [0.20, 0.32, 0.62], "sheenRoughnessFactor": 0.35}
    return file.add_material("blue velvet", fields, {"KHR_materials_sheen": sheen})


def _light(file: GlbWriter, name: str, color: tuple[float, float, float], strength: float) -> int:
    fields = {**_pbr((0.0, 0.0, 0.0), 0.0, 1.0), "emissiveFactor": list(color)}
    return file.add_material(
        name, fields, {"KHR_materials_emissive_strength": {"emissiveStrength": strength}}
    )
