"""How a new job is dealt out: everybody is told once, and gets a fair part without stealing."""

from __future__ import annotations

from bisect import bisect_left
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.model.ids import Boot, Digest, NodeId
from mesh.model.policy import JobPolicy
from mesh.sched.config import SchedConfig
from mesh.sched.dealing import deal, key_of, node_of
from mesh.sched.events import PeerInfo, PeerUp
from mesh.wire.copies import KeepPixels, PixelsKept
from mesh.wire.effects import BlobReady, Effect, RenderDone, Send, SendFailed
from mesh.wire.jobs import Edit, EditName, JobEdits, JobOffer
from mesh.wire.ledger import ClaimSet, Hint, JobSummary, LedgerDelta
from mesh.wire.stealing import StealDeny, StealGrant, StealRequest, Want
from tests.sched_bench import ME, Bench, request, sent
from tools.sim.farm import ENGINE, job_id, manifest

NODES = [NodeId(bytes([letter]) * 32) for letter in b"abcdefghijklnopqrstuvwxyz"]
A, B, C = NODES[:3]


def walk(row: list[bytes], site: str) -> tuple[list[NodeId], int]:
    """Everybody who is told where somebody at `site` deals `row`, in order, and how many tell one another."""
    told: list[NodeId] = []
    depth = 0
    for part in deal(row, site):
        rest = row[bisect_left(row, part.low) : bisect_left(row, part.high)]
        assert len(rest) == part.count
        below, steps = walk([key for key in rest if node_of(key) != part.head], _site_of(rest[0]))
        told += [part.head, *below]
        depth = max(depth, 1 + steps)
    return told, depth


def _site_of(key: bytes) -> str:
    return key[:-33].decode()


# --- the tree ---------------------------------------------------------------------------------------


@given(
    st.dictionaries(
        st.binary(min_size=32, max_size=32), st.sampled_from(["", "a", "a/b", "b", *map(str, range(20))])
    ),
    st.sampled_from(["", "a", "7", "z"]),
)
def test_everybody_is_told_once_in_few_steps(sites: dict[bytes, str], mine: str) -> None:
    row = sorted(key_of(site, NodeId(node)) for node, site in sites.items())
    told, depth = walk(row, mine)
    assert sorted(told) == sorted(sites)
    assert depth <= 2 + 2 * len(row).bit_length()


def test_another_site_is_told_through_one_of_its_nodes() -> None:
    row = sorted(key_of("paris", node) for node in NODES)
    (part,) = deal(row, "berlin")
    assert (part.head, part.count) == (NODES[0], len(NODES))


# --- offers and parts -------------------------------------------------------------------------------


def crowd(bench: Bench, count: int = 20) -> list[NodeId]:
    """So many peers that not all are told by the submitter."""
    for node in NODES[:count]:
        bench.peer(node)
    return NODES[:count]


def offers(effects: list[Effect]) -> dict[NodeId, JobOffer]:
    return {e.to: e.message for e in effects if isinstance(e, Send) and isinstance(e.message, JobOffer)}


def test_all_of_a_small_mesh_get_equal_parts_whoever_asks_first() -> None:
    bench = Bench()
    for node in (A, B, C):
        bench.peer(node)
    job = bench.submit(manifest(frames=12, buckets=4))
    parts = [sent(bench.hear(node, request(job)), StealGrant)[0].spans for node in (A, B, C)]
    assert [stop - start for start, stop in parts] == [12, 12, 12]


def test_fewer_frames_than_nodes_are_cut_until_each_has_a_part() -> None:
    """Also the frame that the submitter begins before anybody can ask."""
    bench = Bench()
    for node in (A, B, C):
        bench.peer(node)
    job = bench.submit(manifest(frames=2, buckets=16))
    first = bench.render().unit
    bench.now += 0.1
    parts = [sent(bench.hear(node, request(job)), StealGrant)[0].spans for node in (A, B, C)]
    assert first.size == 8
    assert parts == [(24, 32), (16, 24), (8, 16)]


def test_once_all_have_their_parts_a_node_begins_whole_frames() -> None:
    bench = Bench()
    bench.peer(A)
    job = bench.submit(manifest(frames=5, buckets=16))
    bench.hear(A, request(job))
    bench.finish(bench.render())
    assert bench.render().unit.size == 16


def test_heads_get_a_part_for_all_that_they_answer_for() -> None:
    bench = Bench()
    crowd(bench)
    job = bench.submit(manifest(frames=210, buckets=4))
    told = offers(bench.effects)
    assert len(told) < 20
    for head, offer in told.items():
        (grant,) = sent(bench.hear(head, request(job)), StealGrant)
        answers_for = len([n for n in NODES[:20] if offer.low <= key_of("", n) < offer.high and n != head])
        keepers = {node for edit in offer.edits if edit.name is EditName.KEEPERS for node in edit.nodes}
        if head in keepers:
            assert grant.spans[1] - grant.spans[0] == 40
        else:
            assert grant.spans[1] - grant.spans[0] <= 40 * (1 + answers_for)


def told_of(bench: Bench, low: bytes, high: bytes) -> tuple[JobOffer, list[Effect]]:
    """A tells of a job, and hands over a stretch of the row."""
    of = manifest(frames=64, buckets=4)
    keepers = Edit(EditName.KEEPERS, b"", 1, A, nodes=(A,))
    offer = JobOffer(job_id(of), of, JobPolicy(), A, b"", (keepers,), low, high)
    effects = bench.hear(A, offer)
    return offer, effects + bench.tell(BlobReady(of.scene_root))


