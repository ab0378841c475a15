"""The layers of a frame beside its beauty: their names for people, and their channels in files and payloads.

Every frame has `ALWAYS`; a job may ask for more. Numbers on the wire are places in `Layer`: append only.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

ALWAYS = (
    "R", "G", "B", "A",
    "albedo.R", "albedo.G", "albedo.B",
    "normal.X", "normal.Y", "normal.Z",
    "depth.Z", "samples.N", "object.I", "material.I",
)  # fmt: skip
"""Ids are -1 where the ray met nothing; depth, along the camera's axis, is infinite there."""

MATTE_RANKS = 6
"""How many objects (or materials) of one pixel Cryptomatte channels can name, those that cover most of it."""


class Layer(StrEnum):
    """What a job may ask for; all but `ALWAYS` cost space in results and files."""

    POSITION = "position"
    """Where the first surface is in the world, in metres."""
    EMISSION = "emission"
    """Light that the camera sees surfaces give off; emission + background + direct + indirect is the beauty."""
    BACKGROUND = "background"
    """The environment as the camera sees it."""
    DIRECT = "direct"
    """Light that met one surface on its way."""
    INDIRECT = "indirect"
    """Light that met more."""
    CRYPTO_OBJECT = "crypto-object"
    """Cryptomatte 1.2 of objects, by their names."""
    CRYPTO_MATERIAL = "crypto-material"
    """Cryptomatte 1.2 of materials, by their names."""
    DIFFUSE_DIRECT = "diffuse-direct"
    """Of direct light, what the first surface scatters by its diffuse and sheen lobes. The three lobes' direct light
    is `DIRECT`, and so for indirect light."""
    DIFFUSE_INDIRECT = "diffuse-indirect"
    GLOSSY_DIRECT = "glossy-direct"
    """What it reflects: metals, dielectrics, films, glass and clearcoats."""
    GLOSSY_INDIRECT = "glossy-indirect"
    TRANSMISSION_DIRECT = "transmission-direct"
    """What comes through it, other than through the holes of alpha."""
    TRANSMISSION_INDIRECT = "transmission-indirect"


LOBES = (
    Layer.DIFFUSE_DIRECT, Layer.DIFFUSE_INDIRECT, Layer.GLOSSY_DIRECT, Layer.GLOSSY_INDIRECT,
    Layer.TRANSMISSION_DIRECT, Layer.TRANSMISSION_INDIRECT,
)  # fmt: skip
LIGHT = (Layer.EMISSION, Layer.BACKGROUND, *LOBES)
"""The finest parts: their sum is the beauty."""

MATTES = {Layer.CRYPTO_OBJECT: "CryptoObject", Layer.CRYPTO_MATERIAL: "CryptoMaterial"}
"""The names under which compositing programs list each Cryptomatte."""


def _matte_channels(name: str) -> tuple[str, ...]:
    """Two ranks to four channels: R and B are ids, G and A how much of the pixel each covers."""
    return tuple(f"{name}{pair:02d}.{letter}" for pair in range(MATTE_RANKS // 2) for letter in "RGBA")


def _color(name: str) -> tuple[str, ...]:
    return tuple(f"{name}.{letter}" for letter in "RGB")


CHANNELS_OF: dict[Layer, tuple[str, ...]] = {
    Layer.POSITION: ("position.X", "position.Y", "position.Z"),
    Layer.EMISSION: _color("emission"),
    Layer.BACKGROUND: _color("background"),
    Layer.DIRECT: _color("direct"),
    Layer.INDIRECT: _color("indirect"),
    Layer.CRYPTO_OBJECT: _matte_channels(MATTES[Layer.CRYPTO_OBJECT]),
    Layer.CRYPTO_MATERIAL: _matte_channels(MATTES[Layer.CRYPTO_MATERIAL]),
    **{layer: _color(layer.replace("-", "_")) for layer in LOBES},
}


def in_order(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """Each layer once, in the order of `Layer`: equal choices make equal jobs."""
    wanted = set(layers)
    return tuple(layer for layer in Layer if layer in wanted)


def channels_of(layers: Iterable[Layer]) -> tuple[str, ...]:
    """Every channel of a frame with these layers, in the order in which it travels."""
    return ALWAYS + tuple(channel for layer in in_order(layers) for channel in CHANNELS_OF[layer])


def layers_to_bits(layers: Iterable[Layer]) -> int:
    """A set of layers as a number."""
    places = tuple(Layer)
    return sum(1 << places.index(layer) for layer in in_order(layers))


def layers_of_bits(bits: int) -> tuple[Layer, ...]:
    """The set again. Raises ValueError for a number with bits that no layer has."""
    if bits >> len(Layer):
        raise ValueError(f"{bits} names layers that do not exist")
    return tuple(layer for place, layer in enumerate(Layer) if bits >> place & 1)
