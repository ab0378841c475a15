"""Who is told of what goes wrong: reassigned work, failures and their logs."""

from __future__ import annotations

from mesh.model.ids import Boot, Digest
from mesh.model.policy import JobPolicy
from mesh.model.units import Unit
from mesh.sched.events import PeerDown
from mesh.sched.news import WorkReassigned
from mesh.wire.effects import Fetch, Pin, RenderFailed
from mesh.wire.jobs import Edit, EditName, JobOffer
from mesh.wire.ledger import ClaimSet, Entry, FailureFact, LedgerDelta, LogRun
from mesh.wire.stealing import StealGrant, WorkTaken
from tests.sched_bench import ME, A, B, Bench, sent, told
from tools.sim.farm import job_id, manifest


def test_the_submitter_is_told_when_a_dead_node_s_work_is_taken_up_elsewhere() -> None:
    # given a keeper that knows what A was rendering for B
    bench = Bench(units=0)
    bench.peer(A)
    bench.peer(B)
    of = manifest(frames=2, buckets=16)
    keepers = Edit(EditName.KEEPERS, b"", 1, B, nodes=(B, ME))
    job = job_id(of)
    bench.hear(B, JobOffer(job, of, JobPolicy(), B, b"", (keepers,)))
    bench.hear(A, LedgerDelta(job, (), (ClaimSet(A, Boot(1), 1, 0.0, (0, 16), 16, 1.0),)))
    # when A dies, and it is this keeper's turn
    effects = bench.tell(PeerDown(A)) + bench.wait(1.0)
    # then it takes the work and tells the submitter, and its own people
    (taken,) = sent(effects, WorkTaken, B)
    assert (taken.gone, taken.buckets, taken.frames) == (A, 16, 1)
    assert told(effects, WorkReassigned) == [WorkReassigned(job, A, 16, 1)]


def test_what_others_took_up_is_told_to_people_here() -> None:
    bench = Bench()
    bench.peer(A)
    job = bench.submit(manifest(frames=2))
    effects = bench.hear(A, WorkTaken(job, B, 5, 1))
    assert told(effects, WorkReassigned) == [WorkReassigned(job, B, 5, 1)]


def test_the_log_of_a_failure_is_kept_where_it_failed_and_where_the_job_was_submitted() -> None:
    log = Digest(b"l" * 32)
    worker = Bench()
    worker.peer(A)
    job = worker.offered(manifest(frames=4), A)
    worker.hear(A, LedgerDelta(job, (), ()))
    grant = StealGrant(job, 1, Boot(1), (0, 16), 0.0)
    worker.hear(A, grant)
    render = worker.render()
    effects = worker.tell(RenderFailed(job, render.unit, render.attempt, "it broke", log))
    assert Pin(job, log) in effects

    submitter = Bench(units=0)
    submitter.peer(A)
    job = submitter.submit(manifest(frames=4))
    fact = FailureFact(Unit(1, 0, 16), "it broke", log, True, 0)
    effects = submitter.hear(A, LedgerDelta(job, (LogRun(A, Boot(1), 1, (Entry(failure=fact),)),), ()))
    assert Pin(job, log) in effects
    assert Fetch(log, (A,)) in effects
    assert submitter.machine.views.log_holders(job, log) == (A, ME)
    assert submitter.machine.views.log_holders(job, Digest(b"x" * 32)) == ()
