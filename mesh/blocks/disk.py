"""The few file operations of the store, in one place so that tests can tear them. Knows no blocks."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What the system says when a disk or a quota is full."""


class Disk:
    def write(self, path: Path, data: bytes) -> None:
        with path.open("wb") as file:
            file.write(data)

    def rename(self, source: Path, target: Path) -> None:
        """Replaces `target` in one step; makes its folder."""
        try:
            source.replace(target)
        except FileNotFoundError:
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def sync(self, path: Path) -> None:
        """Make a file's bytes, or a folder's names, survive a power cut. Nothing to do where it is gone."""
        try:
            handle = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def read(self, path: Path) -> bytes:
        return path.read_bytes()

    def files(self, folder: Path) -> Iterator[tuple[Path, int]]:
        """(path, bytes) of every file under `folder`."""
        for place, _, names in os.walk(folder):
            for name in names:
                path = Path(place, name)
                yield path, path.stat().st_size
