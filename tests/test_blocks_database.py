"""Many rows in few statements: every one gets lock and thread back once, whatever the number of rows."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from mesh.blocks.database import execute_rows
from mesh.blocks.index import BlockIndex, Row
from mesh.blocks.records import RecordStore
from mesh.model.ids import Digest, JobId
from mesh.wire.blocks import BlockForm

JOB, OTHER = JobId(b"j" * 32), JobId(b"o" * 32)


@pytest.mark.parametrize("rows", [0, 1, 3, 4, 63, 341, 1000])
def test_every_row_arrives_in_few_statements(rows: int) -> None:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE thing (number, text)")
    statements: list[str] = []
    database.set_trace_callback(statements.append)
    wanted = [(number, f"text {number}") for number in range(rows)]
    execute_rows(database, "INSERT INTO thing VALUES {}", wanted)
    database.set_trace_callback(None)
    assert database.execute("SELECT * FROM thing ORDER BY number").fetchall() == wanted
    inserts = [statement for statement in statements if statement.startswith("INSERT")]
    assert len(inserts) <= 3 * 4 + rows // 256  # at most three each of 64, 16, 4 and 1
    database.close()


def test_the_values_of_earlier_marks_go_with_every_piece() -> None:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE thing (owner, number)")
    database.executemany("INSERT INTO thing VALUES (?, ?)", [("a", n) for n in range(300)] + [("b", 7)])
    gone = [(number,) for number in range(299)]
    execute_rows(database, "DELETE FROM thing WHERE owner = ? AND number IN (VALUES {})", gone, "a")
    assert database.execute("SELECT * FROM thing ORDER BY owner").fetchall() == [("a", 299), ("b", 7)]
    database.close()


def test_a_large_batch_of_records_writes_and_deletes_of_several_jobs(tmp_path: Path) -> None:
    keys = [(f"{number:04d}",) for number in range(700)]
    with RecordStore(tmp_path / "records.sqlite") as store:
        store.write([(job, key, b"old") for job in (JOB, OTHER) for key in keys])
        changes = [(JOB, key, None if place % 2 else b"new") for place, key in enumerate(keys)]
        store.write([*changes, (OTHER, (), None), (OTHER, ("last",), b"word")])
        assert list(store.read(JOB)) == [(key, b"new") for key in keys[::2]]
        assert list(store.read(OTHER)) == [(("last",), b"word")]


def test_an_index_told_of_many_blocks_at_once_keeps_their_order_of_use(tmp_path: Path) -> None:
    digests = [Digest(number.to_bytes(32, "big")) for number in range(700)]
    index = BlockIndex(tmp_path / "index.sqlite")
    index.add([Row(digest, BlockForm.PLAIN, 3, b"abc") for digest in digests])
    assert [digest for digest, _, _ in index.by_use()] == digests
    # when all are used in the opposite order, and some removed
    index.touch(reversed(digests))
    index.remove([(digest, 3) for digest in digests[:300]])
    assert [digest for digest, _, _ in index.by_use()] == digests[:299:-1]
    assert (index.count, index.total) == (400, 1200)
    index.close()


def test_pins_and_their_ends_count_in_the_order_in_which_they_were_asked_for(tmp_path: Path) -> None:
    roots = [Digest(number.to_bytes(32, "big")) for number in range(5)]
    index = BlockIndex(tmp_path / "index.sqlite")
    index.pin_all([(b"a", roots[0]), (b"b", roots[1]), (b"a", None), (b"a", roots[2]), (b"b", None)])
    assert index.pinned() == (roots[2],)
    assert index.owners() == (b"a",)
    index.close()
