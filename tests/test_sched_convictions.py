"""A node caught with false pixels is known to all nodes, by evidence that each checks for itself, until people pardon it."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.identity.folder import found_mesh
from mesh.identity.identity import Identity
from mesh.model.ids import Boot, Digest, JobId, NodeId
from mesh.model.units import Unit
from mesh.node.rights import NodeRights
from mesh.sched.config import SchedConfig
from mesh.sched.convictions import ConvictionBook, is_standing
from mesh.sched.core import Core
from mesh.sched.events import PeerInfo, PeerUp, Record, Restore, SetCapacity
from mesh.sched.news import ConvictionRefused, EntryRefused, NodeConvicted, NodePardoned
from mesh.sched.rights import Everybody
from mesh.wire.effects import Persist
from mesh.wire.jobs import Edit, EditName, JobBrief, JobsKnown, Participation
from mesh.wire.ledger import AuditFact, Entry, LedgerDelta, LogRun, ResultFact
from mesh.wire.records import OF_MESH
from mesh.wire.stealing import StealGrant, StealRequest, Want
from mesh.wire.trust import MAX_CONVICTIONS, Conviction, Convictions, Finding
from tests.members import member
from tests.sched_bench import A, B, Bench, sent, told
from tools.sim.audit_scenarios import ENGINE
from tools.sim.farm import manifest

LIAR, VICTIM = NodeId(b"l" * 32), NodeId(b"v" * 32)
C, D = NodeId(b"c" * 32), NodeId(b"d" * 32)
JOB = JobId(b"j" * 32)
PIXELS = Digest(b"p" * 32)
PIECE = Unit(1, 3, 4)


def finding(
    auditor: NodeId, *, equal: bool = False, liar: NodeId = LIAR, after: int = 0, pixels: Digest = PIXELS
) -> Finding:
    return Finding(auditor, AuditFact(liar, pixels, PIECE, equal, after))


def conviction(*findings: Finding, job: JobId = JOB) -> Conviction:
    return Conviction(job, VICTIM, findings or (finding(A), finding(B)))


def include(counter: int, author: NodeId = VICTIM, node: NodeId = LIAR) -> Edit:
    return Edit(EditName.EXCLUDED, node, counter, author, Participation.INCLUDED.value)


# --- what every node concludes ----------------------------------------------------------------------


def test_who_hears_of_a_conviction_gives_no_work_passes_it_on_and_remembers_it() -> None:
    # Given a node with work, which keeps no ledger that says anything of the liar
    bench = Bench(units=0)
    bench.tell(SetCapacity(0, (ENGINE,)))
    for node in (LIAR, A):
        bench.tell(PeerUp(PeerInfo(node, Boot(1), engines=(ENGINE,), rtt=0.001)))
    job = bench.submit(manifest(frames=8, engine=ENGINE))
    # when somebody tells it
    effects = bench.hear(A, Convictions((conviction(),)))
    # then people and the liar itself are told, and a request of the liar's is in vain
    assert told(effects, NodeConvicted) == [NodeConvicted(JOB, LIAR, PIECE, (A, B))]
    assert sent(effects, Convictions, LIAR) == [Convictions((conviction(),))]
    assert not sent(effects, Convictions, A), "told who told it"
    request = StealRequest(1, Boot(1), (Want(job, 0.0),), parked=False, idle=True)
    assert not sent(bench.hear(LIAR, request), StealGrant)
    assert sent(bench.hear(A, request), StealGrant)
    assert not told(bench.hear(A, Convictions((conviction(),))), NodeConvicted), "told twice"
    # and it knows as much in its next life, and of jobs that it learns of then
    (record,) = [effect.record for effect in effects if isinstance(effect, Persist) and effect.job == OF_MESH]
    again = Bench(units=0, boot=2)
    again.tell(Restore((Record(OF_MESH, ("convictions",), record),)))
    again.tell(PeerUp(PeerInfo(LIAR, Boot(1), engines=(ENGINE,), rtt=0.001)))
    fresh = again.submit(manifest(frames=8, engine=ENGINE))
    request = StealRequest(2, Boot(1), (Want(fresh, 0.0),), parked=False, idle=True)
    assert not sent(again.hear(LIAR, request), StealGrant)


def test_who_has_not_heard_is_told_where_lists_of_jobs_are_compared() -> None:
    bench = Bench()
    bench.hear(A, Convictions((conviction(),)))
    effects = bench.hear(B, JobsKnown((), answer=True))
    assert sent(effects, Convictions, B) == [Convictions((conviction(),))]
    (mine,) = sent(effects, JobsKnown, B)
    assert not sent(bench.hear(B, replace(mine, answer=True)), Convictions), "both know the same"
    assert mine.jobs == tuple[JobBrief, ...]()


def test_what_one_alone_says_of_another_result_takes_no_conviction_away() -> None:
    # Given a node that was convicted for one result of a job that is known here
    bench = Bench()
    job = bench.submit(manifest(frames=2, engine=ENGINE))
    bench.hear(A, Convictions((conviction(job=job),)))
    # when a single auditor differs from another one of its results, whichever is compared first
    for pixels in (Digest(b"a" * 32), Digest(b"z" * 32)):
        one = Entry(audit=finding(C, pixels=pixels).fact)
        bench.hear(C, LedgerDelta(job, (LogRun(C, Boot(1), 1 + (pixels > PIXELS), (one,)),), ()))
    # then it stays convicted
    assert bench.machine.convictions.distrusted == {LIAR}


@pytest.mark.parametrize(
    ("findings", "stands"),
    [
        pytest.param((finding(A),), False, id="one alone may be wrong itself"),
        pytest.param((finding(A), finding(A)), False, id="one who says it twice"),
        pytest.param((finding(A), finding(LIAR)), False, id="the liar, of itself"),
        pytest.param((finding(A), finding(B, liar=C)), False, id="of different nodes"),
        pytest.param((finding(A), finding(B)), True, id="two"),
        pytest.param((finding(A), finding(B), finding(C, equal=True)), True, id="most of three"),
        pytest.param(
            (finding(A), finding(B), finding(C, equal=True), finding(D, equal=True)), False, id="half of four"
        ),
    ],
)
def test_two_auditors_and_most_of_them_convict(findings: tuple[Finding, ...], stands: bool) -> None:
    bench = Bench()
    bench.hear(D, Convictions((conviction(*findings),)))
    assert bool(bench.machine.convictions.standing(LIAR)) is stands
    assert len({one.auditor for one in findings}) > 1 or not bench.machine.convictions.brief(), "remembered"


def test_what_is_remembered_is_bounded_and_pardoned_ones_go_first() -> None:
    bench = Bench()
    jobs = [JobId(bytes([number // 256, number % 256]) * 16) for number in range(MAX_CONVICTIONS + 2)]
    pardoned = replace(conviction(job=jobs[0]), pardon=include(1))
    bench.hear(A, Convictions((pardoned, *(conviction(job=job) for job in jobs[1:MAX_CONVICTIONS]))))
    for job in jobs[MAX_CONVICTIONS:]:
        bench.hear(A, Convictions((conviction(job=job),)))
    held = [one.job for one in bench.machine.convictions.standing(LIAR)]
    assert held == sorted(jobs[1 : MAX_CONVICTIONS + 1])


# --- pardons ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "counter", "stands"), [(0, 1, False), (4, 5, False), (5, 5, True), (5, 4, True)]
)
def test_people_pardon_by_what_they_say_after_it_was_caught(after: int, counter: int, stands: bool) -> None:
    caught = conviction(finding(A, after=after), finding(B, after=after))
    assert is_standing(replace(caught, pardon=include(counter))) is stands


def test_who_is_pardoned_works_again_and_who_then_lies_again_does_not() -> None:
    bench = Bench()
    bench.hear(A, Convictions((conviction(),)))
    effects = bench.hear(A, Convictions((replace(conviction(), pardon=include(3)),)))
    assert told(effects, NodePardoned) == [NodePardoned(JOB, LIAR, VICTIM)]
    assert bench.machine.convictions.distrusted == frozenset()
    bench.hear(B, Convictions((conviction(),)))
    assert bench.machine.convictions.distrusted == frozenset(), "old news undid a pardon"
    later = (finding(node, after=3, pixels=Digest(b"q" * 32)) for node in (A, C))
    bench.hear(B, Convictions((conviction(*later),)))
    assert bench.machine.convictions.distrusted == {LIAR}


said = st.one_of(
    st.tuples(
        st.sampled_from([PIXELS, Digest(b"q" * 32)]),
        st.lists(st.tuples(st.sampled_from([A, B, C, D]), st.booleans(), st.integers(0, 2)), max_size=4),
    ).map(
        lambda of: conviction(
            *(finding(node, equal=equal, after=after, pixels=of[0]) for node, equal, after in of[1])
        )
    ),
    st.integers(0, 3).map(lambda counter: replace(conviction(), pardon=include(counter))),
)


@given(st.lists(said, max_size=6), st.randoms(use_true_random=False))
def test_nodes_that_heard_the_same_agree_once_they_have_compared(
    heard: list[Conviction], rng: random.Random
) -> None:
    shuffled = heard[:]
    rng.shuffle(shuffled)
    books = []
    for order in (heard, shuffled):
        book = ConvictionBook(Core(VICTIM, Boot(1), SchedConfig(), random.Random(1), None), Everybody())
        for one in order:
            book.hear(A, Convictions((one,)))
        books.append(book)
    one, other = books
    mine, theirs = Convictions(one.known()), Convictions(other.known())
    one.hear(A, theirs)
    other.hear(A, mine)
    assert one.brief() == other.brief()
    assert one.distrusted == other.distrusted


# --- with keys --------------------------------------------------------------------------------------


@pytest.fixture
def cast(tmp_path: Path) -> dict[str, Identity]:
    admin = found_mesh(tmp_path / "admin", "studio", "admin")
    return {"admin": admin} | {
        name: member(tmp_path, admin, name) for name in ("ada", "bob", "liar", "victim")
    }


def signed(auditor: Identity, liar: NodeId, victim: NodeId, job: JobId = JOB) -> Finding:
    fact = AuditFact(liar, PIXELS, PIECE, equal=False)
    return Finding(auditor.node_id, NodeRights(lambda: auditor).sign_finding(job, victim, fact))


def test_nobody_is_convicted_by_what_others_have_not_signed(
    cast: dict[str, Identity], tmp_path: Path
) -> None:
    liar, victim = cast["liar"].node_id, cast["victim"].node_id
    ada, bob = (signed(cast[name], liar, victim) for name in ("ada", "bob"))
    stranger = signed(found_mesh(tmp_path / "stranger", "other", "stranger"), liar, victim)
    forged = {
        "made up by who passes it on": replace(bob, fact=replace(bob.fact, proof=b"")),
        "said of somebody else": signed(cast["bob"], victim, liar),
        "said of another job": signed(cast["bob"], liar, victim, JobId(b"k" * 32)),
        "in another's name": replace(ada, auditor=bob.auditor),
        "changed on the way": replace(bob, fact=replace(bob.fact, after=7)),
        "by a key that no issuer vouches for": stranger,
    }
    for why, second in forged.items():
        bench = Bench(rights=NodeRights(lambda: cast["admin"]))
        effects = bench.hear(A, Convictions((Conviction(JOB, victim, (ada, second)),)))
        assert bench.machine.convictions.distrusted == frozenset(), why
        assert told(effects, ConvictionRefused), why
    bench = Bench(rights=NodeRights(lambda: cast["admin"]))
    bench.hear(A, Convictions((Conviction(JOB, victim, (ada, bob)),)))
    assert bench.machine.convictions.distrusted == {liar}
    bench.hear(A, Convictions((Conviction(JOB, liar, (ada, bob), include(1)),)))
    assert bench.machine.convictions.distrusted == {liar}, "another submitter was made up, who may pardon"


def test_the_submitter_who_was_lied_to_and_admins_pardon_and_nobody_pardons_itself(
    cast: dict[str, Identity],
) -> None:
    judge = NodeRights(lambda: cast["ada"])
    liar, victim = cast["liar"].node_id, cast["victim"].node_id

    def pardons(by: str, submitter: NodeId) -> bool:
        edit = NodeRights(lambda: cast[by]).sign_edit(JOB, include(1, cast[by].node_id, liar))
        return judge.may_pardon(JOB, submitter, liar, edit)

    assert [pardons(by, victim) for by in ("victim", "admin", "ada", "liar")] == [True, True, False, False]
    assert [pardons(by, liar) for by in ("liar", "admin")] == [False, True]


def test_nobody_is_blamed_for_results_that_another_wrote_in_its_name(cast: dict[str, Identity]) -> None:
    # Given a job that may be audited, and a result that bob has signed
    of = manifest(frames=2, engine=ENGINE)
    bench = Bench(rights=NodeRights(lambda: cast["admin"]))
    bench.peer(A)
    job = bench.submit(of)
    bob = cast["bob"]
    honest = NodeRights(lambda: bob).sign_result(job, ResultFact(Unit(1, 0, 16), PIXELS, 100, 1.0))

    def hears(fact: ResultFact) -> list[object]:
        run = LogRun(bob.node_id, Boot(1), 1, (Entry(result=fact),))
        return list(bench.hear(A, LedgerDelta(job, (run,), ())))

    # when somebody passes on another one as bob's
    for false in (replace(honest, pixels=Digest(b"q" * 32)), replace(honest, proof=b"")):
        effects = hears(false)
        assert told(effects, EntryRefused) == [EntryRefused(job, bob.node_id, A)]
    assert not bench.machine.views.results(job, 0)[1]
    # then bob's own still counts when it comes
    hears(honest)
    assert [one.pixels for one in bench.machine.views.results(job, 0)[1]] == [PIXELS]
