"""Idle nodes and their keepers: who finds no work says so once, and is told who comes to have some."""

from __future__ import annotations

import pytest

from mesh.model.ids import Boot, Digest, JobId, NodeId
from mesh.model.units import Unit
from mesh.sched.config import SchedConfig
from mesh.sched.events import PeerVanished, SetCapacity
from mesh.sched.rules import worth_asking
from mesh.wire.effects import Effect
from mesh.wire.ledger import Activity, ClaimSet, Entry, Hint, LedgerDelta, LogRun, ResultFact
from mesh.wire.stealing import INVITATION, GrantTaken, StealDeny, StealGrant, StealRequest, Want
from tests.sched_bench import ME, Bench, request, sent
from tools.sim.farm import ENGINE, manifest

A, B, C, D = (NodeId(bytes([letter]) * 32) for letter in b"abcd")
FACTOR = 20.0
NEAR, FAR = 0.003, 0.04

# --- whom to ask ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spare", "theirs", "mine", "cost", "worth"),
    [
        (0, 0.0, 0.0, NEAR, False),  # nothing
        (1, 0.0, 0.0, NEAR, True),  # nobody knows how long a bucket takes: ask
        (1, 1.0, 1.0, NEAR, True),  # a second a bucket: any will do
        (9, 64.0, 64.0, NEAR, False),  # half of it is too little by the time that the request is there
        (10, 64.0, 64.0, NEAR, True),
        (10, 64.0, 64.0, FAR, False),  # not for a steal across sites
        (152, 64.0, 64.0, FAR, True),
        (3, 16.0, 64.0, NEAR, True),  # of a slow node's work a fast one gets the greater part
        (10, 64.0, 16.0, NEAR, False),  # and the reverse
        (28, 64.0, 16.0, NEAR, True),
        (10, 0.0, 64.0, NEAR, True),  # a victim that nothing is known of is taken to be like oneself
        (9, 0.0, 64.0, NEAR, False),
    ],
)
def test_only_who_would_give_something_is_asked(
    spare: int, theirs: float, mine: float, cost: float, worth: bool
) -> None:
    assert worth_asking(spare, theirs, mine, cost, FACTOR) is worth


# --- the idle node ----------------------------------------------------------------------------------


def refused() -> tuple[Bench, JobId]:
    """A worker whose keeper, A, has nothing to give."""
    bench = Bench()
    bench.peer(A)
    bench.peer(B)
    job = bench.offered(manifest(frames=4, buckets=4), by=A)
    (asked,) = sent(bench.effects, StealRequest, to=A)
    bench.hear(A, StealDeny(asked.request, Boot(1), ()))
    return bench, job


def said_idle(effects: list[Effect]) -> list[bool]:
    return [claim.idle for delta in sent(effects, LedgerDelta, to=A) for claim in delta.claims]


def test_who_finds_no_work_tells_its_keeper_once_and_asks_nobody() -> None:
    bench, _ = refused()
    assert said_idle(bench.effects) == [True]
    asked = len(sent(bench.effects, StealRequest))
    assert not sent(bench.wait(5.0), StealRequest)
    assert said_idle(bench.effects) == [True]
    assert (bench.machine.steals.asked, bench.machine.steals.announced) == (asked, 1)


def test_it_says_so_again_after_a_long_time_in_case_that_it_was_lost() -> None:
    bench, _ = refused()
    assert 1 <= len(said_idle(bench.wait(25.0))) <= 4


def test_it_asks_whom_a_keeper_names() -> None:
    bench, job = refused()
    invitation = StealDeny(INVITATION, Boot(1), (Hint(job, B, 8),))
    (asked,) = sent(bench.hear(A, invitation), StealRequest, to=B)
    assert (asked.parked, asked.idle) == (False, True)


def test_an_invitation_of_an_earlier_life_counts_for_nothing() -> None:
    bench, job = refused()
    assert not sent(bench.hear(A, StealDeny(INVITATION, Boot(9), (Hint(job, B, 8),))), StealRequest)


