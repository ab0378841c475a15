"""What the scheduler is told beside the common events. What it tells others is in `news.py`."""

from __future__ import annotations

from dataclasses import dataclass, field

from mesh.model.ids import Boot, JobId, NodeId
from mesh.model.manifest import Manifest
from mesh.model.policy import JobPolicy
from mesh.wire.gossip import EngineBuild
from mesh.wire.jobs import EditName


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
class DiskDamaged:
    """A block that this node should have could not be read: look what else is gone."""


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
