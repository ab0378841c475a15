"""Fair shares: Netrender's oracles, caps, and counts in whole nodes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.model.ids import JobId
from mesh.model.policy import JobPolicy
from mesh.sched.fairness import Demand, due, whole
from tests.sched_bench import Bench
from tools.sim.farm import manifest
from tools.sim.farm_shares import ORACLES

ENOUGH = 1e9


def _name(name: str) -> JobId:
    return JobId(name.encode())


@pytest.mark.parametrize(("cast", "expected"), ORACLES)
def test_shares_are_those_of_netrender(
    cast: tuple[tuple[str, int, str], ...], expected: tuple[float, ...]
) -> None:
    demands = [Demand(_name(name), priority, category, ENOUGH) for name, priority, category in cast]
    shares = due(demands, 100.0)
    assert list(shares.values()) == pytest.approx(expected, abs=0.05)


def test_what_a_job_cannot_use_goes_to_the_others() -> None:
    demands = [Demand(_name("a"), 1, "", 5.0), Demand(_name("b"), 1, "", ENOUGH)]
    assert due(demands, 100.0) == {b"a": pytest.approx(5.0), b"b": pytest.approx(95.0)}


def test_nobody_gets_more_than_there_is_use_for() -> None:
    demands = [Demand(_name("a"), 1, "", 5.0), Demand(_name("b"), 9, "", 7.0)]
    assert due(demands, 100.0) == {b"a": 5.0, b"b": 7.0}


_demands = st.lists(
    st.tuples(st.integers(1, 20), st.sampled_from("xyz"), st.floats(0.0, 200.0)), min_size=1, max_size=8
)


@given(_demands, st.integers(1, 100), st.integers(0, 2**40))
def test_shares_add_up_and_respect_every_bound(
    drawn: list[tuple[int, str, float]], nodes: int, turn: int
) -> None:
    demands = [Demand(_name(str(index)), *each) for index, each in enumerate(drawn)]
    shares = due(demands, nodes)
    usable = min(float(nodes), sum(demand.most for demand in demands))
    assert sum(shares.values()) == pytest.approx(usable, rel=1e-6, abs=1e-6)
    assert all(shares[demand.job] <= demand.most + 1e-9 for demand in demands)
    counts = whole(shares, turn)
    assert sum(counts.values()) == pytest.approx(usable, abs=1.0)
    assert all(abs(counts[job] - share) <= 1.0 + 1e-6 for job, share in shares.items())


@pytest.mark.parametrize(
    ("dues", "means"),
    [
        ((1.5, 1.5), (1.5, 1.5)),  # two jobs alike on three nodes
        ((1 / 3, 2 / 3), (1 / 3, 2 / 3)),  # a node alone, priorities 1 and 2
        ((0.25, 0.25, 0.25, 0.25), (0.25, 0.25, 0.25, 0.25)),
        ((3 / 7 * 17, 2 / 7 * 17, 2 / 7 * 17), (3 / 7 * 17, 2 / 7 * 17, 2 / 7 * 17)),
        ((2.0, 5.0), (2.0, 5.0)),
    ],
)
def test_over_the_turns_each_job_has_what_it_is_due(
    dues: tuple[float, ...], means: tuple[float, ...]
) -> None:
    shares = {_name(str(place)): each for place, each in enumerate(dues)}
    turns = [whole(shares, turn) for turn in range(1000, 1060)]  # ten minutes
    assert {sum(counts.values()) for counts in turns} == {round(sum(dues))}
    for job, mean in zip(shares, means, strict=True):
        assert sum(counts[job] for counts in turns) / 60 == pytest.approx(mean, abs=0.03)


@pytest.mark.parametrize("start", [0, 7, 1_000_003])
def test_nobody_waits_for_a_turn_for_long(start: int) -> None:
    shares = {_name("a"): 0.5, _name("b"): 0.5}
    turns = [whole(shares, turn) for turn in range(start, start + 4)]
    assert all(any(counts[job] for counts in turns) for job in shares)


def test_a_node_alone_shares_its_time_between_two_jobs() -> None:
    bench = Bench()
    one = bench.submit(manifest("one", frames=200, buckets=1), JobPolicy(priority=1))
    two = bench.submit(manifest("two", frames=200, buckets=1), JobPolicy(priority=2))
    rendered = {one: 0, two: 0}
    for number in range(180):  # three minutes
        render = bench.render()
        rendered[render.job] += 1
        bench.wait(1.0)
        bench.finish(render, bytes([number]))
    assert rendered[two] / 180 == pytest.approx(2 / 3, abs=0.06)


@given(_demands, st.integers(1, 100))
def test_a_greater_priority_never_means_less(drawn: list[tuple[int, str, float]], nodes: int) -> None:
    demands = [
        Demand(_name(str(index)), priority, "", ENOUGH) for index, (priority, _, _) in enumerate(drawn)
    ]
    shares = due(demands, nodes)
    for one in demands:
        for other in demands:
            if one.priority >= other.priority:
                assert shares[one.job] >= shares[other.job] - 1e-6
