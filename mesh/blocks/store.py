"""The disk twin: blobs and scenes over a shelf of blocks. Synchronous; the node calls it from threads.

`put`, `put_blob`, `put_tree` and `put_pinned` are durable when they return, and what `missing` says is whole is durable too;
between those, blocks that are fetched one by one are not synced one by one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

from mesh.blocks.cut import cut
from mesh.blocks.errors import BadTree
from mesh.blocks.index import Row
from mesh.blocks.recipe import INLINE_MAX, BlobKind, Entry, Part, build_recipes, inline_recipe
from mesh.blocks.shelf import BlockShelf
from mesh.blocks.tree import TreeEntry, encode_tree
from mesh.blocks.walk import missing_parts, missing_under, read_blob, read_tree, unpack_block
from mesh.model.ids import Digest
from mesh.wire.blocks import BlockData, BlockForm


class BlockStore(BlockShelf):
    """Blobs by the digests of their roots. See BlockShelf for blocks, pins and the cap."""

    def put_blob(self, chunks: Iterable[bytes], kind: BlobKind = BlobKind.BYTES) -> tuple[Digest, int]:
        """Cut bytes into blocks, by their format where it is known, and store them durably, holding a few
        megabytes at a time. Returns (root, bytes). Raises DiskFull.
        """
        source = iter(chunks)
        head = bytearray()
        for chunk in source:
            head += chunk
            if len(head) > INLINE_MAX:
                break
        else:
            return self.put(inline_recipe(bytes(head), kind)), len(head)
        with self._guarding() as add:
            leaves = [Entry(add(piece), len(piece)) for piece in cut(chain((bytes(head),), source))]
            for recipe in build_recipes(leaves, kind):
                root = add(recipe)
        self.flush()
        return root, sum(leaf.length for leaf in leaves)

    def put_tree(self, entries: Iterable[TreeEntry]) -> Digest:
        """Store a scene's table of files, durably. Raises BadTree, DiskFull."""
        return self.put_blob((encode_tree(entries),), BlobKind.TREE)[0]

    def put_pinned(self, blocks: Mapping[Digest, bytes], pins: Sequence[tuple[bytes, Digest | None]]) -> None:
        """Store blocks under their names, durably, many with one sync; pin before that, in order, roots for
        owners (None lets all go that is pinned for one). Raises DiskFull."""
        if pins:
            self.pin_all(pins)
        if blocks:
            self._add([self._row(digest, data) for digest, data in blocks.items()])
            self.flush()

    def save(self, part: Part, block: BlockData) -> tuple[Part, ...]:
        """Check and store a block from a peer; answers which parts under it are missing here.

        Not durable before `missing` says that its blob is whole, or `flush`.
        Raises WrongBytes (the peer's fault), BadRecipe (the blob's fault), DiskFull.
        """
        data, recipe = unpack_block(part, block)
        row = Row(part.digest, block.form, len(block.data), block.data)
        self._add([row if block.form is BlockForm.ZSTD else self._row(part.digest, data)])
        return () if recipe is None else missing_under(self, recipe.parts)

    def missing(self, root: Digest) -> tuple[Part, ...]:
        """What is not here yet of a blob, as far as the recipes that are here tell; of a tree, of its files
        too. When the answer is empty the whole is durable. Raises BadRecipe, BadTree."""
        missing = missing_parts(self, root)
        if not missing:
            self.flush()
        return missing

    def read_blob(self, root: Digest) -> Iterator[bytes]:
        """The blob's bytes, each block checked. Raises BlockAbsent, BlockCorrupt, BadRecipe."""
        return read_blob(self, root)

    def tree(self, root: Digest) -> tuple[TreeEntry, ...]:
        """The files of scene `root`. Raises BadTree, BadRecipe, BlockAbsent, BlockCorrupt."""
        return read_tree(self, root)

    def materialise(self, root: Digest, folder: Path) -> None:
        """Write the files of scene `root` under `folder`, which appears whole or not at all. Nothing to do
        where it exists already. Raises what `tree` and `read_blob` raise, and DiskFull.
        """
        if folder.exists():
            return
        temporary = folder.with_name(f".{folder.name}.{os.getpid()}-{self._next_serial()}")
        try:
            for entry in self.tree(root):
                path = temporary / entry.path
                path.parent.mkdir(parents=True, exist_ok=True)
                self._with_room(partial(self._write_file, path, entry), entry.size)
            temporary.mkdir(parents=True, exist_ok=True)
            try:
                temporary.rename(folder)
            except OSError:
                if not folder.exists():
                    raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _write_file(self, path: Path, entry: TreeEntry) -> None:
        size = 0
        with path.open("wb") as file:
            for data in self.read_blob(entry.root):
                size += len(data)
                if size > entry.size:
                    break
                file.write(data)
        if size != entry.size:
            raise BadTree(reason=f"{entry.path!r} is not as long as it says")
