"""Texture references of materials: image, sampler, uv set and KHR_texture_transform."""

from __future__ import annotations

from mesh.scenes.description import Texture, Wrap
from mesh.scenes.gltf.cursor import Value
from mesh.scenes.gltf.images import Images

_WRAPS = {10497: Wrap.REPEAT, 33071: Wrap.CLAMP, 33648: Wrap.MIRROR}
_NEAREST = 9728


class Textures:
    """The textures and samplers of one document."""

    def __init__(self, root: Value, images: Images, warnings: list[str]) -> None:
        self._textures = root.objects("textures")
        self._samplers = root.objects("samplers")
        self._images = images
        self._warnings = warnings

    def read(self, owner: Value | None, key: str, gloss: float | None = None) -> Texture | None:
        """The texture that `owner[key]` describes, None where there is none or it has no usable image. With `gloss` it is
        one of glossiness in alpha, and becomes one of roughness in green (`Images.want`)."""
        info = None if owner is None else owner.child(key)
        if info is None:
            return None
        index = info.index("index", len(self._textures), "textures")
        if index < 0:
            info.fail("is missing", key="index")
        texture = self._textures[index]
        image = self._image(texture)
        if image < 0:
            self._warnings.append(f"{texture.where} has no PNG, JPEG or WebP image and is left out")
            return None
        sampler_index = texture.index("sampler", len(self._samplers), "samplers")
        wrap_s = wrap_t = Wrap.REPEAT
        nearest = False
        if sampler_index >= 0:
            sampler = self._samplers[sampler_index]
            wrap_s, wrap_t = _wrap(sampler, "wrapS"), _wrap(sampler, "wrapT")
            nearest = sampler.integer("magFilter", 0) == _NEAREST
        texcoord = info.integer("texCoord", 0, high=2**31)
        transform = info.extension("KHR_texture_transform") or Value(info.file, info.where, {})
        texcoord = transform.integer("texCoord", texcoord, high=2**31)
        if texcoord > 1:
            self._warnings.append(
                f"{info.where} uses uv set {texcoord}; only 0 and 1 are supported, 0 is taken"
            )
            texcoord = 0
        offset = transform.numbers("offset", (0.0, 0.0))
        scale = transform.numbers("scale", (1.0, 1.0))
        return Texture(
            image=self._images.want(image, gloss),
            texcoord=texcoord,
            wrap_s=wrap_s,
            wrap_t=wrap_t,
            nearest=nearest,
            offset=(offset[0], offset[1]),
            rotation=transform.number("rotation", 0.0),
            scale=(scale[0], scale[1]),
        )

    def _image(self, texture: Value) -> int:
        webp = texture.extension("EXT_texture_webp")
        if webp is not None:
            return webp.index("source", self._images.count, "images")
        return texture.index("source", self._images.count, "images")


def _wrap(sampler: Value, key: str) -> Wrap:
    mode = sampler.integer(key, 10497)
    if mode not in _WRAPS:
        sampler.fail(f"is {mode}, which is no wrapping mode", key=key)
    return _WRAPS[mode]
