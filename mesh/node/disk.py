"""The node's disk work: the block store and the records, driven from trio, done in threads.

Carries out the effects of the machines that touch the disk and hands their answers back as events. Records
are written in the order in which they came, many at a time.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from errno import EFBIG
from pathlib import Path

import trio

from mesh.blocks import events as blocks
from mesh.blocks.errors import BadRecipe, BadTree, BlockAbsent, BlockCorrupt, DiskFull, WrongBytes
from mesh.blocks.records import RecordStore
from mesh.blocks.store import BlockStore
from mesh.blocks.tree import TreeEntry
from mesh.model.ids import Digest, JobId
from mesh.node.gathering import Gathering, NotStored, Outcome
from mesh.sched.events import DiskDamaged
from mesh.wire.blocks import BlockData, BlockMissing, BlockRequest
from mesh.wire.codec import encode_record
from mesh.wire.effects import BlobFailed, BlobReady, Compare, Compared, KeepBlob, Persist

THREADS = 4
"""Disk operations under way at once."""

SERVING = 64
"""Block requests of peers that wait at once; more are answered as missing, and asked of others."""

GATHER_SECONDS = 0.02
"""Records are gathered for so long before they are written: a commit costs the same for many."""

READ_CHUNK = 1 << 20

Answer = Callable[[BlockData | BlockMissing], Awaitable[None]]


class NodeDisk:
    """`answer(event)` hands an event to the node's machines; `complain(sentence)` reaches the event log."""

    def __init__(
        self,
        store: BlockStore,
        records: RecordStore,
        answer: Callable[[object], None],
        complain: Callable[[str], None],
    ) -> None:
        self.store = store
        self.records = records
        self._answer = answer
        self._complain = complain
        self._limiter = trio.CapacityLimiter(THREADS)
        self._nursery: trio.Nursery | None = None
        self.gathering = Gathering(store, self._limiter, answer, complain)
        self._to_write: dict[tuple[JobId, tuple[str, ...]], object | None] = {}
        """Records by their keys, in the order in which they came: of one key, the last is all that counts."""
        self._news = trio.Event()
        self._batch_over = trio.Event()
        """Set when what is now in `_to_write` was written, or could not be."""
        self._under_way = trio.Event()
        """The same of the batch before that one."""
        self._under_way.set()
        self._serving = 0

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; what was asked for before is written all the same."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self.gathering.run)
            task_status.started()
            try:
                await self._write_records()
            finally:
                self._write_now()

    # --- records --------------------------------------------------------------------------------------

    def persist(self, effect: Persist) -> None:
        if not effect.key:
            for name in [name for name in self._to_write if name[0] == effect.job]:
                del self._to_write[name]
        self._to_write[effect.job, effect.key] = effect.record
        self._news.set()

    async def records_written(self) -> None:
        """Returns once the records asked for before are on the disk, or `complain` has said why they are not."""
        await (self._batch_over if self._to_write else self._under_way).wait()

    async def _write_records(self) -> None:
        while True:
            await self._news.wait()
            await trio.sleep(GATHER_SECONDS)
            self._news = trio.Event()
            batch, self._to_write = self._to_write, {}
            self._under_way, self._batch_over = self._batch_over, trio.Event()
            try:
                await trio.to_thread.run_sync(self._write_batch, batch, limiter=self._limiter)
            except DiskFull as error:
                # The machines hold all of it in memory and peers hold copies: say it, and go on.
                self._complain(str(error))
            self._under_way.set()

    def _write_now(self) -> None:
        batch, self._to_write = self._to_write, {}
        with suppress(DiskFull):
            self._write_batch(batch)

    def _write_batch(self, batch: Mapping[tuple[JobId, tuple[str, ...]], object | None]) -> None:
        self.records.write(
            (job, key, None if record is None else encode_record(record))
            for (job, key), record in batch.items()
        )

    # --- blocks ---------------------------------------------------------------------------------------

    def ask_local(self, effect: blocks.AskLocal) -> None:
        self._start(self._ask_local, effect)

    def save_block(self, effect: blocks.SaveBlock) -> None:
        self._start(self._save_block, effect)

    def keep_blob(self, effect: KeepBlob) -> None:
        def event(outcome: Outcome) -> object:
            if isinstance(outcome, NotStored):
                return BlobFailed(effect.root, outcome.reason)
            return BlobReady(effect.root)

        self.gathering.keep(effect.job, effect.root, effect.block, event)

    def serve(self, request: BlockRequest, send: Answer) -> None:
        """Answer a peer's request, block by block, as fast as the peer takes them."""
        self._start(self._serve, request, send)

    def _start(self, task: Callable[..., object], *args: object) -> None:
        assert self._nursery is not None
        self._nursery.start_soon(task, *args)  # type: ignore[arg-type]

    async def _ask_local(self, effect: blocks.AskLocal) -> None:
        try:
            missing = await trio.to_thread.run_sync(self.store.missing, effect.root, limiter=self._limiter)
        except (BadRecipe, BadTree, DiskFull) as error:
            self._answer(blocks.LocalFailed(effect.root, str(error)))
        else:
            self._answer(blocks.LocalAnswer(effect.root, missing))

    async def _save_block(self, effect: blocks.SaveBlock) -> None:
        part, sender = effect.part, effect.sender
        try:
            missing = await trio.to_thread.run_sync(
                self.store.save, part, effect.block, limiter=self._limiter
            )
        except WrongBytes:
            self._answer(blocks.BlockRejected(part.digest, sender))
        except (BadRecipe, DiskFull) as error:
            self._answer(blocks.BlockUnusable(part.digest, str(error)))
        else:
            self._answer(blocks.BlockStored(part.digest, missing))

    async def _serve(self, request: BlockRequest, send: Answer) -> None:
        if self._serving >= SERVING:
            await send(BlockMissing(request.digests))
            return
        missing: list[Digest] = []
        self._serving += 1
        try:
            for digest in request.digests:
                try:
                    data = await trio.to_thread.run_sync(self.store.get_data, digest, limiter=self._limiter)
                except BlockAbsent:
                    missing.append(digest)
                except BlockCorrupt as error:
                    self._complain(str(error))
                    self._answer(DiskDamaged())
                    missing.append(digest)
                else:
                    await send(data)
        finally:
            self._serving -= 1
        if missing:
            await send(BlockMissing(tuple(missing)))

    # --- audits ---------------------------------------------------------------------------------------

    def compare(self, effect: Compare) -> None:
        self._start(self._compare, effect)

    async def _compare(self, effect: Compare) -> None:
        try:
            mine = await trio.to_thread.run_sync(self._read, effect.again, limiter=self._limiter)
            theirs = await trio.to_thread.run_sync(self._read, effect.pixels, limiter=self._limiter)
        except (BlockAbsent, BlockCorrupt, BadRecipe):
            return  # an audit less
        equal = await trio.to_thread.run_sync(_same_piece, theirs, effect, mine, limiter=self._limiter)
        self._answer(Compared(effect.job, effect.renderer, effect.pixels, effect.piece, equal))

    def _read(self, root: Digest) -> bytes:
        return b"".join(self.store.read_blob(root))

    # --- whole blobs ----------------------------------------------------------------------------------

    async def put_stream(self, chunks: AsyncIterator[bytes]) -> tuple[Digest, int]:
        """Store bytes as they come. Returns (root, size). Raises DiskFull."""

        async def next_chunk() -> bytes | None:
            return await anext(chunks, None)

        def pull() -> Iterator[bytes]:
            while (chunk := trio.from_thread.run(next_chunk)) is not None:
                yield chunk

        return await trio.to_thread.run_sync(lambda: self.store.put_blob(pull()), limiter=self._limiter)

    async def put_file(self, path: Path) -> tuple[Digest, int]:
        """Store a file's bytes. Returns (root, size). Raises DiskFull, OSError."""

        def put() -> tuple[Digest, int]:
            with path.open("rb") as file:
                return self.store.put_blob(iter(lambda: file.read(READ_CHUNK), b""))

        return await trio.to_thread.run_sync(put, limiter=self._limiter)

    async def get_file(self, root: Digest, path: Path, most: int) -> None:
        """Write a blob of at most so many bytes to a file. Raises BlockAbsent, BlockCorrupt, BadRecipe, and OSError
        where there are more."""

        def get() -> None:
            size = 0
            with path.open("wb") as file:
                for chunk in self.store.read_blob(root):
                    size += file.write(chunk)
                    if size > most:
                        raise OSError(EFBIG, os.strerror(EFBIG))

        await trio.to_thread.run_sync(get, limiter=self._limiter)

    async def put_tree(self, entries: tuple[TreeEntry, ...]) -> Digest:
        """Store a scene's table of files. Raises BadTree, DiskFull."""
        return await trio.to_thread.run_sync(self.store.put_tree, entries, limiter=self._limiter)

    async def whole(self, root: Digest) -> bool:
        """Whether all of a blob, or of a scene and its files, is here. Raises BadRecipe, BadTree."""
        return not await trio.to_thread.run_sync(self.store.missing, root, limiter=self._limiter)

    def room(self) -> int:
        """Bytes that the store could hold if nothing was pinned: its limit, or less where the disk is smaller."""
        usage = self.store.usage()
        return min(usage.capacity, usage.bytes + shutil.disk_usage(self.store.folder).free)

    async def tree(self, root: Digest) -> tuple[TreeEntry, ...]:
        """The files of scene `root`. Raises what BlockStore.tree raises."""
        return await trio.to_thread.run_sync(self.store.tree, root, limiter=self._limiter)

    async def materialise(self, root: Digest, folder: Path) -> None:
        """Write the files of scene `root` under `folder`. Raises what BlockStore.materialise raises."""
        await trio.to_thread.run_sync(self.store.materialise, root, folder, limiter=self._limiter)

    async def read_blob(self, root: Digest) -> AsyncIterator[bytes]:
        """The bytes of a blob that is here. Raises BlockAbsent, BlockCorrupt, BadRecipe."""
        source = self.store.read_blob(root)
        while True:
            chunk = await trio.to_thread.run_sync(next, source, None, limiter=self._limiter)
            if chunk is None:
                return
            yield chunk


def _same_piece(whole: bytes, effect: Compare, piece: bytes) -> bool:
    from mesh.render.pixels import same_piece  # brings numpy, 10 MB that a node without audits is spared

    return same_piece(whole, effect.unit, piece, effect.piece, effect.tolerance)
