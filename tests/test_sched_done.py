"""DONE implies retrievable: whoever follows a job's ledger calls it done once every result is known to it."""

from __future__ import annotations

from dataclasses import replace

from mesh.model.ids import Boot, Digest, JobId
from mesh.model.status import JobState
from mesh.model.units import Unit
from mesh.sched.config import SchedConfig
from mesh.sched.events import PeerDown, Watch
from mesh.sched.news import JobFinished, UnitStarted
from mesh.wire.jobs import Edit, EditName, JobEdits
from mesh.wire.ledger import Entry, JobSummary, LedgerDelta, LedgerVector, LogRun, ResultFact
from tests.sched_bench import ME, A, B, Bench, sent, told
from tools.sim.farm import manifest

OF = manifest(frames=2, buckets=1)
RESULTS = tuple(
    Entry(result=ResultFact(Unit(frame, 0, 1), Digest(bytes([frame]) * 32), 10, 1.0, (B,)))
    for frame in (1, 2)
)
ALL = LogRun(A, Boot(1), 1, RESULTS)


def over(job: JobId) -> JobSummary:
    """What a keeper says of a job that is done."""
    return JobSummary(job, 2, 0, finished=True, done_spans=())


def state(bench: Bench, job: JobId) -> JobState:
    view = bench.machine.views.job(job)
    assert view is not None
    _, results = bench.machine.views.results(job, 0)
    assert view.state is not JobState.DONE or not view.complete_view or len(results) == 2
    return view.state


def working_for_a() -> tuple[Bench, JobId]:
    """A node that works for a job of `A`, which keeps the ledger."""
    bench = Bench(config=SchedConfig(keepers=1))
    bench.peer(A)
    bench.peer(B)
    return bench, bench.offered(OF, by=A)


def test_a_keepers_word_is_not_enough_where_the_ledger_itself_is_kept() -> None:
    # Given the submitter, to whom the last results are still on their way
    bench = Bench()
    bench.peer(A)
    job = bench.submit(OF)
    # When another keeper, asked for work, says that nothing is left
    effects = bench.hear(A, over(job))
    # Then it is not done here, and what is lacking is asked for
    assert not told(effects, JobFinished)
    assert sent(effects, LedgerVector, A)
    assert state(bench, job) is JobState.RUNNING
    assert told(bench.hear(A, LedgerDelta(job, (ALL,), ())), JobFinished)
    assert state(bench, job) is JobState.DONE


def test_who_only_works_on_a_job_takes_the_keepers_word_and_stops() -> None:
    bench, job = working_for_a()
    assert told(bench.hear(A, over(job)), JobFinished)
    assert state(bench, job) is JobState.DONE


def test_a_word_that_came_too_late_is_taken_back_by_the_next() -> None:
    # Given a job that was done, and of which a keeper knows that pixels were lost
    bench, job = working_for_a()
    bench.hear(A, over(job))
    # When that one's summary comes after another's, which did not know yet
    bench.hear(B, replace(over(job), done=1, finished=False))
    assert state(bench, job) is not JobState.DONE
    # Then its second end is an end like the first
    assert told(bench.hear(A, over(job)), JobFinished)


def test_who_looks_at_a_job_is_told_that_it_is_done_once_the_results_are_here() -> None:
    bench, job = working_for_a()
    bench.hear(A, over(job))
    effects = bench.tell(Watch(job))
    assert [vector.watch for vector in sent(effects, LedgerVector, A)] == [True]
    assert state(bench, job) is JobState.RUNNING
    bench.hear(A, LedgerDelta(job, (ALL,), ()))
    assert state(bench, job) is JobState.DONE


def test_where_all_keepers_are_gone_with_the_results_their_word_is_worth_nothing() -> None:
    bench, job = working_for_a()
    bench.hear(A, over(job))
    bench.tell(PeerDown(A))
    bench.hear(B, JobEdits(job, (Edit(EditName.KEEPERS, b"", 9, B, nodes=(ME, B)),)))
    assert state(bench, job) is not JobState.DONE
    started = told(bench.wait(5.0), UnitStarted)
    assert [event.unit for event in started] == [Unit(1, 0, 1)]
