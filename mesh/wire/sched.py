"""What schedulers say to each other: jobs and their edits, the ledger, claims, stealing, second copies.

A job's buckets are numbered through in render order (`mesh/sched/layout.py`): a *position*. A set of
positions travels as `Spans`: start, stop, start, stop, ... ascending. Every message names its job, and
every message about a node's own state carries that node's boot, so that words from an earlier life are
recognised. Ages and lengths of time are in seconds; no message carries a clock reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Annotated

from mesh.model.ids import Boot, Digest, JobId, NodeId
from mesh.model.manifest import Manifest
from mesh.model.policy import JobPolicy
from mesh.model.units import Unit
from mesh.wire.base import AtMost, Message, Range

MAX_SPAN_NUMBERS = 4096
MAX_RUN = 512
"""Entries in one run of a delta."""
MAX_RUNS = 512
MAX_CLAIMS = 512
MAX_HEIGHTS = 4096
MAX_BLOCK = 8192
"""Bytes of a block that travels with what asks to keep it."""

Counter = Annotated[int, Range(0, 2**62)]
Position = Annotated[int, Range(0, 2**48)]
Spans = Annotated[tuple[Position, ...], AtMost(MAX_SPAN_NUMBERS)]
Seconds = Annotated[float, Range(0, 1e9)]
Size = Annotated[int, Range(0, 2**48)]
Sentence = Annotated[str, AtMost(1024)]
Key = Annotated[bytes, AtMost(512)]
Nodes = Annotated[tuple[NodeId, ...], AtMost(64)]


# --- jobs and edits ---------------------------------------------------------------------------------


class EditName(StrEnum):
    """A register of a job; the newest write wins. The comment says which field of Edit holds the value."""

    CANCELLED = "cancelled"  # number: 1
    PAUSED = "paused"  # number: 0 or 1
    PRIORITY = "priority"  # number
    CATEGORY = "category"  # words: one
    TAGS = "tags"  # words
    ON = "on"  # nodes
    RETRY = "retry"  # number: failures of a smaller number are forgiven
    EXCLUDED = "excluded"  # subject: a node; number: value of Participation
    LIMIT = "limit"  # words: one frame set, outside of which nothing new is begun; none for no limit
    KEEPERS = "keepers"  # nodes: who keeps the whole ledger


class Participation(Enum):
    """What people have decided of one node's part in a job."""

    JUDGED = 0
    """It takes part until too many of its units fail."""
    EXCLUDED = 1
    INCLUDED = 2
    """It takes part, however many of its units failed."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One write to a register (name, subject); the larger (counter, author) wins."""

    name: EditName
    subject: Annotated[bytes, AtMost(32)]
    counter: Counter
    author: NodeId
    number: Annotated[int, Range(-(2**31), 2**31)] = 0
    words: Annotated[tuple[str, ...], AtMost(64)] = ()
    nodes: Nodes = ()
    proof: Annotated[bytes, AtMost(96)] = b""
    """That `author` wrote it: `mesh/node/rights.py`."""


Edits = Annotated[tuple[Edit, ...], AtMost(1024)]


@dataclass(frozen=True, slots=True)
class JobOffer(Message):
    """Here is a job. Sent to every node, through a few; the receiver passes it on the first time."""

    job: JobId
    manifest: Manifest
    policy: JobPolicy
    submitter: NodeId
    signature: Annotated[bytes, AtMost(128)]
    edits: Edits
    low: Key = b""
    high: Key = b""
    """The receiver answers for all nodes in this stretch of the row of nodes (`mesh/sched/dealing.py`)."""


@dataclass(frozen=True, slots=True)
class JobEdits(Message):
    """All edits of a job that the sender knows; passed on when they tell the receiver something new."""

    job: JobId
    edits: Edits


@dataclass(frozen=True, slots=True)
class JobBrief:
    job: JobId
    edits: Counter
    """Sum of the counters of all edits: differs where edits differ, nearly always."""


@dataclass(frozen=True, slots=True)
class JobsKnown(Message):
    """The jobs I know. The receiver offers what is missing, asks for what it misses, and with `answer`
    tells what it knows itself."""

    jobs: Annotated[tuple[JobBrief, ...], AtMost(4096)]
    answer: bool


@dataclass(frozen=True, slots=True)
class JobWanted(Message):
    """I heard of this job and do not know it: offer it to me."""

    job: JobId


