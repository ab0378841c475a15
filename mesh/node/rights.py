"""Proofs of who submitted a job and who edited it, by the keys of this mesh.

A proof is a public key (32 bytes) and an Ed25519 signature (64): by the author's node key, whose hash is
its NodeId, or by an issuer's key, which makes the author an admin. An edit counts if it is by the job's
submitter or an admin; who keeps a job's ledger is decided by whichever member notices that a keeper is
gone, so that register is open to every member. What an auditor found also carries its warrant, an issuer's word that
the key is a member's: whoever was one when it looked has looked, so expired warrants will do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mesh.identity.identity import Identity, verify, verify_issued
from mesh.identity.warrants import SIZE as WARRANT
from mesh.identity.warrants import Warrants
from mesh.model.ids import JobId, NodeId
from mesh.model.policy import JobPolicy
from mesh.wire.codec import encode_record, job_id
from mesh.wire.jobs import Edit, EditName
from mesh.wire.ledger import AuditFact, Helped, ResultFact
from mesh.wire.records import JobRecord

_KEY = 32
_PROOF = _KEY + 64
_OPEN = frozenset({EditName.KEEPERS})
"""Registers that any member may write."""


class NodeRights:
    """`identity` gives this node's keys as they are now: issuers may be added."""

    def __init__(self, identity: Callable[[], Identity]) -> None:
        self._identity = identity
        self._warrants: tuple[tuple[bytes, ...], Warrants] | None = None

    def sign_job(self, job: JobId, policy: JobPolicy) -> bytes:
        """The proof that a job and its terms are this node's."""
        return self._identity().prove(_of_job(job, policy))

    def steers(self, submitter: NodeId) -> bool:
        """Whether this node may edit the jobs of `submitter`."""
        identity = self._identity()
        return identity.node_id == submitter or identity.can_issue

    def sign_edit(self, job: JobId, edit: Edit) -> Edit:
        identity, statement = self._identity(), _of_edit(job, edit)
        proof = identity.prove_issuer(statement) if identity.can_issue else identity.prove(statement)
        return replace(edit, proof=proof)

    def sign_result(self, job: JobId, fact: ResultFact) -> ResultFact:
        return replace(fact, proof=self._identity().prove(_of_result(job, fact)))

    def sign_finding(self, job: JobId, submitter: NodeId, fact: AuditFact) -> AuditFact:
        return replace(fact, proof=self._prove_member(_of_finding(job, submitter, fact)))

    def sign_part(self, job: JobId, part: Helped) -> Helped:
        return replace(part, proof=self._prove_member(_of_part(job, part)))

    def _prove_member(self, statement: bytes) -> bytes:
        identity = self._identity()
        return identity.prove(statement) + identity.warrant

    def may_submit(self, job: JobId, record: JobRecord) -> bool:
        statement = _of_job(job, record.policy)
        return job == job_id(record.manifest) and self._is_by(record.submitter, statement, record.signature)

    def may_edit(self, job: JobId, submitter: NodeId, edit: Edit) -> bool:
        statement = _of_edit(job, edit)
        if edit.author == submitter or edit.name in _OPEN:
            return self._is_by(edit.author, statement, edit.proof)
        return self._is_by_issuer(statement, edit.proof)

    def may_pardon(self, job: JobId, submitter: NodeId, node: NodeId, edit: Edit) -> bool:
        if node in (edit.author, submitter):
            return self._is_by_issuer(_of_edit(job, edit), edit.proof)
        return self.may_edit(job, submitter, edit)

    def has_rendered(self, job: JobId, author: NodeId, fact: ResultFact) -> bool:
        return self._is_own(author, _of_result(job, fact), fact.proof)

    def has_found(self, job: JobId, submitter: NodeId, auditor: NodeId, fact: AuditFact) -> bool:
        return self._is_members(auditor, _of_finding(job, submitter, fact), fact.proof)

    def has_helped(self, job: JobId, part: Helped) -> bool:
        return self._is_members(part.helper, _of_part(job, part), part.proof)

    def _is_members(self, author: NodeId, statement: bytes, proof: bytes) -> bool:
        return (
            len(proof) == _PROOF + WARRANT
            and self._vouches(proof[:_KEY], proof[_PROOF:])
            and self._is_own(author, statement, proof[:_PROOF])
        )

    def _vouches(self, key: bytes, warrant: bytes) -> bool:
        issuers = self._identity().issuers
        if self._warrants is None or self._warrants[0] != issuers:
            self._warrants = issuers, Warrants(issuers)
        return self._warrants[1].hold(key, warrant, 0.0)

    def _is_own(self, author: NodeId, statement: bytes, proof: bytes) -> bool:
        return len(proof) == _PROOF and verify(proof[:_KEY], author, statement, proof[_KEY:])

    def _is_by(self, author: NodeId, statement: bytes, proof: bytes) -> bool:
        if len(proof) != _PROOF:
            return False
        key, signature = proof[:_KEY], proof[_KEY:]
        return verify(key, author, statement, signature) or self._is_by_issuer(statement, proof)

    def _is_by_issuer(self, statement: bytes, proof: bytes) -> bool:
        if len(proof) != _PROOF:
            return False
        return verify_issued(self._identity().issuers, proof[:_KEY], statement, proof[_KEY:])


def _of_job(job: JobId, policy: JobPolicy) -> bytes:
    """What a submitter signs."""
    return b"render-mesh job" + job + encode_record(policy)


def _of_edit(job: JobId, edit: Edit) -> bytes:
    """What an edit's author signs: all of it but the proof."""
    return b"render-mesh edit" + job + encode_record(replace(edit, proof=b""))


def _of_result(job: JobId, fact: ResultFact) -> bytes:
    """What a renderer signs: who else holds the pixels may change, and how long it took is its own affair."""
    parts = b"".join(part.helper + part.sums for part in fact.parts)
    return b"render-mesh result" + job + encode_record(fact.unit) + fact.pixels + parts


def _of_part(job: JobId, part: Helped) -> bytes:
    """What a helper signs."""
    return b"render-mesh samples" + job + encode_record(replace(part, proof=b""))


def _of_finding(job: JobId, submitter: NodeId, fact: AuditFact) -> bytes:
    """What an auditor signs: all of it but the proof, and whose job it is, for that is who may pardon."""
    return b"render-mesh finding" + job + submitter + encode_record(replace(fact, proof=b""))
