"""All that one node knows of one job. Data with small questions; the parts of the scheduler work on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from mesh.errors import BadFrameSet
from mesh.model.frames import parse_frames
from mesh.model.ids import Boot, Digest, JobId, NodeId
from mesh.model.manifest import Manifest
from mesh.model.policy import JobPolicy
from mesh.model.status import JobState
from mesh.sched.edits import Edits
from mesh.sched.effort import Share
from mesh.sched.facts import Facts
from mesh.sched.intervals import IntervalSet
from mesh.sched.layout import Layout
from mesh.sched.life import Holdings
from mesh.sched.logs import LogName, Logs
from mesh.sched.usage import Usage
from mesh.sched.waiting import Waiting
from mesh.wire.effects import Attempt
from mesh.wire.jobs import EditName
from mesh.wire.ledger import Activity
from mesh.wire.records import StoredRecord


class SceneState(Enum):
    ABSENT = "absent"
    FETCHING = "fetching"
    HERE = "here"


@dataclass(slots=True)
class Claim:
    """What another node vouches for, newest statement."""

    boot: Boot
    stamp: int
    spans: IntervalSet
    spare: int
    speed: float
    activities: tuple[Activity, ...]
    at: float
    """When it was said, on this node's clock."""

    def lapse(self) -> None:
        """It vouches for nothing any more, until something newer is said."""
        self.spans, self.spare, self.activities = IntervalSet(), 0, ()


@dataclass(slots=True)
class Run:
    """A unit that this node's engine has: it renders one after the other."""

    job: JobId
    attempt: Attempt
    start: int
    begun_stop: int
    """Where the unit ended when it was begun; `stop` moves down when its back is lent."""
    stop: int
    began: float
    moved: float
    """When it last made progress, or was seen to be prepared."""
    fraction: float = 0.0
    """Of the unit as it was begun."""
    ended: bool = False
    """The engine is done with it, and the disk is not."""
    queued: bool = False
    """The engine has it, and renders another unit before it."""


@dataclass(slots=True)
class Loan:
    """Work granted to a thief that has not yet said that it has it."""

    thief: NodeId
    request: int
    spans: IntervalSet
    at: float

    def answers(self, thief: NodeId, request: int) -> bool:
        return (self.thief, self.request) == (thief, request)


@dataclass(slots=True)
class Copy:
    """Pixels on this node's disk: their bytes, and who else is believed to have them, each once. One or two
    nodes, for each of very many results: a set would be the largest thing remembered of it."""

    size: int
    others: tuple[NodeId, ...] = ()

    def held_by(self, nodes: Iterable[NodeId]) -> None:
        self.others = tuple(dict.fromkeys((*self.others, *nodes)))

    def gone_from(self, node: NodeId) -> None:
        if node in self.others:
            self.others = tuple(other for other in self.others if other != node)


@dataclass(frozen=True, slots=True)
class Absence:
    """Results that count, and that only nodes hold which are away (`reach.py`)."""

    frames: int
    """How many have a part in such results."""
    nodes: tuple[NodeId, ...]
    due: float | None
    """When they will be rendered again unless a holder comes back; None for not before people say retry."""


def _frames_of(text: str) -> tuple[int, ...]:
    """The frames of a set that somebody else wrote; none where it makes no sense."""
    try:
        return parse_frames(text)
    except BadFrameSet:
        return ()


@dataclass(slots=True)
class Steady:
    """Finds what stays in a set that is looked at again and again."""

    spans: IntervalSet = field(default_factory=IntervalSet)
    since: float = 0.0

    def see(self, spans: IntervalSet, now: float) -> None:
        self.spans = self.spans.common(spans)
        if not self.spans:
            self.spans, self.since = spans.copy(), now

    def ripe(self, now: float, wait: float) -> IntervalSet:
        """What has been there for at least `wait`; it is then forgotten."""
        if not self.spans or now - self.since < wait:
            return IntervalSet()
        ripe, self.spans = self.spans, IntervalSet()
        return ripe


