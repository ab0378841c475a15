"""Pixels that a disk has lost: what the ledger says of them, who makes copies, what is rendered again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.model.ids import Boot, Digest, NodeId
from mesh.model.policy import FrameOrder
from mesh.model.status import JobState
from mesh.model.units import Unit
from mesh.sched.events import DiskDamaged
from mesh.sched.facts import Facts
from mesh.sched.holders import Holders
from mesh.sched.layout import Layout
from mesh.sched.news import PixelsLost
from mesh.wire.copies import KeepPixels, PixelsKept
from mesh.wire.effects import BlobFailed, BlobReady, Effect, Fetch, Persist, Render, RenderFailed
from mesh.wire.ledger import AwayFact, Entry, HolderFact, LedgerDelta, LogRun, ResultFact
from mesh.wire.stealing import StealGrant, StealRequest
from tests.sched_bench import ME, A, B, Bench, sent, told
from tools.sim.farm import manifest
from tools.sim.scenarios import play

PIXELS = Digest(b"p" * 32)
C = NodeId(b"c" * 32)
RESULT = ResultFact(Unit(1, 0, 4), PIXELS, 100, 1.0, (B,))


def lost(held: bool = False) -> Entry:
    return Entry(holder=HolderFact(PIXELS, held))


def test_a_result_that_nobody_holds_any_more_is_missing_again() -> None:
    facts = Facts(Layout(manifest(frames=1, buckets=4), FrameOrder.FORWARD), attempts=3)
    facts.learn(A, Entry(result=RESULT), Boot(1))
    assert not facts.learn(A, lost(), Boot(2)).upset
    assert facts.complete, "B has it still"
    assert facts.learn(B, lost(), Boot(1)).upset
    facts.check()
    assert (facts.missing.size, facts.frames_done) == (4, 0)
    # until somebody finds it after all
    assert facts.learn(B, lost(held=True), Boot(1)).upset
    assert facts.complete


def test_what_nobody_in_reach_holds_is_missing_until_a_holder_comes_back_and_says_so() -> None:
    facts = Facts(Layout(manifest(frames=1, buckets=4), FrameOrder.FORWARD), attempts=3)
    facts.learn(A, Entry(result=RESULT), Boot(1))
    # one of its two holders is away
    assert not facts.learn(C, Entry(away=AwayFact((PIXELS,), (A,), number=1))).upset
    assert facts.result(0).holders == (B,)
    # then the other as well
    assert facts.learn(C, Entry(away=AwayFact((PIXELS,), (A, B), number=2))).upset
    facts.check()
    assert (facts.missing.size, facts.frames_done) == (4, 0)
    # a word of before does not bring it back, a word of who knows of it does
    assert not facts.learn(B, lost(held=True), Boot(1)).upset
    assert facts.holders.vouch(B, PIXELS) == HolderFact(PIXELS, held=True, after=2)
    assert facts.learn(B, Entry(holder=facts.holders.vouch(B, PIXELS)), Boot(1)).upset
    assert facts.complete
    assert facts.result(0).holders == (B,)


absences = st.lists(
    st.tuples(st.lists(st.sampled_from([A, B]), min_size=1, max_size=2, unique=True), st.integers(1, 3)),
    max_size=4,
)
returns = st.lists(
    st.tuples(st.sampled_from([A, B]), st.integers(0, 3)), max_size=2, unique_by=lambda one: one[0]
)


@given(absences, returns, st.randoms(use_true_random=False))
def test_who_was_found_away_and_who_came_back_is_known_in_whatever_order_it_is_heard(
    away: list[tuple[list[NodeId], int]], back: list[tuple[NodeId, int]], rng: object
) -> None:
    entries = [(A, Entry(away=AwayFact((PIXELS,), tuple(nodes), number))) for nodes, number in away]
    entries += [(node, Entry(holder=HolderFact(PIXELS, held=True, after=after))) for node, after in back]
    found = []
    for _ in range(2):
        facts = Facts(Layout(manifest(frames=1, buckets=4), FrameOrder.FORWARD), attempts=3)
        facts.learn(A, Entry(result=RESULT), Boot(1))
        for author, entry in entries:
            facts.learn(author, entry, Boot(1))
            facts.check()
        found.append((sorted(facts.result(0).holders), facts.complete))
        rng.shuffle(entries)  # type: ignore[attr-defined]
    assert found[0] == found[1]


words = st.lists(st.tuples(st.sampled_from([A, B]), st.integers(1, 3), st.booleans()), max_size=8)


@given(words, st.randoms(use_true_random=False))
def test_the_word_of_a_later_life_counts_in_whatever_order_lives_are_heard_of(
    said: list[tuple[NodeId, int, bool]], rng: object
) -> None:
    in_order = sorted(said, key=lambda word: word[1])
    by_life: dict[tuple[NodeId, int], list[bool]] = {}
    for author, boot, held in in_order:
        by_life.setdefault((author, boot), []).append(held)
    lives = list(by_life.items())
    rng.shuffle(lives)  # type: ignore[attr-defined]
    one, other = Holders(), Holders()
    for author, boot, held in in_order:
        one.say(author, Boot(boot), HolderFact(PIXELS, held))
    for (author, boot), held_each in lives:
        for held in held_each:
            other.say(author, Boot(boot), HolderFact(PIXELS, held))
    assert one.of(A, RESULT) == other.of(A, RESULT)


# --- one scheduler --------------------------------------------------------------------------------------


@pytest.fixture
def holder() -> Bench:
    """Has rendered the one frame of its job, of which A keeps a copy."""
    bench = Bench()
    bench.submit(manifest(frames=1))
    bench.peer(A)
    bench.finish(bench.render())
    bench.hear(A, PixelsKept(bench.render().job, PIXELS, kept=True))
    return bench


def said_of_holders(effects: list[Effect]) -> list[HolderFact]:
    runs = [one.record for one in effects if isinstance(one, Persist) and isinstance(one.record, LogRun)]
    return [entry.holder for run in runs for entry in run.entries if entry.holder is not None]


def test_a_damaged_disk_is_looked_through_and_mended_from_other_holders(holder: Bench) -> None:
    effects = holder.tell(DiskDamaged()) + holder.wait(2.0)
    assert [one for one in effects if isinstance(one, Fetch) and one.root == PIXELS] == [Fetch(PIXELS, (A,))]
    effects = holder.tell(BlobReady(PIXELS))
    assert said_of_holders(effects) == []
    assert not told(effects, PixelsLost)


def test_what_cannot_be_mended_is_said_to_the_ledger_and_to_people(holder: Bench) -> None:
    holder.tell(DiskDamaged())
    holder.wait(2.0)
    effects = holder.tell(BlobFailed(PIXELS, "nobody has it"))
    assert said_of_holders(effects) == [HolderFact(PIXELS, held=False)]
    job = holder.render().job
    assert told(effects, PixelsLost) == [PixelsLost(job, 1)]


def test_who_comes_back_with_pixels_vouches_for_them_again(holder: Bench) -> None:
    # given that others found this node away, with pixels that are on its disk
    job = holder.render().job
    run = LogRun(A, Boot(1), 1, (Entry(away=AwayFact((PIXELS,), (ME, A), number=1)),))
    effects = holder.hear(A, LedgerDelta(job, (run,), ())) + holder.wait(2.0)
    # then it looks whether it has them still, and says so
    assert Fetch(PIXELS, (A,)) in effects
    effects = holder.tell(BlobReady(PIXELS))
    assert said_of_holders(effects) == [HolderFact(PIXELS, held=True, after=1)]
    assert holder.machine.views.job(job).state is JobState.DONE  # type: ignore[union-attr]


def test_who_hears_of_a_lost_copy_makes_another(holder: Bench) -> None:
    job = holder.render().job
    run = LogRun(A, Boot(1), 1, (lost(),))
    effects = holder.hear(A, LedgerDelta(job, (run,), ())) + holder.wait(2.0)
    (keep,) = sent(effects, KeepPixels, A)
    assert (keep.pixels, keep.entry) == (PIXELS, True)


def test_what_nobody_has_is_rendered_again_and_then_counts_though_it_is_the_same(holder: Bench) -> None:
    job = holder.render().job
    first = holder.render()
    holder.hear(A, LedgerDelta(job, (LogRun(A, Boot(1), 1, (lost(),)),), ()))
    holder.tell(DiskDamaged())
    holder.wait(2.0)
    effects = holder.tell(BlobFailed(PIXELS, "nobody has it")) + holder.wait(5.0)
    again = [one for one in effects if isinstance(one, Render)]
    assert [one.unit for one in again] == [first.unit]
    effects = holder.finish(again[0])
    effects += holder.hear(A, PixelsKept(job, PIXELS, kept=True))
    assert HolderFact(PIXELS, held=True) in said_of_holders(effects)
    view = holder.machine.views.job(job)
    assert view is not None
    assert view.state.value == "done"
    assert ME in holder.machine.views.results(job, 0)[1][-1].holders


EARLIER = Boot(1)
MINE = LogRun(ME, EARLIER, 1, (Entry(result=replace(RESULT, holders=())),))
KEPT = LogRun(A, Boot(1), 1, (Entry(result=replace(RESULT, holders=(ME,))),))
TOLD = (
    LogRun(A, Boot(1), 1, (Entry(result=replace(RESULT, holders=())),)),
    LogRun(ME, EARLIER, 1, (lost(held=True),)),
)


@pytest.mark.parametrize("runs", [(MINE,), (KEPT,), TOLD], ids=["rendered", "kept", "kept later"])
def test_what_a_torn_write_made_a_node_forget_it_learns_from_others_and_copies(
    runs: tuple[LogRun, ...],
) -> None:
    """Given a node in its second life, whose disk lost the last words of the first; when others tell it
    what it said then; then it looks whether the pixels are there, and sees to it that two hold them."""
    bench = Bench(boot=2)
    bench.peer(B)
    job = bench.offered(manifest(frames=2, buckets=4), A)
    effects = bench.hear(A, LedgerDelta(job, runs, ())) + bench.wait(2.0)
    assert [one.root for one in effects if isinstance(one, Fetch)] == [PIXELS]
    bench.tell(BlobReady(PIXELS))
    asked = sent(effects + bench.wait(10.0), KeepPixels, B)
    assert [keep.pixels for keep in asked] == [PIXELS], "of those who hold them only this node is there"


def test_disk_story() -> None:
    for seed in (1, 2, 3):
        play("disk-lost", seed, check_every=20)


def test_a_scene_that_can_no_longer_be_read_is_fetched_again_and_counts_as_nobodys_failure() -> None:
    bench = Bench()
    bench.peer(A)
    of = manifest(frames=4, buckets=1)
    job = bench.offered(of, by=A)
    asked = sent(bench.effects, StealRequest, A)[-1]
    bench.hear(A, StealGrant(job, asked.request, Boot(1), (0, 4), 0.0))
    begun = bench.render()
    # When a block of the scene turns out to be gone as the unit starts
    effects = bench.tell(
        RenderFailed(begun.job, begun.unit, begun.attempt, "a block is gone", scene_gone=True)
    )
    # Then it is asked of who has it, nothing is rendered meanwhile, and no attempt has failed
    assert [effect.holders for effect in effects if isinstance(effect, Fetch)] == [(A,)]
    assert not [effect for effect in effects if isinstance(effect, Render)]
    view = bench.machine.views.job(begun.job)
    assert view is not None
    assert (view.scene_here, view.failures) == (False, ())
    # And once it is here, the same work goes on
    effects = bench.tell(BlobReady(of.scene_root))
    assert [effect.unit for effect in effects if isinstance(effect, Render)] == [begun.unit]
