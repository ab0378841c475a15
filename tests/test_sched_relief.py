"""Relief of stragglers: a unit that takes too long is also started by an idle node; the first result counts."""

from __future__ import annotations

import pytest

from mesh.model.ids import Boot, Digest, JobId, NodeId
from mesh.model.status import JobState
from mesh.model.units import Unit
from mesh.sched.config import SchedConfig
from mesh.sched.estimates import time_left
from mesh.sched.events import PeerDown
from mesh.sched.news import StragglerRelieved, UnitStarted
from mesh.sched.rules import worth_starting_again
from mesh.wire.effects import Effect, Render, RenderProgress, StopRender
from mesh.wire.ledger import (
    Activity,
    ClaimSet,
    Entry,
    Hint,
    JobSummary,
    LedgerDelta,
    LogRun,
    ReliefFact,
    ResultFact,
)
from mesh.wire.stealing import INVITATION, GrantTaken, StealDeny, StealGrant, StealRequest, Want, WorkReturned
from tests.sched_bench import ME, A, B, Bench, request, sent, told
from tools.sim.farm import manifest
from tools.sim.scenarios import play

PACE = 1.0
"""Seconds a bucket, as results have shown."""


@pytest.mark.parametrize(
    ("size", "done", "moved", "age", "pace", "left"),
    [
        pytest.param(4, 0, 0.0, 0.0, 1.0, 4.0, id="just begun: what is usual"),
        pytest.param(4, 0, 0.0, 3.0, 1.0, 1.0, id="under way: the rest of what is usual"),
        pytest.param(4, 0, 0.0, 10.0, 1.0, 6.0, id="overdue: for as long again"),
        pytest.param(4, 1, 4.0, 4.0, 1.0, 12.0, id="slower than usual: by its own progress"),
        pytest.param(4, 1, 1.0, 3.0, 1.0, 1.0, id="silent since, but in time"),
        pytest.param(4, 2, 2.0, 2.0, 1.0, 2.0, id="as usual"),
        pytest.param(4, 3, 3.0, 103.0, 1.0, 99.0, id="stands still near its end"),
        pytest.param(1, 0, 0.0, 5.0, 0.0, 5.0, id="nothing is known"),
    ],
)
def test_how_long_a_unit_will_take_at_least(
    size: int, done: float, moved: float, age: float, pace: float, left: float
) -> None:
    assert time_left(size, done, moved, age, pace) == pytest.approx(left)


@pytest.mark.parametrize(
    ("left", "need", "worth"),
    [
        pytest.param(4.0, 1.0, True, id="four times slower"),
        pytest.param(1.5, 1.0, False, id="would hardly be sooner"),
        pytest.param(1.0, 1.0, False, id="equally fast"),
        pytest.param(0.05, 0.01, False, id="too small to be worth a steal"),
    ],
)
def test_what_is_worth_starting_again(left: float, need: float, worth: bool) -> None:
    assert worth_starting_again(left, need, cost=0.003, factor=20) is worth


def frames_of_one_bucket(count: int = 100, config: SchedConfig | None = None) -> tuple[Bench, JobId]:
    """A job whose frames cannot be cut, all but one done by `A` at PACE, the last begun here: nothing is left
    to give."""
    bench = Bench(config=config)
    bench.peer(A)
    job = bench.submit(manifest(frames=count, buckets=1))
    pixels = (Digest(bytes([frame]) * 32) for frame in range(2, count + 1))
    done = tuple(
        Entry(result=ResultFact(Unit(frame, 0, 1), each, 10, PACE, (ME,)))
        for frame, each in zip(range(2, count + 1), pixels, strict=True)
    )
    bench.hear(A, LedgerDelta(job, (LogRun(A, Boot(1), 1, done),), ()))
    return bench, job


def waits(job: JobId, number: int = 7, speed: float = 1 / PACE) -> StealRequest:
    return StealRequest(number, Boot(1), (Want(job, speed),), parked=True, idle=True)


def also_granted(effects: list[Effect]) -> list[tuple[int, ...]]:
    return [grant.spans for grant in sent(effects, StealGrant) if grant.also]


# --- the node that is slow ---------------------------------------------------------------------------


def test_an_overdue_unit_is_also_given_to_a_thief_that_waits_and_goes_on_here() -> None:
    bench, job = frames_of_one_bucket()
    assert not also_granted(bench.hear(A, waits(job)))
    assert not also_granted(bench.wait(2.5))
    effects = bench.wait(3.0)
    assert also_granted(effects) == [(0, 1)]
    assert not [effect for effect in bench.effects if isinstance(effect, StopRender)]
    effects = bench.hear(A, GrantTaken(job, 7))
    assert told(effects, StragglerRelieved) == [StragglerRelieved(job, Unit(1, 0, 1), ME, A)]
    view = bench.machine.views.job(job)
    assert view is not None
    assert (view.relieved, view.buckets_done) == (1, 99)


