"""A swarm of honest, slow, silent, lying and dying peers around one fetcher, in virtual time, by seed."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import count

import pytest

from mesh.blocks.errors import BadRecipe, BadTree, BlockAbsent, WrongBytes
from mesh.blocks.events import (
    AskLocal,
    BlockRejected,
    BlockStored,
    BlockUnusable,
    FetcherEvent,
    LocalAnswer,
    LocalFailed,
    SaveBlock,
)
from mesh.blocks.fetcher import Fetcher
from mesh.blocks.form import to_form
from mesh.blocks.recipe import BlobKind, Entry, build_recipes, digest_of, inline_recipe
from mesh.blocks.swarm import FetchConfig
from mesh.blocks.tree import TreeEntry, encode_tree
from mesh.blocks.walk import missing_parts, missing_under, unpack_block
from mesh.model.ids import Digest, NodeId
from mesh.wire.blocks import BlockData, BlockForm, BlockMissing, BlockRequest
from mesh.wire.effects import (
    BlobFailed,
    BlobReady,
    Fetch,
    MessageReceived,
    Notify,
    Send,
    SendFailed,
    SetTimer,
    TimerFired,
)

ME = NodeId(b"m" * 32)


def node(number: int) -> NodeId:
    return NodeId(bytes([number]) * 32)


class Shelf(dict[Digest, bytes]):
    """A store in memory."""

    def get(self, digest: Digest, default: object = None) -> bytes:  # type: ignore[override] # a BlockSource
        if digest not in self:
            raise BlockAbsent(digest=digest.hex())
        return self[digest]

    def absent(self, digests: Collection[Digest]) -> set[Digest]:
        return {digest for digest in digests if digest not in self}

    def put(self, data: bytes) -> Digest:
        self[digest_of(data)] = data
        return digest_of(data)

    def put_blob(self, pieces: list[bytes], kind: BlobKind = BlobKind.BYTES) -> Digest:
        if sum(map(len, pieces)) <= 4096:
            return self.put(inline_recipe(b"".join(pieces), kind))
        leaves = [Entry(self.put(piece), len(piece)) for piece in pieces]
        return [self.put(recipe) for recipe in build_recipes(leaves, kind)][-1]


def blob_of(shelf: Shelf, blocks: int, seed: int = 0) -> Digest:
    rng = random.Random(seed)
    return shelf.put_blob([rng.randbytes(rng.randint(3000, 6000)) for _ in range(blocks)])


@dataclass
class Holder:
    """A peer: what it has, how long an answer takes, and what may go wrong with one."""

    shelf: Shelf
    delay: float = 0.01
    lies: float = 0.0
    """Share of answers with wrong bytes."""
    silence: float = 0.0
    """Share of requests that are lost without a word."""
    unreachable: float = 0.0
    """Share of requests that fail to be sent."""
    dies_at: float = float("inf")
    served: Counter[Digest] = field(default_factory=Counter)


@dataclass
class World:
    """Carries out one fetcher's effects in virtual time."""

    holders: dict[NodeId, Holder]
    seed: int = 0
    config: FetchConfig = field(default_factory=FetchConfig)
    full_after: int = 1 << 40
    """Blocks after which this node's disk is full."""

    def __post_init__(self) -> None:
        self.shelf = Shelf()
        self.rng = random.Random(self.seed)
        self.fetcher = Fetcher(ME, self.config, random.Random(self.seed))
        self.heap: list[tuple[float, int, FetcherEvent]] = []
        self.serial = count()
        self.now = 0.0
        self.ended: list[BlobReady | BlobFailed] = []
        self.saves: Counter[Digest] = Counter()
        self.log: list[str] = []

    def later(self, seconds: float, event: FetcherEvent) -> None:
        heapq.heappush(self.heap, (self.now + seconds, next(self.serial), event))

    def fetch(self, root: Digest, *holders: NodeId) -> None:
        self.give(Fetch(root, holders or tuple(self.holders)))

    def give(self, event: FetcherEvent) -> None:
        self.log.append(f"{self.now:.6f} {event!r}"[:120])
        for effect in self.fetcher.handle(event, self.now):
            match effect:
                case AskLocal(root):
                    self.later(0.001, self.look(root))
                case SaveBlock():
                    self.later(0.001, self.save(effect))
                case SetTimer(token, at):
                    self.later(max(0.0, at - self.now), TimerFired(token))
                case Notify(event=BlobReady() | BlobFailed() as end):
                    self.ended.append(end)
                case Send(to, BlockRequest() as request):
                    self.answer(to, request)
                case _:
                    pytest.fail(f"unexpected {effect}")
        self.fetcher.check()

    def run(self, until: float = 1000.0) -> list[BlobReady | BlobFailed]:
        while self.heap and self.heap[0][0] <= until:
            self.now, _, event = heapq.heappop(self.heap)
            self.give(event)
        return self.ended

    def look(self, root: Digest) -> FetcherEvent:
        try:
            return LocalAnswer(root, missing_parts(self.shelf, root))
        except (BadRecipe, BadTree) as error:
            return LocalFailed(root, str(error))

    def save(self, effect: SaveBlock) -> FetcherEvent:
        digest = effect.part.digest
        try:
            data, recipe = unpack_block(effect.part, effect.block)
        except WrongBytes:
            return BlockRejected(digest, effect.sender)
        except BadRecipe as error:
            return BlockUnusable(digest, str(error))
        if len(self.shelf) >= self.full_after:
            return BlockUnusable(digest, "the disk is full")
        self.saves[digest] += 1
        self.shelf.put(data)
        return BlockStored(digest, missing_under(self.shelf, recipe.parts) if recipe else ())

    def answer(self, to: NodeId, request: BlockRequest) -> None:
        holder = self.holders[to]
        if self.now >= holder.dies_at or self.rng.random() < holder.silence:
            return
        if self.rng.random() < holder.unreachable:
            self.later(0.05, SendFailed(to, request))
            return
        missing = []
        wait = holder.delay
        for digest in request.digests:
            wait += holder.delay
            if digest in holder.shelf:
                holder.served[digest] += 1
                form, data = to_form(holder.shelf[digest])
                if self.rng.random() < holder.lies:
                    form, data = BlockForm.PLAIN, b"lies"
                if self.now + wait < holder.dies_at:
                    self.later(wait, MessageReceived(to, BlockData(digest, form, data)))
            else:
                missing.append(digest)
        if missing:
            self.later(wait, MessageReceived(to, BlockMissing(tuple(missing))))


def scene_on(shelf: Shelf, files: int = 3, blocks: int = 20) -> Digest:
    entries = [TreeEntry(f"file{number}", blob_of(shelf, blocks, number), 0) for number in range(files)]
    return shelf.put_blob([encode_tree(entries)], BlobKind.TREE)
