"""The hash tree that puts a blob together from blocks. Pure bytes in, pure values out.

A blob's name is the BLAKE3 digest of its root recipe. A recipe lists entries (digest, length): those of
level 1 are blocks of the blob's bytes, those of level n are recipes of level n - 1. A blob of up to
`INLINE_MAX` bytes is held by its root itself, level 0, which saves a round trip for every small file.

Where a level is cut into recipes depends only on the digests in it (the idea of content-defined cutting,
applied to entries; Noms and Dolt call it a prolly tree). So an edit changes one recipe of about 40 entries
at each level, and re-submitting an edited scene sends a few kilobytes of recipes, not all of them.

Layout, little-endian: magic `MRC1`, kind u8, level u8, count u32, size u64, then `count` times
(digest 32 bytes, length u64); at level 0 `count` is 0 and `size` bytes follow.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from blake3 import blake3

from mesh.blocks.errors import BadRecipe
from mesh.model.ids import DIGEST_SIZE, Digest

BLOCK_MAX = 1 << 20
"""Bytes in the longest block, recipes included."""
INLINE_MAX = 4096
"""Bytes of the longest blob that its root recipe holds itself."""
LEVELS_MAX = 6
"""16 entries at least in all but the last recipe of a level, so 6 levels hold 256 GiB in the worst case
of blocks of 16 KiB and far more in any other."""
SIZE_MAX = 1 << 48
"""Bytes of the longest blob that is believed."""

_MAGIC = b"MRC1"
_HEADER = struct.Struct("<4sBBIQ")
_ENTRY = struct.Struct(f"<{DIGEST_SIZE}sQ")
_ENTRIES_MIN = 16
_ENTRIES_MAX = 128
_CLOSING = 24
"""A recipe ends after an entry whose first digest bytes, as a number, divide by this."""


class BlobKind(IntEnum):
    BYTES = 0
    TREE = 1
    """The bytes are a table of files (`tree.py`); the blob is whole when those files' blobs are."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A block or recipe, and how many of the blob's bytes are in or under it."""

    digest: Digest
    length: int


@dataclass(frozen=True, slots=True)
class Part:
    """A block that a blob needs, and what it must turn out to be.

    `level` 0 is a block of the blob's bytes, above that a recipe of this level; None is a root, which says
    itself what it is. `length` is None for a root.
    """

    digest: Digest
    level: int | None = None
    length: int | None = None

    @property
    def is_recipe(self) -> bool:
        return self.level != 0


@dataclass(frozen=True, slots=True)
class Recipe:
    kind: BlobKind
    level: int
    size: int
    entries: tuple[Entry, ...]
    inline: bytes = b""

    @property
    def parts(self) -> tuple[Part, ...]:
        """What the recipe needs next, in the order of the blob's bytes."""
        return tuple(Part(entry.digest, self.level - 1, entry.length) for entry in self.entries)


def digest_of(data: bytes) -> Digest:
    return Digest(blake3(data).digest())


def encode_recipe(recipe: Recipe) -> bytes:
    header = _HEADER.pack(_MAGIC, recipe.kind, recipe.level, len(recipe.entries), recipe.size)
    return b"".join([header, *(_ENTRY.pack(e.digest, e.length) for e in recipe.entries), recipe.inline])


def decode_recipe(data: bytes, part: Part) -> Recipe:
    """The recipe in block `data`, which must be what `part` promised.

    Raises BadRecipe when it is not a recipe, is not of the promised level or length, has entries that no
    block can have, or does not add up.
    """

    def refuse(reason: str) -> BadRecipe:
        return BadRecipe(digest=part.digest.hex()[:16], reason=reason)

    if len(data) < _HEADER.size or len(data) > BLOCK_MAX or data[:4] != _MAGIC:
        raise refuse("its recipe is not a recipe")
    _, kind, level, count, size = _HEADER.unpack_from(data)
    if kind not in tuple(BlobKind) or level > LEVELS_MAX or size > SIZE_MAX:
        raise refuse("its recipe is of a kind unknown to this version")
    body = data[_HEADER.size :]
    if level == 0:
        if part.level is not None or count != 0 or len(body) != size or size > INLINE_MAX:
            raise refuse("its recipe is not as long as it says")
        return Recipe(BlobKind(kind), 0, size, (), bytes(body))
    if part.level is not None and (kind != BlobKind.BYTES or level != part.level or size != part.length):
        raise refuse("one of its recipes is not what the recipe above it says")
    if count == 0 or len(body) != count * _ENTRY.size:
        raise refuse("its recipe is not as long as it says")
    entries = tuple(Entry(Digest(digest), length) for digest, length in _ENTRY.iter_unpack(body))
    longest = BLOCK_MAX if level == 1 else SIZE_MAX
    if any(not 0 < entry.length <= longest for entry in entries) or sum(e.length for e in entries) != size:
        raise refuse("the lengths in its recipe do not add up")
    return Recipe(BlobKind(kind), level, size, entries)


def build_recipes(leaves: Iterable[Entry], kind: BlobKind = BlobKind.BYTES) -> Iterator[bytes]:
    """The recipe blocks over a blob's blocks, each after those it lists; the last one is the root.

    For at least one leaf; a blob without bytes is inline. Raises BadRecipe for a blob beyond `LEVELS_MAX`
    levels, hundreds of gigabytes at least.
    """
    entries = list(leaves)
    level = 1
    while True:
        groups = list(_group(entries))
        if len(groups) == 1:
            break
        if level == LEVELS_MAX:
            raise BadRecipe(digest="unnamed", reason="it is too long")
        above = []
        for group in groups:
            size = sum(entry.length for entry in group)
            block = encode_recipe(Recipe(BlobKind.BYTES, level, size, group))
            yield block
            above.append(Entry(digest_of(block), size))
        entries = above
        level += 1
    yield encode_recipe(Recipe(kind, level, sum(entry.length for entry in entries), groups[0]))


def inline_recipe(data: bytes, kind: BlobKind = BlobKind.BYTES) -> bytes:
    """The root of a blob of up to `INLINE_MAX` bytes."""
    return encode_recipe(Recipe(kind, 0, len(data), (), data))


def _group(entries: list[Entry]) -> Iterator[tuple[Entry, ...]]:
    start = 0
    for index, entry in enumerate(entries):
        count = index + 1 - start
        closes = count >= _ENTRIES_MIN and int.from_bytes(entry.digest[:4], "little") % _CLOSING == 0
        if closes or count == _ENTRIES_MAX:
            yield tuple(entries[start : index + 1])
            start = index + 1
    if start < len(entries):
        yield tuple(entries[start:])
