"""Whose pixels are believed: votes on results, what follows in the ledger, and one scheduler that audits."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.model.ids import Boot, Digest, JobId, NodeId
from mesh.model.manifest import EngineName
from mesh.model.policy import FrameOrder
from mesh.model.status import JobState
from mesh.model.tolerance import EXACT, TOLERANCES
from mesh.model.units import Unit
from mesh.sched.config import SchedConfig
from mesh.sched.events import ActOnJob, SetCapacity
from mesh.sched.facts import Facts
from mesh.sched.layout import Layout
from mesh.sched.news import AuditDiffers, NodeConvicted, SelfConvicted
from mesh.sched.peers import rendezvous
from mesh.sched.verdicts import Verdicts, audit_chance
from mesh.wire.effects import (
    BlobFailed,
    BlobReady,
    Compare,
    Compared,
    Fetch,
    RenderDone,
    RenderPreparing,
    StopRender,
)
from mesh.wire.gossip import EngineBuild
from mesh.wire.jobs import EditName, Participation
from mesh.wire.ledger import AuditFact, Entry, ResultFact
from mesh.wire.stealing import StealGrant, StealRequest, Want
from mesh.wire.trust import Conviction, Convictions, Finding
from tests.audit_bench import PIXELS, Auditor, C, renders
from tests.sched_bench import ME, A, B, Bench, sent, told
from tools.sim.audit_scenarios import ENGINE, INEXACT_ENGINE
from tools.sim.farm import manifest
from tools.sim.scenarios import play

D = NodeId(b"d" * 32)
OTHER = Digest(b"q" * 32)
PIECE = Unit(1, 3, 4)
JOB = JobId(b"j" * 32)


def vote(equal: bool, renderer: NodeId = A, pixels: Digest = PIXELS) -> AuditFact:
    return AuditFact(renderer, pixels, PIECE, equal)


@pytest.mark.parametrize(
    ("votes", "counts", "disputed"),
    [
        ([(B, True)], True, False),
        ([(B, False)], True, True),
        ([(B, False), (C, True)], True, True),
        ([(B, False), (C, False)], False, False),
        ([(B, False), (C, True), (D, True)], True, False),
        ([(B, False), (C, False), (D, True)], False, False),
        ([(B, False), (B, False)], True, True),
        ([(A, False), (A, False), (B, False)], True, True),
    ],
)
def test_a_result_is_false_where_two_and_most_find_it_so(
    votes: list[tuple[NodeId, bool]], counts: bool, disputed: bool
) -> None:
    verdicts = Verdicts()
    for auditor, equal in votes:
        verdicts.learn(auditor, vote(equal))
    assert verdicts.counts(A, PIXELS) is counts
    assert bool(verdicts.disputes()) is disputed
    assert verdicts.convicted == (frozenset() if counts else {A})


@given(
    st.lists(
        st.tuples(st.sampled_from([A, B, C, D]), st.sampled_from([A, B]), st.booleans()),
        max_size=12,
        unique_by=lambda one: one[:2],
    ),
    st.randoms(use_true_random=False),
)
def test_the_same_votes_give_the_same_verdict_in_any_order(
    votes: list[tuple[NodeId, NodeId, bool]], rng: random.Random
) -> None:
    shuffled = votes[:]
    rng.shuffle(shuffled)
    one, other = Verdicts(), Verdicts()
    for order, verdicts in ((votes, one), (shuffled, other)):
        for auditor, renderer, equal in order:
            verdicts.learn(auditor, vote(equal, renderer))
    assert one.convicted == other.convicted
    assert one.counts(A, PIXELS) == other.counts(A, PIXELS)


def test_audits_spend_their_budget_and_look_longer_at_the_unknown() -> None:
    # 1 bucket of 10 at 2 %: a fifth of all results, twice that for a newcomer, half for an old hand
    assert 4 * audit_chance(0.02, 10, 1, confirmed=0, auditors=4) == pytest.approx(0.4)
    assert 4 * audit_chance(0.02, 10, 1, confirmed=10, auditors=4) == pytest.approx(0.2)
    assert 4 * audit_chance(0.02, 10, 1, confirmed=1000, auditors=4) == pytest.approx(0.1)
    assert audit_chance(0.02, 1000, 1, confirmed=0, auditors=1) == 1.0
    assert audit_chance(0.02, 10, 1, confirmed=0, auditors=0) == 0.0


# --- the ledger -----------------------------------------------------------------------------------------


def facts_of(frames: int = 2) -> Facts:
    return Facts(Layout(manifest(frames=frames, buckets=4), FrameOrder.FORWARD), attempts=3)


def result(frame: int, pixels: Digest) -> Entry:
    return Entry(result=ResultFact(Unit(frame, 0, 4), pixels, 100, 1.0))


def test_nothing_that_a_convicted_node_rendered_counts_whenever_it_is_learned() -> None:
    facts = facts_of()
    facts.learn(A, result(1, PIXELS))
    facts.learn(B, result(2, OTHER))
    assert facts.complete
    facts.learn(B, Entry(audit=vote(False)))
    assert facts.complete
    assert facts.learn(C, Entry(audit=vote(False))).upset
    facts.check()
    assert (facts.missing.size, facts.frames_done) == (4, 1)
    facts.learn(A, result(1, Digest(b"r" * 32)))
    assert not facts.complete, "a later result of the convicted counts"
    facts.learn(B, result(1, Digest(b"s" * 32)))
    assert facts.complete
    assert facts.frames_done == 2


def test_who_is_let_in_again_keeps_all_but_what_was_found_false() -> None:
    facts = facts_of()
    facts.learn(A, result(1, PIXELS))
    facts.learn(A, result(2, OTHER))
    for auditor in (B, C):
        facts.learn(auditor, Entry(audit=vote(False)))
    assert facts.missing.size == 8
    facts.pardon(frozenset({A}))
    assert list(facts.missing) == [(0, 4)]


# --- one scheduler --------------------------------------------------------------------------------------


@pytest.fixture
def auditor() -> Auditor:
    return Auditor().give_away()


def test_a_piece_of_another_s_result_is_rendered_again_compared_and_told(auditor: Auditor) -> None:
    (render,) = renders(auditor.says(A, result(1, PIXELS)))
    assert (render.unit.frame, render.unit.size) == (1, 1)

    again = Digest(b"z" * 32)
    effects = auditor.tell(RenderDone(auditor.job, render.unit, render.attempt, again, 10, 0.1))
    assert [effect.root for effect in effects if isinstance(effect, Fetch)] == [PIXELS]
    (compare,) = (e for e in auditor.tell(BlobReady(PIXELS)) if isinstance(e, Compare))
    assert compare == Compare(auditor.job, A, PIXELS, Unit(1, 0, 4), again, render.unit)

    auditor.tell(Compared(auditor.job, A, PIXELS, render.unit, equal=True))
    view = auditor.machine.views.job(auditor.job)
    assert view is not None
    assert view.checked == 1


def test_an_audit_is_not_work_that_anybody_owns(auditor: Auditor) -> None:
    auditor.says(A, result(1, PIXELS))
    view = auditor.machine.views.job(auditor.job)
    assert view is not None
    assert not any(activity.node == ME for activity in view.activities)


def stopped(bench: Auditor) -> list[int]:
    return [effect.attempt for effect in bench.effects if isinstance(effect, StopRender)]


def test_an_audit_that_hangs_is_given_up_and_one_whose_scene_is_being_opened_is_not(auditor: Auditor) -> None:
    (render,) = renders(auditor.says(A, result(1, PIXELS)))
    patience = SchedConfig().progress_seconds
    for _ in range(3):
        auditor.wait(0.9 * patience)
        auditor.tell(RenderPreparing(auditor.job, render.unit, render.attempt))
    assert render.attempt not in stopped(auditor)
    auditor.wait(1.1 * patience)
    assert stopped(auditor).count(render.attempt) == 1


def test_pixels_that_cannot_be_had_are_not_held_against_anybody(auditor: Auditor) -> None:
    (render,) = renders(auditor.says(A, result(1, PIXELS)))
    auditor.tell(RenderDone(auditor.job, render.unit, render.attempt, OTHER, 10, 0.1))
    effects = auditor.tell(BlobFailed(PIXELS, "nobody has it"))
    assert not [effect for effect in effects if isinstance(effect, Compare)]


def test_engines_that_declare_no_tolerance_are_not_audited() -> None:
    build = EngineBuild("sleep", "1")
    bench = Auditor(manifest(frames=2, buckets=4, engine=build), build).give_away(build)
    assert not renders(bench.says(A, result(1, PIXELS)))


def test_pixels_of_an_inexact_engine_are_compared_within_its_tolerance() -> None:
    bench = Auditor(manifest(frames=2, buckets=4, engine=INEXACT_ENGINE), INEXACT_ENGINE)
    (render,) = renders(bench.give_away(INEXACT_ENGINE).says(A, result(1, PIXELS)))
    bench.tell(RenderDone(bench.job, render.unit, render.attempt, OTHER, 10, 0.1))
    (compare,) = (e for e in bench.tell(BlobReady(PIXELS)) if isinstance(e, Compare))
    assert compare.tolerance == TOLERANCES[EngineName.ROUNDING] != EXACT


def test_who_is_accused_by_one_is_looked_at_by_others_in_the_same_place(auditor: Auditor) -> None:
    # given that this node does not look at the result by itself
    auditor.machine._core.rng.random = lambda: 1.0  # type: ignore[method-assign]
    assert not renders(auditor.says(A, result(1, PIXELS)))
    # when another finds a difference
    effects = auditor.says(C, Entry(audit=vote(False)))
    # then people hear of it, and this node renders the very bucket
    assert told(effects, AuditDiffers) == [AuditDiffers(auditor.job, A, C, PIECE)]  # type: ignore[arg-type]
    (render,) = renders(effects)
    assert render.unit == PIECE


def test_a_convicted_node_loses_its_work_and_gets_no_more_until_it_is_let_in(auditor: Auditor) -> None:
    auditor.machine._core.rng.random = lambda: 1.0  # type: ignore[method-assign]
    auditor.says(A, result(1, PIXELS))
    auditor.says(B, result(2, OTHER))
    assert state(auditor) is JobState.DONE
    auditor.says(C, Entry(audit=vote(False)))
    # when this node agrees
    effects = auditor.tell(Compared(auditor.job, A, PIXELS, PIECE, equal=False))
    # then people are told, the node too, and the frame is missing again and rendered here
    assert told(effects, NodeConvicted) == [NodeConvicted(auditor.job, A, PIECE, (C, ME))]
    (told_a,) = sent(effects, Convictions, A)
    assert [finding.auditor for finding in told_a.convictions[0].findings] == [C, ME]
    assert state(auditor) is not JobState.DONE
    assert auditor.machine.views.false_results(auditor.job) == (PIXELS,)
    assert [one.pixels for one in auditor.machine.views.results(auditor.job, 0)[1]] == [OTHER]
    # and A gets nothing, until somebody says so
    auditor.tell(SetCapacity(0, ()))
    auditor.wait(5.0)
    request = StealRequest(9, Boot(1), (Want(auditor.job, 0.0),), parked=False, idle=True)
    assert not sent(auditor.hear(A, request), StealGrant)
    auditor.tell(ActOnJob(auditor.job, EditName.EXCLUDED, A, Participation.INCLUDED.value))
    assert sent(auditor.hear(A, request), StealGrant)


def test_what_a_liar_rendered_for_other_jobs_is_looked_at_again_all_of_it(auditor: Auditor) -> None:
    # given another job that is done, of which nobody has looked at any result
    auditor.machine._core.rng.random = lambda: 1.0  # type: ignore[method-assign]
    first = auditor.job
    other = replace(manifest(frames=9, buckets=4, engine=ENGINE), name="other")
    auditor.tell(SetCapacity(0, ()))
    auditor.job, auditor.lengths = auditor.submit(other), {}
    second = auditor.job
    for frame in range(1, 9):
        auditor.says(A, result(frame, Digest(bytes([frame]) * 32)))
    auditor.says(B, result(9, OTHER))
    assert state(auditor) is JobState.DONE
    # when A is convicted in the first one, and this node may render
    auditor.job, auditor.lengths = first, {}
    auditor.says(A, result(1, PIXELS))
    for witness in (B, C):
        auditor.says(witness, Entry(audit=vote(False)))
    seen = []
    effects = auditor.tell(SetCapacity(1, (ENGINE,)))
    while checks := [one for one in renders(effects) if one.job == second]:
        (check,) = checks
        seen.append(check.unit.frame)
        effects = auditor.tell(RenderDone(check.job, check.unit, check.attempt, OTHER, 10, 0.1))
    # then it renders a piece of each of A's results again that falls to it, and nothing of B's
    keepers = [ME, B, C]
    mine = [n for n in range(1, 9) if rendezvous(bytes([n]) * 32, keepers, 1) == [ME]]
    assert mine
    assert sorted(seen) == mine


def state(bench: Auditor) -> JobState:
    view = bench.machine.views.job(bench.job)
    assert view is not None
    return view.state


def test_a_node_that_is_convicted_tells_its_owner() -> None:
    bench = Bench()
    bench.peer(A)
    findings = tuple(Finding(node, vote(False, ME)) for node in (A, B))
    effects = bench.hear(A, Convictions((Conviction(JOB, A, findings),)))
    assert told(effects, SelfConvicted) == [SelfConvicted(JOB, PIECE, (A, B))]


# --- whole farms ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "audit-liar",
        "audit-fickle",
        "audit-honest",
        "audit-inexact-honest",
        "audit-inexact-lazy",
        "audit-false-witness",
        "audit-outcast",
    ],
)
def test_audit_story(name: str) -> None:
    for seed in (1, 2):
        play(name, seed, check_every=20)


def test_two_nodes_alone_cannot_tell_who_lies() -> None:
    with pytest.raises(AssertionError, match="the liar was not caught"):
        play("audit-liar", 1, nodes=2, check_every=20)
