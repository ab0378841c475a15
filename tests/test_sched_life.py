"""A job at one node, from submission to being forgotten, over restarts, sleep and the edits of people."""

from __future__ import annotations

from mesh.model.ids import Boot
from mesh.model.policy import FrameOrder, JobPolicy
from mesh.model.status import JobState
from mesh.model.units import Unit
from mesh.sched.config import SchedConfig
from mesh.sched.events import ActOnJob, Leave, Restore, Start, Woke
from mesh.sched.news import JobDurable, JobFinished
from mesh.wire.copies import KeepPixels, KeepScene, SceneKept
from mesh.wire.effects import (
    BlobFailed,
    BlobReady,
    Persist,
    Render,
    RenderFailed,
    RenderPreparing,
    RenderProgress,
    StopRender,
    Unpin,
)
from mesh.wire.jobs import Edit, EditName, JobOffer
from mesh.wire.ledger import LedgerDelta
from mesh.wire.stealing import StealGrant, StealRequest, WorkReturned
from tests.sched_bench import ME, A, B, Bench, on_disk, request, sent, thief, told
from tools.sim.farm import job_id, manifest


def test_a_node_alone_renders_everything_in_order_and_is_done() -> None:
    bench = Bench()
    job = bench.submit(manifest(frames=3, buckets=2))
    for frame in (1, 2, 3):
        assert bench.render().unit == Unit(frame, 0, 2)
        effects = bench.finish(bench.render(), bytes([frame]))
    assert told(effects, JobFinished) == [JobFinished(job, failed=0)]
    view = bench.machine.views.job(job)
    assert view is not None
    assert (view.state, view.frames_done) == (JobState.DONE, 3)


def test_a_failed_unit_is_tried_three_times_by_a_node_alone_and_then_given_up() -> None:
    bench = Bench()
    job = bench.submit(manifest(frames=1, buckets=2))
    for _ in range(3):
        render = bench.render()
        bench.tell(RenderFailed(job, render.unit, render.attempt, "no"))
    assert len([effect for effect in bench.effects if isinstance(effect, Render)]) == 3
    view = bench.machine.views.job(job)
    assert view is not None
    assert (view.state, view.frames_failed, len(view.failures)) == (JobState.FAILED, 1, 3)


def test_a_unit_without_progress_is_stopped_and_counts_as_failed() -> None:
    bench = Bench(config=SchedConfig(progress_seconds=10.0))
    job = bench.submit(manifest(frames=1, buckets=4))
    first = bench.render()
    bench.wait(8.0)
    bench.tell(RenderProgress(job, first.unit, first.attempt, 0.25))
    assert not [effect for effect in bench.wait(9.0) if isinstance(effect, StopRender)]
    assert [effect for effect in bench.wait(2.0) if isinstance(effect, StopRender)]
    view = bench.machine.views.job(job)
    assert view is not None
    assert view.failures[0].reason == "no progress for 10 s"


def test_a_unit_is_not_late_while_its_scene_is_seen_to_be_opened() -> None:
    bench = Bench(config=SchedConfig(progress_seconds=10.0))
    bench.submit(manifest(frames=1, buckets=4))
    first = bench.render()
    # Given a scene that takes far longer to open than a unit may go without progress
    for _ in range(20):
        bench.wait(8.0)
        bench.tell(RenderPreparing(first.job, first.unit, first.attempt))
    assert not [effect for effect in bench.effects if isinstance(effect, StopRender)]
    # When the engine is not seen to work any more
    bench.wait(9.0)
    assert not [effect for effect in bench.effects if isinstance(effect, StopRender)]
    assert [effect for effect in bench.wait(2.0) if isinstance(effect, StopRender)]


def test_that_an_engine_works_is_no_progress_once_there_are_pixels() -> None:
    bench = Bench(config=SchedConfig(progress_seconds=10.0))
    bench.submit(manifest(frames=1, buckets=4))
    first = bench.render()
    bench.tell(RenderProgress(first.job, first.unit, first.attempt, 0.25))
    bench.wait(8.0)
    bench.tell(RenderPreparing(first.job, first.unit, first.attempt))
    assert [effect for effect in bench.wait(3.0) if isinstance(effect, StopRender)]


def test_a_node_alone_does_not_wake_up_for_news_that_nobody_waits_for() -> None:
    bench = Bench()
    bench.submit(manifest())
    bench.wait(2.0)
    fired = len(bench.effects)
    bench.wait(10.0)
    assert len(bench.effects) - fired <= 50  # patrols twice a second, and little else


def test_frames_are_begun_in_the_order_that_the_job_asks_for() -> None:
    bench = Bench()
    job = bench.submit(manifest(frames=9, buckets=4), JobPolicy(order=FrameOrder.FIRST_LAST_MIDDLE))
    begun = []
    for number in range(4):
        render = bench.render()
        begun.append(render.unit.frame)
        bench.finish(render, pixels=bytes([number]))
    assert (job, begun) == (render.job, [1, 9, 5, 3])


def test_what_an_engine_left_of_a_unit_is_rendered_next() -> None:
    bench = Bench()
    bench.submit(manifest(frames=1))
    whole = bench.render()
    assert whole.unit.size > 1
    bench.finish(whole, stop=whole.unit.start + 1)
    assert bench.render().unit == Unit(whole.unit.frame, whole.unit.start + 1, whole.unit.stop)


