"""How the stores use SQLite: opened alike, and told of many rows in few statements.

The sqlite3 module lets go of the interpreter's lock around every step of a statement, and a thread that wants it
back from a busy one waits up to 5 ms (`sys.getswitchinterval`). A statement a row would have a batch of a hundred
wait for half a second while the node's own thread works; a statement of many rows waits once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TypeVar

from mesh.blocks.errors import StoreTooNew

_PIECES = (256, 64, 16, 4, 1)
"""Rows in one statement: few different numbers, so that statements are compiled once."""

T = TypeVar("T")


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


def execute_rows(
    database: sqlite3.Connection, statement: str, rows: Sequence[tuple[object, ...]], *first: object
) -> None:
    """Runs `statement`, in which `{}` stands for any number of rows: `(?, ?), (?, ?)`. `first` are the values of
    the marks before them."""
    for some in _pieces(rows):
        marks = ", ".join([f"({', '.join('?' * len(some[0]))})"] * len(some))
        database.execute(statement.format(marks), (*first, *chain.from_iterable(some)))


def _pieces(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    done = 0
    while done < len(rows):
        size = next(piece for piece in _PIECES if piece <= len(rows) - done)
        yield rows[done : done + size]
        done += size
