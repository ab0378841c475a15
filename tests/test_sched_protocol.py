"""One scheduler, hand-fed: stale words, lost words, and what may be claimed when."""

from __future__ import annotations

import random
from typing import TypeVar

import pytest

from mesh.model.ids import Boot, Digest, JobId, NodeId
from mesh.model.manifest import Manifest
from mesh.model.policy import FrameOrder, JobPolicy
from mesh.model.status import JobState
from mesh.model.units import Unit
from mesh.sched.config import SchedConfig
from mesh.sched.events import (
    ActOnJob,
    JobDurable,
    JobFinished,
    Leave,
    PeerChanged,
    PeerDown,
    PeerInfo,
    PeerUp,
    Record,
    Restore,
    SetCapacity,
    Start,
    SubmitJob,
    Woke,
    WorkReassigned,
)
from mesh.sched.rights import Rights
from mesh.sched.scheduler import SchedEvent, Scheduler
from mesh.wire.codec import encode, encode_record
from mesh.wire.copies import KeepPixels, KeepScene, PixelsKept, SceneKept
from mesh.wire.effects import (
    BlobFailed,
    BlobReady,
    Effect,
    Fetch,
    MessageReceived,
    Notify,
    Persist,
    Render,
    RenderDone,
    RenderFailed,
    RenderProgress,
    Send,
    SendFailed,
    SetTimer,
    Shorten,
    StopRender,
    TimerFired,
    Unpin,
)
from mesh.wire.jobs import Edit, EditName, JobOffer
from mesh.wire.ledger import LedgerDelta
from mesh.wire.stealing import GrantTaken, StealGrant, StealRequest, Want, WorkReturned
from tools.sim.farm import ENGINE, job_id, manifest

ME, A, B = (NodeId(bytes([letter]) * 32) for letter in b"mab")
Kind = TypeVar("Kind")


class Bench:
    """A scheduler on the table: remembers every effect, and fires timers when time passes."""

    def __init__(
        self, units: int = 1, config: SchedConfig | None = None, boot: int = 1, rights: Rights | None = None
    ) -> None:
        self.now = 0.0
        self.machine = Scheduler(ME, Boot(boot), config or SchedConfig(), random.Random(1), rights=rights)
        self.effects: list[Effect] = []
        self.timers: list[SetTimer] = []
        self.tell(SetCapacity(units, (ENGINE,)))

    def tell(self, event: SchedEvent) -> list[Effect]:
        effects = self.machine.handle(event, self.now)
        self.machine.check()
        for effect in effects:
            if isinstance(effect, Send):
                encode(effect.message)  # everything said must fit its own declaration
            elif isinstance(effect, Persist) and effect.record is not None:
                encode_record(effect.record)
        self.effects += effects
        self.timers += [effect for effect in effects if isinstance(effect, SetTimer)]
        return effects

    def hear(self, sender: NodeId, message: object) -> list[Effect]:
        return self.tell(MessageReceived(sender, message))  # type: ignore[arg-type]  # messages, all of them

    def wait(self, seconds: float) -> list[Effect]:
        effects: list[Effect] = []
        until = self.now + seconds
        while due := [timer for timer in self.timers if timer.at <= until]:
            timer = min(due, key=lambda timer: timer.at)
            self.timers.remove(timer)
            self.now = max(self.now, timer.at)
            effects += self.tell(TimerFired(timer.token))
        self.now = until
        return effects

    def peer(self, node: NodeId, boot: int = 1) -> list[Effect]:
        return self.tell(PeerUp(PeerInfo(node, Boot(boot), engines=(ENGINE,), rtt=0.001)))

    def submit(self, of: Manifest, policy: JobPolicy | None = None) -> JobId:
        self.tell(SubmitJob(job_id(of), of, ME, b"", policy or JobPolicy()))
        return job_id(of)

    def offered(self, of: Manifest, by: NodeId) -> JobId:
        """A job of another node, its scene here."""
        keepers = Edit(EditName.KEEPERS, b"", 1, by, nodes=(by,))
        self.hear(by, JobOffer(job_id(of), of, JobPolicy(), by, b"", (keepers,)))
        self.tell(BlobReady(of.scene_root))
        return job_id(of)

    def render(self) -> Render:
        """The newest unit that was started."""
        return [effect for effect in self.effects if isinstance(effect, Render)][-1]

    def finish(self, render: Render, pixels: bytes = b"p", stop: int | None = None) -> list[Effect]:
        unit = Unit(render.unit.frame, render.unit.start, stop or render.unit.stop)
        return self.tell(RenderDone(render.job, unit, render.attempt, Digest(pixels * 32), 100, 1.0))


def sent(effects: list[Effect], kind: type[Kind], to: NodeId | None = None) -> list[Kind]:
    return [
        effect.message
        for effect in effects
        if isinstance(effect, Send) and isinstance(effect.message, kind) and to in (None, effect.to)
    ]


