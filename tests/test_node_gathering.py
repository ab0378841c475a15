"""Small blobs on their way to the disk: stored together, answered one by one, refused one by one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio

from mesh.blocks.errors import DiskFull
from mesh.blocks.recipe import digest_of, inline_recipe
from mesh.blocks.store import BlockStore
from mesh.model.ids import Digest, JobId
from mesh.node.gathering import Gathering, NotStored, Outcome, Stored
from mesh.wire.effects import Together
from tests.counting_disk import CountingDisk

JOB, OTHER = JobId(b"j" * 32), JobId(b"o" * 32)


class Bench:
    """A gathering on a real store, and what it has told the machines."""

    def __init__(self, folder: Path) -> None:
        self.disk = CountingDisk()
        self.store = BlockStore(folder, 1 << 30, self.disk)
        self.complaints: list[str] = []
        self.batches: list[tuple[tuple[str, Outcome], ...]] = []
        self._send, self._receive = trio.open_memory_channel[None](100)
        limiter = trio.CapacityLimiter(1)
        self.gathering = Gathering(self.store, limiter, self._told, self.complaints.append)

    def _told(self, event: object) -> None:
        assert isinstance(event, Together)
        self.batches.append(event.events)
        self._send.send_nowait(None)

    def named(self, name: str) -> Callable[[Outcome], object]:
        return lambda outcome: (name, outcome)

    async def next_batch(self) -> dict[str, Outcome]:
        with trio.fail_after(20):
            await self._receive.receive()
        return dict(self.batches[-1])


def with_bench(folder: Path, body: Callable[[Bench], Awaitable[None]]) -> Bench:
    bench = Bench(folder)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bench.gathering.run)
            await body(bench)
            nursery.cancel_scope.cancel()

    trio.run(main)
    bench.store.close()
    return bench


def test_what_comes_at_one_time_shares_one_sync(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        for number in range(50):
            bench.gathering.put(JOB, b"pixels %d" % number, bench.named(str(number)))
        before = bench.disk.syncs
        outcomes = await bench.next_batch()
        assert bench.disk.syncs == before + 1
        assert len(outcomes) == 50
        for number in range(50):
            stored = outcomes[str(number)]
            assert isinstance(stored, Stored)
            assert b"".join(bench.store.read_blob(stored.root)) == b"pixels %d" % number

    with_bench(tmp_path, body)


def test_a_copy_is_stored_under_its_name_and_kept_for_its_job(tmp_path: Path) -> None:
    block = inline_recipe(b"somebody's pixels")

    async def body(bench: Bench) -> None:
        bench.gathering.keep(JOB, digest_of(block), block, bench.named("copy"))
        assert await bench.next_batch() == {"copy": Stored(digest_of(block), block)}
        assert bench.store.owners() == (JOB,)

    with_bench(tmp_path, body)


@pytest.mark.parametrize(
    ("root", "block"),
    [
        (Digest(bytes(32)), inline_recipe(b"true")),  # not the bytes of that name
        (digest_of(b"no recipe"), b"no recipe"),
        (digest_of(b""), b""),
    ],
)
def test_a_block_that_is_not_what_it_should_be_is_refused_and_its_neighbours_are_not(
    tmp_path: Path, root: Digest, block: bytes
) -> None:
    async def body(bench: Bench) -> None:
        bench.gathering.keep(JOB, root, block, bench.named("false"))
        bench.gathering.put(JOB, b"honest", bench.named("honest"))
        outcomes = await bench.next_batch()
        assert isinstance(outcomes["false"], NotStored)
        assert isinstance(outcomes["honest"], Stored)
        assert not bench.store.has(root)

    with_bench(tmp_path, body)


def test_pins_are_made_in_the_order_in_which_they_were_asked_for(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        bench.gathering.pin(JOB, Digest(bytes(32)))
        bench.gathering.pin(OTHER, Digest(bytes(32)))
        bench.gathering.unpin(JOB)
        bench.gathering.put(OTHER, b"", bench.named("last"))
        await bench.next_batch()
        assert bench.store.owners() == (OTHER,)

    with_bench(tmp_path, body)


def test_a_full_disk_is_said_of_every_blob(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise DiskFull(folder=tmp_path, needed="1 MiB")

    async def body(bench: Bench) -> None:
        monkeypatch.setattr(bench.store, "put_pinned", full)
        bench.gathering.put(JOB, b"one", bench.named("one"))
        bench.gathering.put(JOB, b"two", bench.named("two"))
        outcomes = await bench.next_batch()
        assert [type(outcome) for outcome in outcomes.values()] == [NotStored, NotStored]
        assert not bench.complaints

    with_bench(tmp_path, body)
