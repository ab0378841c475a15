"""The block store: what was stored is read back or honestly missed, under a cap, after rot, and from many threads."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from mesh.blocks.errors import (
    BadRecipe,
    BadTree,
    BlockAbsent,
    BlockCorrupt,
    StoreTooNew,
    WrongBytes,
)
from mesh.blocks.recipe import Part, digest_of
from mesh.blocks.store import BlockStore
from mesh.blocks.tree import TreeEntry
from mesh.model.ids import Digest
from mesh.wire.blocks import BlockData, BlockForm
from tests.store_lab import ROOMY, HastyDisk, files_under, noise


@pytest.fixture
def store(tmp_path: Path) -> Iterator[BlockStore]:
    with BlockStore(tmp_path / "store", ROOMY) as store:
        yield store


# --- keeping ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 4096, 4097, 100_000, 3_000_000])
def test_a_blob_is_read_back_also_after_reopening(tmp_path: Path, size: int) -> None:
    data = noise(size)
    with BlockStore(tmp_path, ROOMY) as store:
        root, length = store.put_blob([data[: size // 3], data[size // 3 :]])
        assert (length, b"".join(store.read_blob(root))) == (size, data)
    with BlockStore(tmp_path, ROOMY) as store:
        assert b"".join(store.read_blob(root)) == data
        assert store.missing(root) == ()


def test_the_same_bytes_are_stored_once(store: BlockStore) -> None:
    store.put_blob([noise(500_000)])
    once = store.usage()
    store.put_blob([noise(500_000)])
    assert store.usage() == once


def test_bytes_that_shrink_are_kept_compressed(store: BlockStore) -> None:
    store.put_blob([b"the same sentence again and again. " * 100_000])
    assert store.usage().bytes < 100_000


def test_what_is_not_here_is_absent(store: BlockStore) -> None:
    with pytest.raises(BlockAbsent):
        store.get(Digest(bytes(32)))
    assert store.missing(Digest(bytes(32))) == (Part(Digest(bytes(32))),)


def test_a_blob_travels_block_by_block(store: BlockStore, tmp_path: Path) -> None:
    """A fetch by hand: ask what is missing, bring it, until nothing is."""
    model, size = store.put_blob([noise(2_000_000)])
    notes, length = store.put_blob([b"notes"])
    scene = store.put_tree([TreeEntry("model.glb", model, size), TreeEntry("notes.txt", notes, length)])
    with BlockStore(tmp_path / "other", ROOMY) as other:
        rounds = 0
        while missing := other.missing(scene):
            rounds += 1
            for part in missing:
                other.save(part, store.get_data(part.digest))
        assert rounds <= 4
        assert b"".join(other.read_blob(model)) == noise(2_000_000)
        assert other.tree(scene) == store.tree(scene)


def test_bytes_that_are_not_what_was_asked_for_are_refused(store: BlockStore) -> None:
    data = noise(1000)
    part = Part(digest_of(data), 0, 1000)
    with pytest.raises(WrongBytes):
        store.save(part, BlockData(part.digest, BlockForm.PLAIN, data[:-1] + b"!"))
    with pytest.raises(WrongBytes):
        store.save(part, BlockData(part.digest, BlockForm.ZSTD, data))
    with pytest.raises(BadRecipe):
        store.save(Part(part.digest, 0, 999), BlockData(part.digest, BlockForm.PLAIN, data))
    with pytest.raises(BadRecipe):
        store.save(Part(part.digest), BlockData(part.digest, BlockForm.PLAIN, data))
    assert store.usage().blocks == 0


# --- the cap ------------------------------------------------------------------------------------------


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    with BlockStore(tmp_path, 400_000, HastyDisk()) as store:
        roots = [store.put_blob([noise(40_000, seed)])[0] for seed in range(8)]
        for root in roots[::2]:
            list(store.read_blob(root))
        store.put_blob([noise(140_000, 9)])
        assert [store.missing(root) for root in roots[::2]] == [()] * 4
        assert store.missing(roots[1]) != ()
        assert store.usage().bytes <= 400_000


def test_what_is_pinned_stays_even_beyond_the_cap(tmp_path: Path) -> None:
    with BlockStore(tmp_path, 400_000, HastyDisk()) as store:
        model, size = store.put_blob([noise(300_000)])
        scene = store.put_tree([TreeEntry("a", model, size)])
        store.pin(b"job", scene)
        for seed in range(1, 9):
            store.put_blob([noise(200_000, seed)])
        assert store.missing(scene) == ()
        assert store.owners() == (b"job",)
        store.unpin(b"job")
        store.put_blob([noise(300_000, 10)])
        assert store.missing(scene) != ()
        assert store.usage().bytes <= 400_000


def test_a_blob_longer_than_the_cap_is_stored_whole(tmp_path: Path) -> None:
    with BlockStore(tmp_path, 1_000_000, HastyDisk()) as store:
        root, _ = store.put_blob(noise(1_000_000, seed) for seed in range(12))
        assert store.missing(root) == ()


# --- rot ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", [b"", b"rotten", noise(70_000)])
def test_a_rotten_block_is_noticed_dropped_and_missing(store: BlockStore, damage: bytes) -> None:
    root, _ = store.put_blob([noise(300_000)])
    rotten = files_under(store.folder)[0]
    rotten.write_bytes(damage)
    with pytest.raises(BlockCorrupt, match="fetched again"):
        list(store.read_blob(root))
    assert [part.digest.hex() for part in store.missing(root)] == [rotten.name]
    assert not rotten.exists()


def test_a_rotten_small_block_is_noticed_too(store: BlockStore) -> None:
    digest = store.put(noise(100))
    store._index._database.execute("UPDATE block SET data = zeroblob(100)")
    with pytest.raises(BlockCorrupt):
        store.get(digest)
    with pytest.raises(BlockAbsent):
        store.get(digest)


def test_a_block_whose_file_was_deleted_is_absent(store: BlockStore) -> None:
    digest = store.put(noise(50_000))
    files_under(store.folder)[0].unlink()
    with pytest.raises(BlockAbsent):
        store.get(digest)
    assert store.absent([digest]) == {digest}


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    with BlockStore(tmp_path, ROOMY):
        pass
    with sqlite3.connect(tmp_path / "index.sqlite") as database:
        database.execute("PRAGMA user_version=99")
    database.close()
    with pytest.raises(StoreTooNew, match="format 99"):
        BlockStore(tmp_path, ROOMY)


# --- scenes -------------------------------------------------------------------------------------------


def test_a_scene_appears_whole(store: BlockStore, tmp_path: Path) -> None:
    model, size = store.put_blob([noise(200_000)])
    empty, nothing = store.put_blob([])
    scene = store.put_tree(
        [TreeEntry("scene.gltf", empty, nothing), TreeEntry("maps/wood/a.png", model, size)]
    )
    store.materialise(scene, tmp_path / "scene")
    store.materialise(scene, tmp_path / "scene")
    assert (tmp_path / "scene/maps/wood/a.png").read_bytes() == noise(200_000)
    assert (tmp_path / "scene/scene.gltf").read_bytes() == b""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scene", "store"]


def test_a_scene_that_cannot_be_whole_does_not_appear(store: BlockStore, tmp_path: Path) -> None:
    model, size = store.put_blob([noise(200_000)])
    short = store.put_tree([TreeEntry("a", model, size - 1)])
    absent = store.put_tree([TreeEntry("a", model, size), TreeEntry("b", Digest(bytes(32)), 1)])
    with pytest.raises(BadTree):
        store.materialise(short, tmp_path / "scene")
    with pytest.raises(BlockAbsent):
        store.materialise(absent, tmp_path / "scene")
    with pytest.raises(BadTree):
        store.materialise(model, tmp_path / "scene")
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_a_list_of_files_inside_a_scene_is_refused(store: BlockStore) -> None:
    inner = store.put_tree([])
    with pytest.raises(BadTree, match="itself a list"):
        store.missing(store.put_tree([TreeEntry("a", inner, 8)]))


# --- threads ------------------------------------------------------------------------------------------


def test_threads_may_store_read_and_evict_at_once(tmp_path: Path) -> None:
    with BlockStore(tmp_path, 3_000_000, HastyDisk()) as store:
        wrong: list[str] = []

        def work(number: int) -> None:
            for seed in range(6):
                data = noise(200_000, (number * 3 + seed) % 7)
                root, _ = store.put_blob([data])
                with suppress(BlockAbsent):
                    if b"".join(store.read_blob(root)) != data:
                        wrong.append(f"{number}/{seed}")

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong
        on_disk = sum(path.stat().st_size for path in files_under(tmp_path))
        rows = list(store._index.by_use())
        assert on_disk == sum(size for _, size, has_file in rows if has_file)
        assert store.usage().bytes == sum(size for _, size, _ in rows)