def told(effects: list[Effect], kind: type[Kind]) -> list[Kind]:
    return [
        effect.event for effect in effects if isinstance(effect, Notify) and isinstance(effect.event, kind)
    ]


def request(job: JobId, number: int = 1, boot: int = 1, *, parked: bool = False) -> StealRequest:
    return StealRequest(number, Boot(boot), (Want(job, 0.0),), parked, idle=True)


# --- alone ------------------------------------------------------------------------------------------


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


def test_a_node_alone_does_not_wake_up_for_news_that_nobody_waits_for() -> None:
    bench = Bench()
    bench.submit(manifest())
    bench.wait(2.0)
    fired = len(bench.effects)
    bench.wait(10.0)
    assert len(bench.effects) - fired <= 50  # patrols twice a second, and little else


# --- lending ----------------------------------------------------------------------------------------


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
    assert sum(stop - start for start, stop in pairwise_of(grant.spans)) == 2 * 4


def test_frames_are_begun_in_the_order_that_the_job_asks_for() -> None:
    bench = Bench()
    job = bench.submit(manifest(frames=9, buckets=4), JobPolicy(order=FrameOrder.FIRST_LAST_MIDDLE))
    begun = []
    for number in range(4):
        render = bench.render()
        begun.append(render.unit.frame)
        bench.finish(render, pixels=bytes([number]))
    assert (job, begun) == (render.job, [1, 9, 5, 3])


def pairwise_of(spans: tuple[int, ...]) -> list[tuple[int, int]]:
    return list(zip(spans[::2], spans[1::2], strict=True))


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


def test_what_an_engine_left_of_a_unit_is_rendered_next() -> None:
    bench = Bench()
    bench.submit(manifest(frames=1))
    whole = bench.render()
    assert whole.unit.size > 1
    bench.finish(whole, stop=whole.unit.start + 1)
    assert bench.render().unit == Unit(whole.unit.frame, whole.unit.start + 1, whole.unit.stop)


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


# --- stealing ---------------------------------------------------------------------------------------


def _thief() -> tuple[Bench, JobId, StealRequest]:
    """A node that knows of a job and has asked its submitter for work."""
    bench = Bench()
    bench.peer(A)
    job = bench.offered(manifest(frames=4, buckets=4), by=A)
    (asked,) = sent(bench.effects, StealRequest, to=A)
    return bench, job, asked


def test_nobody_asks_for_work_before_the_scene_is_here() -> None:
    bench = Bench()
    bench.peer(A)
    of = manifest(frames=4, buckets=4)
    effects = bench.hear(A, JobOffer(job_id(of), of, JobPolicy(), A, b"", ()))
    assert [effect for effect in effects if isinstance(effect, Fetch)]
    assert not sent(effects, StealRequest)
    assert sent(bench.tell(BlobReady(of.scene_root)), StealRequest, to=A)


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


def test_a_granted_unit_is_rendered_and_acknowledged() -> None:
    bench, job, asked = _thief()
    effects = bench.hear(A, StealGrant(job, asked.request, Boot(1), (8, 16), 0.0))
    assert sent(effects, GrantTaken, to=A) == [GrantTaken(job, asked.request)]
    assert bench.render().unit == Unit(3, 0, 4)


@pytest.mark.parametrize(("number", "boot"), [(99, 1), (0, 1), (1, 2), (1, 0)])
def test_a_stale_grant_is_sent_back_and_not_rendered(number: int, boot: int) -> None:
    bench, job, asked = _thief()
    wrong = StealGrant(job, number if number != 1 else asked.request, Boot(boot), (8, 16), 0.0)
    effects = bench.hear(A, wrong)
    assert sent(effects, WorkReturned, to=A) == [WorkReturned(job, (8, 16))]
    assert not [effect for effect in bench.effects if isinstance(effect, Render)]


def test_a_grant_that_comes_after_its_time_out_is_sent_back() -> None:
    bench, job, asked = _thief()
    bench.wait(1.5)
    effects = bench.hear(A, StealGrant(job, asked.request, Boot(1), (8, 16), 0.0))
    assert sent(effects, WorkReturned, to=A)


def test_work_that_went_round_in_a_circle_is_owned_again() -> None:
    bench = Bench(units=0)
    job = bench.submit(manifest(frames=1, buckets=4))
    bench.peer(A)
    bench.peer(B)
    (lent,) = sent(bench.hear(A, request(job)), StealGrant)
    bench.tell(SetCapacity(1, (ENGINE,)))
    asked = sent(bench.effects, StealRequest)[-1]
    for node in (A, B):  # whichever was asked
        bench.hear(node, StealGrant(job, asked.request, Boot(1), lent.spans, 0.0))
    assert bench.render().unit == Unit(1, 0, 4)
    bench.hear(A, GrantTaken(job, lent.request))
    bench.finish(bench.render())


