"""How many nodes have worked on a job of late: a mean over ten seconds of what was seen about once a second."""

from __future__ import annotations

import pytest

from mesh.model.ids import Boot, NodeId
from mesh.model.units import Unit
from mesh.sched.usage import Usage
from mesh.wire.ledger import Activity, ClaimSet, LedgerDelta
from tests.sched_bench import Bench
from tools.sim.farm import manifest

A = NodeId(b"a" * 32)


@pytest.mark.parametrize(
    ("looks", "now", "mean"),
    [
        ((), 5.0, 0.0),
        (((0.0, 4),), 0.0, 4.0),
        (((0.0, 4),), 3.0, 4.0),  # what was seen holds
        (((0.0, 4), (5.0, 0)), 10.0, 2.0),
        (((0.0, 4), (1.0, 8)), 2.0, 6.0),  # since the first look, where that is not ten seconds ago
        (((0.0, 100), (20.0, 4), (25.0, 2)), 30.0, 3.0),  # what was before counts no more
        (((0.0, 6), (20.0, 0)), 25.0, 3.0),
    ],
)
def test_it_is_the_mean_over_ten_seconds(
    looks: tuple[tuple[float, int], ...], now: float, mean: float
) -> None:
    usage = Usage()
    for at, nodes in looks:
        usage.see(at, nodes)
    assert usage.mean(now) == pytest.approx(mean)


def test_it_remembers_ten_seconds_and_no_more() -> None:
    usage = Usage()
    for second in range(1000):
        assert usage.due(float(second))
        usage.see(float(second), second)
        assert not usage.due(second + 0.5)
    assert usage.mean(999.0) == pytest.approx(993.5)


def test_a_job_tells_how_many_nodes_are_at_work() -> None:
    bench = Bench()
    bench.peer(A)
    job = bench.submit(manifest(frames=8, buckets=4))
    bench.wait(12.0)
    view = bench.machine.views.job(job)
    assert view is not None
    assert view.usage == pytest.approx(1.0)
    claim = ClaimSet(A, Boot(1), 1, 0.0, (28, 32), 0, 1.0, (Activity(Unit(8, 0, 4), 0.1, 0.0),))
    bench.hear(A, LedgerDelta(job, (), (claim,)))
    bench.wait(5.0)
    view = bench.machine.views.job(job)
    assert view is not None
    assert view.usage == pytest.approx(1.5, abs=0.2)
