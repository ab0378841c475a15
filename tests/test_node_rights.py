"""Who may submit and edit a job: its submitter and the mesh's admins, proved by their keys."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mesh.identity.folder import found_mesh
from mesh.identity.identity import Identity
from mesh.model.ids import JobId
from mesh.model.policy import JobPolicy
from mesh.node.rights import NodeRights
from mesh.sched.news import EditRefused, JobRefused
from mesh.sched.rights import Rights
from mesh.wire.codec import job_id
from mesh.wire.jobs import Edit, EditName, JobEdits, JobOffer
from mesh.wire.records import JobRecord
from tests.members import member
from tests.sched_bench import Bench, told
from tools.sim.farm import manifest

OF = manifest(frames=4)
JOB = job_id(OF)


@pytest.fixture
def cast(tmp_path: Path) -> tuple[Identity, Identity, Identity]:
    """An admin and two members of one mesh."""
    admin = found_mesh(tmp_path / "admin", "studio", "admin")
    return admin, member(tmp_path, admin, "ada"), member(tmp_path, admin, "eve")


def rights(identity: Identity) -> NodeRights:
    return NodeRights(lambda: identity)


def record(identity: Identity, policy: JobPolicy | None = None) -> JobRecord:
    chosen = policy or JobPolicy()
    return JobRecord(OF, chosen, identity.node_id, rights(identity).sign_job(JOB, chosen))


def edit(identity: Identity, name: EditName = EditName.CANCELLED, number: int = 1) -> Edit:
    return rights(identity).sign_edit(JOB, Edit(name, b"", 7, identity.node_id, number))


def test_only_the_submitter_and_admins_may_edit(cast: tuple[Identity, Identity, Identity]) -> None:
    admin, ada, eve = cast
    judge = rights(eve)
    assert judge.may_edit(JOB, ada.node_id, edit(ada))
    assert judge.may_edit(JOB, ada.node_id, edit(admin))
    assert not judge.may_edit(JOB, ada.node_id, edit(eve))
    assert [rights(one).steers(ada.node_id) for one in cast] == [True, True, False]


def test_any_member_may_name_the_keepers_of_a_ledger(cast: tuple[Identity, Identity, Identity]) -> None:
    _, ada, eve = cast
    assert rights(ada).may_edit(JOB, ada.node_id, edit(eve, EditName.KEEPERS))


def test_an_edit_counts_only_as_its_author_wrote_it(cast: tuple[Identity, Identity, Identity]) -> None:
    _, ada, eve = cast
    judge, good = rights(eve), edit(ada)
    forged = [
        replace(good, number=0),
        replace(good, counter=8),
        replace(good, name=EditName.PAUSED),
        replace(good, proof=b""),
        replace(edit(eve), author=ada.node_id),
        replace(edit(eve, EditName.KEEPERS), author=ada.node_id),
    ]
    assert not any(judge.may_edit(JOB, ada.node_id, one) for one in forged)
    assert not judge.may_edit(JobId(b"o" * 32), ada.node_id, good), "an edit of another job"


def test_somebody_s_own_issuer_key_makes_no_admin(cast: tuple[Identity, Identity, Identity]) -> None:
    _, ada, eve = cast
    made_up = replace(eve, issuer_key=Ed25519PrivateKey.generate(), own_issuer=eve.issuer)
    assert not rights(ada).may_edit(JOB, ada.node_id, edit(made_up))


def test_a_job_counts_only_as_its_submitter_signed_it(cast: tuple[Identity, Identity, Identity]) -> None:
    _, ada, eve = cast
    judge, good = rights(eve), record(ada)
    assert judge.may_submit(JOB, good)
    assert not judge.may_submit(JOB, replace(good, policy=JobPolicy(priority=9)))
    assert not judge.may_submit(JOB, replace(good, submitter=eve.node_id))
    assert not judge.may_submit(JOB, replace(good, signature=b""))
    assert not judge.may_submit(JOB, replace(good, manifest=manifest("other")))


def scheduler(checked: Rights) -> Bench:
    return Bench(units=0, rights=checked)


def test_a_scheduler_ignores_what_nobody_with_the_right_signed_and_says_who_passed_it_on(
    cast: tuple[Identity, Identity, Identity],
) -> None:
    admin, ada, eve = cast
    bench = scheduler(rights(eve))
    bench.peer(admin.node_id)
    good = record(ada)

    def offer(of: JobRecord, *edits: Edit) -> JobOffer:
        return JobOffer(JOB, of.manifest, of.policy, of.submitter, of.signature, edits)

    # a job with other terms than its submitter's is not known
    effects = bench.hear(admin.node_id, offer(replace(good, policy=JobPolicy(priority=9))))
    assert told(effects, JobRefused) == [JobRefused(JOB, OF.name, admin.node_id)]
    assert bench.machine.views.job(JOB) is None
    # the true one is, without the edit that came with it
    effects = bench.hear(admin.node_id, offer(good, edit(eve)))
    assert [refused.sender for refused in told(effects, EditRefused)] == [admin.node_id]
    # nor does the edit count later; people are told once
    assert not told(bench.hear(admin.node_id, JobEdits(JOB, (edit(eve),))), EditRefused)
    view = bench.machine.views.job(JOB)
    assert view is not None
    assert view.state.value == "waiting"
    # an admin's does
    bench.hear(admin.node_id, JobEdits(JOB, (edit(admin),)))
    view = bench.machine.views.job(JOB)
    assert view is not None
    assert view.state.value == "cancelled"
