"""From the scene description's materials and images to the path tracer's tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mesh.render import materials as table
from mesh.render.albedo import GLASS
from mesh.render.materials import Materials, absorption
from mesh.render.textures import TextureUse, pack_images
from mesh.scenes.description import Image, Material, Texture
from mesh.scenes.exact import sin_cos

_NEAR_ONE = 1.001
"""The least index of refraction: at exactly 1 a rough interface has no half vector."""


def pack_materials(materials: Sequence[Material], images: Sequence[Image]) -> Materials:
    """The tables of all materials. Image lists are packed once for each way they are read (sRGB or linear)."""
    packer, (glass, _) = _Packer(images), albedos_wanted(materials)
    rows = max(len(materials), 1)
    factors = np.zeros((rows, table.FACTORS), np.float32)
    flags = np.full((rows, table.FLAGS), -1, np.int32)
    flags[:, : table.FIRST_TEXTURE] = 0
    for row, material in enumerate(materials):
        factors[row] = _factors(material)
        if _is_glass(material):
            factors[row, table.VOLUME] = GLASS + 2 * glass.index(_ior(material))
        flags[row, : table.FIRST_TEXTURE] = (
            int(material.alpha_mode),
            material.double_sided,
            material.unlit,
            shines(material),
        )
        for column, (texture, is_colour) in _maps(material).items():
            if texture is not None:
                flags[row, table.FIRST_TEXTURE + column] = packer.use(texture, is_colour)
    return Materials(factors, flags, pack_images(packer.images, packer.uses))


def albedos_wanted(materials: Sequence[Material]) -> tuple[tuple[float, ...], bool]:
    """What `albedo_tables` is asked for: the indices of refraction of all solid glass, in the order of its rows, and
    whether a material is anisotropic."""
    glass = tuple(dict.fromkeys(_ior(m) for m in materials if _is_glass(m)))
    return glass, any(m.anisotropy > 0.0 for m in materials)


def _is_glass(material: Material) -> bool:
    return material.transmission > 0.0 and material.thickness > 0.0


def _ior(material: Material) -> float:
    # KHR_materials_ior gives 0 the meaning of a perfect mirror; a very dense dielectric is as good.
    return max(material.ior, _NEAR_ONE) if material.ior > 0.0 else 1e4


def shines(material: Material) -> bool:
    return max(material.emissive) > 0.0


class _Packer:
    """Collects which images are needed and how."""

    def __init__(self, images: Sequence[Image]) -> None:
        self._source = images
        self._places: dict[tuple[int, bool], int] = {}
        self.images: list[tuple[np.ndarray, bool]] = []
        self.uses: list[TextureUse] = []

    def use(self, texture: Texture, is_colour: bool) -> int:
        key = (texture.image, is_colour)
        if key not in self._places:
            self._places[key] = len(self.images)
            self.images.append((self._source[texture.image].pixels, is_colour))
        sine, cosine = sin_cos(texture.rotation)
        (sx, sy), (x, y) = texture.scale, texture.offset
        self.uses.append(
            TextureUse(
                self._places[key],
                int(texture.wrap_s),
                int(texture.wrap_t),
                texture.nearest,
                texture.texcoord,
                (cosine * sx, sine * sy, x, -sine * sx, cosine * sy, y),
            )
        )
        return len(self.uses) - 1


def _maps(m: Material) -> dict[int, tuple[Texture | None, bool]]:
    """Each texture column's texture, and whether it holds colours, which are sRGB."""
    return {
        table.BASE_MAP: (m.base_color_texture, True),
        table.METAL_MAP: (m.metallic_roughness_texture, False),
        table.NORMAL_MAP: (m.normal_texture, False),
        table.EMISSIVE_MAP: (m.emissive_texture, True),
        table.SPECULAR_MAP: (m.specular_texture, False),
        table.SPECULAR_COLOR_MAP: (m.specular_color_texture, True),
        table.COAT_MAP: (m.clearcoat_texture, False),
        table.COAT_ROUGHNESS_MAP: (m.clearcoat_roughness_texture, False),
        table.COAT_NORMAL_MAP: (m.clearcoat_normal_texture, False),
        table.TRANSMISSION_MAP: (m.transmission_texture, False),
        table.THICKNESS_MAP: (m.thickness_texture, False),
        table.SHEEN_MAP: (m.sheen_color_texture, True),
        table.SHEEN_ROUGHNESS_MAP: (m.sheen_roughness_texture, False),
        table.ANISOTROPY_MAP: (m.anisotropy_texture, False),
        table.FILM_MAP: (m.iridescence_texture, False),
        table.FILM_THICKNESS_MAP: (m.iridescence_thickness_texture, False),
    }


def _factors(m: Material) -> np.ndarray:
    f = np.zeros(table.FACTORS, np.float32)
    sine, cosine = sin_cos(m.anisotropy_rotation)
    absorbed = [0.0, 0.0, 0.0]
    if m.attenuation_distance < float("inf") and m.attenuation_distance > 0.0:
        distance = np.float32(m.attenuation_distance)
        absorbed = [float(absorption(np.float32(c), distance)) for c in m.attenuation_color]
    f[table.BASE : table.BASE + 4] = m.base_color
    f[table.METALLIC], f[table.ROUGHNESS], f[table.NORMAL_SCALE] = m.metallic, m.roughness, m.normal_scale
    f[table.EMISSIVE : table.EMISSIVE + 3] = m.emissive
    f[table.CUTOFF] = m.alpha_cutoff
    f[table.IOR] = _ior(m)
    f[table.SPECULAR] = m.specular
    f[table.SPECULAR_COLOR : table.SPECULAR_COLOR + 3] = m.specular_color
    f[table.COAT], f[table.COAT_ROUGHNESS] = m.clearcoat, m.clearcoat_roughness
    f[table.TRANSMISSION] = m.transmission
    f[table.ABSORPTION : table.ABSORPTION + 3] = absorbed
    f[table.SHEEN : table.SHEEN + 3] = m.sheen_color
    f[table.SHEEN_ROUGHNESS] = m.sheen_roughness
    f[table.ANISOTROPY], f[table.ANISOTROPY_COS], f[table.ANISOTROPY_SIN] = m.anisotropy, cosine, sine
    f[table.FILM], f[table.FILM_IOR] = m.iridescence, m.iridescence_ior
    f[table.FILM_MIN], f[table.FILM_MAX] = m.iridescence_thickness_minimum, m.iridescence_thickness_maximum
    return f
