"""What a scheduler keeps on disk of a job, through `Persist`, and reads back at its next start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mesh.model.ids import Digest, JobId, NodeId
from mesh.model.manifest import Manifest
from mesh.model.policy import JobPolicy
from mesh.model.units import Unit
from mesh.wire.base import AtMost
from mesh.wire.fields import Counter, Seconds, Size
from mesh.wire.jobs import Edits
from mesh.wire.ledger import MAX_PARTS, Helped, LogRun
from mesh.wire.trust import MAX_CONVICTIONS, Conviction

OF_MESH = JobId(bytes(32))
"""Stands for the job where a record is of none."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    manifest: Manifest
    policy: JobPolicy
    submitter: NodeId
    signature: Annotated[bytes, AtMost(128)]


@dataclass(frozen=True, slots=True)
class EditsRecord:
    edits: Edits


@dataclass(frozen=True, slots=True)
class EndedRecord:
    """When the job had ended, as this node knew it; deleted where it goes on after all."""

    unix_ms: Counter


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A unit rendered and on disk here, not yet in the ledger."""

    unit: Unit
    pixels: Digest
    size: Size
    seconds: Seconds
    parts: Annotated[tuple[Helped, ...], AtMost(MAX_PARTS)] = ()


@dataclass(frozen=True, slots=True)
class CopyRecord:
    """A second copy of somebody's pixels that is kept here; `holders` are the others."""

    pixels: Digest
    size: Size
    holders: Annotated[tuple[NodeId, ...], AtMost(8)]


@dataclass(frozen=True, slots=True)
class ConvictionsRecord:
    convictions: Annotated[tuple[Conviction, ...], AtMost(MAX_CONVICTIONS)]


RECORDS: dict[str, type[object]] = {
    "job": JobRecord,
    "edits": EditsRecord,
    "ended": EndedRecord,
    "log": LogRun,
    "stored": StoredRecord,
    "copy": CopyRecord,
    "convictions": ConvictionsRecord,
}
"""By the first word of the key: ("job",), ("edits",), ("ended",), ("log", author, boot, first), ("stored", unit)
and ("copy", pixels); ("convictions",) of the mesh."""
