"""How far a job is, as people see it: never less far than a moment ago, unless results of it were lost.

A unit's progress vanishes when its renderer ends, or its node dies, a moment before its result counts or others have
caught up; a bar that follows that goes back and forth.
"""

from __future__ import annotations

from mesh.model.ids import JobId


class Progress:
    """Remembers what was shown of each job."""

    def __init__(self) -> None:
        self._shown: dict[JobId, tuple[int, float]] = {}

    def shown(self, job: JobId, done: int, fraction: float) -> float:
        """What to show of a job with `done` buckets, and with what is being rendered `fraction` of it."""
        buckets, most = self._shown.get(job, (0, 0.0))
        if done >= buckets:
            fraction = max(fraction, most)
        self._shown[job] = done, fraction
        return fraction

    def forget(self, job: JobId) -> None:
        self._shown.pop(job, None)
