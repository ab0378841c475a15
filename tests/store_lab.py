"""What tests of the block store build on: noise to store, and disks that fill up, or lose their process or their power."""

from __future__ import annotations

import errno
import random
from pathlib import Path

from mesh.blocks.disk import Disk
from mesh.blocks.store import BlockStore

ROOMY = 1 << 40


def noise(count: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(count)


class Crash(BaseException):
    """The process dies here."""


class FaultyDisk(Disk):
    """Dies before its `fatal`-th operation, and stays dead; is full beyond `budget` bytes; and a power cut takes what was
    not synced."""

    def __init__(self, fatal: int = -1, budget: int = ROOMY) -> None:
        self.steps = 0
        self.fatal = fatal
        self.budget = budget
        self.sizes: dict[Path, int] = {}
        self.unsynced: set[Path] = set()

    def _step(self) -> None:
        self.steps += 1
        if 0 < self.fatal <= self.steps:
            raise Crash

    def write(self, path: Path, data: bytes) -> None:
        self._step()
        room = self.budget - sum(self.sizes.values())
        super().write(path, data[: max(0, room)])
        self.sizes[path] = min(len(data), max(0, room))
        self.unsynced.add(path)
        if len(data) > room:
            raise OSError(errno.ENOSPC, "full")

    def rename(self, source: Path, target: Path) -> None:
        self._step()
        super().rename(source, target)
        self.sizes[target] = self.sizes.pop(source)
        self.unsynced.discard(source)
        self.unsynced.add(target)

    def remove(self, path: Path) -> None:
        self._step()
        super().remove(path)
        self.sizes.pop(path, None)

    def sync(self, path: Path) -> None:
        self._step()
        self.unsynced.discard(path)

    def cut_power(self, rng: random.Random) -> None:
        for path in sorted(self.unsynced):
            if path.exists():
                data = path.read_bytes()
                torn = (b"", data[: len(data) // 2], bytes(len(data)), data)
                path.write_bytes(rng.choice(torn))


class HastyDisk(Disk):
    """Does not wait for the platter, for tests in which no power is cut."""

    def sync(self, path: Path) -> None:
        pass


def kill(store: BlockStore) -> None:
    """What is left when the process is gone: the folder as it is."""
    store._index.close(torn=True)


def files_under(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("index"))
