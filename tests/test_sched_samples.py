"""Samples of a bucket that takes long are shared with idle nodes; the ledger knows of whole buckets only."""

from __future__ import annotations

import pytest

from mesh.model.ids import Boot, Digest, JobId, NodeId
from mesh.model.layers import Layer
from mesh.model.manifest import RenderSettings
from mesh.model.units import SampleRange, Unit
from mesh.sched.events import PeerDown, SetCapacity
from mesh.sched.news import SamplesShared
from mesh.sched.rules import helpers_part
from mesh.wire.copies import KeepPixels
from mesh.wire.effects import (
    BlobFailed,
    BlobReady,
    Fetch,
    MergeSamples,
    Render,
    RenderDone,
    RenderFailed,
    RenderProgress,
    SendFailed,
    SplitSamples,
    StopRender,
)
from mesh.wire.ledger import Activity, ClaimSet, Entry, Hint, JobSummary, LedgerDelta, LogRun, ResultFact
from mesh.wire.stealing import (
    INVITATION,
    GrantTaken,
    SamplesRendered,
    StealDeny,
    StealGrant,
    StealRequest,
    Want,
    WorkReturned,
)
from tests.sample_bench import LAST, SUMS, answer, bench_of, long_bucket, peer, shared, waits
from tests.sched_bench import ME, A, B, Bench, sent, told
from tools.sim.farm import ENGINE, manifest
from tools.sim.farm_storm import EXACT_ENGINE
from tools.sim.scenarios import play


@pytest.mark.parametrize(
    ("seconds", "ratio", "heads", "cost", "part"),
    [
        pytest.param(10.0, 1.0, 1, 0.0, 1 / 2, id="equally fast: half"),
        pytest.param(10.0, 0.0, 1, 0.0, 1 / 2, id="nobody knows: half"),
        pytest.param(10.0, 3.0, 1, 0.0, 3 / 4, id="three times as fast"),
        pytest.param(10.0, 1e9, 1, 0.0, 20 / 21, id="so fast that something is wrong"),
        pytest.param(10.0, 1.0, 3, 0.0, 1 / 4, id="two more wait"),
        pytest.param(10.0, 1.0, 1, 5.0, 1 / 4, id="half of the time is spent on the way"),
        pytest.param(1.0, 1.0, 1, 5.0, 0.0, id="would be over before it is there"),
    ],
)
def test_holder_and_helpers_are_done_at_one_time(
    seconds: float, ratio: float, heads: int, cost: float, part: float
) -> None:
    assert helpers_part(seconds, ratio, heads, cost) == pytest.approx(part)


# --- the node that holds the bucket ------------------------------------------------------------------


def test_who_waits_is_given_the_last_samples_and_the_engine_sums_them_apart() -> None:
    bench, job, render = long_bucket()
    effects = bench.hear(A, waits(job))
    (grant,) = sent(effects, StealGrant, A)
    assert (grant.spans, grant.also, grant.samples) == ((0, 1), True, LAST)
    assert SplitSamples(render.attempt, 0, 40) in effects
    assert not [effect for effect in effects if isinstance(effect, StopRender)]


def test_several_who_wait_share_it_evenly() -> None:
    # Given two who came while nothing was known of the unit's pace
    bench = bench_of()
    peer(bench, A)
    peer(bench, B)
    job = bench.submit(manifest(frames=1, buckets=1, engine=EXACT_ENGINE))
    render = bench.render()
    bench.hear(A, waits(job))
    bench.hear(B, waits(job))
    bench.wait(5.0)
    # When that is told
    effects = bench.tell(RenderProgress(job, render.unit, render.attempt, 0.25))
    # Then each has a third of what is left
    assert shared(effects) == [SampleRange(48, 64), SampleRange(32, 48)]


def test_the_next_who_waits_is_given_a_part_of_what_is_left() -> None:
    bench, job, render = long_bucket()
    bench.hear(A, waits(job))
    effects = bench.hear(B, waits(job))
    assert shared(effects) == [SampleRange(28, 40)]
    assert SplitSamples(render.attempt, 0, 28) in effects