def test_a_unit_that_is_in_time_is_not_started_again() -> None:
    bench, job = frames_of_one_bucket()
    bench.hear(A, waits(job))
    bench.wait(0.3)
    render = bench.render()
    bench.tell(RenderProgress(job, render.unit, render.attempt, 0.3))
    assert not also_granted(bench.wait(0.9))


def test_only_who_waits_relieves_for_others_may_find_work_elsewhere() -> None:
    bench, job = frames_of_one_bucket()
    bench.wait(10.0)
    asks = StealRequest(7, Boot(1), (Want(job, 1 / PACE),), parked=False, idle=True)
    effects = bench.hear(A, asks)
    assert not also_granted(effects)
    assert sent(effects, StealDeny)


def test_a_slow_thief_relieves_nobody() -> None:
    bench, job = frames_of_one_bucket()
    bench.hear(A, waits(job, speed=0.01))
    assert not also_granted(bench.wait(20.0))


def test_a_unit_is_started_again_once_while_its_helper_lives_and_by_another_after_that() -> None:
    bench, job = frames_of_one_bucket()
    bench.peer(B)
    bench.hear(A, waits(job))
    assert also_granted(bench.wait(6.0)) == [(0, 1)]
    bench.hear(A, GrantTaken(job, 7))
    bench.hear(B, waits(job))
    assert not also_granted(bench.wait(20.0))
    bench.tell(PeerDown(A))
    assert also_granted(bench.hear(B, waits(job, 8))) == [(0, 1)]


def test_what_a_helper_sends_back_is_offered_to_the_next() -> None:
    bench, job = frames_of_one_bucket()
    bench.hear(A, waits(job))
    assert also_granted(bench.wait(6.0)) == [(0, 1)]
    bench.hear(A, WorkReturned(job, (0, 1)))
    assert also_granted(bench.hear(A, waits(job, 8))) == [(0, 1)]
    bench.hear(A, GrantTaken(job, 8))
    view = bench.machine.views.job(job)
    assert view is not None
    assert view.relieved == 1


def test_the_first_result_counts_and_the_other_unit_is_withdrawn() -> None:
    bench, job = frames_of_one_bucket()
    bench.hear(A, waits(job))
    bench.wait(6.0)
    bench.hear(A, GrantTaken(job, 7))
    result = Entry(result=ResultFact(Unit(1, 0, 1), Digest(b"q" * 32), 10, PACE, (ME,)))
    effects = bench.hear(A, LedgerDelta(job, (LogRun(A, Boot(1), 100, (result,)),), ()))
    assert [effect.unit for effect in effects if isinstance(effect, StopRender)] == [Unit(1, 0, 1)]
    view = bench.machine.views.job(job)
    assert view is not None
    assert view.state is JobState.DONE


def test_only_a_small_part_of_a_job_is_started_again() -> None:
    bench, job = frames_of_one_bucket(config=SchedConfig(relief_share=0.05))
    before = tuple(Entry(relief=ReliefFact(Unit(frame, 0, 1), A)) for frame in range(2, 7))
    bench.hear(A, LedgerDelta(job, (LogRun(A, Boot(1), 100, before),), ()))
    bench.hear(A, waits(job))
    assert not also_granted(bench.wait(20.0))


def test_what_waits_behind_an_overdue_unit_is_given_away_whole() -> None:
    # Given a unit that is usually done after a second, and one that the engine has already for after that
    bench = Bench(config=SchedConfig(engine_ahead_seconds=0.5))
    job = bench.submit(manifest(frames=3, buckets=1))
    bench.finish(bench.render())  # in one second, it says
    bench.wait(0.6)
    bench.peer(A)
    assert bench.render().unit == Unit(3, 0, 1)
    # When it is overdue and somebody waits
    bench.wait(5.0)
    effects = bench.hear(A, waits(job))
    # Then that one is not rendered twice, but elsewhere
    (grant,) = sent(effects, StealGrant)
    assert (grant.spans, grant.also) == ((2, 3), False)
    assert [effect.unit for effect in effects if isinstance(effect, StopRender)] == [Unit(3, 0, 1)]


# --- the node that helps -----------------------------------------------------------------------------


def helping() -> tuple[Bench, JobId]:
    """Here everything is idle, and the keeper `A` has sent the node to `A` itself, which takes too long."""
    bench = Bench()
    bench.peer(A)
    bench.peer(B)
    job = bench.offered(manifest(frames=4, buckets=4), by=A)
    bench.wait(3.0)
    invite(bench, job, A)
    return bench, job


def invite(bench: Bench, job: JobId, straggler: NodeId) -> list[Effect]:
    return bench.hear(A, StealDeny(INVITATION, Boot(1), (Hint(job, straggler, 4, late=True),)))


