"""How far an engine is, for what its unit may still lose: told by itself, or by the time that it has had."""

from __future__ import annotations

import pytest

from mesh.model.ids import Boot, JobId
from mesh.sched.config import SchedConfig
from mesh.wire.copies import KeepPixels, PixelsKept
from mesh.wire.effects import Render, RenderProgress
from mesh.wire.ledger import LedgerDelta
from mesh.wire.stealing import GrantTaken, StealDeny, StealGrant, StealRequest, Want
from tests.sched_bench import A, Bench, request, sent
from tools.sim.farm import manifest

FRAME = 40
"""Buckets, which take a second."""


def second_frame() -> tuple[Bench, JobId, Render]:
    """One frame is rendered, in a second; the other has just been begun."""
    bench = Bench(config=SchedConfig(rescue_seconds=60, settle_seconds=60, pulse_seconds=60))
    job = bench.submit(manifest(frames=2, buckets=FRAME))
    bench.peer(A)
    bench.wait(1.0)
    (keep,) = sent(bench.finish(bench.render()), KeepPixels)
    bench.hear(A, PixelsKept(job, keep.pixels, kept=True))
    return bench, job, bench.render()


@pytest.mark.parametrize(("seconds", "lent"), [(0.0, 20), (0.5, 10), (0.8, 4), (0.97, 0), (5.0, 0)])
def test_a_silent_engine_loses_half_of_what_it_cannot_have_begun_by_now(seconds: float, lent: int) -> None:
    bench, job, _ = second_frame()
    bench.now += seconds
    grants = sent(bench.hear(A, request(job)), StealGrant)
    assert sum(grant.spans[1] - grant.spans[0] for grant in grants) == lent


@pytest.mark.parametrize(("since", "lent"), [(0.0, 15), (0.1, 13), (0.25, 10), (9.0, 10)])
def test_between_two_reports_an_engine_goes_on_but_no_further_than_to_the_next(
    since: float, lent: int
) -> None:
    bench, job, render = second_frame()
    bench.now += 0.25
    bench.tell(RenderProgress(job, render.unit, render.attempt, 0.25))
    bench.now += since
    (grant,) = sent(bench.hear(A, request(job)), StealGrant)
    assert grant.spans[1] - grant.spans[0] == lent


def test_who_has_measured_nothing_believes_the_thief() -> None:
    """The thief has done frames like the one that is nearly done here: half of it would be rendered twice."""
    bench = Bench(config=SchedConfig(rescue_seconds=60, settle_seconds=60, pulse_seconds=60))
    job = bench.submit(manifest(frames=1, buckets=FRAME))
    bench.peer(A)
    bench.now += 0.97
    asked = StealRequest(1, Boot(1), (Want(job, FRAME / 1.0),), parked=False, idle=True)
    effects = bench.hear(A, asked)
    assert sent(effects, StealDeny)
    assert not sent(effects, StealGrant)


def test_a_thief_believes_its_lender() -> None:
    bench = Bench(config=SchedConfig(rescue_seconds=60, settle_seconds=60, pulse_seconds=60))
    bench.peer(A)
    job = bench.offered(manifest(frames=4, buckets=FRAME), by=A)
    (asked,) = sent(bench.effects, StealRequest, to=A)
    bench.hear(A, StealGrant(job, asked.request, Boot(1), (80, 120), pace=1 / FRAME))
    bench.now += 0.97
    assert sent(bench.hear(A, request(job)), StealDeny)


def test_who_begins_its_last_unit_says_at_once_what_it_has_to_give() -> None:
    bench = Bench()
    bench.peer(A)
    job = bench.offered(manifest(frames=4, buckets=FRAME), by=A)
    (asked,) = sent(bench.effects, StealRequest, to=A)
    effects = bench.hear(A, StealGrant(job, asked.request, Boot(1), (80, 120), pace=1 / FRAME))
    assert sent(effects, GrantTaken, to=A)
    said = [claim for delta in sent(effects + bench.wait(0.1), LedgerDelta, to=A) for claim in delta.claims]
    assert FRAME - 3 <= said[0].spare < FRAME  # news is gathered for the time of two buckets