def test_a_request_that_comes_twice_is_granted_once() -> None:
    bench, job, _ = long_bucket()
    bench.hear(A, waits(job))
    assert not shared(bench.hear(A, waits(job)))


def test_the_last_bucket_of_a_unit_is_shared_and_not_more_than_one_at_once() -> None:
    # Given a unit of four buckets, all of which the engine may have begun
    bench = bench_of()
    bench.tell(SetCapacity(1, (EXACT_ENGINE,), threads=4))
    job = bench.submit(manifest(frames=1, buckets=4, engine=EXACT_ENGINE))
    render = bench.render()
    peer(bench, A)
    bench.wait(4.0)
    bench.tell(RenderProgress(job, render.unit, render.attempt, 0.1))
    (grant,) = sent(bench.hear(A, waits(job)), StealGrant)
    assert (grant.spans, grant.samples) == ((3, 4), SampleRange(0, 64))


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(RenderSettings(width=64, height=64, noise=0.05), id="adaptive"),
        pytest.param(RenderSettings(width=64, height=64, layers=(Layer.CRYPTO_OBJECT,)), id="cryptomatte"),
        pytest.param(RenderSettings(width=512, height=512, bucket=512), id="too large to send"),
    ],
)
def test_what_does_not_add_up_exactly_is_not_shared(of: RenderSettings) -> None:
    bench, job, _ = long_bucket(50.0, of=of)
    assert not shared(bench.hear(A, waits(job)))


def test_engines_that_cannot_are_not_asked_to() -> None:
    bench, job, _ = long_bucket(engine=ENGINE)
    assert not shared(bench.hear(A, waits(job)))


def test_what_is_over_soon_is_not_shared() -> None:
    bench, job, _ = long_bucket(seconds=0.4)
    assert not shared(bench.hear(A, waits(job)))


def test_who_may_find_work_elsewhere_is_given_no_samples() -> None:
    bench, job, _ = long_bucket()
    effects = bench.hear(A, waits(job, parked=False))
    assert not shared(effects)
    assert sent(effects, StealDeny)


def test_an_engine_that_stands_still_is_not_helped_with_its_last_samples() -> None:
    bench, job, _ = long_bucket()
    bench.wait(5.5)
    assert not shared(bench.hear(A, waits(job)))


def test_what_a_helper_rendered_is_fetched_and_merged() -> None:
    bench, job, render = long_bucket()
    bench.hear(A, waits(job))
    assert Fetch(SUMS, (A,)) in bench.hear(A, answer(job))
    effects = bench.tell(BlobReady(SUMS))
    assert MergeSamples(render.attempt, 0, LAST, SUMS) in effects
    assert told(effects, SamplesShared) == [SamplesShared(job, Unit(1, 0, 1), ME, A)]
    # and the holder publishes as ever
    bench.finish(render)
    view = bench.machine.views.job(job)
    assert view is not None
    assert view.relieved == 0
    assert sent(bench.effects, KeepPixels)


@pytest.mark.parametrize(
    ("sender", "said"),
    [
        pytest.param(A, {"boot": 2}, id="of another life"),
        pytest.param(A, {"number": 8}, id="of another request"),
        pytest.param(A, {"samples": SampleRange(32, 64)}, id="of other samples"),
        pytest.param(B, {}, id="of another node"),
    ],
)
def test_an_answer_that_nobody_asked_for_is_ignored(sender: NodeId, said: dict[str, object]) -> None:
    bench, job, _ = long_bucket()
    bench.hear(A, waits(job))
    effects = bench.hear(sender, answer(job, **said))  # type: ignore[arg-type]  # each by its name
    assert not [effect for effect in effects if isinstance(effect, Fetch)]


def test_an_answer_that_comes_when_the_unit_is_done_is_ignored() -> None:
    bench, job, render = long_bucket()
    bench.hear(A, waits(job))
    bench.hear(A, answer(job))
    bench.finish(render)
    assert not [effect for effect in bench.tell(BlobReady(SUMS)) if isinstance(effect, MergeSamples)]
    bench.hear(A, waits(job, 8))
    assert not [effect for effect in bench.hear(A, answer(job)) if isinstance(effect, Fetch)]


