"""How a job is to be treated, beside its manifest: whom it may run on, and before whom.

Nothing here changes a pixel. What can be edited while the job runs (priority, category, tags, nodes,
the jobs it comes after, paused) starts from these values; order, chunk and memory are fixed at submission.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mesh.model.ids import JobId, NodeId


class FrameOrder(StrEnum):
    FORWARD = "forward"
    FIRST_LAST_MIDDLE = "first-last-middle"
    """First, last, then the middle of every gap: shows early what an animation will look like."""
    SCATTERED = "scattered"
    """Evenly over the whole range at every moment, by bit reversal."""


@dataclass(frozen=True, slots=True)
class JobPolicy:
    priority: int = 1
    """Divides the job's usage: beside a job of 1, a job of 2 gets twice as many nodes. At least 1."""
    category: str = ""
    """Categories with work to do get equal parts of the mesh."""
    tags: tuple[str, ...] = ()
    """Only nodes that carry all of these."""
    on: tuple[NodeId, ...] = ()
    """Only these nodes; empty for any."""
    chunk: int = 0
    """At most this many frames are handed to a node at once; 0 for as many as suits."""
    order: FrameOrder = FrameOrder.FORWARD
    after: tuple[JobId, ...] = ()
    """Starts when these jobs are done, with no frame failed."""
    paused: bool = False
    memory_bytes: int = 0
    """Only nodes with at least this much memory; 0 for any."""
