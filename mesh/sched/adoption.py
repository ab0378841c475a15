"""Owning work that nobody alive claims: handed over, left behind, or found unclaimed."""

from __future__ import annotations

from mesh.model.ids import NodeId
from mesh.sched.core import Core
from mesh.sched.intervals import IntervalSet
from mesh.sched.job import Job
from mesh.sched.news import WorkReassigned
from mesh.wire.stealing import WorkTaken


class Adoption:
    def __init__(self, core: Core) -> None:
        self._core = core

    def adopt_from(self, job: Job, gone: NodeId | None, spans: IntervalSet) -> None:
        """Takes over what a dead or silent node leaves behind, and says so."""
        taken = self.adopt(job, spans)
        if taken:
            core, frames = self._core, job.frames_in(taken)
            core.notify(WorkReassigned(job.id, gone, taken.size, frames))
            for node in dict.fromkeys((job.submitter, *job.watchers)):
                if node in core.peers:
                    core.send(node, WorkTaken(job.id, gone, taken.size, frames))

    def adopt(self, job: Job, spans: IntervalSet) -> IntervalSet:
        """Owns what of `spans` is missing and claimed by no live node; returns that."""
        core = self._core
        if job.ended:
            return IntervalSet()
        free = job.facts.missing.common(spans)
        for claim in job.claims.values():
            free.remove_all(claim.spans)
        taken = job.holdings.take(free)
        if taken:
            core.story.tell(core.now, job.id, list(taken), "adopted")
            core.claims_changed(job)
        return taken