# --- two copies -------------------------------------------------------------------------------------


def test_a_result_is_published_only_when_another_node_holds_it() -> None:
    bench, job, asked = _thief()
    bench.hear(A, StealGrant(job, asked.request, Boot(1), (8, 12), 0.0))
    effects = bench.finish(bench.render())
    (keep,) = sent(effects, KeepPixels, to=A)
    assert bench.machine.views.results(job, 0) == (0, ())
    bench.hear(A, PixelsKept(job, keep.pixels, kept=True))
    cursor, (result,) = bench.machine.views.results(job, 0)
    assert cursor == 1
    assert result.holders == (ME, A)


def test_without_anybody_to_hold_it_a_result_is_published_and_copied_later() -> None:
    bench = Bench()
    job = bench.submit(manifest(frames=1, buckets=4))
    bench.finish(bench.render())
    assert bench.machine.views.results(job, 0)[0] == 1
    bench.peer(A)
    (keep,) = sent(bench.wait(2.0), KeepPixels, to=A)
    assert keep.entry


def test_a_copy_that_nobody_would_keep_is_offered_again_later() -> None:
    bench = Bench()
    job = bench.submit(manifest(frames=2, buckets=1))
    bench.peer(A)
    bench.wait(2.0)
    (keep,) = sent(bench.finish(bench.render()), KeepPixels)
    bench.hear(A, PixelsKept(job, keep.pixels, kept=False))  # its disk is full
    assert not sent(bench.wait(5.0), KeepPixels)
    assert [again.pixels for again in sent(bench.wait(6.0), KeepPixels, to=A)] == [keep.pixels]


def test_when_the_other_holder_is_gone_for_long_another_copy_is_made() -> None:
    bench = Bench()
    job = bench.submit(manifest(frames=1, buckets=4))
    bench.peer(A)
    (keep,) = sent(bench.finish(bench.render()), KeepPixels, to=A)
    bench.hear(A, PixelsKept(job, keep.pixels, kept=True))
    bench.peer(B)
    bench.wait(3.0)
    bench.tell(PeerDown(A))
    assert not sent(bench.wait(9.0), KeepPixels)
    assert sent(bench.wait(2.0), KeepPixels, to=B)


def test_a_node_asked_to_keep_pixels_says_so_once_they_are_here() -> None:
    bench, job, _ = _thief()
    pixels = Digest(b"x" * 32)
    effects = bench.hear(A, KeepPixels(job, pixels, 10, (A,), entry=False))
    assert Fetch(pixels, (A,)) in effects
    effects = bench.tell(BlobReady(pixels))
    assert sent(effects, PixelsKept, to=A) == [PixelsKept(job, pixels, kept=True)]


# --- durability, restarts, edits --------------------------------------------------------------------


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


def _disk(effects: list[Effect]) -> tuple[Record, ...]:
    """What is on disk after all these effects."""
    disk: dict[tuple[JobId, tuple[str, ...]], object] = {}
    for effect in effects:
        if isinstance(effect, Persist) and effect.record is not None:
            disk[effect.job, effect.key] = effect.record
        elif isinstance(effect, Persist):
            disk.pop((effect.job, effect.key), None)
    return tuple(
        Record(job, key, record) for (job, key), record in sorted(disk.items(), key=lambda item: item[0])
    )


def test_a_restarted_node_goes_on_where_it_stopped() -> None:
    first = Bench()
    first.tell(Start())
    job = first.submit(manifest(frames=3, buckets=4))
    first.finish(first.render(), b"1")
    second = Bench(boot=2)
    second.tell(Restore(_disk(first.effects)))
    second.tell(Start())
    second.tell(BlobReady(manifest(frames=3, buckets=4).scene_root))
    effects = second.wait(3.0)
    assert next(effect.unit for effect in effects if isinstance(effect, Render)) == Unit(2, 0, 4)
    assert second.machine.views.results(job, 0)[0] == 1


def test_a_unit_rendered_but_not_published_is_published_after_the_restart() -> None:
    first, job, asked = _thief()
    first.hear(A, StealGrant(job, asked.request, Boot(1), (8, 12), 0.0))
    first.finish(first.render())
    second = Bench(boot=2)
    second.tell(Restore(_disk(first.effects)))
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
    bench, job, asked = _thief()
    bench.hear(A, StealGrant(job, asked.request, Boot(1), (8, 16), 0.0))
    effects = bench.tell(Leave())
    assert [effect for effect in effects if isinstance(effect, StopRender)]
    assert sent(effects, WorkReturned, to=A) == [WorkReturned(job, (8, 16))]
    assert not sent(bench.wait(30.0), StealRequest)


def test_waking_from_sleep_drops_claims_before_anything_else() -> None:
    bench, job, asked = _thief()
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
