"""What a node knows, told for people and programs: the snapshots behind every listing and live view.

The control API serves these as JSON under the same field names; times are ages or durations in seconds,
never clock readings, except `*_ms` which are Unix times in milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class NodeState(StrEnum):
    ALIVE = "alive"
    SUSPECT = "suspect"
    DEAD = "dead"
    LEFT = "left"


class JobState(StrEnum):
    WAITING = "waiting"
    """Known, nobody has rendered anything yet."""
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    """Nothing more will be rendered and some frames have failed."""
    CANCELLED = "cancelled"


ENDED = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)
"""States in which nothing more is rendered unless somebody asks for it."""


class Stage(IntEnum):
    """What a node is at before it has any pixels; travels by number."""

    READY = 0
    """Nothing keeps it from rendering what it has."""
    FETCHING = 1
    OPENING = 2
    COMPILING = 3


@dataclass(frozen=True, slots=True)
class ActivityStatus:
    """One unit being rendered: `what` reads like `frame 12` or `frame 12, buckets 8-15 of 40`."""

    job: str
    job_name: str
    frame: int
    buckets: tuple[int, int]
    """First and one past the last."""
    of_buckets: int
    fraction: float
    what: str


@dataclass(frozen=True, slots=True)
class NodeStatus:
    node: str
    """Full NodeId in hex."""
    short: str
    name: str
    state: NodeState
    is_me: bool
    address: str
    site: str
    tags: tuple[str, ...]
    engines: tuple[str, ...]
    slots: int
    """Render threads it offers."""
    load: float
    """0 to 1."""
    rtt_ms: float | None
    seen_seconds: float
    """Age of the newest sign of life."""
    activities: tuple[ActivityStatus, ...]
    frames_done: int
    """Whole frames' worth of buckets rendered, over the jobs this node still knows, rounded down."""
    buckets_done: int
    distrusted: tuple[str, ...] = ()
    """Where it was caught with false pixels and by whom, and what lets it work again; none where it is trusted."""
    exclusive: bool = False
    """It renders only for jobs that ask for it or for its tags."""
    preparing: str = ""
    """Why it has no pixels of its work yet, such as `compiling the renderer`; empty where it renders, or has no work."""
    expiring: str = ""
    """That its certificate ends soon, and what to do about it; empty where it does not."""


@dataclass(frozen=True, slots=True)
class ShareStatus:
    """What one node has done for one job."""

    node: str
    name: str
    frames: int
    """Frames of which it rendered every bucket."""
    buckets: int
    seconds: float
    redone: int
    """Buckets it rendered that somebody else had rendered too."""


@dataclass(frozen=True, slots=True)
class JobStatus:
    job: str
    """Full JobId in hex."""
    short: str
    name: str
    submitter: str
    submitted_ms: int
    state: JobState
    engine: str
    frames: str
    """The frame set, as written."""
    frames_total: int
    frames_done: int
    frames_failed: int
    buckets_total: int
    buckets_done: int
    fraction: float
    """0 to 1, with what is being rendered now."""
    elapsed_seconds: float
    eta_seconds: float | None
    """None until somebody has begun to render: nothing is known of the scene before. None too while it waits."""
    durable: bool
    """The manifest and the scene are on two other nodes, or on as many as there are."""
    shares: tuple[ShareStatus, ...]
    width: int
    height: int
    samples: int
    failures: tuple[str, ...]
    """Newest few, a sentence each."""
    priority: int = 1
    category: str = ""
    tags: tuple[str, ...] = ()
    """Only nodes that carry all of these."""
    on: tuple[str, ...] = ()
    """Names of the only nodes it may run on; none for any."""
    excluded: tuple[str, ...] = ()
    """Names of nodes that somebody excluded."""
    blocked: tuple[str, ...] = ()
    """Names of nodes on which too many of its units failed."""
    distrusted: tuple[str, ...] = ()
    """Names of nodes that were caught with false pixels, of this job or another."""
    verdicts: tuple[str, ...] = ()
    """Of each of them: where and by whom, and what lets it work again."""
    checked: int = 0
    """Buckets that other nodes rendered again, to see whether they are true."""
    relieved: int = 0
    """Buckets that were also started on an idle node while a slow one rendered them."""
    usage: float = 0.0
    """Nodes at work on it, averaged over ten seconds."""
    limit: str = ""
    """The frames that may be rendered for now; empty for all."""
    order: str = "forward"
    chunk: int = 0
    """Frames that are handed out at once at most; 0 for as many as suits."""
    memory_bytes: int = 0
    """What a node must have; 0 for any."""
    after: tuple[str, ...] = ()
    """Jobs that must be done first, by name and short id."""
    waiting: str = ""
    """Why it does not go on, and what to do about it; empty where it does."""


@dataclass(frozen=True, slots=True)
class EventStatus:
    """One line of the event log: `text` is a whole sentence."""

    number: int
    """Grows by one; a client asks for what came after the last it saw."""
    unix_ms: int
    kind: str
    text: str
    node: str | None = None
    job: str | None = None


@dataclass(frozen=True, slots=True)
class MeshStatus:
    """Everything the live view shows, at one moment."""

    mesh: str
    """Short fingerprint of the mesh's root key."""
    name: str
    """What its founder's node made of its own name."""
    me: str
    revision: int
    """Changes whenever anything here but ages changes."""
    nodes: tuple[NodeStatus, ...]
    jobs: tuple[JobStatus, ...]
    """Newest first."""
    events: tuple[EventStatus, ...]
    """The newest fifty, oldest first."""
    cache_bytes: int
    cache_limit_bytes: int


@dataclass(frozen=True, slots=True)
class FrameStatus:
    """One frame of a job."""

    frame: int
    done: bool
    failed: bool
    nodes: tuple[str, ...]
    """Names of those who rendered parts of it."""
    fraction: float
