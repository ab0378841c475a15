"""Hash trees and file tables: what is written is read back, and nothing else is accepted."""

from __future__ import annotations

import random
from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.blocks.errors import BadRecipe, BadTree
from mesh.blocks.recipe import (
    BLOCK_MAX,
    BlobKind,
    Entry,
    Part,
    Recipe,
    build_recipes,
    decode_recipe,
    digest_of,
    encode_recipe,
    inline_recipe,
)
from mesh.blocks.tree import TreeEntry, decode_tree, encode_tree
from mesh.blocks.walk import missing_parts, present_blocks
from mesh.model.ids import Digest

digests = st.binary(min_size=32, max_size=32).map(Digest)
leaves = st.lists(st.builds(Entry, digests, st.integers(1, BLOCK_MAX)), min_size=1, max_size=40)


def many_leaves(count: int, seed: int = 0) -> list[Entry]:
    rng = random.Random(seed)
    return [Entry(Digest(rng.randbytes(32)), rng.randint(1, BLOCK_MAX)) for _ in range(count)]


def read_back(blocks: list[bytes]) -> list[Entry]:
    """The leaves under the last of `blocks`, every part checked against the recipe above it."""
    by_digest = {digest_of(block): block for block in blocks}

    def walk(part: Part) -> list[Entry]:
        recipe = decode_recipe(by_digest[part.digest], part)
        if recipe.level == 1:
            return list(recipe.entries)
        return [leaf for child in recipe.parts for leaf in walk(child)]

    return walk(Part(digest_of(blocks[-1])))


@given(leaves)
def test_a_blob_of_few_blocks_is_read_back(entries: list[Entry]) -> None:
    assert read_back(list(build_recipes(entries))) == entries


def test_a_blob_of_many_blocks_has_several_levels_and_is_read_back() -> None:
    entries = many_leaves(20_000)
    blocks = list(build_recipes(entries))
    assert decode_recipe(blocks[-1], Part(digest_of(blocks[-1]))).level == 3
    assert all(len(block) <= BLOCK_MAX for block in blocks)
    assert read_back(blocks) == entries


def test_an_edit_in_the_middle_changes_one_recipe_at_each_level() -> None:
    before = many_leaves(20_000)
    edited = [*before[:9_999], *many_leaves(2, seed=1), *before[10_000:]]
    old = {digest_of(block) for block in build_recipes(before)}
    new = [block for block in build_recipes(edited) if digest_of(block) not in old]
    assert sum(map(len, new)) < 16_000


@given(st.binary(max_size=4096), st.sampled_from(BlobKind))
def test_a_small_blob_is_held_by_its_root(data: bytes, kind: BlobKind) -> None:
    root = inline_recipe(data, kind)
    assert decode_recipe(root, Part(digest_of(root))) == Recipe(kind, 0, len(data), (), data)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_with_a_sentence(data: bytes) -> None:
    with pytest.raises(BadRecipe, match="cannot be put together"):
        decode_recipe(data, Part(digest_of(data)))


