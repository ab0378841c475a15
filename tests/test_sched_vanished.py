"""A node whose process has ended, as a refused connection tells, loses its work long before gossip declares it dead."""

from __future__ import annotations

import pytest

from mesh.model.ids import Boot, JobId, NodeId
from mesh.model.policy import JobPolicy
from mesh.model.units import Unit
from mesh.sched.config import SchedConfig
from mesh.sched.events import PeerDown, PeerVanished
from mesh.sched.news import ResultKnown, WorkReassigned
from mesh.sched.peers import rendezvous
from mesh.wire.copies import KeepPixels
from mesh.wire.effects import Send
from mesh.wire.jobs import Edit, EditName, JobOffer
from mesh.wire.ledger import Activity, ClaimSet, LedgerDelta
from mesh.wire.stealing import GrantTaken, StealGrant
from tests.sched_bench import ME, A, B, Bench, request, sent, told
from tools.sim.farm import job_id, manifest


def keeper() -> tuple[Bench, JobId]:
    """A node that renders nothing and keeps the ledger of B's job of two frames of 16 buckets, as B does."""
    bench = Bench(units=0)
    bench.peer(A)
    bench.peer(B)
    of = manifest(frames=2, buckets=16)
    keepers = Edit(EditName.KEEPERS, b"", 1, B, nodes=(B, ME))
    bench.hear(B, JobOffer(job_id(of), of, JobPolicy(), B, b"", (keepers,)))
    return bench, job_id(of)


def claims(job: JobId, node: NodeId, stamp: int, *spans: int, age: float = 0.0) -> LedgerDelta:
    return LedgerDelta(job, (), (ClaimSet(node, Boot(1), stamp, age, spans, 0, 1.0),))


def reassigned(bench: Bench, seconds: float) -> int:
    """Buckets that this node takes over within that time."""
    return sum(each.buckets for each in told(bench.wait(seconds), WorkReassigned))


def test_a_lender_takes_back_at_once_what_a_vanished_thief_had() -> None:
    bench = Bench()
    job = bench.submit(manifest(frames=8, buckets=4))
    bench.peer(A)
    (grant,) = sent(bench.hear(A, request(job)), StealGrant)
    bench.hear(A, GrantTaken(job, grant.request))
    bench.hear(A, claims(job, A, 1, *grant.spans))
    size = grant.spans[1] - grant.spans[0]
    assert told(bench.tell(PeerVanished(A)), WorkReassigned) == [WorkReassigned(job, A, size, size // 4)]
    # and once only
    assert not told(bench.tell(PeerVanished(A)) + bench.tell(PeerDown(A)), WorkReassigned)
    assert reassigned(bench, 3.0) == 0


def test_a_keeper_takes_over_what_a_vanished_node_vouched_for() -> None:
    bench, job = keeper()
    bench.hear(B, claims(job, B, 1, 16, 32))
    bench.hear(A, claims(job, A, 1, 0, 16))
    bench.tell(PeerVanished(A))
    assert reassigned(bench, 1.0) == 16


def test_old_words_of_a_vanished_node_count_no_more_when_others_pass_them_on() -> None:
    bench, job = keeper()
    bench.hear(A, claims(job, A, 1, 0, 16))
    bench.hear(B, claims(job, B, 1, 16, 32))
    bench.tell(PeerVanished(A))
    bench.hear(B, claims(job, A, 2, 0, 16, age=0.5))
    assert reassigned(bench, 1.0) == 16


def test_a_vanished_node_that_speaks_again_has_its_say() -> None:
    bench, job = keeper()
    bench.hear(B, claims(job, B, 1, 16, 32))
    bench.tell(PeerVanished(A))
    bench.hear(A, claims(job, A, 1, 0, 16))
    assert reassigned(bench, 3.0) == 0


def test_a_vanished_node_that_others_still_hear_has_its_say() -> None:
    bench, job = keeper()
    bench.hear(B, claims(job, B, 1, 0, 32))
    bench.tell(PeerVanished(A))
    bench.wait(2.0)
    # given news of it that are younger than its end
    bench.hear(B, claims(job, A, 1, 0, 16, age=0.1))
    bench.hear(B, claims(job, B, 2, 16, 32))
    assert reassigned(bench, 3.0) == 0


def test_a_vanished_keeper_is_not_waited_for() -> None:
    # given a node whose work B would be the first to take over
    bench, job = keeper()
    gone = next(
        NodeId(bytes([n]) * 32)
        for n in range(1, 50)
        if rendezvous(NodeId(bytes([n]) * 32), [ME, B], 1) == [B]
    )
    bench.peer(gone)
    bench.hear(gone, claims(job, gone, 1, 0, 32))
    # when both vanish
    bench.tell(PeerVanished(B))
    bench.tell(PeerVanished(gone))
    # then it is this keeper's turn at once
    assert reassigned(bench, SchedConfig().rescue_seconds) == 32


def test_what_a_vanished_node_was_rendering_goes_first() -> None:
    # given a node that renders the first frame of eight and has lent the last four to A, who renders the last but one
    bench = Bench()
    job = bench.submit(manifest(frames=8, buckets=4))
    bench.peer(A)
    running = bench.render()
    (grant,) = sent(bench.hear(A, request(job)), StealGrant)
    assert grant.spans == (16, 32)
    bench.hear(A, GrantTaken(job, grant.request))
    activity = Activity(Unit(7, 0, 4), 0.5, 1.0)
    nonsense = Activity(Unit(99, 0, 4), 0.5, 1.0)
    said = ClaimSet(A, Boot(1), 1, 0.0, grant.spans, 0, 1.0, (activity, nonsense))
    bench.hear(A, LedgerDelta(job, (), (said,)))
    # when A vanishes, and this node's slot is free again
    bench.tell(PeerVanished(A))
    bench.finish(running)
    # then it renders what A had begun, and after that goes on in order
    again = bench.render()
    assert again.unit == Unit(7, 0, 4)
    bench.finish(again)
    assert bench.render().unit == Unit(2, 0, 4)


@pytest.mark.parametrize("gone", [PeerVanished(A), PeerDown(A)], ids=["vanished", "dead"])
def test_nobody_waits_for_the_copy_that_a_node_was_making_when_it_ended(
    gone: PeerVanished | PeerDown,
) -> None:
    # given pixels that A was asked to keep; it has read that, so the request did not fail
    bench = Bench()
    bench.submit(manifest(frames=8, buckets=4))
    bench.peer(A)
    (keep,) = sent(bench.finish(bench.render()), KeepPixels, A)
    # when A ends, then they are published, held by this node alone
    said = told(bench.tell(gone), ResultKnown)
    assert [(known.result.pixels, known.result.holders) for known in said] == [(keep.pixels, (ME,))]
    # and nobody asks it to keep more
    effects = bench.finish(bench.render(), b"q")
    assert not sent(effects, KeepPixels)
    assert len(told(effects, ResultKnown)) == 1


def test_what_a_vanished_node_asked_for_is_kept_by_another() -> None:
    bench = Bench()
    bench.submit(manifest(frames=8, buckets=4))
    bench.peer(A)
    bench.peer(B)
    (keep,) = sent(bench.finish(bench.render()), KeepPixels)
    asked = next(each.to for each in bench.effects if isinstance(each, Send) and each.message is keep)
    other = {A: B, B: A}[asked]
    assert sent(bench.tell(PeerVanished(asked)), KeepPixels, other)