def test_nothing_is_begun_before_the_scene_is_here() -> None:
    # given a node that owns work of a job whose scene is not here: it keeps the ledger, and adopts what nobody has
    bench = Bench()
    of = manifest(frames=4, buckets=4)
    keepers = Edit(EditName.KEEPERS, b"", 1, A, nodes=(ME,))
    bench.hear(A, JobOffer(job_id(of), of, JobPolicy(), A, b"", (keepers,)))
    bench.wait(120.0)
    assert bench.machine.views.job(job_id(of)).buckets_done == 0  # type: ignore[union-attr]
    # then it begins none of it, however long it waits, and neither where the scene cannot be had for now
    bench.tell(BlobFailed(of.scene_root, "nobody here has it"))
    bench.wait(120.0)
    assert not [effect for effect in bench.effects if isinstance(effect, Render)]
    # until the scene is here
    bench.tell(BlobReady(of.scene_root))
    bench.wait(10.0)
    assert bench.render().job == job_id(of)


def test_a_submission_is_durable_when_two_others_keep_the_scene() -> None:
    bench = Bench()
    bench.peer(A)
    bench.peer(B)
    job = bench.submit(manifest())
    assert len(sent(bench.effects, KeepScene)) == 2
    assert not told(bench.hear(A, SceneKept(job, kept=True)), JobDurable)
    assert told(bench.hear(B, SceneKept(job, kept=True)), JobDurable) == [JobDurable(job, (A, B))]


def test_a_submission_to_a_node_alone_is_safe_nowhere_else() -> None:
    bench = Bench()
    job = bench.submit(manifest())
    alone = bench.machine.views.job(job)
    assert alone is not None
    assert (alone.durable, alone.durable_on) == (False, ())


def test_a_restarted_node_goes_on_where_it_stopped() -> None:
    first = Bench()
    first.tell(Start())
    job = first.submit(manifest(frames=3, buckets=4))
    first.finish(first.render(), b"1")
    second = Bench(boot=2)
    second.tell(Restore(on_disk(first.effects)))
    second.tell(Start())
    second.tell(BlobReady(manifest(frames=3, buckets=4).scene_root))
    effects = second.wait(3.0)
    assert next(effect.unit for effect in effects if isinstance(effect, Render)) == Unit(2, 0, 4)
    assert second.machine.views.results(job, 0)[0] == 1


def test_a_unit_rendered_but_not_published_is_published_after_the_restart() -> None:
    first, job, asked = thief()
    first.hear(A, StealGrant(job, asked.request, Boot(1), (8, 12), 0.0))
    first.finish(first.render())
    second = Bench(boot=2)
    second.tell(Restore(on_disk(first.effects)))
    second.tell(Start())
    second.peer(A)
    assert sent(second.wait(3.0), KeepPixels, to=A)


def test_a_cancelled_job_stops_at_once_and_lets_everything_go() -> None:
    bench = Bench()
    job = bench.submit(manifest())
    bench.peer(A)
    effects = bench.tell(ActOnJob(job, EditName.CANCELLED, number=1))
    assert [effect for effect in effects if isinstance(effect, StopRender)]
    assert not sent(bench.hear(A, request(job)), StealGrant)
    assert bench.machine.views.job(job).state is JobState.CANCELLED  # type: ignore[union-attr]  # it is known


def test_a_paused_job_hands_out_nothing_and_goes_on_when_resumed() -> None:
    bench = Bench()
    bench.peer(A)
    job = bench.submit(manifest(), JobPolicy(paused=True))
    assert not [effect for effect in bench.effects if isinstance(effect, Render)]
    assert not sent(bench.hear(A, request(job)), StealGrant)
    effects = bench.tell(ActOnJob(job, EditName.PAUSED, number=0))
    assert [effect for effect in effects if isinstance(effect, Render)]


def test_a_job_waits_for_those_that_it_comes_after() -> None:
    bench = Bench(units=2)
    first, second = manifest("first", frames=1), manifest("second", frames=1)
    bench.submit(first)
    bench.submit(second, JobPolicy(after=(job_id(first),)))
    assert bench.render().job == job_id(first)
    bench.finish(bench.render())
    assert bench.render().job == job_id(second)


def test_leaving_hands_back_what_is_not_rendered() -> None:
    bench, job, asked = thief()
    bench.hear(A, StealGrant(job, asked.request, Boot(1), (8, 16), 0.0))
    effects = bench.tell(Leave())
    assert [effect for effect in effects if isinstance(effect, StopRender)]
    assert sent(effects, WorkReturned, to=A) == [WorkReturned(job, (8, 16))]
    assert not sent(bench.wait(30.0), StealRequest)


def test_waking_from_sleep_drops_claims_before_anything_else() -> None:
    bench, job, asked = thief()
    bench.hear(A, StealGrant(job, asked.request, Boot(1), (4, 16), 0.0))
    bench.now += 3600.0
    effects = bench.tell(Woke(3600.0))
    claims = [claim for delta in sent(effects + bench.wait(0.2), LedgerDelta) for claim in delta.claims]
    assert claims
    assert all(claim.spans == (4, 8) for claim in claims)


def test_a_finished_job_is_forgotten_after_the_kept_time() -> None:
    bench = Bench(config=SchedConfig(retain_seconds=100.0))
    job = bench.submit(manifest(frames=1, buckets=4))
    bench.finish(bench.render())
    assert not [effect for effect in bench.wait(99.0) if isinstance(effect, Unpin)]
    effects = bench.wait(2.0)
    assert Unpin(job) in effects
    assert Persist(job, (), None) in effects
    assert bench.machine.views.jobs() == ()
