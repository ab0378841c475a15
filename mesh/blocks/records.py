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

from mesh.blocks.database import execute_rows, open_database
from mesh.blocks.errors import DiskFull
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
        emptied, last = _final(records)
        if not emptied and not last:
            return
        gone: dict[JobId, list[tuple[bytes]]] = {}
        kept: list[tuple[JobId, bytes, bytes]] = []
        for (job, key), value in last.items():
            if value is None:
                gone.setdefault(job, []).append((key,))
            else:
                kept.append((job, key, value))
        try:
            with self._lock, self._database:
                self._database.execute("BEGIN IMMEDIATE")
                for job in emptied:
                    self._database.execute("DELETE FROM record WHERE job = ?", (job,))
                for job, keys in gone.items():
                    execute_rows(
                        self._database, "DELETE FROM record WHERE job = ? AND key IN (VALUES {})", keys, job
                    )
                execute_rows(self._database, "INSERT OR REPLACE INTO record VALUES {}", kept)
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


def _final(
    records: Iterable[tuple[JobId, Key, bytes | None]],
) -> tuple[set[JobId], dict[tuple[JobId, bytes], bytes | None]]:
    """What a batch comes to: jobs all of whose records go first, then the last word on every key."""
    emptied: set[JobId] = set()
    last: dict[tuple[JobId, bytes], bytes | None] = {}
    for job, key, value in records:
        if not key and value is None:
            emptied.add(job)
            last = {name: word for name, word in last.items() if name[0] != job}
        else:
            last[job, _pack(key)] = value
    return emptied, last


def _pack(key: Key) -> bytes:
    """Bytes that sort as the tuples do: NUL, which no part has, is below all other characters."""
    if not key or any("\0" in part for part in key):
        raise ValueError(f"{key!r} cannot be a record's key")
    return "\0".join(key).encode()
