"""How second copies of pixels and scenes come to be: keep this, and it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mesh.model.ids import Digest, JobId, NodeId
from mesh.wire.base import AtMost, Message
from mesh.wire.fields import Size

MAX_BLOCK = 8192
"""Bytes of a block that travels with what asks to keep it."""


@dataclass(frozen=True, slots=True)
class KeepPixels(Message):
    """Keep these pixels as a second copy: what `block` holds, or else what `holders` have. Answered by
    PixelsKept."""

    job: JobId
    pixels: Digest
    size: Size
    holders: Annotated[tuple[NodeId, ...], AtMost(8)]
    entry: bool
    """Write a HolderFact when they are kept: the result is in the ledger already."""
    block: Annotated[bytes, AtMost(MAX_BLOCK)] = b""
    """The root of the pixels' blob, where that is all of it: saves asking for a few bytes."""


@dataclass(frozen=True, slots=True)
class PixelsKept(Message):
    """They are on the sender's disk; or, not `kept`, it could not get or store them."""

    job: JobId
    pixels: Digest
    kept: bool


@dataclass(frozen=True, slots=True)
class KeepScene(Message):
    """Fetch the job's scene and keep it; answered by SceneKept once it is there."""

    job: JobId


@dataclass(frozen=True, slots=True)
class SceneKept(Message):
    job: JobId
    kept: bool
