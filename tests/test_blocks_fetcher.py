"""The fetcher in a swarm: what it asks of whom, and what it makes of slowness, silence, lies and death."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from mesh.blocks.events import (
    BlockRejected,
    BlockStored,
    BlockUnusable,
    DropBlob,
    LocalAnswer,
    PeerDown,
)
from mesh.blocks.recipe import Entry, build_recipes, digest_of
from mesh.blocks.swarm import Blob, BlobState, FetchConfig, IllegalMove, Part, Want, WantState
from mesh.model.ids import Digest
from mesh.wire.blocks import BlockData, BlockForm, BlockMissing, BlockRequest
from mesh.wire.effects import (
    BlobFailed,
    BlobReady,
    Fetch,
    MessageReceived,
    SendFailed,
    TimerFired,
)
from tests.swarm_lab import ME, Holder, Shelf, World, blob_of, node, scene_on

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
