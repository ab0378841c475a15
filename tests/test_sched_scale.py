"""Jobs of very many frames cost as much for each frame as small ones: lines of Python are counted, not seconds."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from types import FrameType

import pytest

from mesh.model.ids import Boot, Digest, JobId, NodeId
from mesh.model.policy import FrameOrder, JobPolicy
from mesh.model.units import Unit
from mesh.wire.effects import Render
from mesh.wire.ledger import Activity, ClaimSet, Entry, LedgerDelta, LogRun, ResultFact
from tests.sched_bench import Bench
from tools.sim.farm import job_id, manifest

A = NodeId(b"a" * 32)
FEW, MANY = 60, 1200
MORE = 1.15
"""Times as many lines for each frame of the large job: the logarithm's due, and some for looks every second."""


def lines_of(action: Callable[[], object]) -> int:
    """How many lines of the scheduler run; a comprehension's once for each element."""
    count = 0

    def line(_frame: FrameType, event: str, _arg: object) -> object:
        nonlocal count
        count += event == "line"
        return line

    def call(frame: FrameType, _event: str, _arg: object) -> object:
        return line if "/mesh/sched/" in frame.f_code.co_filename else None

    before = sys.gettrace()
    sys.settrace(call)  # type: ignore[arg-type]  # typeshed wants a recursive type here
    try:
        action()
    finally:
        sys.settrace(before)
    return count


def render_all(frames: int) -> None:
    """A node alone, from the submission to the end."""
    bench = Bench()
    of = manifest(frames=frames, buckets=1)
    bench.machine.check = lambda: None  # type: ignore[method-assign]  # it counts everything, and is for tests
    bench.submit(of, JobPolicy(order=FrameOrder.SCATTERED))
    for number in range(frames):
        render = bench.render()
        bench.effects.clear()
        bench.wait(0.1)
        bench.finish(render, bytes([number % 256]))
    view = bench.machine.views.job(job_id(of))
    assert view is not None
    assert view.frames_done == frames


def keep_all(frames: int) -> None:
    """A keeper that hears of results in no order, and every time what their node has in hand."""
    bench = Bench(units=0)
    bench.peer(A)
    bench.machine.check = lambda: None  # type: ignore[method-assign]  # as above
    job = bench.submit(manifest(frames=frames, buckets=1))
    order = list(range(1, frames + 1))
    random.Random(1).shuffle(order)
    for number, frame in enumerate(order, 1):
        bench.effects.clear()
        bench.wait(0.1)
        result = Entry(
            result=ResultFact(Unit(frame, 0, 1), Digest(number.to_bytes(32, "big")), 10, 0.1, (A,))
        )
        claim = ClaimSet(
            A, Boot(1), number, 0.0, (0, frames), 0, 10.0, (Activity(Unit(frame, 0, 1), 0.5, 0.1),)
        )
        bench.hear(A, LedgerDelta(job, (LogRun(A, Boot(1), number, (result,)),), (claim,)))
    view = bench.machine.views.job(job)
    assert view is not None
    assert view.frames_done == frames


def test_a_node_does_as_much_for_each_frame_of_a_long_job_as_of_a_short_one() -> None:
    few, many = lines_of(lambda: render_all(FEW)) / FEW, lines_of(lambda: render_all(MANY)) / MANY
    assert many <= MORE * few, f"{many:.0f} lines a frame instead of {few:.0f}"


def test_a_keeper_does_as_much_for_each_result_of_a_long_job_as_of_a_short_one() -> None:
    few, many = lines_of(lambda: keep_all(FEW)) / FEW, lines_of(lambda: keep_all(MANY)) / MANY
    assert many <= MORE * few, f"{many:.0f} lines a result instead of {few:.0f}"


def test_submitting_does_not_look_at_every_frame() -> None:
    few, many = (lines_of(lambda n=n: Bench().submit(manifest(frames=n, buckets=1))) for n in (FEW, MANY))  # type: ignore[misc]
    assert many <= MORE * few


def waiting_jobs(count: int, policy: JobPolicy) -> Bench:
    """A node with one job that it renders and `count` more."""
    bench = Bench()
    bench.machine.check = lambda: None  # type: ignore[method-assign]  # as above
    bench.peer(A)
    for number in range(count):
        bench.submit(manifest(f"shot{number}", frames=4, buckets=1), policy)
    return bench


@pytest.mark.parametrize("policy", [JobPolicy(paused=True), JobPolicy()], ids=["paused", "queued"])
def test_a_node_does_as_much_for_each_of_many_jobs_as_for_each_of_few(policy: JobPolicy) -> None:
    few, many = 50, 400
    benches = [waiting_jobs(count, policy) for count in (few, many)]
    of_few, of_many = (lines_of(lambda bench=bench: bench.wait(2.0)) for bench in benches)  # type: ignore[misc]
    assert of_many / many <= MORE * of_few / few


def test_a_job_that_begins_to_have_work_is_ranked_at_once_beside_many() -> None:
    bench = waiting_jobs(400, JobPolicy(paused=True))
    bench.wait(0.1)
    assert not told_of_renders(bench)
    job = bench.submit(manifest("urgent", frames=4, buckets=1))
    assert told_of_renders(bench) == [job]


def told_of_renders(bench: Bench) -> list[JobId]:
    return [effect.job for effect in bench.effects if isinstance(effect, Render)]
