"""How nodes ask each other for blocks. Travels on bulk connections, never beside gossip."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated

from mesh.model.ids import Digest
from mesh.wire.base import AtMost, Message

REQUEST_MAX = 64
"""Blocks in one request."""
BLOCK_DATA_MAX = 1 << 20
"""Bytes of one block, in either form: what zstd does not shorten travels plain."""


class BlockForm(IntEnum):
    PLAIN = 0
    ZSTD = 1
    """One zstd frame that declares its content's size. Digests are of the plain bytes."""


@dataclass(frozen=True, slots=True)
class BlockRequest(Message):
    """Send me these blocks. Each is answered by its own BlockData, or named in a BlockMissing."""

    digests: Annotated[tuple[Digest, ...], AtMost(REQUEST_MAX)]


@dataclass(frozen=True, slots=True)
class BlockData(Message):
    """One block. Its name is checked against its plain bytes by whoever gets it."""

    digest: Digest
    form: BlockForm
    data: Annotated[bytes, AtMost(BLOCK_DATA_MAX)]


@dataclass(frozen=True, slots=True)
class BlockMissing(Message):
    """I do not have these blocks now; ask somebody else."""

    digests: Annotated[tuple[Digest, ...], AtMost(REQUEST_MAX)]


BLOCK_MESSAGES: dict[int, type[Message]] = {80: BlockRequest, 81: BlockData, 82: BlockMissing}
