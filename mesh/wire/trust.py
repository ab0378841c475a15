"""What nodes tell all others of those that were caught with false pixels.

A conviction is its own evidence: the findings of those who rendered a result again, each signed by its auditor, so
that whoever hears of it judges for itself (`mesh/sched/verdicts.py`) and need not believe the one who passed it on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mesh.model.ids import JobId, NodeId
from mesh.wire.base import AtMost, Message
from mesh.wire.jobs import Edit
from mesh.wire.ledger import AuditFact

MAX_FINDINGS = 8
MAX_CONVICTIONS = 128
"""Remembered by each node, and said in one message: some 2 KB each at most."""


@dataclass(frozen=True, slots=True)
class Finding:
    auditor: NodeId
    fact: AuditFact


@dataclass(frozen=True, slots=True)
class Conviction:
    """All findings about one result, those that speak for the node among them."""

    job: JobId
    submitter: NodeId
    """Of the job, who may pardon; signed by the auditors."""
    findings: Annotated[tuple[Finding, ...], AtMost(MAX_FINDINGS)]
    pardon: Edit | None = None
    """People have let the node back into the job that it was caught in, and so into all."""


@dataclass(frozen=True, slots=True)
class Convictions(Message):
    """All that the sender knows. The receiver checks each by itself."""

    convictions: Annotated[tuple[Conviction, ...], AtMost(MAX_CONVICTIONS)]
