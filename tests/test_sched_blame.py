"""Whose fault a false bucket is, of which others rendered a part: theirs who signed false sums, else its author's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mesh.identity.folder import found_mesh
from mesh.model.ids import Boot, Digest, JobId, NodeId
from mesh.model.policy import FrameOrder
from mesh.model.units import SampleRange, Unit
from mesh.node.rights import NodeRights
from mesh.sched.facts import Facts
from mesh.sched.layout import Layout
from mesh.sched.news import EntryRefused
from mesh.sched.rights import Everybody
from mesh.wire.effects import BlobReady, Compared, Fetch, Persist, Render, RenderDone
from mesh.wire.ledger import AuditFact, Entry, Helped, LedgerDelta, LogRun, ResultFact
from mesh.wire.records import StoredRecord
from tests.audit_bench import PIXELS, Auditor, C, renders
from tests.members import member
from tests.sample_bench import LAST, SUMS, answer, long_bucket, shared, waits
from tests.sched_bench import A, B, Bench, told
from tools.sim.audit_scenarios import ENGINE
from tools.sim.farm import manifest
from tools.sim.scenarios import play

BUCKET = Unit(1, 3, 4)
PART = Helped(B, BUCKET, SampleRange(40, 64), SUMS)
OTHER = Digest(b"o" * 32)


def result(*parts: Helped) -> Entry:
    return Entry(result=ResultFact(Unit(1, 0, 4), PIXELS, 100, 1.0, parts=parts))


def false(renderer: NodeId, pixels: Digest) -> Entry:
    return Entry(audit=AuditFact(renderer, pixels, BUCKET, equal=False))


def votes(bench: Auditor) -> list[tuple[NodeId, Digest, bool]]:
    """What this node has said of others."""
    ballots = bench.machine._core.jobs[bench.job].facts.verdicts.ballots
    me = bench.machine._core.me
    return [(*key, ballot.votes[me].equal) for key, ballot in ballots.items() if me in ballot.votes]


@pytest.fixture
def doubting() -> tuple[Auditor, Render]:
    """An auditor that found a bucket of A's false, of which B rendered a part; it renders that part again."""
    bench = Auditor().give_away()
    bench.machine._core.rng.random = lambda: 1.0  # type: ignore[method-assign]  # it looks at nothing by itself
    bench.says(A, result(PART))
    (whole,) = renders(bench.says(C, false(A, PIXELS)))
    assert (whole.unit, whole.samples) == (BUCKET, None)
    again = Digest(b"z" * 32)
    assert [
        e.root
        for e in bench.tell(RenderDone(bench.job, BUCKET, whole.attempt, again, 1, 1.0))
        if isinstance(e, Fetch)
    ]
    bench.tell(BlobReady(PIXELS))
    (part,) = renders(bench.tell(Compared(bench.job, A, PIXELS, BUCKET, equal=False)))
    assert (part.unit, part.samples) == (BUCKET, PART.samples)
    assert not votes(bench), "it blamed somebody before it knew whom"
    return bench, part


def test_a_helper_whose_sums_are_others_is_to_blame_and_the_author_is_not(
    doubting: tuple[Auditor, Render],
) -> None:
    bench, part = doubting
    bench.tell(RenderDone(bench.job, BUCKET, part.attempt, OTHER, 1, 1.0))
    assert votes(bench) == [(B, SUMS, False)]


def test_an_author_is_to_blame_where_its_helpers_told_the_truth(doubting: tuple[Auditor, Render]) -> None:
    bench, part = doubting
    bench.tell(RenderDone(bench.job, BUCKET, part.attempt, SUMS, 1, 1.0))
    assert votes(bench) == [(A, PIXELS, False), (B, SUMS, True)]


def test_who_helped_does_not_judge_the_result() -> None:
    bench = Auditor().give_away()
    bench.machine._core.rng.random = lambda: 1.0  # type: ignore[method-assign]
    mine = replace(PART, helper=bench.machine._core.me)
    bench.says(A, result(mine))
    assert not renders(bench.tell(Compared(bench.job, A, PIXELS, BUCKET, equal=False)))
    assert not votes(bench)


