"""How a client asks for a job to be treated: nodes and jobs by the names people use, resolved by the node.

`JobTerms` come with a submission; a `JobChange` alters what may be altered while the job runs.
"""

from __future__ import annotations

from dataclasses import dataclass

from mesh.model.policy import FrameOrder

HERE = "local"
"""Stands for the node that is asked, where nodes are named."""


@dataclass(frozen=True, slots=True)
class JobTerms:
    """`on` names nodes by name, short id or `local`; none for any. `after` names jobs the same way. The other
    fields are those of `JobPolicy`."""

    priority: int = 1
    category: str = ""
    tags: tuple[str, ...] = ()
    on: tuple[str, ...] = ()
    chunk: int = 0
    order: FrameOrder = FrameOrder.FORWARD
    after: tuple[str, ...] = ()
    paused: bool = False
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class JobChange:
    """What is None, or empty, stays as it is; an empty tuple of `tags`, `on` or `after` takes the constraint away."""

    priority: int | None = None
    category: str | None = None
    tags: tuple[str, ...] | None = None
    on: tuple[str, ...] | None = None
    frames: str | None = None
    """A frame set outside of which nothing new is begun; empty for no limit."""
    after: tuple[str, ...] | None = None
    """Jobs that must be done first."""
    exclude: tuple[str, ...] = ()
    """Nodes that take no more part."""
    include: tuple[str, ...] = ()
    """Nodes that take part again, also where too many units had failed on them."""
