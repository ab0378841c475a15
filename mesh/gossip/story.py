"""What happened to whom: the newest facts, bounded, told in order."""

from __future__ import annotations

from collections import deque

from mesh.gossip.events import StoryLine
from mesh.wire.gossip import Handle


class Story:
    def __init__(self, limit: int) -> None:
        self._lines: deque[tuple[float, Handle, str, str]] = deque(maxlen=limit)

    def tell(self, now: float, handle: Handle, fact: str, detail: str = "") -> None:
        self._lines.append((now, handle, fact, detail))

    def of(self, handle: Handle) -> tuple[StoryLine, ...]:
        return tuple(StoryLine(at, fact, detail) for at, who, fact, detail in self._lines if who == handle)