@given(leaves, st.data())
def test_a_damaged_recipe_is_refused_or_lists_other_digests(
    entries: list[Entry], data: st.DataObject
) -> None:
    block = bytearray(list(build_recipes(entries))[-1])
    size = sum(entry.length for entry in entries)
    block[data.draw(st.integers(0, len(block) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        recipe = decode_recipe(bytes(block), Part(digest_of(b""), 1, size))
    except BadRecipe:
        return
    assert [entry.length for entry in recipe.entries] == [entry.length for entry in entries]
    assert recipe.size == size


@pytest.mark.parametrize(
    ("recipe", "part"),
    [
        (Recipe(BlobKind.BYTES, 1, 9, (Entry(Digest(bytes(32)), 10),)), Part(Digest(bytes(32)))),
        (Recipe(BlobKind.BYTES, 1, 0, ()), Part(Digest(bytes(32)))),
        (Recipe(BlobKind.BYTES, 1, 2**21, (Entry(Digest(bytes(32)), 2**21),)), Part(Digest(bytes(32)))),
        (Recipe(BlobKind.BYTES, 2, 9, (Entry(Digest(bytes(32)), 9),)), Part(Digest(bytes(32)), 1, 9)),
        (Recipe(BlobKind.BYTES, 1, 9, (Entry(Digest(bytes(32)), 9),)), Part(Digest(bytes(32)), 1, 8)),
        (Recipe(BlobKind.TREE, 1, 9, (Entry(Digest(bytes(32)), 9),)), Part(Digest(bytes(32)), 1, 9)),
        (Recipe(BlobKind.BYTES, 7, 9, (Entry(Digest(bytes(32)), 9),)), Part(Digest(bytes(32)))),
        (Recipe(BlobKind.BYTES, 0, 1, (), b"x"), Part(Digest(bytes(32)), 1, 1)),
    ],
    ids=["sum", "empty", "long block", "level", "length", "kind", "depth", "inline inside"],
)
def test_a_recipe_that_is_not_what_was_promised_is_refused(recipe: Recipe, part: Part) -> None:
    with pytest.raises(BadRecipe):
        decode_recipe(encode_recipe(recipe), part)


def test_a_recipe_that_lists_one_child_a_thousand_times_at_every_level_is_walked_once() -> None:
    leaf = Entry(digest_of(b"x"), 1)
    blocks: dict[Digest, bytes] = {}
    entry = leaf
    for level in range(1, 6):
        entries = (entry,) * (1 if level == 1 else 1000)
        block = encode_recipe(Recipe(BlobKind.BYTES, level, sum(e.length for e in entries), entries))
        entry = Entry(digest_of(block), entry.length * len(entries))
        blocks[entry.digest] = block

    class Counting:
        looks = 0

        def get(self, digest: Digest) -> bytes:
            self.looks += 1
            assert self.looks < 20
            return blocks[digest]

        def absent(self, digests: Collection[Digest]) -> set[Digest]:
            return set(digests) - set(blocks)

    assert missing_parts(Counting(), entry.digest) == (Part(leaf.digest, 0, 1),)
    assert present_blocks(Counting(), [entry.digest]) == {leaf.digest, *blocks}


names = st.text(st.characters(categories=("L", "N"), max_codepoint=0x17F), min_size=1, max_size=8)
paths = st.lists(names, min_size=1, max_size=3).map("/".join)
tables = st.lists(
    st.builds(TreeEntry, paths, digests, st.integers(0, 2**40)),
    max_size=12,
    unique_by=lambda e: e.path.casefold(),
).filter(
    lambda entries: (
        not any(a.path.casefold().startswith(b.path.casefold() + "/") for a in entries for b in entries)
    )
)


@given(tables)
def test_a_table_of_files_is_read_back_in_order(entries: list[TreeEntry]) -> None:
    assert decode_tree(encode_tree(entries)) == tuple(sorted(entries))


@given(tables, st.randoms())
def test_the_order_of_files_does_not_change_a_table(entries: list[TreeEntry], rng: random.Random) -> None:
    shuffled = list(entries)
    rng.shuffle(shuffled)
    assert encode_tree(shuffled) == encode_tree(entries)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../up",
        "a/../b",
        "a//b",
        "a/",
        ".",
        "c:/x",
        "a\\b",
        "a\0b",
        "nul\n",
        "dot.",
        "space ",
        "x" * 256,
        "\ud800",
    ],
)
def test_a_path_that_could_leave_its_folder_or_mean_two_things_is_refused(path: str) -> None:
    with pytest.raises(BadTree, match="is not acceptable"):
        encode_tree([TreeEntry(path, Digest(bytes(32)), 1)])


@pytest.mark.parametrize("pair", [("a", "A"), ("a", "a/b"), ("A/b", "a")])
def test_files_that_collide_on_some_systems_are_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(BadTree):
        encode_tree([TreeEntry(path, Digest(bytes(32)), 1) for path in pair])


@given(tables.filter(len), st.data())
def test_a_table_cut_short_or_continued_is_refused(entries: list[TreeEntry], data: st.DataObject) -> None:
    table = encode_tree(entries)
    with pytest.raises(BadTree):
        decode_tree(table[: data.draw(st.integers(0, len(table) - 1))])
    with pytest.raises(BadTree):
        decode_tree(table + b"x")


@given(st.binary(max_size=100))
def test_arbitrary_bytes_are_no_table(data: bytes) -> None:
    with pytest.raises(BadTree):
        decode_tree(data)
