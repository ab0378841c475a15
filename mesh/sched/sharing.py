"""Which job goes first on this node: its part in an assignment that every node computes alike.

The nodes due to each job (`fairness.py`) are chosen by rendezvous hashing, jobs with few possible nodes
first. So nodes stay with their job, and its scene, for as long as the jobs stay the same. A node whose
job has no work to be had takes other jobs by Netrender's rating rather than wait.
"""

from __future__ import annotations

import math
from collections.abc import Hashable

from mesh.model.ids import JobId, NodeId
from mesh.model.status import JobState
from mesh.sched.constraints import after_of
from mesh.sched.core import Core
from mesh.sched.fairness import Demand, due, whole
from mesh.sched.job import Job
from mesh.sched.peers import rendezvous
from mesh.sched.quotas import Quotas

_FEW = 32
"""Jobs that are ranked anew whenever anybody asks."""
_REUSED_SECONDS = 0.0005
"""For each job beyond those, so long a ranking is used again: looking at hundreds after every event would leave a node no
time for anything else."""


def unfinished(core: Core, job: Job) -> tuple[JobId, ...]:
    """The jobs that `job` waits for, until every frame of theirs is rendered: whoever comes after a job needs all of
    it, so one that is cancelled or has failed frames is waited for until people say what they want. One that was
    forgotten here is waited for no more; one never heard of may come."""
    return tuple(other for other in after_of(job) if other not in core.dropped and not _done(core, other))


def _done(core: Core, job_id: JobId) -> bool:
    job = core.jobs.get(job_id)
    return job is not None and job.state(core.follows(job)) is JobState.DONE


class Sharing:
    def __init__(self, core: Core) -> None:
        self._core = core
        self._quotas = Quotas(core)
        self._key: Hashable = None
        self._mine: JobId | None = None
        self._ranking: list[Job] = []
        self._candidates: set[JobId] = set()
        """Those that the ranking was made of."""
        self._made_for: Hashable = None
        self._good_until = 0.0

    def see(self, job: Job) -> None:
        """Something of it has changed: where it begins or ceases to have work, all are ranked anew."""
        if (job.id in self._candidates) == (job.ended or job.paused):
            self._made_for = None

    def ranked(self) -> list[Job]:
        """Jobs that may have work, the most deserving first; where there are very many, as they were a moment ago."""
        core = self._core
        key = (len(core.jobs), core.peers.version, core.capacity)
        if key != self._made_for or core.now >= self._good_until:
            candidates = [job for job in core.jobs.values() if not job.ended and not job.paused]
            self._candidates = {job.id for job in candidates}
            self._ranking = self._rank(candidates)
            self._made_for = key
            self._good_until = core.now + max(0, len(core.jobs) - _FEW) * _REUSED_SECONDS
        return self._ranking

    def _rank(self, jobs: list[Job]) -> list[Job]:
        jobs = [job for job in jobs if self.may_start(job)]
        if len(jobs) < 2:
            return jobs
        mine = self._assigned(jobs)
        urgent = {job.id for job in jobs if self._starved(job)}
        ratings = self._ratings(jobs)
        return sorted(
            jobs,
            key=lambda job: (
                job.id not in urgent,
                job.id != mine,
                ratings[job.id],
                job.manifest.submitted_ms,
                job.id,
            ),
        )

    def may_start(self, job: Job) -> bool:
        """Whether the jobs that this one waits for are done, as far as this node knows, and its user's quota
        lets this node work for it."""
        return not unfinished(self._core, job) and self._quotas.allows(job, self._core.me)

    def _starved(self, job: Job) -> bool:
        """Whether nobody has worked on it for so long that it goes first: then one result is enough."""
        limit = self._core.config.starved_seconds
        return limit > 0 and bool(job.open_work()) and self._core.now - job.worked_at >= limit

    def _assigned(self, jobs: list[Job]) -> JobId | None:
        """The job that this node is due to."""
        core = self._core
        key = (
            self._turn(),
            core.peers.version,
            core.capacity,
            tuple(
                (
                    job.id,
                    core.priority(job),
                    core.category(job),
                    job.edits.brief(),
                    job.blocked,
                    job.distrusted,
                    self._usable(job),
                    self._first_frames(job),
                )
                for job in jobs
            ),
        )
        if key != self._key:
            self._key = key
            self._mine = self._assignment(jobs).get(core.me)
        return self._mine

    def _assignment(self, jobs: list[Job]) -> dict[NodeId, JobId]:
        """Which node is due to which job."""
        core = self._core
        able: dict[JobId, list[NodeId]] = {}
        for job in jobs:
            able[job.id] = [node for node in core.other_able(job) if self._quotas.allows(job, node)]
            if core.i_can_render(job) and self._quotas.allows(job, core.me):
                able[job.id].append(core.me)
        everybody = {node for nodes in able.values() for node in nodes}
        counts = self._counts(jobs, able, len(everybody))
        assigned: dict[NodeId, JobId] = {}
        for job in sorted(jobs, key=lambda job: (len(able[job.id]), job.id)):
            free = [node for node in able[job.id] if node not in assigned]
            for node in rendezvous(job.id, free, counts[job.id]):
                assigned[node] = job.id
        return assigned

    def _counts(self, jobs: list[Job], able: dict[JobId, list[NodeId]], nodes: int) -> dict[JobId, int]:
        """How many nodes each job is due: new jobs' first frames before everything else."""
        core = self._core
        counts: dict[JobId, int] = {job.id: 0 for job in jobs}
        left = nodes
        for job in sorted(jobs, key=lambda job: (-job.manifest.submitted_ms, job.id)):
            first = min(self._first_frames(job), len(able[job.id]), left)
            counts[job.id] = first
            left -= first
        cap = core.config.job_share * nodes
        demands = [
            Demand(
                job.id,
                core.priority(job),
                core.category(job),
                max(0.0, min(float(self._usable(job)), float(len(able[job.id])), cap) - counts[job.id]),
            )
            for job in jobs
        ]
        for job_id, more in whole(due(demands, left), self._turn()).items():
            counts[job_id] += more
        return counts

    def _turn(self) -> int:
        """Which turn it is, by the time of day, which all nodes nearly agree on."""
        return int(self._core.unix_ms() / (1000 * self._core.config.turn_seconds))

    def _first_frames(self, job: Job) -> int:
        """Of the frames that a new job gets before all others, how many are still to come."""
        wanted = self._core.config.first_frames
        return max(0, wanted - job.facts.frames_done) if wanted else 0

    def _usable(self, job: Job) -> int:
        """Nodes that could find work in it: rounded, for all nodes are to find the same number."""
        missing = job.open_work().size
        return 1 << max(0, math.ceil(math.log2(max(1, missing))))

    def _ratings(self, jobs: list[Job]) -> dict[JobId, float]:
        """Netrender's ratings from what is known to be running now; the least goes first."""
        core = self._core
        usage = {job.id: job.nodes_at_work() for job in jobs}
        in_category: dict[str, int] = {}
        greatest: dict[str, int] = {}
        for job in jobs:
            category = core.category(job)
            in_category[category] = in_category.get(category, 0) + usage[job.id]
            greatest[category] = max(greatest.get(category, 1), core.priority(job))
        return {
            job.id: usage[job.id] / core.priority(job)
            + in_category[core.category(job)] / greatest[core.category(job)]
            for job in jobs
        }
