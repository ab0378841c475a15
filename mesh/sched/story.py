"""A bounded account of what happened to the units of each job on this node, for people who ask why."""

from __future__ import annotations

from collections import deque

from mesh.model.ids import JobId
from mesh.sched.intervals import Interval

MAX_LINES = 2000


class Story:
    def __init__(self) -> None:
        self._lines: deque[tuple[float, JobId, int, int, str]] = deque(maxlen=MAX_LINES)

    def tell(self, now: float, job: JobId, spans: list[Interval], what: str) -> None:
        for start, stop in spans:
            self._lines.append((now, job, start, stop, what))

    def of(self, job: JobId, span: Interval) -> list[tuple[float, str]]:
        """(time, what happened) to anything in `span`, oldest first, over the newest 2000 happenings."""
        first, last = span
        return [
            (at, what)
            for at, about, start, stop, what in self._lines
            if about == job and start < last and first < stop
        ]
