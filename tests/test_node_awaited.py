"""Waiting for blobs: everybody who waits is told what became of it, and nothing is kept for nobody."""

from __future__ import annotations

import trio
import trio.testing

from mesh.model.ids import Digest, NodeId
from mesh.node.awaited import Awaited
from mesh.wire.effects import BlobFailed, BlobReady, Fetch

ROOT, OTHER = Digest(b"r" * 32), Digest(b"o" * 32)
HOLDER = NodeId(b"h" * 32)


async def outcomes(news: BlobReady | BlobFailed) -> tuple[list[object], list[str | None]]:
    """What the machines are asked when two wait for ROOT, and what both are told after `news`."""
    asked: list[object] = []
    told: list[str | None] = []
    awaited = Awaited(asked.append)

    async def wait() -> None:
        told.append(await awaited.fetch(ROOT, [HOLDER]))

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            awaited.settle(BlobFailed(OTHER, "nobody waits for this one"))
            assert not told
            awaited.settle(news)
    return asked, told


def test_all_who_wait_for_a_blob_go_on_when_it_is_here() -> None:
    asked, told = trio.run(outcomes, BlobReady(ROOT))
    assert asked == [Fetch(ROOT, (HOLDER,))] * 2
    assert told == [None, None]


def test_all_who_wait_for_a_blob_are_told_why_it_cannot_be_had() -> None:
    _, told = trio.run(outcomes, BlobFailed(ROOT, "its holders are away"))
    assert told == ["its holders are away"] * 2


def test_a_failure_of_earlier_is_not_told_to_who_asks_again() -> None:
    async def again() -> str | None:
        awaited = Awaited(lambda _event: None)
        awaited.settle(BlobFailed(ROOT, "too early"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_settle_soon, awaited)
            return await awaited.fetch(ROOT, [])

    assert trio.run(again) is None


async def _settle_soon(awaited: Awaited) -> None:
    await trio.testing.wait_all_tasks_blocked()
    awaited.settle(BlobReady(ROOT))
