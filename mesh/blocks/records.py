"""Small durable records of the node's machines: (job, key) -> bytes, in SQLite. Knows not what they mean.

Made for the scheduler's `Persist` effects: written in batches, one commit and one sync each, read back once
at start-up.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from mesh.blocks.errors import DiskFull
from mesh.blocks.index import open_database
from mesh.model.ids import JobId

FORMAT = 1

_SCHEMA = """
CREATE TABLE record (job BLOB NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (job, key))
WITHOUT ROWID;
"""

Key = tuple[str, ...]


class RecordStore:
    """Safe for use by several threads."""

    def __init__(self, path: Path) -> None:
        """Opens or makes the database; its folder exists. Raises StoreTooNew."""
        self._path = path
        self._lock = threading.Lock()
        self._database = open_database(path, _SCHEMA, FORMAT)
        self._database.execute("PRAGMA synchronous=FULL")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def write(self, records: Iterable[tuple[JobId, Key, bytes | None]]) -> None:
        """Replaces the record of each (job, key), in this order; None deletes it, and with an empty key all
        records of the job. All is on disk when this returns, and nothing when it raises. Raises DiskFull."""
        packed = [
            (job, None if not key and value is None else _pack(key), value) for job, key, value in records
        ]
        if not packed:
            return
        try:
            with self._lock, self._database:
                self._database.execute("BEGIN IMMEDIATE")
                for job, key, value in packed:
                    if key is None:
                        self._database.execute("DELETE FROM record WHERE job = ?", (job,))
                    elif value is None:
                        self._database.execute("DELETE FROM record WHERE job = ? AND key = ?", (job, key))
                    else:
                        self._database.execute(
                            "INSERT OR REPLACE INTO record VALUES (?, ?, ?)", (job, key, value)
                        )
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                raise
            raise DiskFull(folder=self._path.parent, needed="1 MiB") from error

    def jobs(self) -> tuple[JobId, ...]:
        """Jobs that have records, in the order of their ids."""
        with self._lock:
            rows = self._database.execute("SELECT DISTINCT job FROM record ORDER BY job").fetchall()
        return tuple(JobId(row[0]) for row in rows)

    def read(self, job: JobId) -> Iterator[tuple[Key, bytes]]:
        """A job's records in the order of their keys."""
        with self._lock:
            query = "SELECT key, value FROM record WHERE job = ? ORDER BY key"
            rows = self._database.execute(query, (job,)).fetchall()
        for key, value in rows:
            yield tuple(key.decode().split("\0")), value

    def forget(self, job: JobId) -> None:
        """Deletes all records of a job."""
        with self._lock:
            self._database.execute("DELETE FROM record WHERE job = ?", (job,))


def _pack(key: Key) -> bytes:
    """Bytes that sort as the tuples do: NUL, which no part has, is below all other characters."""
    if not key or any("\0" in part for part in key):
        raise ValueError(f"{key!r} cannot be a record's key")
    return "\0".join(key).encode()