# --- the ledger -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ResultFact:
    """The author rendered `unit`; the pixels are durable with the author and with `holders`."""

    unit: Unit
    pixels: Digest
    size: Size
    seconds: Seconds
    holders: Annotated[tuple[NodeId, ...], AtMost(8)] = ()


@dataclass(frozen=True, slots=True)
class FailureFact:
    """The author tried to render `unit` and failed."""

    unit: Unit
    reason: Sentence
    log: Digest | None
    retryable: bool
    epoch: Counter
    """The RETRY register when it failed."""


@dataclass(frozen=True, slots=True)
class HolderFact:
    """The author now holds these pixels, or lost them."""

    pixels: Digest
    held: bool


@dataclass(frozen=True, slots=True)
class SceneFact:
    """The author has every block of the scene."""

    held: bool


@dataclass(frozen=True, slots=True)
class AuditFact:
    """The author rendered `unit`, a piece of a result of `renderer`, again and compared the pixels."""

    renderer: NodeId
    pixels: Digest
    """Of the result."""
    unit: Unit
    equal: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an author's log; exactly one field is set."""

    result: ResultFact | None = None
    failure: FailureFact | None = None
    holder: HolderFact | None = None
    scene: SceneFact | None = None
    audit: AuditFact | None = None


@dataclass(frozen=True, slots=True)
class LogRun:
    """Entries `first`, `first + 1`, ... of the log named (author, boot). Numbers start at 1."""

    author: NodeId
    boot: Boot
    first: Annotated[int, Range(1, 2**48)]
    entries: Annotated[tuple[Entry, ...], AtMost(MAX_RUN)]


@dataclass(frozen=True, slots=True)
class LogHeight:
    author: NodeId
    boot: Boot
    height: Counter
    """How many entries of that log the sender has: 1 to `height`, without gaps."""


@dataclass(frozen=True, slots=True)
class Activity:
    """A unit being rendered."""

    unit: Unit
    fraction: Annotated[float, Range(0, 1)]
    age: Seconds
    """Since it was started."""


@dataclass(frozen=True, slots=True)
class ClaimSet:
    """Everything `node` means to finish by itself in this job: replaces what it said before, if
    (boot, stamp) is larger. `age`: how old the statement was when it was sent on."""

    node: NodeId
    boot: Boot
    stamp: Counter
    age: Seconds
    spans: Spans
    spare: Size
    """How many of these positions are not begun: what a thief may hope for."""
    speed: Annotated[float, Range(0, 1e9)]
    """Buckets a second; 0 while unknown."""
    activities: Annotated[tuple[Activity, ...], AtMost(16)] = ()


@dataclass(frozen=True, slots=True)
class LedgerDelta(Message):
    """News for somebody who keeps the ledger or watches it. Runs that leave a gap are dropped by the
    receiver, which then asks by LedgerVector."""

    job: JobId
    runs: Annotated[tuple[LogRun, ...], AtMost(MAX_RUNS)]
    claims: Annotated[tuple[ClaimSet, ...], AtMost(MAX_CLAIMS)]


@dataclass(frozen=True, slots=True)
class LedgerPulse(Message):
    """How much of the ledger I have, in a nutshell. A receiver who has another sum sends its vector."""

    job: JobId
    count: Counter
    checksum: Annotated[int, Range(0, 2**64 - 1)]


@dataclass(frozen=True, slots=True)
class LedgerVector(Message):
    """How much of each log I have. The receiver sends what is missing: of the logs named, and of every
    log whose author lies in `low <= author < high` and is not named. With `answer` it also says what of
    the logs named it lacks itself."""

    job: JobId
    heights: Annotated[tuple[LogHeight, ...], AtMost(MAX_HEIGHTS)]
    low: Annotated[bytes, AtMost(33)]
    high: Annotated[bytes, AtMost(33)]
    answer: bool
    watch: bool
    """Send me news from now on, for the watching time of the receiver's settings."""


@dataclass(frozen=True, slots=True)
class Hint:
    """A node that was lately known to have work to give."""

    job: JobId
    node: NodeId
    spare: Size


Hints = Annotated[tuple[Hint, ...], AtMost(16)]


@dataclass(frozen=True, slots=True)
class JobSummary(Message):
    """From a keeper of the ledger to a node that only works on the job."""

    job: JobId
    done: Size
    failed: Size
    """In positions."""
    finished: bool
    done_spans: Spans
    """Of what the receiver claims, what others have rendered already."""
    hints: Hints = ()
    """Whom the receiver might ask for work."""


