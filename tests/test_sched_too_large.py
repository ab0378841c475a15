"""What does not fit into a node's memory is not tried there again, and people are told what is needed at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mesh.model.ids import Boot, JobId, NodeId
from mesh.model.status import JobState
from mesh.model.units import Unit
from mesh.node.waiting import waiting_for
from mesh.sched.events import PeerInfo, PeerUp, RetryJob, SetCapacity
from mesh.sched.looks import JobView
from mesh.sched.news import UnitFailed
from mesh.wire.effects import Effect, Render, RenderFailed
from mesh.wire.ledger import Entry, FailureFact, LedgerDelta, LogRun, ResultFact
from mesh.wire.stealing import StealGrant, WorkReturned
from tests.audit_bench import PIXELS, Auditor, renders
from tests.sched_bench import A, B, Bench, request, sent, told
from tools.sim.audit_scenarios import ENGINE as EXACT
from tools.sim.farm import ENGINE, manifest
from tools.sim.scenarios import play

GB = 10**9
SMALL = SetCapacity(1, (ENGINE,), memory_bytes=8 * GB)
REASON = "hall.glb needs at least 20.0 GB of memory, and this machine has 8.0 GB for it."


def small_node() -> Bench:
    bench = Bench()
    bench.tell(SMALL)
    return bench


def peer(bench: Bench, node: NodeId, memory: int) -> None:
    bench.tell(PeerUp(PeerInfo(node, Boot(1), engines=(ENGINE,), rtt=0.001, memory_bytes=memory)))


def too_large(bench: Bench, render: Render, *, scene: int = 0, unit: int = 0) -> list[Effect]:
    return bench.tell(
        RenderFailed(render.job, render.unit, render.attempt, REASON, scene_needs=scene, unit_needs=unit)
    )


def says_too_large(bench: Bench, job: JobId, node: NodeId, need: int) -> list[Effect]:
    found = Entry(failure=FailureFact(Unit(1, 0, 4), REASON, None, True, 0, need))
    return bench.hear(node, LedgerDelta(job, (LogRun(node, Boot(1), 1, (found,)),), ()))


def begun(bench: Bench) -> list[Render]:
    return [effect for effect in bench.effects if isinstance(effect, Render)]


def view_of(bench: Bench, job: JobId) -> JobView:
    view = bench.machine.views.job(job)
    assert view is not None
    return view


def sentence(bench: Bench, job: JobId) -> str:
    return waiting_for(view_of(bench, job), lambda _node: "me", bench.machine.views.job)


def test_a_node_alone_opens_a_scene_once_and_says_what_it_takes_and_what_there_is() -> None:
    bench = small_node()
    job = bench.submit(manifest(frames=240))
    effects = too_large(bench, bench.render(), scene=20 * GB)
    # Then people read why at once
    assert [event.reason for event in told(effects, UnitFailed)] == [REASON]
    assert sentence(bench, job) == (
        "no node that is here may render it: 1 has 8 GB of memory, and its scene takes 20 GB; start one that may"
    )
    # And nothing is tried again, and nothing given up
    bench.wait(3600.0)
    assert len(begun(bench)) == 1
    assert (view_of(bench, job).state, view_of(bench, job).buckets_failed) == (JobState.WAITING, 0)


@pytest.mark.parametrize(
    ("nodes", "need", "expected"),
    [
        ((), 8 * GB + 1, "1 has 8 GB of memory, and its scene takes more;"),
        ((16,), 20 * GB, "2 have 16 GB of memory at most, and its scene takes 20 GB;"),
        ((32,), 20 * GB, ""),
    ],
)
def test_the_sentence_tells_of_the_largest_node_that_is_here(
    nodes: tuple[int, ...], need: int, expected: str
) -> None:
    bench = small_node()
    for node, memory in zip((A, B), nodes, strict=False):
        peer(bench, node, memory * GB)
    job = bench.submit(manifest(frames=4))
    too_large(bench, bench.render(), scene=need)
    for node, memory in zip((A, B), nodes, strict=False):
        if memory * GB < need:
            says_too_large(bench, job, node, need)
    assert expected in sentence(bench, job)
    assert bool(expected) == bool(sentence(bench, job))


def test_a_node_that_is_large_enough_gets_all_of_it() -> None:
    bench = small_node()
    job = bench.submit(manifest(frames=4))
    too_large(bench, bench.render(), scene=20 * GB)
    peer(bench, A, 16 * GB)
    peer(bench, B, 32 * GB)
    says_too_large(bench, job, A, 20 * GB)
    assert not sent(bench.hear(A, request(job)), StealGrant), "it has not enough either"
    assert sent(bench.hear(B, request(job)), StealGrant)


def test_who_reads_the_ledger_does_not_try_in_vain() -> None:
    bench = small_node()
    of = manifest(frames=4)
    job = bench.submit(of)
    # Given that two other nodes of the same size have found out while this one opens the scene
    for node in (A, B):
        peer(bench, node, 8 * GB)
        assert view_of(bench, job).activities, "one alone might say anything"
        says_too_large(bench, job, node, 20 * GB)
    # Then it does not go on
    assert not view_of(bench, job).activities
    assert view_of(bench, job).memory == 20 * GB


def test_a_retry_and_more_memory_let_a_node_try_again() -> None:
    bench = small_node()
    job = bench.submit(manifest(frames=4))
    too_large(bench, bench.render(), scene=20 * GB)
    bench.tell(RetryJob(job))
    assert len(begun(bench)) == 2
    too_large(bench, bench.render(), scene=20 * GB)
    bench.tell(replace(SMALL, memory_bytes=32 * GB))
    assert len(begun(bench)) == 3


@pytest.mark.parametrize("memory", [0, 64 * GB])
def test_who_has_enough_by_its_own_account_or_does_not_know_does_not_try_for_ever(memory: int) -> None:
    bench = Bench()
    bench.tell(replace(SMALL, memory_bytes=memory))
    bench.submit(manifest(frames=1))
    tries = 0
    while len(begun(bench)) > tries:
        tries += 1
        too_large(bench, bench.render(), scene=20 * GB)
        assert tries <= 3
    assert tries == (3 if memory else 1)


def test_a_frame_that_alone_is_too_large_fails_at_once_where_no_node_has_more() -> None:
    bench = small_node()
    peer(bench, A, 8 * GB)
    job = bench.submit(manifest(frames=2))
    too_large(bench, bench.render(), unit=9 * GB)
    # Then the next frame is rendered, and this one is not tried again
    assert [render.unit.frame for render in begun(bench)] == [1, 2]
    assert view_of(bench, job).frames_failed == 1
    assert sentence(bench, job) == ""


def test_a_frame_that_alone_is_too_large_goes_to_a_node_with_more_memory() -> None:
    bench = small_node()
    peer(bench, A, 8 * GB)
    peer(bench, B, 32 * GB)
    job = bench.submit(manifest(frames=2))
    effects = too_large(bench, bench.render(), unit=9 * GB)
    assert sent(effects, WorkReturned, to=B)
    assert view_of(bench, job).frames_failed == 0


def test_an_audit_whose_scene_does_not_fit_is_a_lesson_too() -> None:
    bench = Auditor().give_away()
    bench.tell(SetCapacity(1, (EXACT,), memory_bytes=8 * GB))
    (check,) = renders(bench.says(A, Entry(result=ResultFact(Unit(1, 0, 4), PIXELS, 100, 1.0))))
    too_large(bench, check, scene=20 * GB)
    assert view_of(bench, bench.job).memory == 20 * GB


@pytest.mark.parametrize("seed", range(1, 5))
def test_of_small_and_large_nodes_the_large_ones_render_what_is_large(seed: int) -> None:
    play("farm-too-large", seed)
