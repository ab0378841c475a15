"""What makes many short units cheap: engines that never wait, results that travel with the request to keep them,
and events that are taken in together."""

from __future__ import annotations

from mesh.model.ids import Digest
from mesh.model.units import Unit
from mesh.wire.copies import KeepPixels, PixelsKept
from mesh.wire.effects import (
    BlobFailed,
    BlobReady,
    Fetch,
    KeepBlob,
    MessageReceived,
    Persist,
    Render,
    RenderDone,
    RenderEnded,
    SendFailed,
    StopRender,
    Together,
)
from mesh.wire.ledger import LogRun
from tests.sched_bench import ME, A, B, Bench, sent
from tools.sim.farm import manifest


def rendered(render: Render, seconds: float, block: bytes = b"") -> RenderDone:
    """Pixels of their own for each frame."""
    pixels = Digest(render.unit.frame.to_bytes(32, "big"))
    return RenderDone(render.job, render.unit, render.attempt, pixels, 100, seconds, block)


def renders(effects: list[object]) -> list[Render]:
    return [effect for effect in effects if isinstance(effect, Render)]


def after_one(seconds: float, frames: int = 40) -> tuple[Bench, list[Render]]:
    """Alone with a job of one bucket a frame, the first of which took `seconds`: what the engine has now."""
    bench = Bench()
    bench.submit(manifest(frames=frames, buckets=1))
    first = bench.render()
    bench.now += seconds
    bench.tell(RenderEnded(first.job, first.unit, first.attempt, 100))
    bench.tell(rendered(first, seconds))
    return bench, renders(list(bench.effects))[1:]


# --- engines are given units early ----------------------------------------------------------------------


def test_an_engine_gets_the_next_unit_shortly_before_it_needs_it() -> None:
    bench, given = after_one(seconds=1.0)
    assert len(given) == 1
    assert not renders(list(bench.wait(0.97)))
    assert len(renders(list(bench.wait(0.02)))) == 1


def test_one_rendered_unit_tells_how_long_they_take_before_it_is_stored() -> None:
    # given a job alone, whose first unit was a short one
    bench = Bench()
    bench.submit(manifest(frames=40, buckets=1))
    first = bench.render()
    bench.now += 0.004
    # when the engine says so, and the disk has not yet
    given = renders(bench.tell(RenderEnded(first.job, first.unit, first.attempt, 100, seconds=0.004)))
    # then 20 ms of work wait behind the unit that is rendered next, and as much as a unit more
    assert 6 <= len(given) <= 7


def test_an_engine_gets_several_short_units_at_once_but_not_all() -> None:
    _, given = after_one(seconds=0.004)
    # The first is being rendered; 20 ms of work wait behind it, and as much as a unit more.
    assert 5 <= len(given) <= 7


def test_nothing_is_given_early_while_nobody_knows_how_long_a_unit_takes() -> None:
    bench = Bench()
    bench.submit(manifest(frames=10, buckets=1))
    assert len(renders(list(bench.effects))) == 1


def test_what_waits_in_the_engine_is_not_late_before_it_is_begun() -> None:
    bench, given = after_one(seconds=0.004)
    assert len(given) > 2
    # The one being rendered hangs: it alone is stopped, though all were given out at the same time.
    effects = bench.wait(601.0)
    assert [effect.attempt for effect in effects if isinstance(effect, StopRender)] == [given[0].attempt]


def test_a_disk_that_does_not_keep_up_holds_rendering_back_unless_results_are_small() -> None:
    for size, more in ((100 << 20, False), (100, True)):
        bench = Bench()
        bench.submit(manifest(frames=100, buckets=1))
        for _ in range(16):
            at = bench.render()
            bench.tell(RenderEnded(at.job, at.unit, at.attempt, size))
        assert (len(renders(list(bench.effects))) == 17) is more


# --- small results ------------------------------------------------------------------------------------------


