"""Who may submit and steer a job, and who said what of whom: proofs are made and checked by the scheduler's owner.

A job's terms are signed by its submitter, and every edit by its author. Without these checks any member
could cancel any job by passing on an edit that nobody wrote. Results that others may look at again are signed by
who rendered them, and what is found by who looked: nobody is blamed for what another wrote in its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mesh.model.ids import JobId, NodeId
from mesh.wire.jobs import Edit
from mesh.wire.ledger import AuditFact, Helped, ResultFact
from mesh.wire.records import JobRecord


class Rights(Protocol):
    def sign_edit(self, job: JobId, edit: Edit) -> Edit:
        """This node's edit with the proof that it is."""
        ...

    def sign_result(self, job: JobId, fact: ResultFact) -> ResultFact: ...

    def sign_finding(self, job: JobId, submitter: NodeId, fact: AuditFact) -> AuditFact: ...

    def sign_part(self, job: JobId, part: Helped) -> Helped: ...

    def may_submit(self, job: JobId, record: JobRecord) -> bool:
        """Whether the job is the one its name says, and its terms are its submitter's own."""
        ...

    def may_edit(self, job: JobId, submitter: NodeId, edit: Edit) -> bool:
        """Whether the edit is by who it says, and that is somebody who may."""
        ...

    def may_pardon(self, job: JobId, submitter: NodeId, node: NodeId, edit: Edit) -> bool:
        """The same of an edit that lets `node` work again wherever it was caught: nobody lets itself in by being a
        submitter."""
        ...

    def has_rendered(self, job: JobId, author: NodeId, fact: ResultFact) -> bool:
        """Whether `author` has signed for that result."""
        ...

    def has_helped(self, job: JobId, part: Helped) -> bool:
        """Whether the helper has signed for those sums, and an issuer once vouched for it: nobody makes up helpers."""
        ...

    def has_found(self, job: JobId, submitter: NodeId, auditor: NodeId, fact: AuditFact) -> bool:
        """Whether that was found by `auditor`, and an issuer once vouched for it: nobody makes up witnesses."""
        ...


@dataclass(frozen=True, slots=True)
class Everybody:
    """For simulations, whose nodes have no keys: all may do all, and nobody pretends to be another."""

    def sign_edit(self, _job: JobId, edit: Edit) -> Edit:
        return edit

    def sign_result(self, _job: JobId, fact: ResultFact) -> ResultFact:
        return fact

    def sign_finding(self, _job: JobId, _submitter: NodeId, fact: AuditFact) -> AuditFact:
        return fact

    def sign_part(self, _job: JobId, part: Helped) -> Helped:
        return part

    def may_submit(self, _job: JobId, _record: JobRecord) -> bool:
        return True

    def may_edit(self, _job: JobId, _submitter: NodeId, _edit: Edit) -> bool:
        return True

    def may_pardon(self, _job: JobId, _submitter: NodeId, _node: NodeId, _edit: Edit) -> bool:
        return True

    def has_rendered(self, _job: JobId, _author: NodeId, _fact: ResultFact) -> bool:
        return True

    def has_helped(self, _job: JobId, _part: Helped) -> bool:
        return True

    def has_found(self, _job: JobId, _submitter: NodeId, _auditor: NodeId, _fact: AuditFact) -> bool:
        return True