# --- stealing ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Want:
    job: JobId
    speed: Annotated[float, Range(0, 1e9)]
    """The thief's buckets a second; 0 while unknown."""


@dataclass(frozen=True, slots=True)
class StealRequest(Message):
    """Give me work of one of these jobs, the first preferred; their scenes are here. `parked`: nobody
    had any; remember me, and push work to me when there is some."""

    request: Counter
    boot: Boot
    wants: Annotated[tuple[Want, ...], AtMost(64)]
    parked: bool
    idle: bool
    """Nothing is being rendered; otherwise the thief only looks ahead, and last crumbs are for others."""


@dataclass(frozen=True, slots=True)
class StealGrant(Message):
    """These positions are yours. Valid only for the boot and request it answers: otherwise the receiver
    sends WorkReturned."""

    job: JobId
    request: Counter
    boot: Boot
    """The thief's."""
    spans: Spans
    pace: Seconds
    """The lender's seconds a bucket; 0 while unknown."""


@dataclass(frozen=True, slots=True)
class StealDeny(Message):
    """Nothing to give; `hints` name nodes that may have."""

    request: Counter
    boot: Boot
    hints: Hints


@dataclass(frozen=True, slots=True)
class GrantTaken(Message):
    """The thief owns what it was granted: from now on its claims speak for it."""

    job: JobId
    request: Counter


@dataclass(frozen=True, slots=True)
class WorkReturned(Message):
    """The sender does not have, or gives up, these positions; the receiver owns them where they are
    still missing."""

    job: JobId
    spans: Spans


@dataclass(frozen=True, slots=True)
class WorkTaken(Message):
    """To the submitter and to those who watch: the sender has taken over `buckets` of work in `frames` frames
    that `gone` had not finished, or that nobody held."""

    job: JobId
    gone: NodeId | None
    buckets: Size
    frames: Size


@dataclass(frozen=True, slots=True)
class Convicted(Message):
    """To a node whose results were found false: others have rendered `unit` of its again, and got other
    pixels. Its owner should know."""

    job: JobId
    unit: Unit


# --- copies -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeepPixels(Message):
    """Keep these pixels as a second copy: what `block` holds, or else what `holders` have. Answered by
    PixelsKept."""

    job: JobId
    pixels: Digest
    size: Size
    holders: Annotated[tuple[NodeId, ...], AtMost(8)]
    entry: bool
    """Write a HolderFact when they are kept: the result is in the ledger already."""
    block: Annotated[bytes, AtMost(MAX_BLOCK)] = b""
    """The root of the pixels' blob, where that is all of it: saves asking for a few bytes."""


@dataclass(frozen=True, slots=True)
class PixelsKept(Message):
    """They are on the sender's disk; or, not `kept`, it could not get or store them."""

    job: JobId
    pixels: Digest
    kept: bool


@dataclass(frozen=True, slots=True)
class KeepScene(Message):
    """Fetch the job's scene and keep it; answered by SceneKept once it is there."""

    job: JobId


@dataclass(frozen=True, slots=True)
class SceneKept(Message):
    job: JobId
    kept: bool


SCHED_MESSAGES: dict[int, type[Message]] = {
    40: JobOffer,
    41: JobEdits,
    42: JobsKnown,
    43: JobWanted,
    44: LedgerDelta,
    45: LedgerPulse,
    46: LedgerVector,
    47: JobSummary,
    48: StealRequest,
    49: StealGrant,
    50: StealDeny,
    51: GrantTaken,
    52: WorkReturned,
    53: KeepPixels,
    54: PixelsKept,
    55: KeepScene,
    56: SceneKept,
    57: WorkTaken,
    58: Convicted,
}
"""Type numbers, never reused: 40 to 79 are the scheduler's."""


# --- records kept on disk ---------------------------------------------------------------------------


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


@dataclass(frozen=True, slots=True)
class CopyRecord:
    """A second copy of somebody's pixels that is kept here; `holders` are the others."""

    pixels: Digest
    size: Size
    holders: Annotated[tuple[NodeId, ...], AtMost(8)]


SCHED_RECORDS: tuple[type[object], ...] = (
    JobRecord,
    EditsRecord,
    EndedRecord,
    StoredRecord,
    CopyRecord,
    LogRun,
)
"""What `Persist` writes: keys ("job",), ("edits",), ("ended",), ("log", author, boot, first), ("stored", unit) and
("copy", pixels)."""
