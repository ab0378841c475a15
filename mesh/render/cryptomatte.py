"""Cryptomatte 1.2: names as numbers in pixels, and the manifest that turns them back. Needs no numba.

The specification (Friedman and Jones, Psyop, 2015; version 1.2 of 2018) hashes each name by MurmurHash3,
stores the hash as a float32 whose exponent is kept from meaning infinity, NaN or a denormal, and describes
each layer in metadata under a key of seven hexadecimal digits.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable

_MASK = 0xFFFFFFFF


def murmur3(data: bytes) -> int:
    """MurmurHash3's 32-bit variant for x86, seed 0 (Appleby, 2011; in the public domain)."""
    state = 0
    whole = len(data) & ~3
    for (word,) in struct.iter_unpack("<I", data[:whole]):
        state ^= _scrambled(word)
        state = (state << 13 | state >> 19) & _MASK
        state = (state * 5 + 0xE6546B64) & _MASK
    state ^= _scrambled(int.from_bytes(data[whole:], "little"))
    state ^= len(data)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        state ^= state >> shift
        state = state * factor & _MASK
    return state


def _scrambled(word: int) -> int:
    word = word * 0xCC9E2D51 & _MASK
    return (word << 15 | word >> 17) * 0x1B873593 & _MASK


def id_bits(name: str) -> int:
    """The bits of the float32 that stands for `name` in pixels."""
    value = murmur3(name.encode())
    exponent = min(max(value >> 23 & 0xFF, 1), 254)
    return value & 0x807FFFFF | exponent << 23


def id_of(name: str) -> float:
    """The float32 that stands for `name` in pixels."""
    (number,) = struct.unpack("<f", struct.pack("<I", id_bits(name)))
    assert isinstance(number, float)
    return number


def matte_metadata(layer: str, names: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """The attributes that an image needs beside the channels of `layer`, whose pixels show `names`."""
    manifest = {name: f"{id_bits(name):08x}" for name in sorted(set(names))}
    key = f"cryptomatte/{murmur3(layer.encode()):08x}"[: len("cryptomatte/") + 7]
    return (
        (f"{key}/name", layer),
        (f"{key}/hash", "MurmurHash3_32"),
        (f"{key}/conversion", "uint32_to_float32"),
        (f"{key}/manifest", json.dumps(manifest, ensure_ascii=False, separators=(",", ":"))),
    )
