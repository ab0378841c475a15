"""The node's data folder: what survives from one life to the next, and a disk that takes no more."""

from __future__ import annotations

import errno
import json
import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mesh.identity.files import write_private
from mesh.model.ids import Boot
from mesh.node.errors import HomeUnwritable
from mesh.wire.effects import Address

logger = logging.getLogger(__name__)

MAX_REMEMBERED = 64
_DISK = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EFBIG)
)
"""What a disk says that does not take what is written."""


@contextmanager
def writing_in(home: Path) -> Iterator[None]:
    """Around what a node cannot start without having written. Raises HomeUnwritable for a disk that is full, or may not
    be written to."""
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK:
            raise
        raise HomeUnwritable(home=home, reason=error.strerror) from error
    except sqlite3.OperationalError as error:
        raise HomeUnwritable(home=home, reason=f"its database says: {error}") from error


def next_boot(home: Path) -> Boot:
    """The number of the life that begins now: larger than all before it, also where the clock went back."""
    file = home / "boot"
    try:
        last = int(file.read_text("ascii"))
    except (FileNotFoundError, ValueError):
        last = 0
    boot = max(last + 1, time.time_ns() // 1_000_000)
    write_private(file, f"{boot}\n".encode())
    return Boot(boot)


def remembered_peers(home: Path) -> tuple[Address, ...]:
    """Where other nodes were when this one last ran; none where the file is missing or damaged."""
    try:
        listed = json.loads((home / "peers.json").read_text("utf-8"))
        return tuple((str(host), int(port)) for host, port in listed[:MAX_REMEMBERED])
    except (OSError, ValueError, TypeError):
        return ()


def remember_peers(home: Path, peers: tuple[Address, ...]) -> None:
    """On a disk that is full, the older list stays: it only saves the search for others after the next start."""
    try:
        write_private(home / "peers.json", json.dumps(peers[:MAX_REMEMBERED]).encode())
    except OSError as error:
        logger.warning("where other nodes are cannot be written to %s: %s", home, error.strerror)