def test_whom_it_asks_in_vain_it_does_not_ask_again_and_it_waits_on() -> None:
    bench, job = refused()
    (asked,) = sent(bench.hear(A, StealDeny(INVITATION, Boot(1), (Hint(job, B, 8),))), StealRequest, to=B)
    effects = bench.hear(B, StealDeny(asked.request, Boot(1), ()))
    assert not sent(effects, StealRequest)
    assert said_idle(effects) == []  # the keeper knows


def test_with_work_it_waits_no_more() -> None:
    bench, job = refused()
    (asked,) = sent(bench.hear(A, StealDeny(INVITATION, Boot(1), (Hint(job, B, 8),))), StealRequest, to=B)
    bench.hear(B, StealGrant(job, asked.request, Boot(1), (0, 4), 0.0))
    bench.wait(0.1)
    assert said_idle(bench.effects)[-1] is False


def test_where_its_keeper_vanishes_it_leaves_word_with_others() -> None:
    bench, _ = refused()
    bench.tell(PeerVanished(A))
    asked = sent(bench.wait(60.0), StealRequest)
    assert [one for one in asked if one.parked]
    assert len(asked) < 60  # ever more rarely


@pytest.mark.parametrize(
    ("rendered", "age", "speed", "leaves_word"),
    [
        (0.5, 4.0, 0.25, True),  # for four more seconds
        (0.995, 7.96, 0.25, False),  # done before anything of it could come here
        (0.5, 4.0, 0.0, True),  # nobody knows how fast
        (0.995, 97.0, 0.25, True),  # standing still
        (None, 0.0, 100.0, True),  # not begun: however short it is, A may not be the one to render it
    ],
)
def test_who_follows_the_ledger_leaves_word_only_while_somebody_will_be_at_work_for_long(
    rendered: float | None, age: float, speed: float, leaves_word: bool
) -> None:
    """Given a job's last frame, of two buckets, claimed by A, and nothing left to do here."""
    bench = Bench(units=0)
    job = bench.submit(manifest(frames=1, buckets=2))
    bench.peer(A)
    (grant,) = sent(bench.hear(A, request(job)), StealGrant)
    bench.hear(A, GrantTaken(job, grant.request))
    at_it = () if rendered is None else (Activity(Unit(1, 0, 2), rendered, age),)
    spare = 0 if at_it else 2
    bench.hear(A, LedgerDelta(job, (), (ClaimSet(A, Boot(1), 1, 0.0, (0, 2), spare, speed, at_it),)))
    bench.effects.clear()
    bench.tell(SetCapacity(1, (ENGINE,)))
    parked = [one for one in sent(bench.effects, StealRequest) if one.parked]
    assert bool(parked) is leaves_word


# --- the keeper -------------------------------------------------------------------------------------


def keeper() -> tuple[Bench, JobId, tuple[int, ...]]:
    """A keeper that renders nothing and has lent all of a job, half of it to A."""
    bench = Bench(units=0)
    job = bench.submit(manifest(frames=8, buckets=4))
    for node in (A, B, C, D):
        bench.peer(node)
    (grant,) = sent(bench.hear(A, StealRequest(1, Boot(1), (Want(job, 4.0),), False, True)), StealGrant)
    number = 1
    while sent(bench.hear(B, request(job, number)), StealGrant):
        number += 1
    bench.effects.clear()
    return bench, job, grant.spans


def idle(bench: Bench, job: JobId, node: NodeId, stamp: int = 1, *, by: NodeId | None = None) -> list[Effect]:
    claim = ClaimSet(node, Boot(1), stamp, 0.0, (), 0, 4.0, idle=True)
    return bench.hear(by or node, LedgerDelta(job, (), (claim,)))


def has(bench: Bench, job: JobId, spans: tuple[int, ...], spare: int, stamp: int = 1) -> list[Effect]:
    claim = ClaimSet(A, Boot(1), stamp, 0.0, spans, spare, 4.0)
    return bench.hear(A, LedgerDelta(job, (), (claim,)))


def invited(effects: list[Effect]) -> list[tuple[NodeId, ...]]:
    invitations = [one for one in sent(effects, StealDeny) if one.request == INVITATION]
    return [tuple(hint.node for hint in one.hints) for one in invitations]


