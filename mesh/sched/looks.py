"""What a look at a job shows: plain records, made by `views.py` and read by the control API and the live view."""

from __future__ import annotations

from dataclasses import dataclass

from mesh.model.ids import Digest, JobId, NodeId
from mesh.model.manifest import Manifest
from mesh.model.policy import JobPolicy
from mesh.model.status import JobState
from mesh.model.units import Unit
from mesh.sched.constraints import Obstacle


@dataclass(frozen=True, slots=True)
class ActivityView:
    """A unit being rendered, as last heard."""

    job: JobId
    node: NodeId
    unit: Unit
    buckets: int
    """Of the whole frame."""
    fraction: float


@dataclass(frozen=True, slots=True)
class ShareView:
    node: NodeId
    frames: int
    buckets: int
    seconds: float
    redone: int
    failures: int


@dataclass(frozen=True, slots=True)
class FailureView:
    node: NodeId
    unit: Unit
    reason: str
    log: Digest | None


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One try at a unit, as the ledger tells."""

    node: NodeId
    unit: Unit
    seconds: float
    """0 where it failed."""
    failure: str | None = None
    log: Digest | None = None
    forgiven: bool = False
    """It failed before somebody said retry."""


@dataclass(frozen=True, slots=True)
class FrameView:
    frame: int
    done: bool
    failed: bool
    fraction: float
    nodes: tuple[NodeId, ...]


@dataclass(frozen=True, slots=True)
class WaitView:
    """What keeps a job from going on, beside being paused; empty where nothing does."""

    after: tuple[JobId, ...] = ()
    """Jobs that must be done first."""
    obstacles: tuple[tuple[Obstacle, int], ...] = ()
    """Where no node that is here may take part: how many are kept out by what."""
    scene: bool = False
    """Nobody that is here has its scene."""
    memory: int = 0
    """Bytes that the largest of those have which are kept out for their memory."""
    limited: bool = False
    """Nothing is left of the frames that may be rendered for now."""
    away: tuple[NodeId, ...] = ()
    """Nodes that are not here and hold alone what is needed of `away_frames` frames."""
    away_frames: int = 0
    away_seconds: float | None = None
    """Until that is rendered again; None for not before one of them is back, or people say retry."""


@dataclass(frozen=True, slots=True)
class JobView:
    job: JobId
    manifest: Manifest
    policy: JobPolicy
    submitter: NodeId
    state: JobState
    frames_done: int
    frames_failed: int
    buckets_total: int
    buckets_done: int
    buckets_failed: int
    elapsed: float
    """Seconds since this node learned of the job, until its end."""
    eta: float | None
    """Seconds, at the pace of the nodes that render now."""
    durable_on: tuple[NodeId, ...]
    durable: bool
    """As the submitter knows it; elsewhere, as the ledger tells."""
    shares: tuple[ShareView, ...]
    activities: tuple[ActivityView, ...]
    failures: tuple[FailureView, ...]
    """Newest last, the last twenty."""
    complete_view: bool
    """Whether this node follows the ledger; otherwise counts are what a keeper said lately."""
    scene_here: bool
    priority: int
    blocked: tuple[NodeId, ...]
    keepers: tuple[NodeId, ...]
    category: str
    tags: tuple[str, ...]
    on: tuple[NodeId, ...]
    excluded: tuple[NodeId, ...]
    waits: WaitView
    limit: str
    """The frames that may be rendered for now; empty for all."""
    relieved: int
    """Buckets that were also started on an idle node while a slow one rendered them."""
    checked: int
    """Buckets rendered again to see whether they are true."""
    distrusted: tuple[NodeId, ...]
    """Nodes that published false pixels of this job or another."""
    usage: float
    """Nodes at work on it, averaged over ten seconds."""
    after: tuple[JobId, ...]
    """Jobs that must be done first, whether or not they are."""
    memory: int
    """Bytes that a node must have, as it was asked for, or as it turned out."""
