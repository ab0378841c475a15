"""Blocks under a folder, named by their digests, with a byte cap. Knows no blobs but those that are pinned.

Small blocks live in the index (SQLite), others in a file each, written under a temporary name and renamed.
What survives a power cut is decided by `flush`, which syncs the files, their folders and the index's log
together, once for many blocks. Nothing rests on the order in which the system wrote the rest: every block is
checked against its digest whenever it is read, and after an unclean end opening drops index rows and files
that do not belong together.

One lock guards the index, held for short sections only; file reads, hashing, compression and syncs run
outside it, many at a time.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from mesh.blocks.disk import FULL, Disk
from mesh.blocks.errors import BlockAbsent, BlockCorrupt, DiskFull, WrongBytes
from mesh.blocks.form import from_form, to_form
from mesh.blocks.index import BlockIndex, Row
from mesh.blocks.recipe import BLOCK_MAX, digest_of
from mesh.blocks.syncs import Syncs
from mesh.blocks.walk import present_blocks
from mesh.model.ids import Digest
from mesh.wire.blocks import BlockData

SMALL = 8192
"""Bytes, as stored, up to which a block lives inside the index."""
_GATHER = 8 << 20
"""Bytes of blocks that are held before they are handed to the index together."""


@dataclass(frozen=True, slots=True)
class Usage:
    bytes: int
    """As stored, compressed."""
    blocks: int
    capacity: int


class BlockShelf:
    """Blocks of pinned blobs are never evicted, even where they alone exceed `capacity` bytes; everything
    else is, least recently used first, so that the rest stays under it."""

    def __init__(self, folder: Path, capacity: int, disk: Disk | None = None) -> None:
        """Opens or makes the store. Raises StoreTooNew, DiskFull."""
        self.folder = folder
        self.capacity = capacity
        self._disk = disk or Disk()
        self._lock = threading.RLock()
        self._guarded: Counter[Digest] = Counter()
        self._crowded_until = 0
        self._serial = 0
        self._files = folder / "blocks"
        self._partial = folder / "partial"
        self._files.mkdir(parents=True, exist_ok=True)
        self._partial.mkdir(exist_ok=True)
        try:
            self._index = BlockIndex(folder / "index.sqlite")
        except sqlite3.OperationalError as error:
            raise self._told(error, 1) from error
        self._syncs = Syncs(self._disk, self._files, self._index.sync_path)
        self._mend()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.flush()
        with self._lock:
            self._index.close()

    # --- blocks ---------------------------------------------------------------------------------------

    def put(self, data: bytes) -> Digest:
        """Store one block of at most `BLOCK_MAX` bytes, durably. Raises DiskFull."""
        digest = digest_of(data)
        self._add([self._row(digest, data)])
        self.flush()
        return digest

    def get(self, digest: Digest) -> bytes:
        """A block's bytes, checked. Raises BlockAbsent; BlockCorrupt, after dropping the block."""
        return self._read(digest)[1]

    def get_data(self, digest: Digest) -> BlockData:
        """A block in the form it is kept in, checked, to be sent. Raises BlockAbsent, BlockCorrupt."""
        return self._read(digest)[0]

    def has(self, digest: Digest) -> bool:
        return not self.absent((digest,))

    def absent(self, digests: Collection[Digest]) -> set[Digest]:
        with self._lock:
            return set(digests) - self._index.present(digests)

    def flush(self) -> None:
        """Make everything stored so far survive a power cut. Threads that come while another one flushes need
        one more flush between them, not one each. Raises DiskFull."""
        try:
            self._syncs.flush()
        except OSError as error:
            raise self._told(error, 1) from error

    # --- keeping and dropping -------------------------------------------------------------------------

    def pin(self, owner: bytes, root: Digest) -> None:
        """Keep every block of blob `root`, those still to come too, until `unpin(owner)`."""
        self.pin_all([(owner, root)])

    def unpin(self, owner: bytes) -> None:
        self.pin_all([(owner, None)])

    def pin_all(self, pins: Sequence[tuple[bytes, Digest | None]]) -> None:
        """`pin(owner, root)`, or `unpin(owner)` where root is None, for each, in order."""
        with self._lock:
            self._with_room(partial(self._index.pin_all, pins), 1)
            if any(root is None for _, root in pins):
                self._crowded_until = 0

    def owners(self) -> tuple[bytes, ...]:
        """Everybody on whose behalf something is pinned."""
        with self._lock:
            return self._index.owners()

    def usage(self) -> Usage:
        """Without the lock: the node's own thread asks, and must not wait for a batch of another."""
        return Usage(self._index.total, self._index.count, self.capacity)

    def _make_room(self, needed: int) -> None:
        """Holds the cap before `needed` bytes are added, evicting a twentieth more than it must, so that
        the walk over what is pinned is rare."""
        slack = self.capacity // 20
        with self._lock:
            above = self._index.total + needed - self.capacity
            if above > 0 and self._index.total >= self._crowded_until:
                freed = self._evict(above + slack)
                self._crowded_until = self._index.total + slack if freed < above else 0

    def _evict(self, wanted: int) -> int:
        """Drops blocks that nobody pinned, the least recently used first, until `wanted` bytes are free.
        Returns how many are. Files go before their rows: on a full disk the index cannot grow either."""
        with self._lock:
            kept = present_blocks(self, self._index.pinned()) | set(self._guarded)
            victims: list[tuple[Digest, int]] = []
            freed = 0
            for digest, size, has_file in self._index.by_use():
                if freed >= wanted:
                    break
                if digest not in kept:
                    if has_file:
                        self._disk.remove(self._path(digest))
                    victims.append((digest, size))
                    freed += size
            self._index.remove(victims)
            return freed

    def _with_room(self, action: Callable[[], None], needed: int) -> None:
        """Runs `action`; when the disk is full, evicts and tries once more. Raises DiskFull."""
        for is_last in (False, True):
            try:
                action()
                return
            except (OSError, sqlite3.OperationalError) as error:
                if is_last or not _says_full(error) or not self._evict(needed + _GATHER):
                    raise self._told(error, needed) from error

    def _told(self, error: OSError | sqlite3.OperationalError, needed: int) -> Exception:
        """What to raise for `error`: DiskFull where that is what it says."""
        if not _says_full(error):
            return error
        return DiskFull(folder=self.folder, needed=f"{max(1, needed >> 20)} MiB")

    # --- inside ---------------------------------------------------------------------------------------

    @contextmanager
    def _guarding(self) -> Iterator[Callable[[bytes], Digest]]:
        """A function that adds blocks, gathered, and keeps them from eviction until the whole is done."""
        guarded: list[Digest] = []
        rows: dict[Digest, Row] = {}
        gathered = 0

        def add(data: bytes) -> Digest:
            nonlocal gathered
            digest = digest_of(data)
            guarded.append(digest)
            with self._lock:
                self._guarded[digest] += 1
            if digest not in rows and self.absent((digest,)):
                rows[digest] = self._row(digest, data)
                gathered += rows[digest].size
            if gathered >= _GATHER:
                self._add(list(rows.values()))
                rows.clear()
                gathered = 0
            return digest

        try:
            yield add
            self._add(list(rows.values()))
        finally:
            with self._lock:
                self._guarded.subtract(guarded)
                self._guarded = +self._guarded
                self._index.touch(guarded)

    def _row(self, digest: Digest, data: bytes) -> Row:
        if len(data) > BLOCK_MAX:
            raise ValueError(f"a block of {len(data)} bytes")
        form, stored = to_form(data)
        return Row(digest, form, len(stored), stored)

    def _add(self, rows: Sequence[Row]) -> None:
        """Puts blocks in their places; on any failure no partial file stays."""
        with self._lock:
            absent = self.absent([row.digest for row in rows])
            self._index.touch(row.digest for row in rows if row.digest not in absent)
        fresh = [row for row in rows if row.digest in absent]
        if not fresh:
            return
        needed = sum(row.size for row in fresh)
        self._make_room(needed)
        partials: dict[Digest, Path] = {}
        try:
            for row in fresh:
                if row.size > SMALL and row.data is not None:
                    path = partials[row.digest] = self._partial / str(self._next_serial())
                    self._with_room(partial(self._disk.write, path, row.data), needed)
            self._with_room(partial(self._place, fresh, partials), needed)
        finally:
            for path in partials.values():
                self._disk.remove(path)

    def _place(self, rows: Sequence[Row], partials: dict[Digest, Path]) -> None:
        """Files to their places and rows into the index. A block that another thread placed meanwhile is left
        as it is: its row and file agree on a form, which need not be ours."""
        moved: list[tuple[Path, Path]] = []
        placed: list[Row] = []
        with self._lock:
            known = self._index.present([row.digest for row in rows])
            try:
                for row in rows:
                    if row.digest in known:
                        continue
                    if row.digest in partials:
                        source, target = partials[row.digest], self._path(row.digest)
                        self._disk.rename(source, target)
                        moved.append((source, target))
                        placed.append(replace(row, data=None))
                    else:
                        placed.append(row)
                self._index.add(placed)
            except Exception:
                for source, target in moved:
                    self._disk.rename(target, source)
                raise
            self._syncs.placed(target for _, target in moved)

    def _read(self, digest: Digest) -> tuple[BlockData, bytes]:
        with self._lock:
            row = self._index.find(digest)
            if row is not None:
                self._index.touch((digest,))
        if row is None:
            raise BlockAbsent(digest=digest.hex()[:16])
        try:
            stored = self._disk.read(self._path(digest)) if row.data is None else row.data
            plain = from_form(row.form, stored)
            if digest_of(plain) != digest:
                raise WrongBytes("a block that changed on disk")
        except FileNotFoundError as error:
            self._drop(row)
            raise BlockAbsent(digest=digest.hex()[:16]) from error
        except (WrongBytes, OSError) as error:
            self._drop(row)
            raise BlockCorrupt(digest=digest.hex()[:16], folder=self.folder) from error
        return BlockData(digest, row.form, stored), plain

    def _drop(self, row: Row) -> None:
        with self._lock:
            if self._index.present((row.digest,)):
                self._disk.remove(self._path(row.digest))
                self._index.remove([(row.digest, row.size)])

    def _path(self, digest: Digest) -> Path:
        name = digest.hex()
        return self._files / name[0] / name

    def _next_serial(self) -> int:
        with self._lock:
            self._serial += 1
            return self._serial

    def _mend(self) -> None:
        """Clears away what an unclean end may have left: partial files, files without a row, rows without
        a file of the right length."""
        for path, _ in self._disk.files(self._partial):
            self._disk.remove(path)
        if not self._index.was_torn:
            return
        sizes = dict(self._disk.files(self._files))
        lost = []
        for digest, size, has_file in self._index.by_use():
            path = self._path(digest)
            if has_file and sizes.get(path) == size:
                del sizes[path]
            elif has_file:
                lost.append((digest, size))
        for path in sizes:
            self._disk.remove(path)
        self._index.remove(lost)


def _says_full(error: OSError | sqlite3.OperationalError) -> bool:
    if isinstance(error, OSError):
        return error.errno in FULL
    return error.sqlite_errorcode == sqlite3.SQLITE_FULL