def test_a_keeper_tells_an_idle_node_of_somebody_who_comes_to_have_work() -> None:
    bench, job, spans = keeper()
    assert not invited(idle(bench, job, C))
    has(bench, job, spans, 12)
    bench.wait(0.1)
    assert invited(bench.effects) == [(A,)]


def test_one_idle_node_at_a_time_is_sent_to_the_same_victim() -> None:
    bench, job, spans = keeper()
    for node in (C, D):
        idle(bench, job, node)
    has(bench, job, spans, 12)
    bench.wait(0.09)
    assert len(invited(bench.effects)) == 1


def test_who_still_idles_is_told_again() -> None:
    bench, job, spans = keeper()
    idle(bench, job, C)
    has(bench, job, spans, 12)
    bench.wait(0.2)
    before = len(invited(bench.effects))
    bench.wait(0.4)
    assert len(invited(bench.effects)) > before


def test_who_works_again_is_told_nothing() -> None:
    bench, job, spans = keeper()
    idle(bench, job, C)
    busy = ClaimSet(C, Boot(1), 2, 0.0, (), 0, 4.0)
    bench.hear(C, LedgerDelta(job, (), (busy,)))
    has(bench, job, spans, 12)
    bench.wait(1.0)
    assert not invited(bench.effects)


def test_what_another_keeper_passes_on_invites_nobody_twice() -> None:
    bench, job, spans = keeper()
    idle(bench, job, C, by=D)
    has(bench, job, spans, 12)
    bench.wait(1.0)
    assert not invited(bench.effects)


def test_a_keeper_that_takes_long_itself_tells_who_waits_for_its_word() -> None:
    """Given a keeper that renders the last frame, which cannot be cut, and of which its engine says nothing; frames
    have taken others a second; when nobody has said anything for long; then it names itself."""
    bench = Bench(config=SchedConfig(keepers=1))
    job = bench.submit(manifest(frames=3, buckets=1))
    bench.peer(A)
    bench.peer(C)
    results = tuple(
        Entry(result=ResultFact(Unit(frame, 0, 1), Digest(bytes([frame] * 32)), 9, 1.0, ()))
        for frame in (2, 3)
    )
    bench.hear(A, LedgerDelta(job, (LogRun(A, Boot(1), 1, results),), ()))
    idle(bench, job, C)
    assert not invited(bench.wait(0.5))
    effects = bench.wait(10.0)
    assert invited(effects)[0] == (ME,)
    assert next(hint.late for one in sent(effects, StealDeny, to=C) for hint in one.hints)


def test_where_nobody_has_work_a_keeper_says_nothing() -> None:
    bench, job, spans = keeper()
    idle(bench, job, C)
    has(bench, job, spans, 0)
    bench.wait(2.0)
    assert not invited(bench.effects)


@pytest.mark.parametrize(("at_it", "named"), [(False, [(A,)]), (True, [])], ids=["at another job", "at it"])
def test_who_is_at_another_job_has_all_of_its_work_still(
    at_it: bool, named: list[tuple[NodeId, ...]]
) -> None:
    """Given units that take as long as expected; when A says what it has, and nothing more for long; then it
    is taken to have done that where it was at it, and only there."""
    bench, job, spans = keeper()
    results = tuple(
        Entry(result=ResultFact(Unit(frame, 0, 4), Digest(bytes([frame] * 32)), 9, 1.0, ()))
        for frame in (1, 2)
    )
    bench.hear(B, LedgerDelta(job, (LogRun(B, Boot(1), 1, results),), ()))
    activities = (Activity(Unit(5, 0, 4), 0.0, 0.0),) if at_it else ()
    bench.hear(A, LedgerDelta(job, (), (ClaimSet(A, Boot(1), 1, 0.0, spans, 12, 4.0, activities),)))
    bench.wait(6.0)
    bench.effects.clear()
    idle(bench, job, C)
    bench.wait(0.1)
    assert ((A,) in invited(bench.effects)) is not at_it
