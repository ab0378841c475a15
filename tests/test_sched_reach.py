"""What only nodes hold that are away: who waits for them, for how long, and what is rendered again without anybody's
asking."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mesh.model.ids import Boot, Digest, JobId, NodeId
from mesh.model.policy import FrameOrder, JobPolicy
from mesh.model.status import JobState
from mesh.model.units import Unit
from mesh.node.waiting import waiting_for
from mesh.sched.config import SchedConfig
from mesh.sched.events import PeerDown, PeerVanished, RetryJob, Woke
from mesh.sched.facts import Facts
from mesh.sched.layout import Layout
from mesh.sched.looks import JobView
from mesh.sched.news import JobFinished, ResultsAway, ResultsGivenUp
from mesh.wire.codec import job_id
from mesh.wire.copies import PixelsKept
from mesh.wire.effects import BlobReady, Effect, Persist, Render
from mesh.wire.jobs import Edit, EditName, JobOffer, JobWanted
from mesh.wire.ledger import AwayFact, Entry, HolderFact, LedgerDelta, LogRun, ResultFact
from tests.sched_bench import ME, A, B, Bench, told
from tools.sim.farm import manifest
from tools.sim.scenarios import play

PIXELS, OTHERS = Digest(b"p" * 32), Digest(b"o" * 32)
C, D, E, F = (NodeId(bytes([letter]) * 32) for letter in b"cdef")
WHOLE = ResultFact(Unit(1, 0, 4), PIXELS, 100, 1.0, (B,))
OF = manifest(frames=1, buckets=4)
GRACE = SchedConfig().away_seconds


def facts_of(*results: tuple[NodeId, ResultFact]) -> Facts:
    facts = Facts(Layout(OF, FrameOrder.FORWARD), attempts=3)
    for author, result in results:
        facts.learn(author, Entry(result=result), Boot(1))
    return facts


# --- the ledger's side ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("here", "absent"), [({A, B}, []), ({B}, []), ({A}, []), ({C}, [0])], ids=["both", "one", "other", "none"]
)
def test_a_result_is_out_of_reach_when_none_of_its_holders_is_here(
    here: set[NodeId], absent: list[int]
) -> None:
    assert list(facts_of((A, WHOLE)).out_of_reach(here.__contains__)) == absent


def test_what_another_result_stands_in_for_is_not_out_of_reach() -> None:
    halves = [replace(WHOLE, unit=Unit(1, start, start + 2), pixels=OTHERS, holders=()) for start in (0, 2)]
    assert list(facts_of((A, WHOLE), (C, halves[0])).out_of_reach({C}.__contains__)) == [0]
    assert list(facts_of((A, WHOLE), *((C, half) for half in halves)).out_of_reach({C}.__contains__)) == []


def test_what_its_author_has_lost_is_out_of_reach_though_the_author_is_here() -> None:
    facts = facts_of((A, WHOLE))
    facts.learn(A, Entry(holder=HolderFact(PIXELS, held=False)), Boot(1))
    assert list(facts.out_of_reach({A}.__contains__)) == [0]


def test_who_came_back_and_is_away_once_more_is_given_up_once_more() -> None:
    facts = facts_of((A, WHOLE))
    assert facts.holders.next_absence(PIXELS, (A, B)) == 1
    facts.learn(C, Entry(away=AwayFact((PIXELS,), (A, B), number=1)))
    facts.learn(A, Entry(holder=facts.holders.vouch(A, PIXELS)), Boot(2))
    assert facts.complete
    assert facts.holders.next_absence(PIXELS, (A,)) == 2
    facts.learn(C, Entry(away=AwayFact((PIXELS,), (A,), number=2)))
    assert not facts.complete


# --- one scheduler --------------------------------------------------------------------------------------


def survivor(
    others: tuple[NodeId, ...] = (A, B), keepers: tuple[NodeId, ...] = (B, ME)
) -> tuple[Bench, JobId]:
    """Knows of a job that is done, whose only frame A rendered, with a copy on B; has heard from others for a while."""
    bench = Bench()
    for node in others:
        bench.peer(node)
    job = job_id(OF)
    edit = Edit(EditName.KEEPERS, b"", 1, B, nodes=keepers)
    bench.hear(B, JobOffer(job, OF, JobPolicy(), B, b"", (edit,)))
    bench.tell(BlobReady(OF.scene_root))
    bench.wait(5.0)
    bench.hear(B, LedgerDelta(job, (LogRun(A, Boot(1), 1, (Entry(result=WHOLE),)),), ()))
    assert view(bench, job).state is JobState.DONE
    return bench, job


def view(bench: Bench, job: JobId) -> JobView:
    found = bench.machine.views.job(job)
    assert found is not None
    return found


def state(bench: Bench, job: JobId) -> JobState:
    return view(bench, job).state


def both_die(bench: Bench) -> list[Effect]:
    return bench.tell(PeerDown(A)) + bench.tell(PeerDown(B))


def given_up(effects: list[Effect]) -> list[AwayFact]:
    runs = [one.record for one in effects if isinstance(one, Persist) and isinstance(one.record, LogRun)]
    return [entry.away for run in runs for entry in run.entries if entry.away is not None]


def renders(effects: list[Effect]) -> list[Unit]:
    return [effect.unit for effect in effects if isinstance(effect, Render)]


def test_what_two_dead_nodes_held_alone_is_rendered_again_after_a_while_and_nobody_need_ask() -> None:
    bench, job = survivor()
    effects = both_die(bench) + bench.wait(2.0)
    # the job is not done any more, and says so, and what comes next
    assert state(bench, job) is JobState.RUNNING
    (away,) = told(effects, ResultsAway)
    assert (away.frames, away.nodes) == (1, (A, B))
    assert abs(away.seconds - GRACE) < 2.0
    # for a while nothing is paid for twice
    effects = bench.wait(GRACE - 5.0)
    assert given_up(effects) == []
    assert renders(effects) == []
    # then it is
    effects = bench.wait(10.0)
    assert given_up(effects) == [AwayFact((PIXELS,), (A, B), number=1)]
    assert told(effects, ResultsGivenUp) == [ResultsGivenUp(job, 1, (A, B))]
    assert renders(effects) == [WHOLE.unit]
    # and those who fetch frames meanwhile are told what cannot be had
    assert bench.machine.views.lost_results(job) == (PIXELS,)
    effects = bench.finish(bench.render()) + bench.wait(20.0)
    assert told(effects, JobFinished)
    assert state(bench, job) is JobState.DONE
    assert bench.machine.views.lost_results(job) == ()


def test_a_holder_that_comes_back_in_time_makes_the_job_done_again_and_nothing_is_rendered() -> None:
    bench, job = survivor()
    both_die(bench)
    bench.wait(GRACE / 2)
    assert state(bench, job) is JobState.RUNNING
    effects = bench.peer(B, boot=2)
    assert state(bench, job) is JobState.DONE
    effects += bench.wait(2 * GRACE)
    assert given_up(effects) == []
    assert renders(effects) == []


def test_the_processes_of_two_nodes_that_have_ended_are_enough_long_before_these_are_declared_dead() -> None:
    bench, job = survivor()
    for node in (A, B):
        bench.tell(PeerVanished(node))
    bench.wait(2.0)
    assert state(bench, job) is JobState.RUNNING
    # unless one of them is heard of again
    bench.hear(B, JobWanted(job))
    assert state(bench, job) is JobState.DONE
    bench.tell(PeerVanished(B))
    assert len(given_up(bench.wait(GRACE + 15.0))) == 1


def test_what_was_held_by_those_long_dead_is_given_up_as_soon_as_it_is_heard_of() -> None:
    # given a ledger that comes late, of two nodes that died long ago
    bench = Bench()
    for node in (A, B, C):
        bench.peer(node)
    keepers = Edit(EditName.KEEPERS, b"", 1, C, nodes=(ME, C))
    bench.hear(C, JobOffer(job_id(OF), OF, JobPolicy(), C, b"", (keepers,)))
    both_die(bench)
    bench.wait(GRACE + 5.0)
    entry = Entry(result=WHOLE)
    effects = bench.hear(C, LedgerDelta(job_id(OF), (LogRun(A, Boot(1), 1, (entry,)),), ())) + bench.wait(3.0)
    assert len(given_up(effects)) == 1
    assert told(effects, ResultsGivenUp) == [ResultsGivenUp(job_id(OF), 1, (A, B))]
    # and nobody is told in between that the job is done
    assert not told(effects, JobFinished)
    again = ResultFact(Unit(1, 0, 4), OTHERS, 100, 1.0, (C,))
    effects = bench.hear(C, LedgerDelta(job_id(OF), (LogRun(C, Boot(1), 1, (Entry(result=again),)),), ()))
    assert told(effects, JobFinished)


def test_the_grace_counts_from_the_last_of_the_holders_to_go() -> None:
    bench, _ = survivor()
    bench.tell(PeerDown(A))
    bench.wait(5.0)
    bench.tell(PeerDown(B))
    assert given_up(bench.wait(GRACE - 2.0)) == []
    assert len(given_up(bench.wait(30.0))) == 1


def test_a_job_whose_last_results_are_made_while_others_are_out_of_reach_is_not_said_to_be_done() -> None:
    # Given a job of two frames, one of which only A and B hold
    of = manifest(frames=2, buckets=4)
    bench = Bench()
    job = bench.submit(of)
    for node in (A, B):
        bench.peer(node)
    bench.wait(3.0)
    run = LogRun(A, Boot(1), 1, (Entry(result=replace(WHOLE, unit=Unit(2, 0, 4))),))
    bench.hear(A, LedgerDelta(job, (run,), ()))
    both_die(bench)
    bench.wait(2.0)
    # When the other is rendered
    effects = bench.finish(bench.render(), b"x") + bench.wait(12.0)
    # Then nobody is told that it is done, until what is missing is rendered too
    assert not told(effects, JobFinished)
    assert state(bench, job) is JobState.RUNNING
    effects = bench.wait(GRACE)
    assert renders(effects) == [Unit(2, 0, 4)]
    assert told(bench.finish(bench.render(), b"y") + bench.wait(12.0), JobFinished)


def test_a_job_is_not_said_to_be_done_by_who_started_anew_and_has_not_seen_those_who_hold_it() -> None:
    bench = Bench()
    bench.peer(C)
    job = job_id(OF)
    bench.hear(C, JobOffer(job, OF, JobPolicy(), C, b"", (Edit(EditName.KEEPERS, b"", 1, C, nodes=(ME, C)),)))
    effects = bench.hear(C, LedgerDelta(job, (LogRun(A, Boot(1), 1, (Entry(result=WHOLE),)),), ()))
    assert state(bench, job) is JobState.RUNNING
    assert told(effects, JobFinished) == []
    # until one of them starts anew as well
    effects = bench.peer(B)
    assert state(bench, job) is JobState.DONE
    assert len(told(effects, JobFinished)) == 1


def test_another_keeper_writes_it_down_where_one_goes_before_this_node() -> None:
    bench, job = survivor((A, B, C), keepers=(C, ME))
    effects = both_die(bench) + bench.wait(2 * GRACE)
    assert given_up(effects) == []
    # when that one has done so, it is rendered, and people here are told as well
    run = LogRun(C, Boot(1), 1, (Entry(away=AwayFact((PIXELS,), (A, B), number=1)),))
    effects = bench.hear(C, LedgerDelta(job, (run,), ())) + bench.wait(5.0)
    assert told(effects, ResultsGivenUp)
    assert renders(effects) == [WHOLE.unit]


def wait_and_retry(bench: Bench, job: JobId) -> None:
    """Nothing is rendered again by itself, and the way out is named and works."""
    bench.wait(3 * GRACE)
    assert state(bench, job) is JobState.RUNNING
    sentence = waiting_for(view(bench, job), lambda node: node.hex()[:2], lambda _: None)
    assert sentence.startswith("a frame of it cannot be had without 61 and 62, which are away; ")
    assert "mesh retry" in sentence
    before = len(renders(bench.effects))
    bench.tell(RetryJob(job))
    bench.wait(30.0)
    assert renders(bench.effects)[before:] == [WHOLE.unit]


def test_who_has_heard_of_nobody_since_its_machine_slept_renders_nothing_again() -> None:
    """Given a laptop that was closed in the office and opened at home."""
    bench, job = survivor()
    bench.tell(Woke(3600.0))
    both_die(bench)
    wait_and_retry(bench, job)


def test_who_hears_of_others_after_a_sleep_was_not_carried_away() -> None:
    bench, job = survivor()
    bench.tell(Woke(3600.0))
    bench.wait(5.0)
    bench.hear(A, JobWanted(job))
    both_die(bench)
    assert len(given_up(bench.wait(GRACE + 30.0))) == 1


def test_who_misses_more_than_are_with_it_takes_itself_to_be_cut_off() -> None:
    bench, job = survivor((A, B, C, D, E), keepers=(ME, A, B))
    for node in (A, B, D, E):
        bench.tell(PeerDown(node))
    wait_and_retry(bench, job)


def test_who_misses_more_than_two_of_very_many_does_not_wait_for_them_for_ever() -> None:
    bench, _ = survivor((A, B, C, D, E, F), keepers=(ME, A, B))
    for node in (A, B, D):
        bench.tell(PeerDown(node))
    assert len(given_up(bench.wait(GRACE + 30.0))) == 1


def test_nothing_is_given_up_by_itself_where_people_do_not_want_that() -> None:
    bench = Bench(config=SchedConfig(away_seconds=0.0))
    job = bench.submit(OF)
    bench.peer(A)
    bench.wait(3.0)
    run = LogRun(A, Boot(1), 1, (Entry(result=replace(WHOLE, holders=())),))
    bench.hear(A, LedgerDelta(job, (run,), ()))
    bench.tell(PeerDown(A))
    before = len(renders(bench.effects))
    assert given_up(bench.wait(3600.0)) == []
    assert len(renders(bench.effects)) == before
    assert state(bench, job) is JobState.RUNNING


def test_retry_renders_nothing_again_that_somebody_here_holds() -> None:
    bench = Bench()
    bench.submit(manifest(frames=1))
    bench.peer(A)
    bench.finish(bench.render())
    bench.hear(A, PixelsKept(bench.render().job, PIXELS, kept=True))
    before = len(renders(bench.effects))
    bench.tell(PeerDown(A))
    bench.tell(RetryJob(bench.render().job))
    bench.wait(2 * GRACE)
    assert len(renders(bench.effects)) == before


# --- stories --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("nodes", "pairs"), [(3, 3), (4, 6), (6, 15)])
def test_any_two_nodes_may_die_at_any_moment_and_nobody_is_needed(nodes: int, pairs: int) -> None:
    figures = [play("farm-two-killed", seed, nodes, check_every=20) for seed in range(2, 2 + pairs)]
    assert sum(one["given up"] for one in figures), (
        "nothing died with both that held it: the story is too mild"
    )


def test_who_comes_back_brings_its_copies_along() -> None:
    figures = [play("farm-two-back", seed, check_every=20) for seed in range(1, 7)]
    assert any(one["again"] for one in figures), "nothing was held by the two alone: the story is too mild"
