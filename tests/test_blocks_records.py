"""The record store: what was written is read back in the order of its keys, all of a batch or nothing."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.blocks.errors import DiskFull, StoreTooNew
from mesh.blocks.records import Key, RecordStore
from mesh.model.ids import JobId

JOBS = [JobId(bytes([number]) * 32) for number in range(3)]
parts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=5)
keys = st.lists(parts, min_size=1, max_size=3).map(tuple)
changes = st.lists(st.tuples(st.sampled_from(JOBS), keys, st.none() | st.binary(max_size=20)), max_size=30)


@settings(max_examples=20)
@given(st.lists(changes, max_size=4))
def test_the_store_holds_what_a_dict_would(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[JobId, Key, bytes | None]]]
) -> None:
    path = tmp_path_factory.mktemp("records") / "records.sqlite"
    model: dict[tuple[JobId, Key], bytes] = {}
    for batch in batches:
        with RecordStore(path) as store:
            store.write(batch)
        for job, key, value in batch:
            if value is None:
                model.pop((job, key), None)
            else:
                model[job, key] = value
    with RecordStore(path) as store:
        found = {(job, key): value for job in store.jobs() for key, value in store.read(job)}
        assert found == model
        assert list(found) == sorted(found)


def test_a_batch_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with RecordStore(tmp_path / "records.sqlite") as store:
        store.write([(JOBS[0], ("a",), b"old")])
        pages = store._database.execute("PRAGMA page_count").fetchone()[0]
        store._database.execute(f"PRAGMA max_page_count={pages}")
        with pytest.raises(DiskFull):
            store.write([(JOBS[0], ("a",), b"new"), (JOBS[0], ("b",), bytes(100_000))])
        assert list(store.read(JOBS[0])) == [(("a",), b"old")]


def test_a_forgotten_job_is_gone_and_others_are_not(tmp_path: Path) -> None:
    with RecordStore(tmp_path / "records.sqlite") as store:
        store.write([(job, ("a", str(n)), b"x") for job in JOBS for n in range(3)])
        store.forget(JOBS[1])
        assert store.jobs() == (JOBS[0], JOBS[2])


def test_one_batch_may_delete_all_of_a_job_and_write_it_anew(tmp_path: Path) -> None:
    with RecordStore(tmp_path / "records.sqlite") as store:
        store.write([(job, ("a", str(n)), b"x") for job in JOBS for n in range(3)])
        store.write([(JOBS[1], ("a", "0"), b"y"), (JOBS[1], (), None), (JOBS[1], ("b",), b"z")])
        assert list(store.read(JOBS[1])) == [(("b",), b"z")]
        assert store.jobs() == tuple(JOBS)


@pytest.mark.parametrize("key", [(), ("a\0b",)])
def test_a_key_that_could_not_be_read_back_is_our_bug(tmp_path: Path, key: Key) -> None:
    with RecordStore(tmp_path / "records.sqlite") as store, pytest.raises(ValueError, match="cannot be"):
        store.write([(JOBS[0], key, b"")])


def test_what_was_written_survives_a_process_that_dies_at_once(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    program = (
        "import os, pathlib\n"
        "from mesh.blocks.records import RecordStore\n"
        f"store = RecordStore(pathlib.Path({str(path)!r}))\n"
        "store.write([(bytes(32), ('a',), b'kept')])\n"
        "os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 9
    with RecordStore(path) as store:
        assert list(store.read(JobId(bytes(32)))) == [(("a",), b"kept")]


def test_records_of_a_newer_version_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version=99")
    database.close()
    with pytest.raises(StoreTooNew, match="Upgrade this machine"):
        RecordStore(path)