def newest_wait(bench: Bench) -> StealRequest:
    return [one for one in sent(bench.effects, StealRequest) if one.parked][-1]


def test_a_helper_starts_at_once_says_so_and_lends_none_of_it() -> None:
    bench, job = helping()
    number = newest_wait(bench).request
    effects = bench.hear(A, StealGrant(job, number, Boot(1), (0, 4), PACE, also=True))
    assert [event.unit for event in told(effects, UnitStarted)] == [Unit(1, 0, 4)]
    assert sent(effects, GrantTaken, A) == [GrantTaken(job, number)]
    # The slow node asks for work itself: it must not get back what it renders already.
    bench.wait(1.0)
    assert not sent(bench.hear(A, waits(job)), StealGrant)


def test_a_node_that_waits_is_sent_to_a_straggler_by_a_keeper() -> None:
    bench, job = helping()
    (asked,) = sent(invite(bench, job, B), StealRequest, B)
    assert asked.parked


def test_a_keeper_names_a_straggler_to_one_who_waits() -> None:
    bench, job = frames_of_one_bucket()
    bench.finish(bench.render())
    again = bench.submit(manifest(name="other", frames=3, buckets=1))
    bench.finish(bench.render(), b"r")
    render = bench.render()
    bench.peer(B)
    slow = Activity(Unit(3, 0, 1), 0.0, 30.0)
    claim = ClaimSet(B, Boot(1), 1, 0.0, (2, 3), 0, 1.0, (slow,))
    bench.hear(B, LedgerDelta(again, (), (claim,)))
    bench.finish(render, b"s")
    bench.hear(A, waits(again))
    denials = sent(bench.wait(3.0), StealDeny, A)
    assert any(hint.late and hint.node == B for denial in denials for hint in denial.hints)
    assert job


@pytest.mark.parametrize(("silent", "late"), [(0.39, False), (2.0, True)])
def test_a_unit_that_was_in_time_by_its_last_report_is_late_only_when_overdue(
    silent: float, late: bool
) -> None:
    """Given a unit that B had rendered by 60 % after 60 % of the usual time, and nothing said since; when a node
    waits that would need a tenth of that time."""
    bench = Bench(units=0)
    job = bench.submit(manifest(frames=2, buckets=1))
    for node in (A, B):
        bench.peer(node)
    for number in (1, 2):
        bench.hear(B, request(job, number))
        bench.hear(B, GrantTaken(job, number))
    first = Entry(result=ResultFact(Unit(1, 0, 1), Digest(b"r" * 32), 9, PACE, (B,)))
    at_it = ClaimSet(B, Boot(1), 1, 0.0, (1, 2), 0, 1 / PACE, (Activity(Unit(2, 0, 1), 0.6, 0.6),))
    bench.hear(B, LedgerDelta(job, (LogRun(B, Boot(1), 1, (first,)),), (at_it,)))
    bench.now += silent
    denials = sent(bench.hear(A, waits(job, speed=10 / PACE)) + bench.wait(0.2), StealDeny, A)
    assert any(hint.late and hint.node == B for denial in denials for hint in denial.hints) is late


def test_a_worker_that_keeps_no_ledger_stops_what_a_keeper_says_is_done() -> None:
    bench, job = helping()
    bench.hear(A, StealGrant(job, newest_wait(bench).request, Boot(1), (0, 4), PACE))
    assert [effect for effect in bench.effects if isinstance(effect, Render)]
    effects = bench.hear(A, JobSummary(job, 4, 0, finished=False, done_spans=(0, 4)))
    assert [effect.unit for effect in effects if isinstance(effect, StopRender)] == [Unit(1, 0, 4)]


# --- on a farm ---------------------------------------------------------------------------------------


def test_frames_that_cannot_be_cut_are_not_waited_for_on_a_slow_node() -> None:
    relieved = [play("farm-straggler", seed)["relieved"] for seed in range(1, 7)]
    relieved += [play("farm-slow-keeper", seed, check_every=5)["relieved"] for seed in range(1, 5)]
    assert set(relieved) <= {0, 1}
    assert sum(relieved) >= 3


@pytest.mark.parametrize("seed", range(1, 13))
def test_a_renderer_that_stands_still_holds_up_nobody(seed: int) -> None:
    play("farm-stalled", seed)


@pytest.mark.parametrize("seed", range(1, 5))
def test_a_scene_that_takes_long_to_open_is_no_failure_and_a_renderer_that_hangs_is(seed: int) -> None:
    play("farm-long-opening", seed)


def test_nor_in_a_mesh_where_few_know_who_does_what() -> None:
    for seed in (1, 2):
        play("farm-stalled", seed, nodes=24, check_every=50)
