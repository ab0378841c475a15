"""The block store on a disk that is full, fails to sync, or loses its process midway."""

from __future__ import annotations

import errno
import random
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from mesh.blocks.disk import Disk
from mesh.blocks.errors import (
    BlockCorrupt,
    DiskFull,
)
from mesh.blocks.form import to_form
from mesh.blocks.index import Row
from mesh.blocks.recipe import Part, digest_of
from mesh.blocks.store import BlockStore
from mesh.wire.blocks import BlockData, BlockForm
from tests.counting_disk import CountingDisk
from tests.store_lab import ROOMY, Crash, FaultyDisk, files_under, kill, noise


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


def test_a_full_disk_under_the_index_leaves_no_files_either(tmp_path: Path) -> None:
    with BlockStore(tmp_path, ROOMY) as store:
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
