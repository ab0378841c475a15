"""How work goes from one node to another: requests, grants, refusals, and work that comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mesh.model.ids import Boot, Digest, JobId, NodeId
from mesh.model.units import SampleRange
from mesh.wire.base import AtMost, Message, Range
from mesh.wire.fields import Counter, Position, Seconds, Size, Spans
from mesh.wire.ledger import Hints

INVITATION = 0
"""No request has this number."""


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
    also: bool = False
    """The lender goes on rendering them: whoever is done first publishes (`mesh/sched/relief.py`)."""
    samples: SampleRange | None = None
    """Only these samples of one position are to be rendered, and answered with SamplesRendered
    (`mesh/sched/samples.py`)."""


@dataclass(frozen=True, slots=True)
class StealDeny(Message):
    """Nothing to give; `hints` name nodes that may have. From a keeper to a node whose claims say that it is idle,
    and which asked nobody, `request` is INVITATION."""

    request: Counter
    boot: Boot
    hints: Hints


@dataclass(frozen=True, slots=True)
class GrantTaken(Message):
    """The thief owns what it was granted: from now on its claims speak for it."""

    job: JobId
    request: Counter


@dataclass(frozen=True, slots=True)
class SamplesRendered(Message):
    """The sums of the samples that a grant asked for are the blob `sums`, on the sender's disk. Valid only for the
    grant that it answers."""

    job: JobId
    request: Counter
    boot: Boot
    """The sender's."""
    position: Position
    samples: SampleRange
    sums: Digest
    proof: Annotated[bytes, AtMost(168)] = b""
    """That the sender stands by them (`mesh/wire/ledger.py`, Helped)."""


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
