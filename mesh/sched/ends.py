"""The ends of jobs: noticing that nothing is missing, cancelling, and forgetting after the kept time."""

from __future__ import annotations

from mesh.sched.audits import Audits
from mesh.sched.constraints import obstacle
from mesh.sched.copies import Copies
from mesh.sched.core import Core
from mesh.sched.helping import Helper
from mesh.sched.job import Job
from mesh.sched.life import UnitState
from mesh.sched.news import JobChanged, JobDropped, JobFinished
from mesh.sched.reach import Reach
from mesh.sched.replication import Replication
from mesh.sched.runner import Runner
from mesh.sched.samples import Samples
from mesh.wire.effects import Unpin
from mesh.wire.records import EndedRecord

_MAX_DROPPED = 10_000


class Ends:
    def __init__(
        self,
        core: Core,
        runner: Runner,
        copies: Copies,
        replication: Replication,
        audits: Audits,
        samples: Samples,
        helper: Helper,
        reach: Reach,
    ) -> None:
        self._core = core
        self._reach = reach
        self._samples = samples
        self._helper = helper
        self._runner = runner
        self._copies = copies
        self._replication = replication
        self._audits = audits

    def look(self, job: Job) -> None:
        """Called whenever something happened to the job."""
        core = self._core
        if job.cancelled:
            self._let_go(job)
        elif job.finished and self._is_out_of_reach(job):
            return
        elif not job.finished:  # or no more, since what is out of reach is to be rendered again
            self._step_aside(job)
            if job.reopened:
                job.reopened = False
                self._tell_workers(job)
            return
        if not job.told_finished:
            job.told_finished = True
            job.lent_to.clear()
            job.waits = False
            job.waiting.clear()
            if job.ended_ms is None:
                job.ended_ms = core.unix_ms()
                core.persist(job.id, ("ended",), EndedRecord(job.ended_ms))
            job.finished_at = core.now - max(0, core.unix_ms() - job.ended_ms) / 1000
            core.wake(("retain", job.id), job.finished_at + core.config.retain_seconds)
            if not job.cancelled:
                core.notify(JobFinished(job.id, max(job.facts.frames_failed, 0)))
                self._runner.prune(job)
                job.holdings.release([(0, job.layout.total)], UnitState.PUBLISHED)
                self._tell_workers(job)
            core.notify(JobChanged(job.id))

    def _is_out_of_reach(self, job: Job) -> bool:
        """Whether a part of it cannot be had, and may have to be rendered again."""
        if job.ended_ms is None and job.absence is None:
            # It would be noticed soon, but nothing is called done that might not be.
            self._reach.look(job)
        return job.absence is not None and job.absence.due is not None

    def retain_over(self, job: Job) -> None:
        core = self._core
        due = None if job.finished_at is None else job.finished_at + core.config.retain_seconds
        if due is None:
            return
        if core.now < due:
            core.wake(("retain", job.id), due)
        else:
            self.forget(job)

    def forget(self, job: Job) -> None:
        """Drops everything that this node has of a job."""
        core = self._core
        self._runner.stop_all(job, UnitState.ABSENT)
        self._copies.drop_job(job)
        self._audits.drop(job)
        self._samples.drop(job)
        self._helper.drop(job)
        del core.jobs[job.id]
        core.touched.pop(job.id, None)
        core.dropped[job.id] = None
        while len(core.dropped) > _MAX_DROPPED:
            del core.dropped[next(iter(core.dropped))]
        core.out.append(Unpin(job.id))
        core.persist(job.id, (), None)
        core.notify(JobDropped(job.id))

    def _let_go(self, job: Job) -> None:
        """Of a cancelled job: nothing is rendered, owned or published any more."""
        self._runner.stop_all(job, UnitState.ABSENT)
        self._audits.drop(job)
        if job.holdings:
            self._copies.drop_job(job)
            job.loans.clear()
            job.lent_to.clear()
            job.holdings.release([(0, job.layout.total)])
            self._core.claims_changed(job)

    def _step_aside(self, job: Job) -> None:
        """Stops rendering a job that this node may take no more part in; others will ask for the work."""
        if job.runs and obstacle(job, self._core.myself()) is not None:
            self._runner.stop_all(job, UnitState.OWNED)

    def _tell_workers(self, job: Job) -> None:
        """Those who keep no ledger learn from a keeper that it is over, or is not after all."""
        core = self._core
        if core.keeps(job):
            for node in job.claims:
                if node in core.peers and node not in job.keepers:
                    self._replication.tell_summary(job, node)
