"""Cancelling and pausing: all nodes are told within a second, also where packets are lost."""

from __future__ import annotations

import pytest

from mesh.model.ids import Boot, NodeId
from mesh.sched.config import SchedConfig
from mesh.wire.jobs import Edit, EditName, JobEdits
from mesh.wire.ledger import ClaimSet, LedgerDelta
from tests.sched_bench import A, Bench, sent
from tools.sim.farm import manifest
from tools.sim.scenarios import play

OTHERS = [NodeId(bytes([number]) * 32) for number in range(1, 9)]


def edit(name: EditName) -> Edit:
    return Edit(name, b"", 5, A, number=1)


@pytest.mark.parametrize(
    ("name", "ways"), [(EditName.CANCELLED, 3), (EditName.PAUSED, 3), (EditName.PRIORITY, 0)]
)
def test_what_is_urgent_is_passed_on_though_its_writer_tells_everybody(name: EditName, ways: int) -> None:
    bench = Bench(config=SchedConfig(spread=4))
    for node in (A, *OTHERS):
        bench.peer(node)
    job = bench.offered(manifest(), by=A)
    effects = bench.hear(A, JobEdits(job, (edit(name),)))
    told = len(sent(effects, JobEdits))
    assert ways <= told <= ways + bool(ways), "four at random, the teller not among them"
    assert not sent(effects, JobEdits, A)
    assert not sent(bench.hear(OTHERS[0], JobEdits(job, (edit(name),))), JobEdits), "it was no news"


def test_in_a_large_mesh_a_keeper_tells_all_who_work_on_the_job() -> None:
    bench = Bench(config=SchedConfig(spread_all=2, spread=1))
    for node in (A, *OTHERS):
        bench.peer(node)
    job = bench.submit(manifest())
    for place, node in enumerate(OTHERS):
        claim = ClaimSet(node, Boot(1), 1, 0.0, (place, place + 1), 0, 1.0)
        bench.hear(node, LedgerDelta(job, (), (claim,)))
    effects = bench.hear(A, JobEdits(job, (edit(EditName.CANCELLED),)))
    assert all(sent(effects, JobEdits, node) for node in OTHERS)


def test_all_nodes_are_free_of_a_cancelled_job_within_a_second_though_packets_are_lost() -> None:
    for seed in range(1, 10):
        play("farm-cancelled-in-rain", seed, check_every=50)
    play("farm-cancelled-in-rain", 2, nodes=40, check_every=0)


@pytest.mark.parametrize("seed", range(1, 11))
def test_what_nodes_hold_of_a_job_that_they_are_excluded_from_is_rendered_by_the_one_that_is_left(
    seed: int,
) -> None:
    play("farm-turned-away", seed, check_every=10)
