"""Makes what was put into the store survive a power cut: many files, their folders and the index with one sync.

Threads that want it while another one syncs need one more sync between them, not one each.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mesh.blocks.disk import Disk

_THREADS = 16


class Syncs:
    def __init__(self, disk: Disk, folder: Path, log: Path) -> None:
        """`folder` holds the folders of the files; `log` is the index's, to which every change appends."""
        self._disk = disk
        self._folder = folder
        self._log = log
        self._lock = threading.Lock()
        self._syncing = threading.Lock()
        self._unsynced: dict[Path, None] = {}
        self._placed = 1
        """How often something was put in its place; 1 for what an earlier use of this store left."""
        self._synced = 0
        """So much of it is durable."""

    def placed(self, files: Iterable[Path]) -> None:
        """These files, and rows in the index, are in their places now."""
        with self._lock:
            self._unsynced |= dict.fromkeys(files)
            self._placed += 1

    def flush(self) -> None:
        """Returns once all that was placed before is durable. Raises OSError."""
        with self._lock:
            wanted = self._placed
        with self._syncing:
            if self._synced >= wanted:
                return
            with self._lock:
                files, self._unsynced = list(self._unsynced), {}
                reached = self._placed
            try:
                self._sync(files)
                self._sync(list(dict.fromkeys(file.parent for file in files)))
                self._sync([self._folder, self._log] if files else [self._log])
            except OSError:
                with self._lock:
                    self._unsynced |= dict.fromkeys(files)
                raise
            self._synced = reached

    def _sync(self, paths: Sequence[Path]) -> None:
        """Many at once, so that the file system can commit them together."""
        if len(paths) <= _THREADS:
            for path in paths:
                self._disk.sync(path)
            return
        with ThreadPoolExecutor(_THREADS) as pool:
            for _ in pool.map(self._disk.sync, paths):
                pass