def test_what_others_say_of_a_part_is_looked_at_here_too() -> None:
    bench = Auditor().give_away()
    bench.machine._core.rng.random = lambda: 1.0  # type: ignore[method-assign]
    assert not renders(bench.says(C, false(B, SUMS))), "of what is known to nobody"
    (check,) = renders(bench.says(A, result(PART)))
    assert (check.unit, check.samples) == (BUCKET, PART.samples)


def test_a_result_with_a_false_part_does_not_count() -> None:
    facts = Facts(Layout(manifest(frames=1, buckets=4), FrameOrder.FORWARD), attempts=3)
    facts.learn(A, result(PART))
    assert facts.complete
    for auditor in (A, C):
        facts.learn(auditor, false(B, SUMS))
    assert not facts.complete
    assert facts.verdicts.convicted == {B}
    facts.learn(A, Entry(result=ResultFact(Unit(1, 0, 4), OTHER, 100, 1.0)))
    assert facts.complete, "its author was not convicted"


def test_a_result_lists_what_was_taken_of_others() -> None:
    bench, job, render = long_bucket()
    bench.hear(A, waits(job))
    bench.hear(A, answer(job))
    bench.tell(BlobReady(SUMS))
    effects = bench.finish(render)
    (stored,) = [
        effect.record
        for effect in effects
        if isinstance(effect, Persist) and isinstance(effect.record, StoredRecord)
    ]
    assert stored.parts == (Helped(A, render.unit, LAST, SUMS),)


def test_nobody_makes_up_a_helper_or_its_words(tmp_path: Path) -> None:
    # Given a job, and a part that bob has signed for
    admin = found_mesh(tmp_path / "admin", "studio", "admin")
    ada, bob = (member(tmp_path, admin, name) for name in ("ada", "bob"))
    stranger = found_mesh(tmp_path / "stranger", "other", "stranger")
    bench = Bench(rights=NodeRights(lambda: admin))
    bench.peer(A)
    job: JobId = bench.submit(manifest(frames=2, engine=ENGINE))
    signed = NodeRights(lambda: bob).sign_part(job, replace(PART, helper=bob.node_id))
    elsewhere = NodeRights(lambda: bob).sign_part(job, replace(signed, unit=Unit(2, 3, 4)))
    made_up = NodeRights(lambda: stranger).sign_part(job, replace(PART, helper=stranger.node_id))

    def refused(*parts: Helped) -> bool:
        fact = NodeRights(lambda: ada).sign_result(
            job, ResultFact(Unit(1, 0, 16), PIXELS, 1, 1.0, parts=parts)
        )
        run = LogRun(ada.node_id, Boot(1), 1, (Entry(result=fact),))
        return bool(told(bench.hear(A, LedgerDelta(job, (run,), ())), EntryRefused))

    # when ada lists other sums of it, other samples, a part of another frame, or one by nobody of this mesh
    assert refused(replace(signed, sums=OTHER))
    assert refused(replace(signed, samples=SampleRange(0, 64)))
    assert refused(elsewhere)
    assert refused(made_up)
    # then her result is refused, which it is not with bob's own word
    assert not refused(signed)


def test_sums_that_nobody_signed_for_are_not_taken_and_may_be_rendered_by_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench, job, _ = long_bucket()
    bench.hear(A, waits(job))
    monkeypatch.setattr(Everybody, "has_helped", lambda *_: False)
    effects = bench.hear(A, answer(job))
    assert not [effect for effect in effects if isinstance(effect, Fetch)]
    assert shared(bench.hear(B, waits(job, 8))) == [LAST]


@pytest.mark.parametrize("name", ["farm-forged-pixel", "farm-shifted-blame"])
def test_blame_story(name: str) -> None:
    for seed in (1, 2, 3):
        play(name, seed, check_every=50)