@pytest.mark.parametrize("how", ["died", "sent it back", "was not reached", "has it no more"])
def test_what_a_helper_does_not_deliver_may_be_given_to_another(how: str) -> None:
    bench, job, _ = long_bucket()
    (grant,) = sent(bench.hear(A, waits(job)), StealGrant)
    if how == "died":
        bench.tell(PeerDown(A))
    elif how == "sent it back":
        bench.hear(A, WorkReturned(job, (0, 1)))
    elif how == "was not reached":
        bench.tell(SendFailed(A, grant))
    else:
        bench.hear(A, answer(job))
        bench.tell(BlobFailed(SUMS, "gone"))
    assert shared(bench.hear(B, waits(job))) == [LAST]


def test_what_is_merged_is_given_to_nobody_again() -> None:
    bench, job, _ = long_bucket()
    bench.hear(A, waits(job))
    bench.hear(A, answer(job))
    bench.tell(BlobReady(SUMS))
    bench.tell(PeerDown(A))
    assert shared(bench.hear(B, waits(job))) == [SampleRange(28, 40)]


def test_a_keeper_names_who_is_at_a_long_bucket_to_one_who_waits() -> None:
    # Given a job of which another node has taken and begun the last bucket
    bench = bench_of()
    job = bench.submit(manifest(frames=2, buckets=1, engine=EXACT_ENGINE))
    peer(bench, A)
    peer(bench, B)
    (grant,) = sent(bench.hear(B, waits(job)), StealGrant)
    assert grant.spans == (1, 2)
    bench.hear(B, GrantTaken(job, 7))
    claim = ClaimSet(B, Boot(1), 1, 0.0, (1, 2), 0, 0.1, (Activity(Unit(2, 0, 1), 0.5, 5.0),))
    bench.hear(B, LedgerDelta(job, (), (claim,)))
    bench.finish(bench.render())
    # When somebody as fast waits, for whom starting again would be too late
    bench.hear(A, StealRequest(7, Boot(1), (Want(job, 0.1),), parked=True, idle=True))
    denials = sent(bench.wait(2.0), StealDeny, A)
    # Then it is sent there
    assert any(hint.late and hint.node == B for denial in denials for hint in denial.hints)


# --- the node that helps -----------------------------------------------------------------------------


def helping() -> tuple[Bench, JobId, int]:
    """Here everything is idle, and the node waits with `A`, where a keeper has sent it."""
    bench = bench_of()
    peer(bench, A)
    peer(bench, B)
    job = bench.offered(manifest(frames=4, buckets=4, engine=EXACT_ENGINE), by=A)
    bench.wait(3.0)
    bench.hear(A, StealDeny(INVITATION, Boot(1), (Hint(job, A, 1, late=True),)))
    number = [one for one in sent(bench.effects, StealRequest) if one.parked][-1].request
    return bench, job, number


def granted(
    job: JobId, number: int, spans: tuple[int, ...] = (5, 6), samples: SampleRange = LAST
) -> StealGrant:
    return StealGrant(job, number, Boot(1), spans, 20.0, also=True, samples=samples)


def help_out() -> tuple[Bench, JobId, int, Render]:
    bench, job, number = helping()
    effects = bench.hear(A, granted(job, number))
    (render,) = [effect for effect in effects if isinstance(effect, Render)]
    return bench, job, number, render


def test_a_helper_renders_the_samples_only_and_claims_nothing() -> None:
    bench, job, _, render = help_out()
    assert (render.unit, render.samples) == (Unit(2, 1, 2), LAST)
    assert not sent(bench.effects, GrantTaken)
    view = bench.machine.views.job(job)
    assert view is not None
    assert not view.activities


