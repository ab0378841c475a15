"""The small parts of the scheduler: position sets, layouts, the life of units, registers and logs."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.model.ids import Boot, Digest, NodeId
from mesh.model.policy import FrameOrder
from mesh.model.units import Unit
from mesh.sched.edits import Edits
from mesh.sched.intervals import IntervalSet, from_numbers
from mesh.sched.job import Steady
from mesh.sched.layout import Layout
from mesh.sched.life import TRANSITIONS, Holdings, IllegalTransition, UnitState
from mesh.sched.logs import Logs
from mesh.sched.peers import rendezvous
from mesh.sched.rules import Portion, Stock, Victim, choose_victim, grain_of, portion
from mesh.wire.jobs import EditName
from mesh.wire.ledger import Entry, LogRun, ResultFact
from tools.sim.farm import manifest

A, B, C = (NodeId(bytes([letter]) * 32) for letter in b"abc")

_spans = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12)
_edits = st.lists(
    st.tuples(
        st.sampled_from([EditName.PRIORITY, EditName.PAUSED]), st.sampled_from([A, B, C]), st.integers(0, 9)
    ),
    max_size=8,
)


# --- intervals --------------------------------------------------------------------------------------


@given(_spans, _spans)
def test_interval_sets_behave_like_sets(adds: list[tuple[int, int]], removes: list[tuple[int, int]]) -> None:
    mine, model = IntervalSet(), set[int]()
    for start, stop in adds:
        new = set(range(start, stop)) - model
        assert mine.add(start, stop) == len(new)
        model |= new
    for start, stop in removes:
        gone = set(range(start, stop)) & model
        assert mine.remove(start, stop) == len(gone)
        model -= gone
    assert {position for a, b in mine for position in range(a, b)} == model
    assert mine.size == len(model)
    pairs = list(mine)
    assert all(a < b for a, b in pairs)
    assert all(left[1] < right[0] for left, right in pairwise(pairs))
    assert from_numbers(mine.numbers(10**6), 10**6) == mine
    for start, stop in removes:
        window = set(range(start, stop))
        assert {p for a, b in mine.within(start, stop) for p in range(a, b)} == model & window
        assert {p for a, b in mine.outside(start, stop) for p in range(a, b)} == window - model
        assert mine.covers(start, stop) == (window <= model)
        assert (start in mine) == (start in model)


@given(_spans, st.integers(0, 80))
def test_the_back_of_a_set_is_its_last_positions(adds: list[tuple[int, int]], count: int) -> None:
    mine = IntervalSet(adds)
    everything = [position for a, b in mine for position in range(a, b)]
    taken = [position for a, b in mine.back(count) for position in range(a, b)]
    assert taken == everything[max(0, len(everything) - count) :]


def test_numbers_beyond_the_bound_keep_the_largest_intervals() -> None:
    mine = IntervalSet([(0, 1), (10, 30), (40, 41), (50, 60)])
    assert mine.numbers(4) == (10, 30, 50, 60)


# --- layout -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(FrameOrder))
@pytest.mark.parametrize("frames", [1, 2, 3, 7, 24])
def test_every_frame_has_one_place_in_every_order(order: FrameOrder, frames: int) -> None:
    layout = Layout(manifest(frames=frames, buckets=3), order)
    seen = [layout.frame(place) for place in range(layout.total // layout.buckets)]
    assert sorted(seen) == list(range(1, frames + 1))
    for place, frame in enumerate(seen):
        assert layout.place(frame) == place
        unit = layout.unit(*layout.bounds(place))
        assert unit == Unit(frame, 0, 3)
        assert layout.span(unit) == layout.bounds(place)


def test_first_last_middle_halves_the_gaps() -> None:
    layout = Layout(manifest(frames=9, buckets=1), FrameOrder.FIRST_LAST_MIDDLE)
    assert [layout.frame(place) for place in range(9)] == [1, 9, 5, 3, 7, 2, 4, 6, 8]


@pytest.mark.parametrize("unit", [Unit(99, 0, 1), Unit(1, 0, 4), Unit(1, 2, 2), Unit(1, -1, 2)])
def test_units_that_are_not_of_the_job_are_refused(unit: Unit) -> None:
    with pytest.raises(KeyError):
        Layout(manifest(frames=2, buckets=3), FrameOrder.FORWARD).span(unit)


# --- the life of units ------------------------------------------------------------------------------


@pytest.mark.parametrize("source", list(UnitState))
@pytest.mark.parametrize("target", list(UnitState))
def test_only_transitions_of_the_table_are_made(source: UnitState, target: UnitState) -> None:
    holdings = Holdings()
    path = {
        UnitState.OWNED: [UnitState.OWNED],
        UnitState.RUNNING: [UnitState.OWNED, UnitState.RUNNING],
        UnitState.LENT: [UnitState.OWNED, UnitState.LENT],
        UnitState.STORED: [UnitState.STORED],
        UnitState.ABSENT: [],
        UnitState.PUBLISHED: [],
    }[source]
    state = UnitState.ABSENT
    for following in path:
        holdings.move([(0, 4)], state, following)
        state = following
    if target in TRANSITIONS[source]:
        holdings.move([(0, 4)], source, target)
        holdings.check()
    else:
        with pytest.raises(IllegalTransition):
            holdings.move([(0, 4)], source, target)


def test_what_is_not_there_cannot_move() -> None:
    holdings = Holdings()
    holdings.take([(0, 4)])
    with pytest.raises(IllegalTransition):
        holdings.move([(2, 6)], UnitState.OWNED, UnitState.RUNNING)


def test_taking_skips_what_is_held_already() -> None:
    holdings = Holdings()
    holdings.take([(0, 4)])
    holdings.move([(0, 2)], UnitState.OWNED, UnitState.LENT)
    assert holdings.take([(0, 8)]) == IntervalSet([(4, 8)])
    assert holdings.claimed() == IntervalSet([(0, 8)])


# --- registers --------------------------------------------------------------------------------------


def _written(writes: list[tuple[EditName, NodeId, int]]) -> Edits:
    edits = Edits()
    for name, author, number in writes:
        edits.join([edits.draft(author, name, number=number)])
    return edits


@given(_edits, _edits, _edits)
def test_joining_registers_is_commutative_associative_and_idempotent(
    first: list[tuple[EditName, NodeId, int]],
    second: list[tuple[EditName, NodeId, int]],
    third: list[tuple[EditName, NodeId, int]],
) -> None:
    sets = [_written(writes).all() for writes in (first, second, third)]
    results = []
    for order in ((0, 1, 2), (2, 1, 0), (1, 1, 0, 2, 0)):
        edits = Edits()
        for index in order:
            edits.join(sets[index])
        results.append(frozenset(edits.all()))
    assert results[0] == results[1] == results[2]


def test_a_later_write_wins_wherever_it_is_made() -> None:
    here, there = Edits(), Edits()
    here.join([here.draft(A, EditName.PAUSED, number=1)])
    there.join(here.all())
    newer = there.draft(B, EditName.PAUSED, number=0)
    assert here.join([newer]) == [newer]
    assert here.join([newer]) == []
    assert here.number(EditName.PAUSED) == 0


# --- logs -------------------------------------------------------------------------------------------


def _entry(frame: int) -> Entry:
    return Entry(result=ResultFact(Unit(frame, 0, 1), Digest(bytes(32)), 1, 1.0))


@given(
    st.lists(st.tuples(st.sampled_from([A, B]), st.integers(1, 2)), max_size=30),
    st.randoms(use_true_random=False),
)
def test_two_ledgers_that_exchange_vectors_become_equal(
    appended: list[tuple[NodeId, int]], rng: random.Random
) -> None:
    whole = Logs()
    runs = [
        whole.append((author, Boot(boot)), _entry(index)) for index, (author, boot) in enumerate(appended)
    ]
    ledgers = [Logs(), Logs()]
    for run in runs:
        rng.choice(ledgers).join(run)  # gaps are refused
    for source, target in (ledgers, ledgers[::-1]):
        for run in source.missing(target.heights(), b"", b"\xff" * 33):
            fresh, gap = target.join(run)
            assert fresh is not None
            assert not gap
    one, other = ledgers
    assert one.heights() == other.heights()
    assert (one.count, one.checksum) == (other.count, other.checksum)


def test_a_run_with_a_gap_is_refused_and_an_overlapping_one_is_trimmed() -> None:
    logs = Logs()
    entries = tuple(_entry(frame) for frame in range(5))
    assert logs.join(LogRun(A, Boot(1), 2, entries[1:])) == (None, True)
    logs.join(LogRun(A, Boot(1), 1, entries[:2]))
    fresh, gap = logs.join(LogRun(A, Boot(1), 1, entries))
    assert not gap
    assert fresh == LogRun(A, Boot(1), 3, entries[2:])
    assert logs.join(LogRun(A, Boot(1), 1, entries)) == (None, False)


# --- rules ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stock", "speeds", "idle", "expected"),
    [
        # many frames: half of them, whole
        (Stock(owned=160, tail=0, in_hand=0, frame=16, grain=1, chunk=0), (0, 0), True, Portion(owned=80)),
        # a thief four times as fast gets four fifths
        (Stock(owned=160, tail=0, in_hand=0, frame=16, grain=1, chunk=0), (1, 4), True, Portion(owned=128)),
        # the bound on a grant
        (Stock(owned=160, tail=0, in_hand=0, frame=16, grain=1, chunk=32), (0, 0), True, Portion(owned=32)),
        # one frame in hand, one waiting: the waiting one goes whole
        (Stock(owned=16, tail=14, in_hand=2, frame=16, grain=1, chunk=0), (1, 1), True, Portion(owned=16)),
        # a frame alone is cut
        (Stock(owned=16, tail=0, in_hand=0, frame=16, grain=1, chunk=0), (1, 1), True, Portion(owned=8)),
        # only a running unit: its untouched back, so that both end together
        (Stock(owned=0, tail=12, in_hand=0, frame=16, grain=1, chunk=0), (1, 1), True, Portion(tail=6)),
        # what takes less than twenty steals is not cut
        (Stock(owned=0, tail=12, in_hand=0, frame=16, grain=8, chunk=0), (1, 1), True, Portion()),
        # crumbs go whole to the idle, and not to those who only look ahead
        (Stock(owned=3, tail=0, in_hand=4, frame=16, grain=4, chunk=0), (1, 1), True, Portion(owned=3)),
        (Stock(owned=3, tail=0, in_hand=4, frame=16, grain=4, chunk=0), (1, 1), False, Portion()),
        # nothing at all
        (Stock(owned=0, tail=0, in_hand=4, frame=16, grain=1, chunk=0), (1, 1), True, Portion()),
    ],
)
def test_portions(stock: Stock, speeds: tuple[float, float], idle: bool, expected: Portion) -> None:
    assert portion(stock, *speeds, i_render=True, idle=idle) == expected


@pytest.mark.parametrize(
    ("owned", "heads", "expected"),
    [
        (160, 1, 8),  # ten frames for twenty nodes: half a frame
        (160, 10, 80),
        (320, 1, 16),  # as many frames as nodes, and more: whole ones
        (480, 1, 32),
        (480, 3, 64),
        (480, 10, 240),
    ],
)
def test_parts_of_a_new_job_are_whole_frames_where_there_are_enough(
    owned: int, heads: int, expected: int
) -> None:
    stock = Stock(owned=owned, tail=0, in_hand=0, frame=16, grain=200, chunk=0, heads=20 - heads)
    assert portion(stock, 0, 0, i_render=True, idle=True, heads=heads) == Portion(owned=expected)


def test_a_lender_that_renders_nothing_deals_its_only_frame_out_all_the_same() -> None:
    stock = Stock(owned=16, tail=0, in_hand=0, frame=16, grain=1, chunk=0, heads=3)
    assert portion(stock, 0, 0, i_render=False, idle=True) == Portion(owned=4)


@pytest.mark.parametrize(
    ("owned", "grain", "expected"),
    [
        (16, 1, 16),
        (17, 12, 17),  # more than a frame, and too little to cut
        (40, 1, 16),  # of many it keeps some for others who will come
    ],
)
def test_a_lender_that_renders_nothing_gives_its_last_work_whole(
    owned: int, grain: int, expected: int
) -> None:
    stock = Stock(owned=owned, tail=0, in_hand=0, frame=16, grain=grain, chunk=0)
    assert portion(stock, 0, 0, i_render=False, idle=True) == Portion(owned=expected)


def test_the_grain_is_twenty_steals_and_unknown_without_a_pace() -> None:
    assert grain_of(pace=0.01, steal_seconds=0.003, factor=20) == 6
    assert grain_of(pace=10.0, steal_seconds=0.003, factor=20) == 1
    assert grain_of(pace=0.0, steal_seconds=0.003, factor=20) == 0


def test_rich_and_near_victims_are_asked_more_often() -> None:
    rng = random.Random(1)
    victims = [Victim(A, 100, 0.003), Victim(B, 10, 0.003), Victim(C, 100, 0.015)]
    asked = [choose_victim(victims, rng) for _ in range(600)]
    counts = {victim.node: asked.count(victim) for victim in victims}
    assert counts[A] > counts[C] > counts[B] >= 0
    assert choose_victim([], rng) is None


def test_all_agree_on_a_rendezvous_whatever_the_order() -> None:
    assert rendezvous(b"key" * 9, [A, B, C], 2) == rendezvous(b"key" * 9, [C, A, B], 2)


def test_steady_finds_what_stays() -> None:
    steady = Steady()
    steady.see(IntervalSet([(0, 10)]), 1.0)
    steady.see(IntervalSet([(5, 15)]), 1.5)
    assert not steady.ripe(1.9, 1.0)
    assert steady.ripe(2.0, 1.0) == IntervalSet([(5, 10)])
    steady.see(IntervalSet([(5, 15)]), 2.5)
    assert not steady.ripe(2.5, 1.0)
