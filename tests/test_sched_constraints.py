"""Who may take part in a job, what happens to those who may no longer, and how a waiting job says why."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest

from mesh.model.ids import Boot, Digest, JobId, NodeId
from mesh.model.policy import JobPolicy
from mesh.model.units import Unit
from mesh.node.waiting import waiting_for
from mesh.sched.constraints import Obstacle
from mesh.sched.events import ActOnJob, PeerChanged, PeerInfo, PeerUp, RetryJob, SetCapacity
from mesh.wire.copies import PixelsKept
from mesh.wire.effects import Notify, Render, RenderFailed, Send, StopRender
from mesh.wire.jobs import EditName, Participation
from mesh.wire.ledger import Entry, LedgerDelta, LogRun, ResultFact
from mesh.wire.stealing import StealGrant, StealRequest, Want
from tests.sched_bench import ME, A, B, Bench, sent
from tools.sim.farm import ENGINE, manifest

FIT = PeerInfo(A, Boot(1), "ada", (ENGINE,), tags=("gpu", "fast"), memory_bytes=8_000_000_000)


def desk() -> Bench:
    """A node that submits and renders nothing."""
    return Bench(units=0)


@pytest.mark.parametrize(
    ("policy", "peer", "expected"),
    [
        (JobPolicy(), FIT, None),
        (JobPolicy(), replace(FIT, engines=()), Obstacle.ENGINE),
        (JobPolicy(), replace(FIT, quarantined=True), Obstacle.QUARANTINED),
        (JobPolicy(on=(A,)), FIT, None),
        (JobPolicy(on=(B,)), FIT, Obstacle.NODES),
        (JobPolicy(tags=("gpu", "fast")), FIT, None),
        (JobPolicy(tags=("gpu", "big")), FIT, Obstacle.TAGS),
        (JobPolicy(memory_bytes=8_000_000_001), FIT, Obstacle.MEMORY),
        (JobPolicy(memory_bytes=8_000_000_001), replace(FIT, memory_bytes=0), None),
        (JobPolicy(), replace(FIT, exclusive=True), Obstacle.RESERVED),
        (JobPolicy(tags=("gpu",)), replace(FIT, exclusive=True), None),
        (JobPolicy(on=(A,)), replace(FIT, exclusive=True), None),
    ],
)
def test_a_node_takes_part_where_every_constraint_lets_it(
    policy: JobPolicy, peer: PeerInfo, expected: Obstacle | None
) -> None:
    bench = desk()
    bench.tell(PeerUp(peer))
    job = bench.submit(manifest(frames=4), policy)
    view = bench.machine.views.job(job)
    assert view is not None
    assert view.waits.obstacles == (() if expected is None else ((expected, 1),))


_NUMBERS = count(1)


def asks(bench: Bench, job: object) -> list[StealGrant]:
    """What A gets where it asks for work, once more."""
    request = StealRequest(next(_NUMBERS), Boot(1), (Want(job, 0.0),), parked=False, idle=True)  # type: ignore[arg-type]
    return sent(bench.hear(A, request), StealGrant, A)


def test_a_node_in_quarantine_keeps_what_it_has_and_gets_nothing_new() -> None:
    # Given a node that has work of ours.
    bench = desk()
    bench.tell(PeerUp(FIT))
    job = bench.submit(manifest(frames=8))
    assert len(asks(bench, job)) == 1

    # When it comes into quarantine, nothing is taken from it; but it gets no more until its release.
    effects = bench.tell(PeerChanged(replace(FIT, quarantined=True)))
    assert not [effect for effect in effects if isinstance(effect, Notify | Send)]
    assert asks(bench, job) == []
    bench.tell(PeerChanged(FIT))
    assert len(asks(bench, job)) == 1


def test_a_node_excluded_gets_no_work_until_it_is_included() -> None:
    bench = desk()
    bench.peer(A)
    job = bench.submit(manifest(frames=8))
    bench.tell(ActOnJob(job, EditName.EXCLUDED, A, Participation.EXCLUDED.value))
    assert asks(bench, job) == []
    bench.tell(ActOnJob(job, EditName.EXCLUDED, A, Participation.INCLUDED.value))
    assert len(asks(bench, job)) == 1


@pytest.mark.parametrize(
    "edit",
    [
        ActOnJob(b"", EditName.EXCLUDED, ME, Participation.EXCLUDED.value),  # type: ignore[arg-type]
        ActOnJob(b"", EditName.TAGS, words=("gpu",)),  # type: ignore[arg-type]
        ActOnJob(b"", EditName.ON, nodes=(A,)),  # type: ignore[arg-type]
    ],
)
def test_a_node_that_may_take_part_no_longer_stops_at_once_and_gives_its_work_away(edit: ActOnJob) -> None:
    # given a unit being rendered here
    bench = Bench()
    bench.tell(PeerUp(replace(FIT, tags=("gpu",))))
    job = bench.submit(manifest(frames=1))
    render = bench.render()
    # when the job is edited so that this node is out
    effects = bench.tell(replace(edit, job=job))
    # then it stops, and whoever may gets all of it
    assert [effect.attempt for effect in effects if isinstance(effect, StopRender)] == [render.attempt]
    (grant,) = asks(bench, job)
    assert grant.spans == (0, 16)


def test_a_node_blocked_after_failures_can_be_let_in_again_by_hand() -> None:
    bench = Bench()
    bench.peer(A)
    job = bench.submit(manifest(frames=9))
    for _ in range(3):
        render = bench.render()
        bench.tell(RenderFailed(job, render.unit, render.attempt, "it broke"))
    view = bench.machine.views.job(job)
    assert view is not None
    assert view.blocked == (ME,)
    bench.tell(ActOnJob(job, EditName.EXCLUDED, ME, Participation.INCLUDED.value))
    view = bench.machine.views.job(job)
    assert view is not None
    assert view.blocked == ()


def test_only_the_frames_that_may_be_begun_for_now_are_begun_and_lent() -> None:
    # given a job of which frames 3 and 4 may be rendered for now
    bench = Bench()
    bench.tell(PeerUp(FIT))
    job = bench.submit(manifest(frames=6), JobPolicy(paused=True))
    bench.tell(ActOnJob(job, EditName.LIMIT, words=("3-4,99",)))
    bench.tell(ActOnJob(job, EditName.PAUSED))
    # then this node begins with one, lends the other, and stops there
    assert bench.render().unit.frame == 3
    (grant,) = asks(bench, job)
    assert grant.spans == (48, 64)
    bench.finish(bench.render())
    bench.hear(A, PixelsKept(job, Digest(b"p" * 32), kept=True))
    assert bench.render().unit.frame == 3
    assert asks(bench, job) == []
    # and says why, once nobody renders anything
    claims = LogRun(A, Boot(1), 1, (Entry(result=ResultFact(Unit(4, 0, 16), Digest(b"q" * 32), 9, 1.0)),))
    bench.hear(A, LedgerDelta(job, (claims,), ()))
    assert sentence(bench, job).startswith("only frames 3-4,99 may be rendered for now")
    # until the limit is taken away
    bench.tell(ActOnJob(job, EditName.LIMIT))
    assert bench.render().unit.frame == 1
    assert sentence(bench, job) == ""


def test_a_limit_that_makes_no_sense_lets_nothing_begin_and_harms_nobody() -> None:
    bench = Bench()
    job = bench.submit(manifest(frames=2), JobPolicy(paused=True))
    bench.tell(ActOnJob(job, EditName.LIMIT, words=("x",)))
    bench.tell(ActOnJob(job, EditName.PAUSED))
    assert not [effect for effect in bench.effects if isinstance(effect, Render)]


# --- what a waiting job says ----------------------------------------------------------------------------


def sentence(bench: Bench, job: object) -> str:
    view = bench.machine.views.job(job)  # type: ignore[arg-type]
    assert view is not None
    names: dict[NodeId, str] = {ME: "me", A: "ada", B: "grace"}
    return waiting_for(view, names.__getitem__, bench.machine.views.job)


def test_a_job_bound_to_a_node_that_renders_nothing_says_so() -> None:
    bench = Bench()
    job = bench.submit(manifest(), JobPolicy(on=(A,)))
    view = bench.machine.views.job(job)
    assert view is not None
    words = waiting_for(view, lambda _: "desk", bench.machine.views.job, lambda node: node != A)
    assert words.startswith(
        "it may run only on desk, which renders nothing (mesh join --no-render); let others"
    )


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (JobPolicy(), ""),
        (JobPolicy(paused=True), "it is paused; go on with: mesh resume"),
        (JobPolicy(tags=("big",)), "no node that is here may render it: 1 lacks the tag big;"),
        (JobPolicy(on=(B,)), "1 is not grace; start one that may, or: mesh edit"),
        (JobPolicy(memory_bytes=64_000_000_000), "1 has less than 64 GB of memory; start one that may"),
        (JobPolicy(memory_bytes=16_000_000_000_000), "1 has less than 16000 GB of memory"),
    ],
)
def test_a_job_says_why_it_waits_and_what_to_do(policy: JobPolicy, expected: str) -> None:
    bench = desk()
    bench.tell(PeerUp(FIT))
    assert expected in sentence(bench, bench.submit(manifest(frames=4), policy))
    assert bool(expected) == bool(sentence(bench, bench.submit(manifest("other", frames=4), policy)))


def test_a_job_says_which_other_it_waits_for() -> None:
    bench = desk()
    bench.tell(PeerUp(FIT))
    first = bench.submit(manifest("layout", frames=4))
    second = bench.submit(manifest("final", frames=4, submitted_ms=2), JobPolicy(after=(first,)))
    assert sentence(bench, second).startswith("it starts when layout (")
    bench.tell(ActOnJob(first, EditName.CANCELLED, number=1))
    assert "which is cancelled; start it all the same with: mesh edit " in sentence(bench, second)


def test_a_job_waits_for_another_only_until_that_is_done() -> None:
    bench = Bench()
    first = bench.submit(manifest("layout", frames=1))
    second = bench.submit(manifest("final", frames=1, submitted_ms=2), JobPolicy(after=(first,)))
    assert bench.render().job == first
    bench.finish(bench.render())
    assert bench.render().job == second


def two_jobs() -> tuple[Bench, JobId, JobId]:
    """The second comes after the first, whose one frame is being rendered."""
    bench = Bench()
    first = bench.submit(manifest("layout", frames=1))
    second = bench.submit(manifest("final", frames=1, submitted_ms=2), JobPolicy(after=(first,)))
    assert bench.render().job == first
    return bench, first, second


def fail(bench: Bench) -> None:
    render = bench.render()
    bench.tell(RenderFailed(render.job, render.unit, render.attempt, "a texture is broken", retryable=False))


def rendered(bench: Bench, job: JobId) -> bool:
    bench.wait(30.0)
    return any(isinstance(effect, Render) and effect.job == job for effect in bench.effects)


def test_a_job_waits_where_the_one_before_it_has_failed_frames_until_these_are_rendered_too() -> None:
    bench, first, second = two_jobs()
    fail(bench)
    assert not rendered(bench, second)
    assert "of which a frame failed; try again with: mesh retry " in sentence(bench, second)
    bench.tell(RetryJob(first))
    bench.wait(30.0)
    bench.finish(bench.render())
    assert rendered(bench, second)


def test_a_job_waits_where_the_one_before_it_is_cancelled() -> None:
    bench, first, second = two_jobs()
    bench.tell(ActOnJob(first, EditName.CANCELLED, number=1))
    assert not rendered(bench, second)


@pytest.mark.parametrize("ended", ["failed", "cancelled", "running"])
def test_people_may_start_it_all_the_same(ended: str) -> None:
    bench, first, second = two_jobs()
    if ended == "failed":
        fail(bench)
    elif ended == "cancelled":
        bench.tell(ActOnJob(first, EditName.CANCELLED, number=1))
    bench.tell(ActOnJob(second, EditName.AFTER))
    if ended == "running":
        bench.finish(bench.render())
    assert rendered(bench, second)


def test_a_job_may_come_to_wait_for_another_while_it_runs_and_nonsense_is_not_waited_for() -> None:
    bench = Bench()
    first = bench.submit(manifest("layout", frames=2))
    second = bench.submit(manifest("final", frames=2, submitted_ms=2))
    words = (second.hex(), "nonsense", "")
    bench.tell(ActOnJob(first, EditName.AFTER, words=words))
    bench.finish(bench.render())
    jobs = []
    for pixels in (b"q", b"r"):
        jobs.append(bench.render().job)
        bench.finish(bench.render(), pixels)
    assert jobs == [second, second]
    assert bench.render().job == first


def test_a_reserved_node_takes_only_jobs_that_ask_for_it() -> None:
    bench = Bench()
    bench.tell(SetCapacity(1, (ENGINE,), ("gpu",), exclusive=True))
    common = bench.submit(manifest("common", frames=1))
    wanted = bench.submit(manifest("wanted", frames=1, submitted_ms=2), JobPolicy(tags=("gpu",)))
    assert bench.render().job == wanted
    assert sentence(bench, common).startswith("no node that is here may render it: 1 works only for jobs")
