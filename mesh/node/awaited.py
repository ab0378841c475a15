"""Blobs that somebody on this node waits for: asked of the machines, answered when they say what became of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import trio

from mesh.model.ids import Digest, NodeId
from mesh.wire.effects import BlobFailed, BlobReady, Fetch


@dataclass(slots=True)
class _Wait:
    over: trio.Event = field(default_factory=trio.Event)
    reason: str | None = None
    """Why the blob cannot be had."""


class Awaited:
    """`feed(event)` hands an event to the node's machines."""

    def __init__(self, feed: Callable[[object], None]) -> None:
        self._feed = feed
        self._waits: dict[Digest, list[_Wait]] = {}

    async def fetch(self, root: Digest, holders: Sequence[NodeId]) -> str | None:
        """Have the whole blob on this disk. Returns None, or the reason why it cannot be had."""
        wait = _Wait()
        self._waits.setdefault(root, []).append(wait)
        self._feed(Fetch(root, tuple(holders)))
        await wait.over.wait()
        return wait.reason

    def settle(self, news: BlobReady | BlobFailed) -> None:
        """A blob is here, or cannot be had for now; mostly nobody waits for it."""
        for wait in self._waits.pop(news.root, ()):
            wait.reason = news.reason if isinstance(news, BlobFailed) else None
            wait.over.set()
