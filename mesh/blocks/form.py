"""Blocks at rest and on the wire: plain, or zstd where it pays. Digests are always of the plain bytes."""

from __future__ import annotations

import zstandard

from mesh.blocks.errors import WrongBytes
from mesh.blocks.recipe import BLOCK_MAX
from mesh.wire.blocks import BlockForm

_SAMPLE = 8192
_PAYS = 0.9
_LEVEL = 1


def to_form(data: bytes) -> tuple[BlockForm, bytes]:
    """The form to keep `data` in. A sample from the middle decides first, so that images and other packed
    bytes cost next to nothing."""
    if len(data) < 256:
        return BlockForm.PLAIN, data
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    if len(data) > 4 * _SAMPLE:
        middle = (len(data) - _SAMPLE) // 2
        if len(compressor.compress(data[middle : middle + _SAMPLE])) > _SAMPLE * _PAYS:
            return BlockForm.PLAIN, data
    packed = compressor.compress(data)
    return (BlockForm.ZSTD, packed) if len(packed) <= len(data) * _PAYS else (BlockForm.PLAIN, data)


def from_form(form: BlockForm, data: bytes) -> bytes:
    """The plain bytes, at most `BLOCK_MAX` of them. Raises WrongBytes."""
    if form == BlockForm.ZSTD:
        try:
            if not 0 <= zstandard.frame_content_size(data) <= BLOCK_MAX:
                raise WrongBytes("a compressed block that does not say its length, or is too long")
            data = zstandard.ZstdDecompressor().decompress(data)
        except zstandard.ZstdError as error:
            raise WrongBytes("a compressed block that cannot be read") from error
    if len(data) > BLOCK_MAX:
        raise WrongBytes("a block that is too long")
    return data