def test_an_heir_that_asks_too_early_is_served_when_the_work_arrives() -> None:
    bench = Bench()
    crowd(bench)
    offer, effects = told_of(bench, key_of("", B), key_of("", NODES[9]))
    heir = next(iter(offers(effects)))
    (asked,) = sent(effects, StealRequest, to=A)
    assert not sent(bench.hear(heir, request(offer.job, 5)), StealDeny)
    effects = bench.hear(A, StealGrant(offer.job, asked.request, Boot(1), (0, 64), 0.0))
    (grant,) = sent(effects, StealGrant, to=heir)
    assert grant.request == 5
    assert grant.spans[1] == 64


def test_an_heir_does_not_wait_for_ever() -> None:
    bench = Bench(config=SchedConfig(deal_patience_seconds=0.5))
    crowd(bench)
    offer, effects = told_of(bench, key_of("", B), key_of("", NODES[9]))
    heir = next(iter(offers(effects)))
    bench.hear(heir, request(offer.job, 5))
    assert sent(bench.wait(0.6), StealDeny, to=heir)


def test_others_are_told_where_a_head_cannot_be_reached() -> None:
    bench = Bench()
    crowd(bench)
    _, effects = told_of(bench, key_of("", B), key_of("", NODES[9]))
    told = offers(effects)
    head = max(told, key=lambda node: told[node].high > told[node].low + b"\0")
    again = offers(bench.tell(SendFailed(head, told[head])))
    below = [n for n in NODES[:20] if told[head].low <= key_of("", n) < told[head].high and n != head]
    assert below
    assert set(again) <= set(below)
    assert min(offer.low for offer in again.values()) <= key_of("", below[0])


def test_a_stretch_is_not_handed_on_without_end() -> None:
    bench = Bench()
    crowd(bench)
    offer, _ = told_of(bench, key_of("", B), key_of("", NODES[9]))
    rounds = [len(offers(bench.hear(A, offer))) for _ in range(20)]
    assert rounds[0] > 0
    assert rounds[-1] == 0


def test_a_large_mesh_is_asked_at_random_whether_the_job_is_known() -> None:
    bench = Bench()
    crowd(bench)
    bench.submit(manifest(frames=64, buckets=4))
    assert len(sent(bench.wait(0.6), JobEdits)) >= 4


# --- who has work -----------------------------------------------------------------------------------


def summary(job: object, *hints: Hint) -> JobSummary:
    return JobSummary(job, 0, 0, False, (), hints)  # type: ignore[arg-type]  # a JobId


def thief() -> tuple[Bench, StealRequest]:
    bench = Bench()
    for node in (A, B, C):
        bench.peer(node)
    job = bench.offered(manifest(frames=4, buckets=4), by=A)
    (asked,) = sent(bench.effects, StealRequest, to=A)
    bench.hear(A, summary(job, Hint(job, B, 8)))
    return bench, asked


def test_a_thief_asks_those_that_a_keeper_named() -> None:
    bench, asked = thief()
    assert sent(bench.hear(A, StealDeny(asked.request, Boot(1), ())), StealRequest, to=B)


def test_a_keeper_tells_a_parked_thief_of_somebody_who_has_work() -> None:
    bench = Bench(units=0)
    job = bench.submit(manifest(frames=8, buckets=4))
    for node in (A, B, C):
        bench.peer(node)
    (grant,) = sent(bench.hear(A, StealRequest(1, Boot(1), (Want(job, 4.0),), False, True)), StealGrant)
    for number in count(1):
        if not sent(bench.hear(B, StealRequest(number, Boot(1), (Want(job, 4.0),), False, True)), StealGrant):
            break
    assert not sent(bench.hear(C, request(job, 7, parked=True)), StealDeny)
    claim = ClaimSet(A, Boot(1), 1, 0.0, grant.spans, 12, 4.0)
    (named,) = sent(bench.hear(A, LedgerDelta(job, (), (claim,))), StealDeny, to=C)
    assert (named.request, [hint.node for hint in named.hints]) == (7, [A])


@pytest.mark.parametrize(("site", "asked"), [("", True), ("far", False)])
def test_little_work_far_away_is_not_asked_for(site: str, asked: bool) -> None:
    bench = Bench()
    bench.peer(A)
    bench.tell(PeerUp(PeerInfo(C, Boot(1), engines=(ENGINE,), site=site)))
    job = bench.offered(manifest(frames=40, buckets=4), by=A)
    (first,) = sent(bench.effects, StealRequest, to=A)
    bench.hear(A, StealGrant(job, first.request, Boot(1), (0, 4), 0.0))
    render = bench.render()
    bench.now += 0.04
    done = RenderDone(job, render.unit, render.attempt, Digest(b"p" * 32), 100, 0.04)
    (keep,) = sent(bench.tell(done), KeepPixels, to=A)
    bench.hear(A, PixelsKept(job, keep.pixels, kept=True))
    second = sent(bench.effects, StealRequest)[-1]
    # ten milliseconds a bucket: enough for a steal from the next room, and not for one across sites
    effects = bench.hear(A, StealDeny(second.request, Boot(1), (Hint(job, C, 40),)))
    assert bool(sent(effects, StealRequest, to=C)) is asked


def test_me_is_never_an_heir_of_mine() -> None:
    bench = Bench()
    crowd(bench)
    bench.submit(manifest(frames=64, buckets=4))
    assert ME not in offers(bench.effects)
