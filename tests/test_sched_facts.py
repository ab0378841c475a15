"""What a ledger says: done, missing, failed, and who holds what, in whatever order its entries come."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from mesh.model.ids import Digest, NodeId
from mesh.model.policy import FrameOrder
from mesh.model.units import Unit
from mesh.sched.facts import Facts
from mesh.sched.intervals import IntervalSet
from mesh.sched.layout import Layout
from mesh.wire.ledger import AwayFact, Entry, FailureFact, HolderFact, ResultFact
from tools.sim.farm import manifest

A, B, C = (NodeId(bytes([letter]) * 32) for letter in b"abc")


def _result(frame: int, start: int, stop: int, *holders: NodeId) -> Entry:
    pixels = Digest(bytes([frame, start, stop]) + bytes(29))
    return Entry(result=ResultFact(Unit(frame, start, stop), pixels, 10, 1.0, holders))


def _failure(frame: int, start: int, stop: int, *, retryable: bool = True, epoch: int = 0) -> Entry:
    return Entry(failure=FailureFact(Unit(frame, start, stop), "no", None, retryable, epoch))


def _facts(frames: int = 4, buckets: int = 4) -> Facts:
    return Facts(Layout(manifest(frames=frames, buckets=buckets), FrameOrder.FORWARD), attempts=3)


_entries = st.lists(
    st.tuples(
        st.sampled_from([A, B, C]),
        st.integers(1, 4),
        st.integers(0, 3),
        st.integers(1, 4),
        st.sampled_from(["result", "failure", "fatal", "lost", "away"]),
    ),
    max_size=20,
)


@given(_entries, st.randoms(use_true_random=False))
def test_facts_do_not_depend_on_the_order_of_entries(
    drawn: list[tuple[NodeId, int, int, int, str]], rng: random.Random
) -> None:
    entries = []
    for author, frame, start, size, kind in drawn:
        stop = min(4, start + size)
        pixels = Digest(bytes([frame, start, stop]) + bytes(29))
        match kind:
            case "result":
                entry = _result(frame, start, stop)
            case "lost":
                entry = Entry(holder=HolderFact(pixels, held=False))
            case "away":
                entry = Entry(away=AwayFact((pixels,), (A, B), number=1))
            case _:
                entry = _failure(frame, start, stop, retryable=kind != "fatal")
        entries.append((author, entry))
    one, other = _facts(), _facts()
    for author, entry in entries:
        one.learn(author, entry)
        one.check()
    rng.shuffle(entries)
    for author, entry in entries:
        other.learn(author, entry)
    assert (one.done, one.failed, one.missing) == (other.done, other.failed, other.missing)
    assert one.frames_done == other.frames_done


def test_a_frame_is_done_when_overlapping_results_cover_it() -> None:
    facts = _facts()
    assert facts.learn(A, _result(2, 0, 3)).frames_done == []
    assert facts.learn(B, _result(2, 2, 4)).frames_done == [2]
    assert facts.effort.shares[B].redone == 1
    assert facts.frames_done == 1


def test_a_unit_has_failed_after_three_tries_and_only_where_they_overlap() -> None:
    facts = _facts()
    facts.learn(A, _failure(1, 0, 4))
    facts.learn(B, _failure(1, 0, 2))
    assert not facts.failed
    news = facts.learn(C, _failure(1, 1, 4))
    assert news.frames_failed == [1]
    assert facts.failed == IntervalSet([(1, 2)])


def test_that_a_scene_is_too_large_for_nodes_is_no_failure_and_tells_what_it_takes() -> None:
    facts = _facts()
    for author, needs in ((A, 9), (B, 20), (C, 17)):
        found = FailureFact(Unit(1, 0, 4), "too large", None, True, 0, memory=needs)
        assert not facts.learn(author, Entry(failure=found)).frames_failed
    assert (facts.failures.memory, facts.failures.too_small) == (17, {A: 9, B: 20, C: 17})
    assert not (facts.failed or facts.failures.by_node or facts.failures.tried_by(0, 4))
    facts.retry(1)
    assert (facts.failures.memory, facts.failures.too_small) == (0, {})


def test_what_nobody_can_render_fails_at_once() -> None:
    facts = _facts()
    facts.learn(A, _failure(1, 0, 4, retryable=False))
    assert facts.failed == IntervalSet([(0, 4)])


def test_retry_forgives_and_a_late_result_repairs() -> None:
    facts = _facts()
    facts.learn(A, _failure(1, 0, 4, retryable=False))
    facts.learn(A, _failure(2, 0, 4, retryable=False))
    facts.learn(B, _result(2, 0, 4))
    assert facts.failed == IntervalSet([(0, 4)])
    facts.retry(1)
    assert not facts.failed
    assert facts.missing.covers(0, 4)
    assert facts.failures.by_node == {}
    assert facts.failures.tried_by(0, 4) == []


def test_holders_follow_what_nodes_say_of_themselves() -> None:
    facts = _facts()
    facts.learn(A, _result(1, 0, 4, B))
    pixels = facts.results[0][1].pixels
    facts.learn(C, Entry(holder=HolderFact(pixels, held=True)))
    facts.learn(B, Entry(holder=HolderFact(pixels, held=False)))
    assert facts.result(0).holders == (A, C)
