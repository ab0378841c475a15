"""The disk store: what was stored is read back or honestly missed, through caps, crashes, full and rotten disks."""

from __future__ import annotations

import errno
import random
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mesh.blocks.disk import Disk
from mesh.blocks.errors import (
    BadRecipe,
    BadTree,
    BlockAbsent,
    BlockCorrupt,
    DiskFull,
    StoreTooNew,
    WrongBytes,
)
from mesh.blocks.form import to_form
from mesh.blocks.index import Row
from mesh.blocks.recipe import Part, digest_of
from mesh.blocks.store import BlockStore
from mesh.blocks.tree import TreeEntry
from mesh.model.ids import Digest
from mesh.wire.blocks import BlockData, BlockForm
from tests.counting_disk import CountingDisk

ROOMY = 1 << 40


def noise(count: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(count)


class Crash(BaseException):
    """The process dies here."""


class FaultyDisk(Disk):
    """Dies before its `fatal`-th operation, and stays dead; is full beyond `budget` bytes; and a power cut takes what was
    not synced."""

    def __init__(self, fatal: int = -1, budget: int = ROOMY) -> None:
        self.steps = 0
        self.fatal = fatal
        self.budget = budget
        self.sizes: dict[Path, int] = {}
        self.unsynced: set[Path] = set()

    def _step(self) -> None:
        self.steps += 1
        if 0 < self.fatal <= self.steps:
            raise Crash

    def write(self, path: Path, data: bytes) -> None:
        self._step()
        room = self.budget - sum(self.sizes.values())
        super().write(path, data[: max(0, room)])
        self.sizes[path] = min(len(data), max(0, room))
        self.unsynced.add(path)
        if len(data) > room:
            raise OSError(errno.ENOSPC, "full")

    def rename(self, source: Path, target: Path) -> None:
        self._step()
        super().rename(source, target)
        self.sizes[target] = self.sizes.pop(source)
        self.unsynced.discard(source)
        self.unsynced.add(target)

    def remove(self, path: Path) -> None:
        self._step()
        super().remove(path)
        self.sizes.pop(path, None)

    def sync(self, path: Path) -> None:
        self._step()
        self.unsynced.discard(path)

    def cut_power(self, rng: random.Random) -> None:
        for path in sorted(self.unsynced):
            if path.exists():
                data = path.read_bytes()
                torn = (b"", data[: len(data) // 2], bytes(len(data)), data)
                path.write_bytes(rng.choice(torn))


class HastyDisk(Disk):
    """Does not wait for the platter, for tests in which no power is cut."""

    def sync(self, path: Path) -> None:
        pass


def kill(store: BlockStore) -> None:
    """What is left when the process is gone: the folder as it is."""
    store._index.close(torn=True)


def blocks_of(store: BlockStore, root: Digest) -> list[Digest]:
    rows = [digest for digest, _, _ in store._index.by_use()]
    return [digest for digest in rows if digest != root]


def files_under(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("index"))


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


# --- trouble ------------------------------------------------------------------------------------------


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


def test_a_full_disk_evicts_first(tmp_path: Path) -> None:
    with BlockStore(tmp_path, ROOMY, FaultyDisk(budget=1_000_000)) as store:
        for seed in range(10):
            root, _ = store.put_blob([noise(400_000, seed)])
            assert store.missing(root) == ()


def test_a_full_disk_that_holds_only_pinned_blocks_is_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    with BlockStore(tmp_path, ROOMY, FaultyDisk(budget=1_000_000)) as store:
        root, _ = store.put_blob([noise(800_000)])
        store.pin(b"job", root)
        before = files_under(tmp_path)
        with pytest.raises(DiskFull, match="Free 1 MiB there"):
            store.put_blob([noise(400_000, 1)])
        assert files_under(tmp_path) == before
        assert b"".join(store.read_blob(root)) == noise(800_000)


def test_a_full_disk_under_the_index_leaves_no_files_either(store: BlockStore) -> None:
    pages = store._index._database.execute("PRAGMA page_count").fetchone()[0]
    store._index._database.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(DiskFull):
        store.put_blob([noise(12_000_000, 1)])
    known = {digest.hex() for digest, _, _ in store._index.by_use()}
    assert {path.name for path in files_under(store.folder)} <= known
    assert not list((store.folder / "partial").iterdir())
    store._index._database.execute("PRAGMA max_page_count=1000000")


def test_dying_at_any_step_loses_nothing_that_was_stored(tmp_path: Path) -> None:
    safe, later = noise(100_000), noise(300_000, 1)
    for fatal in range(1, 200):
        folder = tmp_path / str(fatal)
        disk = FaultyDisk()
        store = BlockStore(folder, ROOMY, disk)
        root, _ = store.put_blob([safe])
        disk.steps, disk.fatal = 0, fatal
        died = False
        try:
            other, _ = store.put_blob([later])
        except Crash:
            died = True
        kill(store)
        disk.cut_power(random.Random(fatal))
        with BlockStore(folder, ROOMY) as reopened:
            assert b"".join(reopened.read_blob(root)) == safe
            assert not list((folder / "partial").iterdir())
            known = {digest.hex() for digest, _, _ in reopened._index.by_use()}
            assert {path.name for path in files_under(folder)} <= known
            again, _ = reopened.put_blob([later])
            with suppress(BlockCorrupt):
                list(reopened.read_blob(again))
            reopened.put_blob([later])
            if not died:
                assert again == other
                assert b"".join(reopened.read_blob(other)) == later
        shutil.rmtree(folder)
        if not died:
            assert fatal > 10
            return
    pytest.fail("storing never came to an end")


def test_after_an_unclean_end_rows_and_files_that_do_not_match_are_dropped(tmp_path: Path) -> None:
    store = BlockStore(tmp_path, ROOMY)
    root, _ = store.put_blob([noise(400_000)])
    kill(store)
    gone, cut_short, *whole = files_under(tmp_path)
    gone.unlink()
    cut_short.write_bytes(cut_short.read_bytes()[:-1])
    stray = whole[0].with_name("f" * 64)
    stray.write_bytes(b"stray")
    with BlockStore(tmp_path, ROOMY) as reopened:
        assert {part.digest.hex() for part in reopened.missing(root)} == {gone.name, cut_short.name}
        assert files_under(tmp_path) == whole


def test_a_block_that_arrives_twice_at_once_in_two_forms_is_stored_in_one(tmp_path: Path) -> None:
    data = noise(20_000) + bytes(20_000)
    part = Part(digest_of(data), 0, len(data))
    form, packed = to_form(data)
    assert form is BlockForm.ZSTD
    assert len(packed) > 8192

    class Interrupted(Disk):
        def write(self, path: Path, data: bytes) -> None:
            super().write(path, data)
            if not nested:
                nested.append(path)
                store._add([Row(part.digest, BlockForm.PLAIN, len(plain), plain)])

    nested: list[Path] = []
    plain = data
    with BlockStore(tmp_path, ROOMY, Interrupted()) as store:
        store.save(part, BlockData(part.digest, form, packed))
        assert store.get(part.digest) == data


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


# --- against a model ----------------------------------------------------------------------------------


class StoreModel(RuleBasedStateMachine):
    """Any mix of uses, with a cap small enough to evict, against a dict of what was ever stored."""

    CAPACITY = 300_000

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store = BlockStore(self.folder, self.CAPACITY, HastyDisk())
        self.blobs: dict[Digest, bytes] = {}
        self.pins: dict[bytes, set[Digest]] = {}
        self.rotten = False

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    @rule(size=st.sampled_from([0, 10, 5_000, 9_000, 30_000, 90_000]), seed=st.integers(0, 5))
    def put(self, size: int, seed: int) -> None:
        root, _ = self.store.put_blob([noise(size, seed)])
        self.blobs[root] = noise(size, seed)
        assert self.store.missing(root) == ()

    @precondition(lambda self: self.blobs)
    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        root = data.draw(st.sampled_from(sorted(self.blobs)))
        try:
            assert b"".join(self.store.read_blob(root)) == self.blobs[root]
        except BlockAbsent:
            assert self.rotten or not any(root in roots for roots in self.pins.values())
        except BlockCorrupt:
            assert self.rotten

    @precondition(lambda self: self.blobs)
    @rule(data=st.data(), owner=st.sampled_from([b"a", b"b"]))
    def pin_what_is_whole(self, data: st.DataObject, owner: bytes) -> None:
        root = data.draw(st.sampled_from(sorted(self.blobs)))
        self.store.pin(owner, root)
        if not self.store.missing(root):
            self.pins.setdefault(owner, set()).add(root)

    @rule(owner=st.sampled_from([b"a", b"b"]))
    def unpin(self, owner: bytes) -> None:
        self.store.unpin(owner)
        self.pins.pop(owner, None)

    @rule(clean=st.booleans())
    def reopen(self, clean: bool) -> None:
        if clean:
            self.store.close()
        else:
            kill(self.store)
        self.store = BlockStore(self.folder, self.CAPACITY, HastyDisk())

    @rule(seed=st.integers(0, 100))
    def rot(self, seed: int) -> None:
        files = files_under(self.folder)
        if files:
            files[seed % len(files)].write_bytes(b"rotten")
            self.rotten = True

    @invariant()
    def counts_agree(self) -> None:
        rows = list(self.store._index.by_use())
        assert self.store.usage().bytes == sum(size for _, size, _ in rows)
        assert self.store.usage().blocks == len(rows)

    @invariant()
    def pinned_blobs_are_whole(self) -> None:
        if not self.rotten:
            for roots in self.pins.values():
                for root in sorted(roots):
                    assert self.store.missing(root) == ()

    @invariant()
    def the_cap_holds_where_nothing_is_pinned(self) -> None:
        if not self.store.owners():
            assert self.store.usage().bytes <= self.CAPACITY + 95_000


TestStoreModel = StoreModel.TestCase
TestStoreModel.settings = settings(max_examples=30, stateful_step_count=25)


def test_what_is_durable_already_is_not_synced_again(tmp_path: Path) -> None:
    disk = CountingDisk()
    with BlockStore(tmp_path, ROOMY, disk) as store:
        root, _ = store.put_blob([b"few bytes"])
        assert disk.syncs == 1
        store.flush()
        assert store.missing(root) == ()
        assert disk.syncs == 1
        store.put_pinned({digest_of(b"x"): b"x"}, [(b"owner", digest_of(b"x"))])
        assert disk.syncs == 2


def test_a_store_that_was_not_closed_syncs_what_it_finds_before_it_calls_that_durable(tmp_path: Path) -> None:
    with BlockStore(tmp_path, ROOMY) as store:
        root, _ = store.put_blob([b"few bytes"])
    disk = CountingDisk()
    with BlockStore(tmp_path, ROOMY, disk) as store:
        assert store.missing(root) == ()
        assert disk.syncs == 1


def test_a_sync_that_failed_is_made_up_for(tmp_path: Path) -> None:
    class FailingOnce(CountingDisk):
        def sync(self, path: Path) -> None:
            super().sync(path)
            if self.syncs == 1:
                raise OSError(errno.ENOSPC, "full")

    disk = FailingOnce()
    with BlockStore(tmp_path, ROOMY, disk) as store:
        with pytest.raises(DiskFull):
            store.put_blob([b"few bytes"])
        store.flush()
        assert disk.syncs == 2
