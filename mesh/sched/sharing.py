"""Which job goes first on this node."""

from __future__ import annotations

from mesh.sched.core import Core
from mesh.sched.job import Job


class Sharing:
    def __init__(self, core: Core) -> None:
        self._core = core

    def ranked(self) -> list[Job]:
        """Jobs that may have work, the most deserving first."""
        jobs = [job for job in self._core.jobs.values() if not job.ended and not job.paused]
        return sorted(jobs, key=lambda job: (job.manifest.submitted_ms, job.id))

    def may_start(self, job: Job) -> bool:
        """Whether the jobs that this one waits for are done, as far as this node knows."""
        for other in job.policy.after:
            before = self._core.jobs.get(other)
            if before is None or not before.finished:
                return False
        return True
