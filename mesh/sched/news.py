"""What the scheduler tells the rest of its node, inside `Notify`: for the event log, the collector, whoever watches."""

from __future__ import annotations

from dataclasses import dataclass

from mesh.model.ids import Digest, JobId, NodeId
from mesh.model.manifest import Manifest
from mesh.model.units import Unit
from mesh.wire.jobs import Edit


@dataclass(frozen=True, slots=True)
class JobKnown:
    job: JobId
    manifest: Manifest
    submitter: NodeId


@dataclass(frozen=True, slots=True)
class JobChanged:
    """Edited, finished, made durable: look at the view again."""

    job: JobId


@dataclass(frozen=True, slots=True)
class JobEdited:
    """Somebody wrote a register of the job."""

    job: JobId
    edit: Edit


@dataclass(frozen=True, slots=True)
class EditRefused:
    """`sender` passed on an edit that nobody with the right has signed."""

    job: JobId
    edit: Edit
    sender: NodeId


@dataclass(frozen=True, slots=True)
class JobRefused:
    """`sender` passed on a job that its submitter has not signed as it is."""

    job: JobId
    name: str
    sender: NodeId


@dataclass(frozen=True, slots=True)
class JobFinished:
    """Nothing is missing any more, as far as this node knows; `failed` counts frames."""

    job: JobId
    failed: int


@dataclass(frozen=True, slots=True)
class JobDurable:
    """The manifest and the scene are on these other nodes, as many as were asked for or exist."""

    job: JobId
    nodes: tuple[NodeId, ...]


@dataclass(frozen=True, slots=True)
class JobDropped:
    """Kept for the configured time after its end, and now forgotten."""

    job: JobId


@dataclass(frozen=True, slots=True)
class JobResult:
    """A unit's pixels and who has them."""

    unit: Unit
    pixels: Digest
    size: int
    renderer: NodeId
    seconds: float
    holders: tuple[NodeId, ...]
    """The renderer among them; newest knowledge at the time of asking."""


@dataclass(frozen=True, slots=True)
class ResultKnown:
    job: JobId
    result: JobResult


@dataclass(frozen=True, slots=True)
class FrameDone:
    job: JobId
    frame: int


@dataclass(frozen=True, slots=True)
class FrameFailed:
    job: JobId
    frame: int
    reason: str


@dataclass(frozen=True, slots=True)
class UnitStarted:
    """On this node."""

    job: JobId
    unit: Unit


@dataclass(frozen=True, slots=True)
class UnitFailed:
    """On any node, as soon as it is known here."""

    job: JobId
    unit: Unit
    node: NodeId
    reason: str
    log: Digest | None


@dataclass(frozen=True, slots=True)
class WorkReassigned:
    """`node` died or fell silent; this node, or another that says so, has taken over `buckets` of its work in
    `frames` frames."""

    job: JobId
    node: NodeId | None
    """None where nobody can say whose it was."""
    buckets: int
    frames: int


@dataclass(frozen=True, slots=True)
class StragglerRelieved:
    """`node` takes too long for `unit`, so `helper` has started it as well; the first result counts."""

    job: JobId
    unit: Unit
    node: NodeId
    helper: NodeId


@dataclass(frozen=True, slots=True)
class SamplesShared:
    """`helper` has rendered a part of the samples of `unit`, one bucket, that `node` is rendering."""

    job: JobId
    unit: Unit
    node: NodeId
    helper: NodeId


@dataclass(frozen=True, slots=True)
class PixelsLost:
    """So many results are on this node's disk no more, and no other holder that is here has them."""

    job: JobId
    results: int


@dataclass(frozen=True, slots=True)
class ResultsAway:
    """A part of so many frames is held by `nodes` alone, which are away: it will be rendered again in `seconds` unless
    one of them comes back."""

    job: JobId
    frames: int
    nodes: tuple[NodeId, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class ResultsGivenUp:
    """None of `nodes` came back in time: what they alone hold of so many frames is rendered again."""

    job: JobId
    frames: int
    nodes: tuple[NodeId, ...]


@dataclass(frozen=True, slots=True)
class AuditDiffers:
    """`auditor` rendered `unit` of `renderer` again and got other pixels; who is wrong is not known yet."""

    job: JobId
    renderer: NodeId
    auditor: NodeId
    unit: Unit


@dataclass(frozen=True, slots=True)
class NodeConvicted:
    """`witnesses` found that `node` published false pixels: what it rendered is rendered again."""

    job: JobId
    node: NodeId
    unit: Unit
    witnesses: tuple[NodeId, ...]


@dataclass(frozen=True, slots=True)
class SelfConvicted:
    """`witnesses` found that of this node."""

    job: JobId
    unit: Unit
    witnesses: tuple[NodeId, ...]


@dataclass(frozen=True, slots=True)
class NodePardoned:
    """`node` may work again: `by` let it in, or (None) later audits found it right."""

    job: JobId
    node: NodeId
    by: NodeId | None


@dataclass(frozen=True, slots=True)
class ConvictionRefused:
    """`sender` passed on that `node` was convicted, which those it names have not signed."""

    job: JobId
    node: NodeId
    sender: NodeId


@dataclass(frozen=True, slots=True)
class EntryRefused:
    """`sender` passed on what `author` is said to have rendered or found, which it has not signed."""

    job: JobId
    author: NodeId
    sender: NodeId


@dataclass(frozen=True, slots=True)
class NodeBlocked:
    """`node` takes no more part in the job: too many of its units failed."""

    job: JobId
    node: NodeId
