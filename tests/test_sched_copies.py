"""Two copies: a result is published once another node holds its pixels, and copied again when that is gone."""

from __future__ import annotations

from mesh.model.ids import Boot, Digest
from mesh.sched.events import PeerDown
from mesh.wire.copies import KeepPixels, PixelsKept
from mesh.wire.effects import BlobReady, Fetch
from mesh.wire.stealing import StealGrant
from tests.sched_bench import ME, A, B, Bench, sent, thief
from tools.sim.farm import manifest


def test_a_result_is_published_only_when_another_node_holds_it() -> None:
    bench, job, asked = thief()
    bench.hear(A, StealGrant(job, asked.request, Boot(1), (8, 12), 0.0))
    effects = bench.finish(bench.render())
    (keep,) = sent(effects, KeepPixels, to=A)
    assert bench.machine.views.results(job, 0) == (0, ())
    bench.hear(A, PixelsKept(job, keep.pixels, kept=True))
    cursor, (result,) = bench.machine.views.results(job, 0)
    assert cursor == 1
    assert result.holders == (ME, A)


def test_without_anybody_to_hold_it_a_result_is_published_and_copied_later() -> None:
    bench = Bench()
    job = bench.submit(manifest(frames=1, buckets=4))
    bench.finish(bench.render())
    assert bench.machine.views.results(job, 0)[0] == 1
    bench.peer(A)
    (keep,) = sent(bench.wait(2.0), KeepPixels, to=A)
    assert keep.entry


def test_a_copy_that_nobody_would_keep_is_offered_again_later() -> None:
    bench = Bench()
    job = bench.submit(manifest(frames=2, buckets=1))
    bench.peer(A)
    bench.wait(2.0)
    (keep,) = sent(bench.finish(bench.render()), KeepPixels)
    bench.hear(A, PixelsKept(job, keep.pixels, kept=False))  # its disk is full
    assert not sent(bench.wait(5.0), KeepPixels)
    assert [again.pixels for again in sent(bench.wait(6.0), KeepPixels, to=A)] == [keep.pixels]


def test_when_the_other_holder_is_gone_for_long_another_copy_is_made() -> None:
    bench = Bench()
    job = bench.submit(manifest(frames=1, buckets=4))
    bench.peer(A)
    (keep,) = sent(bench.finish(bench.render()), KeepPixels, to=A)
    bench.hear(A, PixelsKept(job, keep.pixels, kept=True))
    bench.peer(B)
    bench.wait(3.0)
    bench.tell(PeerDown(A))
    assert not sent(bench.wait(9.0), KeepPixels)
    assert sent(bench.wait(2.0), KeepPixels, to=B)


def test_a_node_asked_to_keep_pixels_says_so_once_they_are_here() -> None:
    bench, job, _ = thief()
    pixels = Digest(b"x" * 32)
    effects = bench.hear(A, KeepPixels(job, pixels, 10, (A,), entry=False))
    assert Fetch(pixels, (A,)) in effects
    effects = bench.tell(BlobReady(pixels))
    assert sent(effects, PixelsKept, to=A) == [PixelsKept(job, pixels, kept=True)]
