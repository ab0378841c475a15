"""What schedulers say of jobs as such: here is one, these are its edits, which do you know?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Annotated

from mesh.model.ids import JobId, NodeId
from mesh.model.manifest import Manifest
from mesh.model.policy import JobPolicy
from mesh.wire.base import AtMost, Message, Range
from mesh.wire.fields import Counter, Key, Nodes


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
    AFTER = "after"  # words: the jobs that must be done first, in hex; none for no wait
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
    convictions: Counter = 0
    """Differs where what is known of nodes caught with false pixels differs (`mesh/wire/trust.py`)."""


@dataclass(frozen=True, slots=True)
class JobWanted(Message):
    """I heard of this job and do not know it: offer it to me."""

    job: JobId
