"""What the store knows of its blocks: size, form, last use, pins; and the small blocks themselves. SQLite.

Not safe for use by several threads at once: the store holds a lock around every call.

Commits are not durable by themselves (`synchronous=NORMAL` in WAL mode appends without fsync); they are
after `sync_path` was fsynced, which the store does once for many blocks.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, groupby
from pathlib import Path

from mesh.blocks.database import execute_rows, open_database
from mesh.model.ids import Digest
from mesh.wire.blocks import BlockForm

FORMAT = 1
_IN_ONE_QUERY = 500
_TOUCHES = 1000
"""Uses of blocks that are gathered before they are written."""

_SCHEMA = """
CREATE TABLE block (
    digest BLOB PRIMARY KEY,
    form INTEGER NOT NULL,
    size INTEGER NOT NULL,
    used INTEGER NOT NULL,
    data BLOB
);
CREATE INDEX block_by_use ON block (used);
CREATE TABLE pin (owner BLOB NOT NULL, root BLOB NOT NULL, PRIMARY KEY (owner, root)) WITHOUT ROWID;
CREATE TABLE state (open INTEGER NOT NULL);
INSERT INTO state VALUES (0);
"""


@dataclass(frozen=True, slots=True)
class Row:
    """`size` is in bytes as stored; `data` is None for blocks that have a file of their own."""

    digest: Digest
    form: BlockForm
    size: int
    data: bytes | None


class BlockIndex:
    def __init__(self, path: Path) -> None:
        self.sync_path = path.with_name(path.name + "-wal")
        self._database = open_database(path, _SCHEMA, FORMAT)
        self._touched: dict[Digest, None] = {}
        """Used since the last writing, the latest last."""
        self._clock = count(self._one("SELECT coalesce(max(used), 0) FROM block") + 1)
        self.total = self._one("SELECT coalesce(sum(size), 0) FROM block")
        """Bytes of all blocks as stored."""
        self.count = self._one("SELECT count(*) FROM block")
        self.was_torn = bool(self._one("SELECT open FROM state"))
        """Whether the last user of this store ended without closing it."""
        self._database.execute("UPDATE state SET open = 1")

    def close(self, *, torn: bool = False) -> None:
        try:
            if not torn:
                self._write_touches()
                self._database.execute("UPDATE state SET open = 0")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                raise  # a full disk only costs the next start a look at every file
        finally:
            self._database.close()

    def find(self, digest: Digest) -> Row | None:
        query = "SELECT form, size, data FROM block WHERE digest = ?"
        row = self._database.execute(query, (digest,)).fetchone()
        return None if row is None else Row(digest, BlockForm(row[0]), row[1], row[2])

    def present(self, digests: Collection[Digest]) -> set[Digest]:
        found: set[Digest] = set()
        for some in _pieces(list(digests)):
            marks = ",".join("?" * len(some))
            query = f"SELECT digest FROM block WHERE digest IN ({marks})"
            found.update(row[0] for row in self._database.execute(query, some))
        return found

    def add(self, rows: Collection[Row]) -> None:
        """Adds blocks that are not here yet, as just used."""
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            values = [(row.digest, row.form, row.size, next(self._clock), row.data) for row in rows]
            execute_rows(self._database, "INSERT INTO block VALUES {}", values)
        self.total += sum(row.size for row in rows)
        self.count += len(rows)

    def touch(self, digests: Iterable[Digest]) -> None:
        """Marks blocks as just used, in this order: in memory, and now and then in the database."""
        for digest in digests:
            self._touched.pop(digest, None)
            self._touched[digest] = None
        if len(self._touched) > _TOUCHES:
            self._write_touches()

    def _write_touches(self) -> None:
        touched, self._touched = self._touched, {}
        try:
            with self._database:
                self._database.execute("BEGIN IMMEDIATE")
                execute_rows(
                    self._database,
                    "UPDATE block SET used = fresh.column2 FROM (VALUES {}) AS fresh WHERE digest = fresh.column1",
                    [(digest, next(self._clock)) for digest in touched],
                )
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                raise  # a full disk costs the order of use, and nothing else

    def remove(self, rows: Sequence[tuple[Digest, int]]) -> None:
        """Forgets blocks, given as (digest, size)."""
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            execute_rows(
                self._database, "DELETE FROM block WHERE digest IN (VALUES {})", [row[:1] for row in rows]
            )
        self.total -= sum(size for _, size in rows)
        self.count -= len(rows)

    def by_use(self) -> Iterator[tuple[Digest, int, bool]]:
        """(digest, size, has a file), the least recently used first."""
        self._write_touches()
        yield from self._database.execute(
            "SELECT digest, size, data IS NULL FROM block ORDER BY used"
        ).fetchall()

    def pin_all(self, pins: Iterable[tuple[bytes, Digest | None]]) -> None:
        """Adds pins, in order; None as the root removes all of the owner's."""
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            for lets_go, some in groupby(pins, key=lambda pin: pin[1] is None):
                if lets_go:
                    execute_rows(
                        self._database,
                        "DELETE FROM pin WHERE owner IN (VALUES {})",
                        [pin[:1] for pin in some],
                    )
                else:
                    execute_rows(self._database, "INSERT OR IGNORE INTO pin VALUES {}", list(some))

    def pinned(self) -> tuple[Digest, ...]:
        return tuple(row[0] for row in self._database.execute("SELECT DISTINCT root FROM pin ORDER BY root"))

    def owners(self) -> tuple[bytes, ...]:
        return tuple(
            row[0] for row in self._database.execute("SELECT DISTINCT owner FROM pin ORDER BY owner")
        )

    def _one(self, query: str) -> int:
        return int(self._database.execute(query).fetchone()[0])


def _pieces(items: Sequence[Digest]) -> Iterator[Sequence[Digest]]:
    for start in range(0, len(items), _IN_ONE_QUERY):
        yield items[start : start + _IN_ONE_QUERY]
