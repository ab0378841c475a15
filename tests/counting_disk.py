"""A disk that counts how often it was told to sync."""

from __future__ import annotations

from pathlib import Path

from mesh.blocks.disk import Disk


class CountingDisk(Disk):
    def __init__(self) -> None:
        self.syncs = 0

    def sync(self, path: Path) -> None:
        self.syncs += 1
        super().sync(path)