@dataclass(slots=True)
class Job:
    id: JobId
    manifest: Manifest
    policy: JobPolicy
    submitter: NodeId
    signature: bytes
    layout: Layout
    facts: Facts
    learned_at: float
    edits: Edits = field(default_factory=Edits)
    logs: Logs = field(default_factory=Logs)
    holdings: Holdings = field(default_factory=Holdings)
    claims: dict[NodeId, Claim] = field(default_factory=dict)
    rich: dict[str, list[NodeId]] = field(default_factory=dict)
    """By site: who had enough to give some of it away, by the claims at `rich_at` (`market.py`)."""
    rich_at: float = -1e9
    hinted_at: float = -1e9
    """When a keeper last told this node whom it might ask for work."""
    heard_pace: float = 0.0
    """Seconds that a bucket takes another node, as it last said when it asked for work or gave some."""
    loans: list[Loan] = field(default_factory=list)
    lent_to: dict[NodeId, IntervalSet] = field(default_factory=dict)
    """What each thief took from this node and has not finished, as far as known."""
    waits: bool = False
    """This node has nothing to do, and its keeper is to tell it who has work."""
    waiting: Waiting = field(default_factory=Waiting)
    """Who waits for that at this keeper (`inviting.py`)."""
    helping: IntervalSet = field(default_factory=IntervalSet)
    """What this node started to relieve a slow one: not to be lent, or it would go round in a circle."""
    runs: dict[Attempt, Run] = field(default_factory=dict)
    rendered: Share = field(default_factory=Share)
    """What this node's engine has rendered in this life: known before it is published."""
    scene: SceneState = SceneState.ABSENT
    scene_asked: bool = False
    """This node is asked to keep the scene, whether or not it can render it."""
    durable_on: dict[NodeId, None] = field(default_factory=dict)
    """Other nodes that said they keep manifest and scene; known to the submitter."""
    durable: bool = False
    asked_to_keep: dict[NodeId, None] = field(default_factory=dict)
    scene_askers: dict[NodeId, None] = field(default_factory=dict)
    told_finished: bool = False
    finished_at: float | None = None
    ended_ms: int | None = None
    """Unix time of the end, on disk."""
    summary_done: int = 0
    """What a keeper last said, where this node does not keep the ledger itself."""
    summary_failed: int = 0
    summary_finished: bool = False

    # replication
    fresh: dict[LogName, int] = field(default_factory=dict)
    """Logs with news for the other keepers: first new entry."""
    fresh_watch: dict[LogName, int] = field(default_factory=dict)
    """The same for those who watch."""
    fresh_claims: dict[NodeId, None] = field(default_factory=dict)
    watchers: dict[NodeId, float] = field(default_factory=dict)
    """Until when each wants news."""
    watching_until: float = 0.0
    home: NodeId | None = None
    """The keeper that this node reports to where it keeps no ledger itself."""
    stamp: int = 0
    claims_dirty: bool = False
    interrupted: IntervalSet = field(default_factory=IntervalSet)
    """What nodes that are gone were rendering, and nobody here has begun again."""
    orphans: Steady = field(default_factory=Steady)
    clashes: Steady = field(default_factory=Steady)
    copies: dict[Digest, Copy] = field(default_factory=dict)
    """Pixels on this node's disk."""
    unpublished: list[StoredRecord] = field(default_factory=list)
    """Rendered in an earlier life; to be copied and published soon after the start."""
    kept_before: bool = False
    """Whether this node kept the ledger when it last looked."""
    blocked: frozenset[NodeId] = frozenset()
    """Nodes that failed too many of its units."""
    distrusted: frozenset[NodeId] = frozenset()
    """Nodes that published false pixels, of this job or another."""
    limit: tuple[str, IntervalSet] | None = None
    """What LIMIT says, and the positions it means."""
    absence: Absence | None = None
    """What cannot be had for now, as far as known: while there is any, the job is not done."""
    reopened: bool = False
    """Results were found false since those who only work on it were last told how it stands."""
    flushed_at: float = -1e9
    usage: Usage = field(default_factory=Usage)
    """Nodes at work on it of late, where this node follows the ledger."""
    worked_at: float = 0.0
    """When somebody was last known to work on it."""
    patron: NodeId | None = None
    """Who handed this node a stretch of the row, and has not been asked for its work yet (`dealing.py`)."""
    heirs: dict[NodeId, int] = field(default_factory=dict)
    """Heads told by this node that have not had their parts of the work, and how many nodes each is for."""
    inherited: int = 0
    """Stretches of the row that were handed to this node."""
    refused_until: float = 0.0
    """Others have nothing to give of it; not asked for again before, unless there is nothing else to do."""
    pulse_pause: float = 0.0
    """Seconds between comparisons of a ledger whose job has ended: grows while nothing changes."""

    @property
    def cancelled(self) -> bool:
        return self.edits.number(EditName.CANCELLED) == 1

    @property
    def paused(self) -> bool:
        return self.edits.number(EditName.PAUSED, int(self.policy.paused)) == 1

    def allowed(self) -> IntervalSet | None:
        """The positions that may be begun for now; None for all."""
        text = self.limit_text()
        if not text:
            return None
        if self.limit is None or self.limit[0] != text:
            self.limit = (text, self.layout.positions(_frames_of(text)))
        return self.limit[1]

    def nodes_at_work(self) -> int:
        """As far as known."""
        return bool(self.runs) + sum(bool(claim.activities) for claim in self.claims.values())

    def limit_text(self) -> str:
        """The frames that may be begun for now, as somebody wrote them; empty for all."""
        edit = self.edits.get(EditName.LIMIT)
        return edit.words[0] if edit is not None and edit.words else ""

    def startable(self) -> IntervalSet:
        """What this node owns and may begin or lend."""
        allowed = self.allowed()
        return self.holdings.owned if allowed is None else self.holdings.owned.common(allowed)

    def open_work(self) -> IntervalSet:
        """What is missing and may be begun by whoever owns it."""
        allowed = self.allowed()
        return self.facts.missing if allowed is None else self.facts.missing.common(allowed)

    @property
    def finished(self) -> bool:
        return self.facts.complete or self.summary_finished

    @property
    def ended(self) -> bool:
        """Nothing is left to do unless somebody says retry."""
        return self.cancelled or self.finished

    @property
    def keepers(self) -> tuple[NodeId, ...]:
        edit = self.edits.get(EditName.KEEPERS)
        return () if edit is None else edit.nodes

    def frames_in(self, spans: IntervalSet) -> int:
        size = self.layout.buckets
        return len({place for a, b in spans for place in range(a // size, (b - 1) // size + 1)})

    def state(self, follows: bool) -> JobState:
        """How it stands. To a node that `follows` the ledger it is done once all results are known here, so that
        they can be had; others take a keeper's word."""
        if self.facts.complete and self.absence is not None:
            return JobState.RUNNING
        if self.facts.complete or (self.summary_finished and not follows):
            failed = self.facts.failed or self.summary_failed
            return JobState.FAILED if failed else JobState.DONE
        if self.cancelled:
            return JobState.CANCELLED
        if self.paused:
            return JobState.PAUSED
        begun = self.facts.results or self.runs or self.holdings.stored or self.summary_done
        if begun or any(claim.activities for claim in self.claims.values()):
            return JobState.RUNNING
        return JobState.WAITING
