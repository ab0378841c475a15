"""Walking hash trees over any source of blocks: the disk store, or a dict in the simulator. Holds no state."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Protocol

from mesh.blocks.errors import BadRecipe, BadTree, BlockAbsent, BlockCorrupt, WrongBytes
from mesh.blocks.form import from_form
from mesh.blocks.recipe import BlobKind, Part, Recipe, decode_recipe, digest_of
from mesh.blocks.tree import TABLE_MAX, TreeEntry, decode_tree
from mesh.model.ids import Digest
from mesh.wire.blocks import BlockData


class BlockSource(Protocol):
    def get(self, digest: Digest) -> bytes:
        """The block's plain, checked bytes. Raises BlockAbsent, BlockCorrupt."""
        ...

    def absent(self, digests: Collection[Digest]) -> set[Digest]:
        """Those of `digests` that are not here."""
        ...


def open_recipe(source: BlockSource, part: Part) -> Recipe:
    """Raises BlockAbsent, BlockCorrupt, BadRecipe."""
    return decode_recipe(source.get(part.digest), part)


def missing_parts(source: BlockSource, root: Digest) -> tuple[Part, ...]:
    """What must still come before blob `root` is whole, as far as the recipes here tell; for a tree, its
    files too. Empty when nothing is missing. Raises BadRecipe, BadTree."""
    return missing_under(source, [Part(root)])


def missing_under(source: BlockSource, parts: Iterable[Part]) -> tuple[Part, ...]:
    missing: dict[Part, None] = {}
    trees: dict[Digest, None] = {}
    for part in parts:
        below: dict[Part, None] = {}
        kind = _descend(source, part, below)
        if kind is BlobKind.TREE and not below:
            trees[part.digest] = None
        missing |= below
    for tree in trees:
        for entry in read_tree(source, tree):
            if _descend(source, Part(entry.root), missing) is BlobKind.TREE:
                raise BadTree(reason=f"the file {entry.path!r} is itself a list of files")
    return tuple(missing)


def _descend(source: BlockSource, top: Part, missing: dict[Part, None]) -> BlobKind | None:
    """Adds what is missing at and under `top`; the kind of blob when `top` is a root that is here.

    Each part is looked at once: a hostile recipe could list one child a million times at every level."""
    kind = None
    stack = [top]
    seen = set()
    while stack:
        part = stack.pop()
        if part in seen:
            continue
        seen.add(part)
        try:
            recipe = open_recipe(source, part) if part.is_recipe else None
        except (BlockAbsent, BlockCorrupt):
            missing[part] = None
            continue
        if recipe is None:
            missing.update(dict.fromkeys([part] if source.absent([part.digest]) else []))
            continue
        if part.level is None:
            kind = recipe.kind
        if recipe.level > 1:
            stack += reversed(recipe.parts)
        elif recipe.level == 1:
            absent = source.absent([entry.digest for entry in recipe.entries])
            missing.update((leaf, None) for leaf in recipe.parts if leaf.digest in absent)
    return kind


def present_blocks(source: BlockSource, roots: Iterable[Digest]) -> set[Digest]:
    """Names of all blocks that belong to the blobs `roots`, whether their leaves are here or not.
    Recipes that are absent or unusable end the walk there."""
    found: set[Digest] = set()
    for root in roots:
        is_tree = _collect(source, Part(root), found)
        if is_tree:
            try:
                files = read_tree(source, root)
            except (BlockAbsent, BlockCorrupt, BadRecipe, BadTree):
                continue
            for entry in files:
                _collect(source, Part(entry.root), found)
    return found


def _collect(source: BlockSource, top: Part, found: set[Digest]) -> bool:
    is_tree = False
    stack = [top]
    seen = set()
    while stack:
        part = stack.pop()
        if part in seen:
            continue
        seen.add(part)
        found.add(part.digest)
        try:
            recipe = open_recipe(source, part)
        except (BlockAbsent, BlockCorrupt, BadRecipe):
            continue
        is_tree = is_tree or recipe.kind is BlobKind.TREE
        if recipe.level > 1:
            stack += recipe.parts
        else:
            found.update(entry.digest for entry in recipe.entries)
    return is_tree


def read_blob(source: BlockSource, root: Digest) -> Iterator[bytes]:
    """The blob's bytes, block by block, each checked. Raises BlockAbsent, BlockCorrupt, BadRecipe."""
    stack = [Part(root)]
    while stack:
        part = stack.pop()
        if not part.is_recipe:
            data = source.get(part.digest)
            if len(data) != part.length:
                raise BadRecipe(digest=root.hex()[:16], reason="a block is not as long as its recipe says")
            yield data
            continue
        recipe = open_recipe(source, part)
        if recipe.inline:
            yield recipe.inline
        stack += reversed(recipe.parts)


def read_tree(source: BlockSource, root: Digest) -> tuple[TreeEntry, ...]:
    """The files of the scene `root`. Raises BadTree, BadRecipe, BlockAbsent, BlockCorrupt."""
    recipe = open_recipe(source, Part(root))
    if recipe.kind is not BlobKind.TREE or recipe.size > TABLE_MAX:
        raise BadTree(reason="it is not a table of files, or too long")
    return decode_tree(b"".join(read_blob(source, root)))


def unpack_block(part: Part, block: BlockData) -> tuple[bytes, Recipe | None]:
    """The plain bytes of a block from a peer, and the recipe they are when `part` is one.

    Raises WrongBytes (the peer's fault) when they do not have the name that was asked for, and BadRecipe
    (the blob's fault) when they do but are not what the recipe above promised.
    """
    data = from_form(block.form, block.data)
    if block.digest != part.digest or digest_of(data) != part.digest:
        raise WrongBytes("a block that does not have the digest it is named by")
    if part.is_recipe:
        return data, decode_recipe(data, part)
    if len(data) != part.length:
        raise BadRecipe(digest=part.digest.hex()[:16], reason="a block is not as long as its recipe says")
    return data, None
