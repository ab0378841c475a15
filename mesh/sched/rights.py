"""Who may submit and steer a job, as the scheduler sees it: proofs are made and checked by its owner.

A job's terms are signed by its submitter, and every edit by its author. Without these checks any member
could cancel any job by passing on an edit that nobody wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mesh.model.ids import JobId, NodeId
from mesh.wire.jobs import Edit
from mesh.wire.records import JobRecord


class Rights(Protocol):
    def sign_edit(self, job: JobId, edit: Edit) -> Edit:
        """This node's edit with the proof that it is."""
        ...

    def may_submit(self, job: JobId, record: JobRecord) -> bool:
        """Whether the job is the one its name says, and its terms are its submitter's own."""
        ...

    def may_edit(self, job: JobId, submitter: NodeId, edit: Edit) -> bool:
        """Whether the edit is by who it says, and that is somebody who may."""
        ...


@dataclass(frozen=True, slots=True)
class Everybody:
    """For simulations, whose nodes have no keys: all may do all, and nobody pretends to be another."""

    def sign_edit(self, _job: JobId, edit: Edit) -> Edit:
        return edit

    def may_submit(self, _job: JobId, _record: JobRecord) -> bool:
        return True

    def may_edit(self, _job: JobId, _submitter: NodeId, _edit: Edit) -> bool:
        return True
