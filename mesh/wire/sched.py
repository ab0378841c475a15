"""The type numbers of everything that schedulers say to each other.

The messages are in `jobs.py`, `ledger.py`, `stealing.py`, `copies.py` and `trust.py`, by what they are about.
"""

from __future__ import annotations

from mesh.wire.base import Message
from mesh.wire.copies import KeepPixels, KeepScene, PixelsKept, SceneKept
from mesh.wire.jobs import JobEdits, JobOffer, JobsKnown, JobWanted
from mesh.wire.ledger import JobSummary, LedgerDelta, LedgerPulse, LedgerVector
from mesh.wire.stealing import (
    GrantTaken,
    SamplesRendered,
    StealDeny,
    StealGrant,
    StealRequest,
    WorkReturned,
    WorkTaken,
)
from mesh.wire.trust import Convictions

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
    59: SamplesRendered,
    60: Convictions,
}
"""Type numbers, never reused: 40 to 79 are the scheduler's. 58 told a convicted node alone."""
