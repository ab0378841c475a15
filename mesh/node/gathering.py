"""Small blobs on their way to the disk, many at a time: what comes while others are synced goes with the next.

A sync takes milliseconds whatever it syncs, so one a blob would bound a node to a few hundred results a second.
What is answered as stored has been synced; pins are made with it, in the order in which they were asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import trio

from mesh.blocks.errors import BadRecipe, DiskFull
from mesh.blocks.recipe import INLINE_MAX, Part, decode_recipe, digest_of, inline_recipe
from mesh.blocks.store import BlockStore
from mesh.model.ids import Digest, JobId
from mesh.wire.effects import Together


@dataclass(frozen=True, slots=True)
class Stored:
    """A blob is on the disk: its root's name, and that block."""

    root: Digest
    block: bytes


@dataclass(frozen=True, slots=True)
class NotStored:
    reason: str


Outcome = Stored | NotStored
Answer = Callable[[Outcome], object]
"""Makes of what became of a blob the event to hand to the machines."""


@dataclass(frozen=True, slots=True)
class _Wish:
    """A blob to store for `owner`: its root block, which must have the name `root` unless that is None."""

    owner: JobId
    block: bytes
    root: Digest | None
    answer: Answer


@dataclass(frozen=True, slots=True)
class _Pin:
    """Keep `root` for `owner`; None lets everything go that was kept for it."""

    owner: JobId
    root: Digest | None


class Gathering:
    """`answer(event)` hands an event to the node's machines; `complain(sentence)` reaches the event log."""

    def __init__(
        self,
        store: BlockStore,
        limiter: trio.CapacityLimiter,
        answer: Callable[[object], None],
        complain: Callable[[str], None],
    ) -> None:
        self._store = store
        self._limiter = limiter
        self._answer = answer
        self._complain = complain
        self._waiting: list[_Wish | _Pin] = []
        self._news = trio.Event()

    def put(self, owner: JobId, data: bytes, answer: Answer) -> None:
        """Store bytes, at most `INLINE_MAX` of them, as a blob, and keep it for `owner`."""
        assert len(data) <= INLINE_MAX
        self._add(_Wish(owner, inline_recipe(data), None, answer))

    def keep(self, owner: JobId, root: Digest, block: bytes, answer: Answer) -> None:
        """Store what somebody says is the blob `root`, and keep it for `owner`."""
        self._add(_Wish(owner, block, root, answer))

    def pin(self, owner: JobId, root: Digest) -> None:
        self._add(_Pin(owner, root))

    def unpin(self, owner: JobId) -> None:
        self._add(_Pin(owner, None))

    def _add(self, wish: _Wish | _Pin) -> None:
        self._waiting.append(wish)
        self._news.set()

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            await self._news.wait()
            self._news = trio.Event()
            batch, self._waiting = self._waiting, []
            outcomes = await trio.to_thread.run_sync(self._carry_out, batch, limiter=self._limiter)
            if outcomes:
                self._answer(Together(tuple(wish.answer(outcome) for wish, outcome in outcomes)))

    def _carry_out(self, batch: Sequence[_Wish | _Pin]) -> list[tuple[_Wish, Outcome]]:
        wishes = [wish for wish in batch if isinstance(wish, _Wish)]
        outcomes = [(wish, _checked(wish)) for wish in wishes]
        blocks = {outcome.root: outcome.block for _, outcome in outcomes if isinstance(outcome, Stored)}
        pins: list[tuple[JobId, Digest | None]] = [
            (pin.owner, pin.root) for pin in batch if isinstance(pin, _Pin)
        ]
        pins += [(wish.owner, outcome.root) for wish, outcome in outcomes if isinstance(outcome, Stored)]
        try:
            self._store.put_pinned(blocks, pins)
        except DiskFull as error:
            if not wishes:
                self._complain_later(str(error))
            return [(wish, NotStored(str(error))) for wish in wishes]
        return outcomes

    def _complain_later(self, sentence: str) -> None:
        trio.from_thread.run_sync(self._complain, sentence)


def _checked(wish: _Wish) -> Outcome:
    """What a blob's block is called, where it is what it is said to be."""
    root = digest_of(wish.block)
    if wish.root is not None:
        if root != wish.root:
            return NotStored("its bytes are not those of its name")
        try:
            if decode_recipe(wish.block, Part(root)).level != 0:
                return NotStored("there is more of it than its root")
        except BadRecipe as error:
            return NotStored(str(error))
    return Stored(root, wish.block)
