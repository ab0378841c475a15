"""What the scheduler is told beside the common events, and what it tells the rest of its node.

Events in: the first half. The second half comes out inside `Notify`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mesh.model.ids import Boot, Digest, JobId, NodeId
from mesh.model.manifest import Manifest
from mesh.model.policy import JobPolicy
from mesh.model.units import Unit
from mesh.wire.gossip import EngineBuild
from mesh.wire.jobs import Edit, EditName

# --- in ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PeerInfo:
    """What gossip says of another node."""

    node: NodeId
    boot: Boot
    name: str = ""
    engines: tuple[EngineBuild, ...] = ()
    slots: int = 1
    load: float = 0.0
    tags: tuple[str, ...] = ()
    site: str = ""
    rtt: float | None = None
    """Seconds, where known."""
    memory_bytes: int = 0
    """0 where unknown."""
    exclusive: bool = False
    """Works only for jobs that ask for it, by name or by tags."""
    quarantined: bool = False
    """It comes and goes: it keeps what it has, and gets nothing new."""


@dataclass(frozen=True, slots=True)
class Start:
    """The first event of a life, after any Restore: timers may be set from here on."""

    unix_ms: int = 0
    """The time of day, for what must outlast lives; 0 where there is none, as in simulations."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record that Persist wrote in an earlier life."""

    job: JobId
    key: tuple[str, ...]
    record: object


@dataclass(frozen=True, slots=True)
class Restore:
    """Everything on disk, before Start. May come in several parts."""

    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class SubmitJob:
    """A job begins here. Its scene is on this node's disk."""

    job: JobId
    manifest: Manifest
    submitter: NodeId
    signature: bytes
    policy: JobPolicy = field(default_factory=JobPolicy)


@dataclass(frozen=True, slots=True)
class PeerUp:
    peer: PeerInfo


@dataclass(frozen=True, slots=True)
class PeerChanged:
    """Something in its PeerInfo changed; another boot means that it died and came back."""

    peer: PeerInfo


@dataclass(frozen=True, slots=True)
class PeerDown:
    """Dead or gone, as gossip has it. A suspicion is not yet this."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class PeerVanished:
    """Its connection broke and nobody listens at its address: its process has ended, in all likelihood, long
    before gossip may say so. Nothing is lost where that is wrong, but work may be done twice."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class SetCapacity:
    """What this node offers. `units`: how many render at once, normally 1, for a unit uses all threads;
    0 stops taking work (an artist at the machine)."""

    units: int
    engines: tuple[EngineBuild, ...]
    tags: tuple[str, ...] = ()
    site: str = ""
    memory_bytes: int = 0
    threads: int = 1
    """Buckets that the engine has in hand at once: they cannot be taken from a running unit."""
    exclusive: bool = False
    """Works only for jobs that ask for it, by name or by tags."""


@dataclass(frozen=True, slots=True)
class ActOnJob:
    """Write one register of a job, from any node with the right: the node has checked that."""

    job: JobId
    name: EditName
    subject: bytes = b""
    number: int = 0
    words: tuple[str, ...] = ()
    nodes: tuple[NodeId, ...] = ()


@dataclass(frozen=True, slots=True)
class RetryJob:
    """Forgive all failures so far: failed frames are missing again."""

    job: JobId


@dataclass(frozen=True, slots=True)
class Watch:
    """Somebody on this node looks at the job (show, collect): keep its whole ledger here for a while."""

    job: JobId


@dataclass(frozen=True, slots=True)
class ForgetJob:
    """Drop a job's ledger and blobs here now, without waiting for the configured time."""

    job: JobId


@dataclass(frozen=True, slots=True)
class Leave:
    """Hand back everything claimed; take no more. Give the effects time to be sent, then stop."""


@dataclass(frozen=True, slots=True)
class Woke:
    """The machine slept for `asleep` seconds that its steady clock did not count: claims are dropped before
    anything else. Where that clock went on, late timers tell, and this is not needed."""

    asleep: float


# --- out, inside Notify -----------------------------------------------------------------------------


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
class DiskDamaged:
    """A block that this node should have could not be read: look what else is gone."""


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
