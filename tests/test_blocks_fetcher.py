"""The fetcher against a swarm of honest, slow, silent, lying and dying peers, in virtual time, by seed."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from itertools import count

import pytest

from mesh.blocks.errors import BadRecipe, BadTree, BlockAbsent, WrongBytes
from mesh.blocks.events import (
    AskLocal,
    BlockRejected,
    BlockStored,
    BlockUnusable,
    DropBlob,
    FetcherEvent,
    LocalAnswer,
    LocalFailed,
    PeerDown,
    SaveBlock,
)
from mesh.blocks.fetcher import Fetcher
from mesh.blocks.form import to_form
from mesh.blocks.recipe import BlobKind, Entry, build_recipes, digest_of, inline_recipe
from mesh.blocks.swarm import Blob, BlobState, FetchConfig, IllegalMove, Part, Want, WantState
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


# --- the plain case -----------------------------------------------------------------------------------


def test_a_scene_is_fetched_whole_and_every_block_once() -> None:
    full = Shelf()
    root = scene_on(full)
    world = World({node(1): Holder(full)})
    world.fetch(root)
    assert world.run() == [BlobReady(root)]
    assert world.shelf == full
    assert set(world.saves.values()) == {1}
    assert set(world.holders[node(1)].served.values()) == {1}


def test_a_blob_that_is_here_is_ready_without_a_word_to_anybody() -> None:
    world = World({node(1): Holder(Shelf())})
    root = blob_of(world.shelf, 10)
    world.fetch(root)
    assert world.run() == [BlobReady(root)]
    assert not world.holders[node(1)].served


def test_only_what_is_missing_is_asked_for() -> None:
    full = Shelf()
    root = blob_of(full, 200)
    world = World({node(1): Holder(full)})
    lost = sorted(full)[::7]
    world.shelf.update({digest: data for digest, data in full.items() if digest not in lost})
    world.fetch(root)
    assert world.run() == [BlobReady(root)]
    assert set(world.holders[node(1)].served) == set(lost)


def test_the_work_is_spread_over_the_holders() -> None:
    full = Shelf()
    root = blob_of(full, 400)
    world = World({node(n): Holder(full) for n in range(1, 5)})
    world.fetch(root)
    assert world.run() == [BlobReady(root)]
    shares = [holder.served.total() for holder in world.holders.values()]
    assert min(shares) > 0.6 * max(shares)


def test_even_a_few_blocks_are_spread() -> None:
    full = Shelf()
    root = blob_of(full, 12)
    world = World({node(n): Holder(full) for n in range(1, 5)})
    world.fetch(root)
    assert world.run() == [BlobReady(root)]
    assert max(holder.served.total() for holder in world.holders.values()) <= FetchConfig().batch + 1


def test_blobs_that_share_blocks_fetch_them_once() -> None:
    full = Shelf()
    rng = random.Random(1)
    common = [rng.randbytes(5000) for _ in range(50)]
    roots = [full.put_blob([*common, rng.randbytes(5000)]) for _ in range(3)]
    world = World({node(1): Holder(full), node(2): Holder(full)})
    for root in roots:
        world.fetch(root)
    assert sorted(end.root for end in world.run()) == sorted(roots)
    assert set(world.saves.values()) == {1}


def test_a_second_fetch_only_adds_holders() -> None:
    full = Shelf()
    root = blob_of(full, 30)
    world = World({node(1): Holder(Shelf()), node(2): Holder(full)})
    world.fetch(root, node(1))
    world.fetch(root, node(2))
    assert world.run() == [BlobReady(root)]


# --- trouble ------------------------------------------------------------------------------------------


def test_nobody_to_ask_is_a_failure_at_once() -> None:
    world = World({})
    world.fetch(digest_of(b"?"), ME)
    (end,) = world.run()
    assert isinstance(end, BlobFailed)
    assert "no node in reach" in end.reason
    assert world.now < 0.01


def test_a_block_that_no_holder_has_fails_the_blob_and_a_later_try_may_succeed() -> None:
    full = Shelf()
    root = blob_of(full, 30)
    part = Shelf({digest: data for digest, data in full.items() if digest != sorted(full)[3]})
    world = World({node(1): Holder(part), node(2): Holder(part)})
    world.fetch(root)
    (end,) = world.run()
    assert isinstance(end, BlobFailed)
    assert "none of the 2 nodes" in end.reason
    world.holders[node(2)].shelf = full
    world.fetch(root)
    assert world.run()[-1] == BlobReady(root)


def test_halves_at_two_holders_make_a_whole() -> None:
    full = Shelf()
    root = blob_of(full, 100)
    halves = [Shelf({d: full[d] for n, d in enumerate(sorted(full)) if n % 2 == side}) for side in (0, 1)]
    world = World({node(n): Holder(half) for n, half in enumerate(halves)})
    world.fetch(root)
    assert world.run() == [BlobReady(root)]


def test_a_liar_is_banned_and_the_others_serve() -> None:
    full = Shelf()
    root = blob_of(full, 100)
    world = World({node(1): Holder(full, lies=1.0), node(2): Holder(full, delay=0.05)})
    world.fetch(root)
    assert world.run() == [BlobReady(root)]
    assert world.holders[node(1)].served.total() <= FetchConfig().window_first


def test_only_a_liar_is_a_failure() -> None:
    full = Shelf()
    root = blob_of(full, 10)
    world = World({node(1): Holder(full, lies=1.0)})
    world.fetch(root)
    (end,) = world.run(until=1.0)
    assert isinstance(end, BlobFailed)


def test_a_silent_holder_costs_little_where_another_answers() -> None:
    full = Shelf()
    root = blob_of(full, 100)
    world = World({node(1): Holder(full, silence=1.0), node(2): Holder(full)})
    world.fetch(root)
    while not world.ended:
        world.run(world.now + 0.5)
        world.now += 0.5
    assert world.ended == [BlobReady(root)]
    assert world.now < 3 * FetchConfig().patience


def test_only_silence_is_a_failure_in_the_end() -> None:
    world = World({node(1): Holder(Shelf(), silence=1.0)})
    world.fetch(digest_of(b"?"))
    (end,) = world.run()
    assert isinstance(end, BlobFailed)


def test_a_dead_holder_is_left_at_once() -> None:
    full = Shelf()
    root = blob_of(full, 300)
    world = World({node(1): Holder(full, dies_at=0.2), node(2): Holder(full)})
    world.fetch(root)
    world.later(0.3, PeerDown(node(1)))
    world.run(FetchConfig().patience - 0.01)
    assert world.ended == [BlobReady(root)]


def test_a_full_disk_fails_the_blob_with_its_sentence() -> None:
    full = Shelf()
    root = blob_of(full, 100)
    world = World({node(1): Holder(full)}, full_after=20)
    world.fetch(root)
    assert world.run() == [BlobFailed(root, "the disk is full")]


def test_a_blob_that_nobody_wants_any_more_is_dropped_in_silence() -> None:
    full = Shelf()
    root = blob_of(full, 300)
    world = World({node(1): Holder(full)})
    world.fetch(root)
    world.later(0.1, DropBlob(root))
    assert world.run() == []
    assert world.holders[node(1)].served.total() < 100
    world.fetch(root)
    assert world.run() == [BlobReady(root)]


def test_a_recipe_that_lies_fails_its_blob_but_bans_nobody() -> None:
    full = Shelf()
    good = blob_of(full, 20)
    leaf = full.put(b"x" * 5000)
    (recipe,) = build_recipes([Entry(leaf, 5001)])
    bad = full.put(recipe)
    world = World({node(1): Holder(full)})
    world.fetch(bad)
    world.fetch(good)
    failed, ready = sorted(world.run(), key=lambda end: isinstance(end, BlobReady))
    assert isinstance(failed, BlobFailed)
    assert ready == BlobReady(good)


def test_a_disk_that_loses_what_it_stores_is_given_up() -> None:
    full = Shelf()
    root = blob_of(full, 3)
    world = World({node(1): Holder(full)}, config=FetchConfig(looks_most=5))
    lost = min(digest for digest in full if digest != root)
    world.fetch(root)
    while world.heap:
        world.run(world.heap[0][0])
        world.shelf.pop(lost, None)
    (end,) = world.ended
    assert isinstance(end, BlobFailed)


def test_answers_and_timers_that_nobody_expects_change_nothing() -> None:
    full = Shelf()
    root = blob_of(full, 20)
    world = World({node(1): Holder(full)})
    stray = BlockData(digest_of(b"stray"), BlockForm.PLAIN, b"stray")
    for event in (
        MessageReceived(node(1), stray),
        MessageReceived(node(9), stray),
        MessageReceived(node(1), BlockMissing((root,))),
        SendFailed(node(1), BlockRequest((root,))),
        TimerFired("somebody else's"),
        LocalAnswer(root, ()),
        BlockStored(root),
        BlockRejected(root, node(1)),
        BlockUnusable(root, "?"),
        PeerDown(node(9)),
        DropBlob(root),
    ):
        assert world.fetcher.handle(event, 0.0) == []
        world.fetcher.check()
    world.fetch(root)
    assert world.run() == [BlobReady(root)]


def test_an_illegal_move_raises() -> None:
    with pytest.raises(IllegalMove):
        Blob(digest_of(b""), {}).move(BlobState.LOOKING)
    with pytest.raises(IllegalMove):
        Want(Part(digest_of(b"")), {}, WantState.SAVING).move(WantState.ASKED)


# --- by seed ------------------------------------------------------------------------------------------


def stormy(seed: int) -> tuple[World, list[Digest]]:
    """Several scenes, of which one honest holder has everything, amid nine that have parts and fail at will."""
    rng = random.Random(seed)
    full = Shelf()
    roots = [scene_on(full, rng.randint(1, 4), rng.randint(1, 60)) for _ in range(2)]
    roots += [blob_of(full, rng.randint(1, 200), 100 + n) for n in range(2)]
    holders = {node(0): Holder(full, delay=0.02, silence=0.02, unreachable=0.02)}
    for number in range(1, 10):
        part = Shelf({digest: data for digest, data in full.items() if rng.random() < 0.7})
        holders[node(number)] = Holder(
            part,
            delay=rng.choice((0.001, 0.02, 0.3)),
            lies=rng.choice((0.0, 0.0, 0.1)),
            silence=rng.choice((0.0, 0.1, 1.0)),
            unreachable=rng.choice((0.0, 0.2)),
            dies_at=rng.choice((1e9, 0.5)),
        )
    world = World(holders, seed)
    for root in roots:
        world.later(rng.random(), Fetch(root, tuple(holders)))
    for number in range(1, 10):
        if rng.random() < 0.3:
            world.later(rng.random() * 3, PeerDown(node(number)))
    return world, roots


@pytest.mark.parametrize("seed", range(20))
def test_one_good_holder_amid_a_storm_is_enough(seed: int) -> None:
    world, roots = stormy(seed)
    assert sorted(world.run(), key=repr) == sorted((BlobReady(root) for root in set(roots)), key=repr)
    assert set(world.saves.values()) == {1}
    assert not world.heap


def test_the_same_seed_gives_the_same_run() -> None:
    logs = []
    for _ in range(2):
        world, _ = stormy(7)
        world.run()
        logs.append(world.log)
    assert logs[0] == logs[1]


def test_a_small_window_grows_with_every_block_and_is_never_passed() -> None:
    full = Shelf()
    root = blob_of(full, 300)
    config = replace(FetchConfig(), window_first=2, window_most=10)
    world = World({node(1): Holder(full)}, config=config)
    world.fetch(root)
    most = []
    while world.heap:
        world.run(world.heap[0][0])
        most.append(len(world.fetcher._swarm.peers[node(1)].asked) if world.fetcher._swarm.peers else 0)
    assert world.ended == [BlobReady(root)]
    assert max(most[:5]) <= 4
    assert max(most) == 10