def test_a_small_result_travels_with_the_request_and_counts_only_when_it_is_kept() -> None:
    bench = Bench()
    job = bench.submit(manifest(frames=1, buckets=1))
    bench.peer(A)
    (keep,) = sent(bench.tell(rendered(bench.render(), 1.0, b"root")), KeepPixels, to=A)
    assert keep.block == b"root"
    assert bench.machine.views.results(job, 0)[0] == 0
    bench.hear(A, PixelsKept(job, keep.pixels, kept=True))
    assert bench.machine.views.results(job, 0)[0] == 1


def test_a_small_result_is_offered_to_somebody_else_where_the_first_is_gone() -> None:
    bench = Bench()
    job = bench.submit(manifest(frames=1, buckets=1))
    bench.peer(A)
    bench.peer(B)
    (keep,) = sent(bench.tell(rendered(bench.render(), 1.0, b"root")), KeepPixels)
    (asked,) = [node for node in (A, B) if sent(bench.effects, KeepPixels, to=node)]
    other = B if asked == A else A
    (again,) = sent(bench.tell(SendFailed(asked, keep)), KeepPixels, to=other)
    assert again.block == b"root"
    bench.hear(other, PixelsKept(job, keep.pixels, kept=True))
    assert bench.machine.views.results(job, 0)[0] == 1


def test_who_does_not_answer_in_time_is_not_waited_for() -> None:
    bench = Bench()
    bench.submit(manifest(frames=1, buckets=1))
    bench.peer(A)
    bench.peer(B)
    bench.tell(rendered(bench.render(), 1.0, b"root"))
    assert not sent(bench.wait(9.0), KeepPixels)
    assert len(sent(bench.wait(2.0), KeepPixels)) == 1


def test_small_results_do_not_wait_for_places_that_fetching_takes() -> None:
    bench = Bench()
    bench.submit(manifest(frames=30, buckets=1))
    bench.peer(A)
    for _ in range(30):
        at = bench.render()
        bench.tell(Together((RenderEnded(at.job, at.unit, at.attempt, 100), rendered(at, 1.0, b"root"))))
    assert len(sent(bench.effects, KeepPixels, to=A)) == 30


def test_a_small_copy_is_stored_without_being_fetched_and_answered_when_it_is_stored() -> None:
    bench = Bench()
    job = bench.offered(manifest(frames=1, buckets=1), by=A)
    for ready, kept in ((BlobReady, True), (BlobFailed, False)):
        pixels = Digest(bytes([kept]) * 32)
        effects = bench.hear(A, KeepPixels(job, pixels, 10, (A,), entry=False, block=b"root"))
        assert KeepBlob(job, pixels, b"root") in effects
        assert not any(isinstance(effect, Fetch) for effect in effects)
        assert not sent(effects, PixelsKept)
        answer = BlobReady(pixels) if ready is BlobReady else BlobFailed(pixels, "the disk is full")
        assert sent(bench.tell(answer), PixelsKept, to=A) == [PixelsKept(job, pixels, kept=kept)]


# --- together -----------------------------------------------------------------------------------------------


def test_results_that_are_published_together_are_one_record() -> None:
    bench = Bench()
    job = bench.submit(manifest(frames=3, buckets=1))
    bench.peer(A)
    for _ in range(3):
        bench.tell(rendered(bench.render(), 1.0))
    kept = [PixelsKept(job, keep.pixels, kept=True) for keep in sent(bench.effects, KeepPixels, to=A)]
    effects = bench.tell(Together(tuple(MessageReceived(A, one) for one in kept)))
    runs = [one.record for one in effects if isinstance(one, Persist) and isinstance(one.record, LogRun)]
    (run,) = [run for run in runs if run.author == ME]
    assert [entry.result.unit for entry in run.entries if entry.result] == [
        Unit(1, 0, 1),
        Unit(2, 0, 1),
        Unit(3, 0, 1),
    ]
