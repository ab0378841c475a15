"""Asking for work, and stale words: what a thief takes, and what it sends back."""

from __future__ import annotations

import pytest

from mesh.model.ids import Boot
from mesh.model.policy import JobPolicy
from mesh.model.units import Unit
from mesh.sched.events import SetCapacity
from mesh.wire.effects import BlobReady, Fetch, Render
from mesh.wire.jobs import JobOffer
from mesh.wire.stealing import GrantTaken, StealGrant, StealRequest, WorkReturned
from tests.sched_bench import A, B, Bench, request, sent, thief
from tools.sim.farm import ENGINE, job_id, manifest


def test_nobody_asks_for_work_before_the_scene_is_here() -> None:
    bench = Bench()
    bench.peer(A)
    of = manifest(frames=4, buckets=4)
    effects = bench.hear(A, JobOffer(job_id(of), of, JobPolicy(), A, b"", ()))
    assert [effect for effect in effects if isinstance(effect, Fetch)]
    assert not sent(effects, StealRequest)
    assert sent(bench.tell(BlobReady(of.scene_root)), StealRequest, to=A)


def test_a_granted_unit_is_rendered_and_acknowledged() -> None:
    bench, job, asked = thief()
    effects = bench.hear(A, StealGrant(job, asked.request, Boot(1), (8, 16), 0.0))
    assert sent(effects, GrantTaken, to=A) == [GrantTaken(job, asked.request)]
    assert bench.render().unit == Unit(3, 0, 4)


@pytest.mark.parametrize(("number", "boot"), [(99, 1), (0, 1), (1, 2), (1, 0)])
def test_a_stale_grant_is_sent_back_and_not_rendered(number: int, boot: int) -> None:
    bench, job, asked = thief()
    wrong = StealGrant(job, number if number != 1 else asked.request, Boot(boot), (8, 16), 0.0)
    effects = bench.hear(A, wrong)
    assert sent(effects, WorkReturned, to=A) == [WorkReturned(job, (8, 16))]
    assert not [effect for effect in bench.effects if isinstance(effect, Render)]


def test_a_grant_that_comes_after_its_time_out_is_sent_back() -> None:
    bench, job, asked = thief()
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
