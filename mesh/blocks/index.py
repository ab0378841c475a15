"""What the store knows of its blocks: size, form, last use, pins; and the small blocks themselves. SQLite.

Not safe for use by several threads at once: the store holds a lock around every call.

Commits are not durable by themselves (`synchronous=NORMAL` in WAL mode appends without fsync); they are
after `sync_path` was fsynced, which the store does once for many blocks.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mesh.blocks.errors import StoreTooNew
from mesh.model.ids import Digest
from mesh.wire.blocks import BlockForm

FORMAT = 1
_IN_ONE_QUERY = 500

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


def open_database(path: Path, schema: str, known: int) -> sqlite3.Connection:
    """A database in WAL mode whose `user_version` is the format of its tables. Raises StoreTooNew."""
    database = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
    try:
        found = database.execute("PRAGMA user_version").fetchone()[0]
        if found > known:
            raise StoreTooNew(file=path, found=found, known=known)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        if found == 0:
            database.executescript(f"BEGIN; {schema} PRAGMA user_version={known}; COMMIT;")
    except BaseException:
        database.close()
        raise
    return database


class BlockIndex:
    def __init__(self, path: Path) -> None:
        self.sync_path = path.with_name(path.name + "-wal")
        self._database = open_database(path, _SCHEMA, FORMAT)
        self._clock = self._one("SELECT coalesce(max(used), 0) FROM block")
        self.total = self._one("SELECT coalesce(sum(size), 0) FROM block")
        """Bytes of all blocks as stored."""
        self.count = self._one("SELECT count(*) FROM block")
        self.was_torn = bool(self._one("SELECT open FROM state"))
        """Whether the last user of this store ended without closing it."""
        self._database.execute("UPDATE state SET open = 1")

    def close(self, *, torn: bool = False) -> None:
        try:
            if not torn:
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
            for row in rows:
                self._clock += 1
                values = (row.digest, row.form, row.size, self._clock, row.data)
                self._database.execute("INSERT INTO block VALUES (?, ?, ?, ?, ?)", values)
        self.total += sum(row.size for row in rows)
        self.count += len(rows)

    def touch(self, digests: Iterable[Digest]) -> None:
        """Marks blocks as just used, in this order."""
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            for digest in digests:
                self._clock += 1
                self._database.execute("UPDATE block SET used = ? WHERE digest = ?", (self._clock, digest))

    def remove(self, rows: Collection[tuple[Digest, int]]) -> None:
        """Forgets blocks, given as (digest, size)."""
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany(
                "DELETE FROM block WHERE digest = ?", [(digest,) for digest, _ in rows]
            )
        self.total -= sum(size for _, size in rows)
        self.count -= len(rows)

    def by_use(self) -> Iterator[tuple[Digest, int, bool]]:
        """(digest, size, has a file), the least recently used first."""
        yield from self._database.execute(
            "SELECT digest, size, data IS NULL FROM block ORDER BY used"
        ).fetchall()

    def pin_all(self, pins: Iterable[tuple[bytes, Digest | None]]) -> None:
        """Adds pins, in order; None as the root removes all of the owner's."""
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            for owner, root in pins:
                if root is None:
                    self._database.execute("DELETE FROM pin WHERE owner = ?", (owner,))
                else:
                    self._database.execute("INSERT OR IGNORE INTO pin VALUES (?, ?)", (owner, root))

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
