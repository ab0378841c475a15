"""Materials: metallic-roughness and every KHR_materials extension that `description.Material` has.

An extension may be absent, which reads as an empty object, so that the extension's defaults apply; those
whose mere presence means something (unlit, emissive strength) are looked for. Source: glTF 2.0, section
3.9, and the extensions' own texts, from which the ranges checked here are taken.
"""

from __future__ import annotations

import math
from typing import Any

from mesh.scenes.description import RGB, AlphaMode, Material
from mesh.scenes.gltf.cursor import MAX_MAGNITUDE, Value
from mesh.scenes.gltf.glossiness import read_glossiness
from mesh.scenes.gltf.textures import Textures

_ALPHA = {"OPAQUE": AlphaMode.OPAQUE, "MASK": AlphaMode.MASK, "BLEND": AlphaMode.BLEND}
_WHITE = (1.0, 1.0, 1.0)
_BLACK = (0.0, 0.0, 0.0)


class Materials:
    """Gathers the materials that meshes ask for."""

    def __init__(self, values: tuple[Value, ...], textures: Textures) -> None:
        self._values = values
        self._textures = textures
        self._places: dict[int, int] = {}
        self._materials: list[Material] = []

    @property
    def count(self) -> int:
        return len(self._values)

    def want(self, index: int) -> int:
        """Ask for material `index` of the file (-1: glTF's default one); its place in the scene's tuple."""
        if index not in self._places:
            self._places[index] = len(self._materials)
            default = Material(name="default")
            self._materials.append(
                default if index < 0 else read_material(self._values[index], self._textures)
            )
        return self._places[index]

    def at(self, place: int) -> Material:
        return self._materials[place]

    def all(self) -> tuple[Material, ...]:
        return tuple(self._materials)


def read_material(value: Value, textures: Textures) -> Material:
    fields: dict[str, Any] = {
        **_core(value, textures),
        **_surface(value, textures),
        **_interior(value, textures),
        **_thin_layers(value, textures),
        **read_glossiness(value, textures),
    }
    return Material(**fields)


def _core(value: Value, textures: Textures) -> dict[str, Any]:
    empty = Value(value.file, value.where, {})
    pbr = value.child("pbrMetallicRoughness") or empty
    normal = value.child("normalTexture") or empty
    occlusion = value.child("occlusionTexture") or empty
    strength = _extension(value, "KHR_materials_emissive_strength").number("emissiveStrength", 1.0, low=0.0)
    emissive = _rgb(value, "emissiveFactor", _BLACK)
    return {
        "name": value.text("name") or value.where,
        "base_color": pbr.numbers("baseColorFactor", (*_WHITE, 1.0), low=0.0, high=1.0),
        "base_color_texture": textures.read(pbr, "baseColorTexture"),
        "metallic": _unit(pbr, "metallicFactor", 1.0),
        "roughness": _unit(pbr, "roughnessFactor", 1.0),
        "metallic_roughness_texture": textures.read(pbr, "metallicRoughnessTexture"),
        "normal_texture": textures.read(value, "normalTexture"),
        "normal_scale": normal.number("scale", 1.0),
        "occlusion_texture": textures.read(value, "occlusionTexture"),
        "occlusion_strength": _unit(occlusion, "strength", 1.0),
        "emissive": (emissive[0] * strength, emissive[1] * strength, emissive[2] * strength),
        "emissive_texture": textures.read(value, "emissiveTexture"),
        "alpha_mode": _ALPHA[value.choice("alphaMode", "OPAQUE", tuple(_ALPHA))],
        "alpha_cutoff": value.number("alphaCutoff", 0.5, low=0.0),
        "double_sided": value.boolean("doubleSided"),
        "unlit": value.extension("KHR_materials_unlit") is not None,
    }


def _surface(value: Value, textures: Textures) -> dict[str, Any]:
    specular = _extension(value, "KHR_materials_specular")
    anisotropy = _extension(value, "KHR_materials_anisotropy")
    ior = _extension(value, "KHR_materials_ior").number("ior", 1.5, low=0.0, high=100.0)
    if 0.0 < ior < 1.0:
        value.fail(f"is {ior:g}; it should be 0, or 1 and above", key="extensions.KHR_materials_ior.ior")
    return {
        "ior": ior,
        "specular": _unit(specular, "specularFactor", 1.0),
        "specular_texture": textures.read(specular, "specularTexture"),
        "specular_color": _rgb(specular, "specularColorFactor", _WHITE),
        "specular_color_texture": textures.read(specular, "specularColorTexture"),
        "anisotropy": _unit(anisotropy, "anisotropyStrength", 0.0),
        "anisotropy_rotation": anisotropy.number("anisotropyRotation", 0.0),
        "anisotropy_texture": textures.read(anisotropy, "anisotropyTexture"),
    }


def _interior(value: Value, textures: Textures) -> dict[str, Any]:
    transmission = _extension(value, "KHR_materials_transmission")
    volume = _extension(value, "KHR_materials_volume")
    distance = volume.number("attenuationDistance", math.inf, low=0.0)
    if distance == 0.0:
        volume.fail("should be above 0", key="attenuationDistance")
    return {
        "transmission": _unit(transmission, "transmissionFactor", 0.0),
        "transmission_texture": textures.read(transmission, "transmissionTexture"),
        "thickness": volume.number("thicknessFactor", 0.0, low=0.0),
        "thickness_texture": textures.read(volume, "thicknessTexture"),
        "attenuation_distance": distance,
        "attenuation_color": volume.numbers("attenuationColor", _WHITE, low=0.0, high=1.0),
    }


def _thin_layers(value: Value, textures: Textures) -> dict[str, Any]:
    coat = _extension(value, "KHR_materials_clearcoat")
    sheen = _extension(value, "KHR_materials_sheen")
    film = _extension(value, "KHR_materials_iridescence")
    return {
        "clearcoat": _unit(coat, "clearcoatFactor", 0.0),
        "clearcoat_texture": textures.read(coat, "clearcoatTexture"),
        "clearcoat_roughness": _unit(coat, "clearcoatRoughnessFactor", 0.0),
        "clearcoat_roughness_texture": textures.read(coat, "clearcoatRoughnessTexture"),
        "clearcoat_normal_texture": textures.read(coat, "clearcoatNormalTexture"),
        "sheen_color": sheen.numbers("sheenColorFactor", _BLACK, low=0.0, high=1.0),
        "sheen_color_texture": textures.read(sheen, "sheenColorTexture"),
        "sheen_roughness": _unit(sheen, "sheenRoughnessFactor", 0.0),
        "sheen_roughness_texture": textures.read(sheen, "sheenRoughnessTexture"),
        "iridescence": _unit(film, "iridescenceFactor", 0.0),
        "iridescence_texture": textures.read(film, "iridescenceTexture"),
        "iridescence_ior": film.number("iridescenceIor", 1.3, low=1.0, high=100.0),
        "iridescence_thickness_minimum": film.number("iridescenceThicknessMinimum", 100.0, low=0.0),
        "iridescence_thickness_maximum": film.number("iridescenceThicknessMaximum", 400.0, low=0.0),
        "iridescence_thickness_texture": textures.read(film, "iridescenceThicknessTexture"),
    }


def _extension(value: Value, name: str) -> Value:
    return value.extension(name) or Value(value.file, value.where, {})


def _unit(value: Value, key: str, default: float) -> float:
    return value.number(key, default, low=0.0, high=1.0)


def _rgb(value: Value, key: str, default: RGB) -> RGB:
    red, green, blue = value.numbers(key, default, low=0.0, high=MAX_MAGNITUDE)
    return red, green, blue