def test_a_helper_tells_the_holder_where_the_sums_are_and_publishes_nothing() -> None:
    bench, job, number, render = help_out()
    effects = bench.tell(RenderDone(job, render.unit, render.attempt, SUMS, 100, 1.0))
    assert sent(effects, SamplesRendered, A) == [SamplesRendered(job, number, Boot(1), 5, LAST, SUMS)]
    assert not sent(effects, KeepPixels)
    assert not bench.machine.views.results(job, 0, 10)[1]
    # and is free for more
    bench.wait(1.0)
    bench.hear(A, StealDeny(INVITATION, Boot(1), (Hint(job, A, 1, late=True),)))
    assert sent(bench.effects, StealRequest)[-1].parked
    effects = bench.hear(A, granted(job, sent(bench.effects, StealRequest)[-1].request, (6, 7)))
    assert [effect.unit for effect in effects if isinstance(effect, Render)] == [Unit(2, 2, 3)]


def test_a_helper_that_cannot_render_them_sends_them_back() -> None:
    bench, job, _, render = help_out()
    effects = bench.tell(RenderFailed(job, render.unit, render.attempt, "out of memory"))
    assert sent(effects, WorkReturned, A) == [WorkReturned(job, (5, 6))]


def test_a_helper_has_no_place_for_more() -> None:
    bench, job, number, _ = help_out()
    effects = bench.hear(A, granted(job, number, (6, 7)))
    assert sent(effects, WorkReturned, A) == [WorkReturned(job, (6, 7))]
    assert not [effect for effect in effects if isinstance(effect, Render)]


@pytest.mark.parametrize(
    ("spans", "samples"),
    [
        pytest.param((5, 7), LAST, id="of two buckets"),
        pytest.param((16, 17), LAST, id="of no bucket of the job"),
        pytest.param((), LAST, id="of nothing"),
        pytest.param((5, 6), SampleRange(40, 65), id="more samples than there are"),
        pytest.param((5, 6), SampleRange(40, 40), id="no samples"),
        pytest.param((5, 6), SampleRange(-1, 40), id="before the first"),
    ],
)
def test_a_grant_that_makes_no_sense_is_sent_back(spans: tuple[int, ...], samples: SampleRange) -> None:
    bench, job, number = helping()
    effects = bench.hear(A, granted(job, number, spans, samples))
    assert sent(effects, WorkReturned, A) == [WorkReturned(job, spans)]
    assert not [effect for effect in effects if isinstance(effect, Render)]


def test_samples_that_were_not_asked_for_are_sent_back() -> None:
    bench, job, number = helping()
    effects = bench.hear(B, granted(job, number + 10))
    assert sent(effects, WorkReturned, B) == [WorkReturned(job, (5, 6))]


@pytest.mark.parametrize("why", ["done", "a keeper says so", "its holder died", "no progress"])
def test_a_helper_stops_when_nobody_wants_its_samples_any_more(why: str) -> None:
    bench, job, _, render = help_out()
    result = Entry(result=ResultFact(Unit(2, 1, 2), Digest(b"q" * 32), 10, 1.0, (A,)))
    if why == "done":
        bench.hear(A, LedgerDelta(job, (LogRun(A, Boot(1), 1, (result,)),), ()))
    elif why == "a keeper says so":
        bench.hear(A, JobSummary(job, 1, 0, finished=False, done_spans=(5, 6)))
    elif why == "its holder died":
        bench.tell(PeerDown(A))
    else:
        bench.wait(300.0)
        bench.tell(RenderProgress(job, render.unit, render.attempt, 0.5))
        assert not [effect for effect in bench.wait(400.0) if isinstance(effect, StopRender)]
        bench.wait(300.0)
    stopped = [effect.attempt for effect in bench.effects if isinstance(effect, StopRender)]
    assert stopped == [render.attempt]
    # and what it may still say is not heard
    assert not sent(bench.tell(RenderDone(job, render.unit, render.attempt, SUMS, 1, 1.0)), SamplesRendered)


# --- on a farm ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(1, 7))
def test_the_last_bucket_is_not_waited_for_where_others_are_idle(seed: int) -> None:
    figures = play("farm-last-buckets", seed)
    assert figures["seconds"] <= 1.1 * figures["ideal"]


def test_false_samples_spoil_no_picture() -> None:
    for seed in (1, 2, 3):
        play("farm-false-samples", seed)
