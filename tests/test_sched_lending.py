"""What a node lends of its work, to whom, and how it gets back what was lost on the way."""

from __future__ import annotations

from mesh.model.ids import Boot
from mesh.model.policy import JobPolicy
from mesh.model.status import JobState
from mesh.model.units import Unit
from mesh.sched.config import SchedConfig
from mesh.sched.events import PeerChanged, PeerDown, PeerInfo
from mesh.sched.news import JobFinished, WorkReassigned
from mesh.wire.copies import KeepPixels, PixelsKept
from mesh.wire.effects import Render, RenderFailed, RenderProgress, SendFailed, Shorten
from mesh.wire.stealing import GrantTaken, StealGrant, WorkReturned
from tests.sched_bench import A, Bench, request, sent, told
from tools.sim.farm import ENGINE, manifest


def test_half_is_lent_from_the_back_in_whole_frames() -> None:
    bench = Bench()
    job = bench.submit(manifest(frames=9, buckets=4))
    bench.peer(A)
    (grant,) = sent(bench.hear(A, request(job)), StealGrant)
    assert grant.spans == (20, 36)


def test_no_more_frames_are_lent_at_once_than_a_chunk() -> None:
    bench = Bench()
    bench.peer(A)
    job = bench.submit(manifest(frames=20, buckets=4), JobPolicy(chunk=2))
    (grant,) = sent(bench.hear(A, request(job)), StealGrant)
    assert sum(grant.spans[1::2]) - sum(grant.spans[::2]) == 2 * 4


def test_what_failed_here_and_came_back_is_given_to_whoever_asks_however_short_it_is() -> None:
    bench = Bench()
    bench.peer(A)
    job = bench.submit(manifest(frames=2, buckets=4))
    bench.finish(bench.render())
    # Given a unit that failed here and was handed over, of which the other node has lent a bucket back
    failed = bench.render()
    effects = bench.tell(RenderFailed(job, failed.unit, failed.attempt, "no progress"))
    assert sent(effects, WorkReturned, to=A) == [WorkReturned(job, (4, 8))]
    bench.hear(A, WorkReturned(job, (7, 8)))
    assert len([effect for effect in bench.effects if isinstance(effect, Render)]) == 2
    # When somebody asks for work, then that gets it, though one who would render it would keep it
    (grant,) = sent(bench.hear(A, request(job)), StealGrant)
    assert grant.spans == (7, 8)


def test_a_grant_that_cannot_be_delivered_is_owned_again() -> None:
    bench = Bench()
    job = bench.submit(manifest(frames=2, buckets=4))
    bench.peer(A)
    (grant,) = sent(bench.hear(A, request(job)), StealGrant)
    bench.tell(SendFailed(A, grant))
    bench.finish(bench.render(), b"1")
    bench.finish(bench.render(), b"2")
    assert bench.render().unit == Unit(2, 0, 4)


def test_a_grant_never_acknowledged_is_owned_again_after_a_while() -> None:
    bench = Bench()
    job = bench.submit(manifest(frames=2, buckets=4))
    bench.peer(A)
    bench.hear(A, request(job))
    bench.wait(SchedConfig().lease_seconds)
    (again,) = sent(bench.hear(A, request(job, 2)), StealGrant)
    assert again.spans == (4, 8)


def test_work_of_a_dead_thief_comes_back_at_once_and_somebody_is_told() -> None:
    bench = Bench()
    job = bench.submit(manifest(frames=8, buckets=4))
    bench.peer(A)
    (grant,) = sent(bench.hear(A, request(job)), StealGrant)
    bench.hear(A, GrantTaken(job, grant.request))
    effects = bench.tell(PeerDown(A))
    (reassigned,) = told(effects, WorkReassigned)
    size = grant.spans[1] - grant.spans[0]
    assert reassigned == WorkReassigned(job, A, size, size // 4)


def test_a_reborn_thief_has_forgotten_what_it_took() -> None:
    bench = Bench()
    job = bench.submit(manifest(frames=8, buckets=4))
    bench.peer(A)
    (grant,) = sent(bench.hear(A, request(job)), StealGrant)
    bench.hear(A, GrantTaken(job, grant.request))
    effects = bench.tell(PeerChanged(PeerInfo(A, Boot(2), engines=(ENGINE,))))
    assert told(effects, WorkReassigned)


def test_a_request_from_an_earlier_life_gets_nothing() -> None:
    bench = Bench()
    job = bench.submit(manifest(frames=8, buckets=4))
    bench.peer(A, boot=2)
    assert not sent(bench.hear(A, request(job, boot=1)), StealGrant)


def test_a_request_that_comes_twice_is_granted_once() -> None:
    bench = Bench()
    job = bench.submit(manifest(frames=8, buckets=4))
    bench.peer(A)
    assert sent(bench.hear(A, request(job)), StealGrant)
    assert not sent(bench.hear(A, request(job)), StealGrant)
    assert sent(bench.hear(A, request(job, 2)), StealGrant)


def test_a_running_unit_loses_its_untouched_back() -> None:
    bench = Bench()
    job = bench.submit(manifest(frames=1, buckets=40))
    bench.peer(A)
    render = bench.render()
    bench.wait(1.0)
    bench.tell(RenderProgress(job, render.unit, render.attempt, 0.25))
    effects = bench.hear(A, request(job))
    (grant,) = sent(effects, StealGrant)
    (shorten,) = [effect for effect in effects if isinstance(effect, Shorten)]
    assert grant.spans[1] == 40
    assert shorten.stop == grant.spans[0] > 10
    bench.hear(A, GrantTaken(job, grant.request))
    bench.finish(render, stop=shorten.stop)
    view = bench.machine.views.job(job)
    assert view is not None
    assert view.state is JobState.RUNNING


def test_a_unit_shortened_too_late_counts_for_all_that_it_covers() -> None:
    bench = Bench()
    job = bench.submit(manifest(frames=1, buckets=40))
    bench.peer(A)
    render = bench.render()
    bench.wait(1.0)
    bench.tell(RenderProgress(job, render.unit, render.attempt, 0.25))
    (grant,) = sent(bench.hear(A, request(job)), StealGrant)
    bench.hear(A, GrantTaken(job, grant.request))
    effects = bench.finish(render)
    (keep,) = sent(effects, KeepPixels)
    effects = bench.hear(A, PixelsKept(job, keep.pixels, kept=True))
    assert told(effects, JobFinished)


def test_a_parked_thief_is_served_as_soon_as_there_is_work() -> None:
    bench = Bench()
    job = bench.submit(manifest(frames=1, buckets=40))
    bench.peer(A)
    assert not sent(bench.hear(A, request(job, 7, parked=True)), StealGrant)
    render = bench.render()
    bench.now += 1.0
    effects = bench.tell(RenderProgress(job, render.unit, render.attempt, 0.25))
    (grant,) = sent(effects, StealGrant, to=A)
    assert grant.request == 7


def test_a_silent_engine_is_cut_once_its_silence_shows_that_it_pays() -> None:
    bench = Bench(config=SchedConfig(rescue_seconds=60, settle_seconds=60, pulse_seconds=60))
    job = bench.submit(manifest(frames=1, buckets=40))
    bench.peer(A)
    bench.hear(A, request(job, 7, parked=True))
    assert sent(bench.wait(0.4), StealGrant, to=A)
