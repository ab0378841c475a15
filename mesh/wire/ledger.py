"""What schedulers say of a job's progress: facts, logs of them, claims, and how to find what another lacks.

Every message about a node's own state carries that node's boot, so that words from an earlier life are
recognised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mesh.model.ids import Boot, Digest, JobId, NodeId
from mesh.model.units import SampleRange, Unit
from mesh.wire.base import AtMost, Message, Range
from mesh.wire.fields import Counter, Seconds, Sentence, Size, Spans

MAX_RUN = 512
"""Entries in one run of a delta."""
MAX_RUNS = 512
MAX_CLAIMS = 512
MAX_HEIGHTS = 4096
MAX_AWAY = 64
MAX_PARTS = 64
"""Of a result that others rendered."""


@dataclass(frozen=True, slots=True)
class Helped:
    """`helper` rendered these samples of `unit`, one bucket, for the author of a result; their sums are named `sums`."""

    helper: NodeId
    unit: Unit
    samples: SampleRange
    sums: Digest
    proof: Annotated[bytes, AtMost(168)] = b""
    """That the helper, a member, says so."""


@dataclass(frozen=True, slots=True)
class ResultFact:
    """The author rendered `unit`; the pixels are durable with the author and with `holders`."""

    unit: Unit
    pixels: Digest
    size: Size
    seconds: Seconds
    holders: Annotated[tuple[NodeId, ...], AtMost(8)] = ()
    proof: Annotated[bytes, AtMost(96)] = b""
    """That the author stands by unit and pixels, where others may look at them again: `mesh/node/rights.py`."""
    parts: Annotated[tuple[Helped, ...], AtMost(MAX_PARTS)] = ()
    """What others rendered of it."""


@dataclass(frozen=True, slots=True)
class FailureFact:
    """The author tried to render `unit` and failed."""

    unit: Unit
    reason: Sentence
    log: Digest | None
    retryable: bool
    epoch: Counter
    """The RETRY register when it failed."""
    memory: Size = 0
    """Bytes that the scene takes at least, where that is why: it fails alike on every node that has fewer."""


@dataclass(frozen=True, slots=True)
class HolderFact:
    """The author now holds these pixels, or lost them."""

    pixels: Digest
    held: bool
    after: Counter = 0
    """The newest AwayFact about the author that it knew of, by its `number`."""


@dataclass(frozen=True, slots=True)
class AwayFact:
    """The author found none of `nodes` here, which hold `pixels`, for long or when people said retry. What they held
    does not count until they come back and say so. `number` is larger than that of each AwayFact which they have
    answered."""

    pixels: Annotated[tuple[Digest, ...], AtMost(MAX_AWAY)]
    nodes: Annotated[tuple[NodeId, ...], AtMost(64)]
    number: Counter


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
    after: Counter = 0
    """What people had last said of the renderer's part in the job, by the counter of that edit."""
    proof: Annotated[bytes, AtMost(168)] = b""
    """That the author, a member, found it: `mesh/node/rights.py`."""


@dataclass(frozen=True, slots=True)
class ReliefFact:
    """The author takes too long for `unit`, which it goes on rendering: `helper` was to start it as well."""

    unit: Unit
    helper: NodeId


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an author's log; exactly one field is set."""

    result: ResultFact | None = None
    failure: FailureFact | None = None
    holder: HolderFact | None = None
    scene: SceneFact | None = None
    audit: AuditFact | None = None
    relief: ReliefFact | None = None
    away: AwayFact | None = None


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
    idle: bool = False
    """It has nothing to do, and counts on its keeper to be told who comes to have work."""


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
    late: bool = False
    """It has nothing to give, but takes too long for a unit of `spare` buckets, which others might also start."""
    speed: Annotated[float, Range(0, 1e9)] = 0.0
    """Its buckets a second; 0 while unknown."""


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
