"""KHR_materials_pbrSpecularGlossiness, archived by Khronos, in the terms of metallic-roughness and its extensions.

Nothing is lost but precision: a dielectric whose reflectance at normal incidence is 1 (KHR_materials_ior gives 0 that
meaning) takes its own from KHR_materials_specular's colour, the rest of the light is left to the diffuse colour as in
the archived text, and roughness is 1 - glossiness, for which the texture's alpha is turned over.
"""

from __future__ import annotations

from typing import Any

from mesh.scenes.gltf.cursor import Value
from mesh.scenes.gltf.textures import Textures

NAME = "KHR_materials_pbrSpecularGlossiness"


def read_glossiness(value: Value, textures: Textures) -> dict[str, Any]:
    """The fields of `Material` that the extension decides; none where the material does not use it."""
    found = value.extension(NAME)
    if found is None:
        return {}
    glossiness = found.number("glossinessFactor", 1.0, low=0.0, high=1.0)
    roughness = textures.read(found, "specularGlossinessTexture", gloss=glossiness)
    return {
        "base_color": found.numbers("diffuseFactor", (1.0, 1.0, 1.0, 1.0), low=0.0, high=1.0),
        "base_color_texture": textures.read(found, "diffuseTexture"),
        "metallic": 0.0,
        "roughness": 1.0 if roughness is not None else 1.0 - glossiness,
        "metallic_roughness_texture": roughness,
        "ior": 0.0,
        "specular": 1.0,
        "specular_texture": None,
        "specular_color": found.numbers("specularFactor", (1.0, 1.0, 1.0), low=0.0, high=1.0),
        "specular_color_texture": textures.read(found, "specularGlossinessTexture"),
    }
