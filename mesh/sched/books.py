"""Keeping a job's ledger on this node: every new entry, mine or another's, goes through here.

An entry is written to disk, added to the facts, told to the rest of the node, and marked as news for
those who follow the ledger. Work that it shows to be done leaves this node's holdings.
"""

from __future__ import annotations

from collections.abc import Callable

from mesh.model.ids import JobId, NodeId
from mesh.sched.comparing import audited
from mesh.sched.constraints import participation
from mesh.sched.core import Core
from mesh.sched.facts import Facts, News
from mesh.sched.job import Copy, Job
from mesh.sched.layout import Layout
from mesh.sched.life import UnitState
from mesh.sched.news import (
    EntryRefused,
    FrameDone,
    FrameFailed,
    JobKnown,
    JobResult,
    NodeBlocked,
    ResultKnown,
    UnitFailed,
)
from mesh.sched.rights import Rights
from mesh.wire.effects import Fetch, Pin
from mesh.wire.jobs import EditName, Participation
from mesh.wire.ledger import AuditFact, Entry, FailureFact, LogRun, ResultFact
from mesh.wire.records import EditsRecord, JobRecord


class Books:
    def __init__(self, core: Core, rights: Rights) -> None:
        self._core = core
        self._rights = rights
        self.on_audit: Callable[[Job, NodeId, AuditFact], None] = lambda _job, _auditor, _fact: None
        """What is to follow from an audit, once it is in the facts."""
        self.on_retry: Callable[[Job], None] = lambda _job: None
        """What is to follow where people say retry."""
        self._unwritten: dict[JobId, int] = {}
        """The first entry of this node's log that is not on disk, by job."""

    def open(self, record: JobRecord, job_id: JobId) -> Job:
        """Starts a job's books; the caller has made sure that it is new."""
        core = self._core
        layout = Layout(record.manifest, record.policy.order)
        facts = Facts(layout, core.config.attempts)
        job = Job(
            id=job_id,
            manifest=record.manifest,
            policy=record.policy,
            submitter=record.submitter,
            signature=record.signature,
            layout=layout,
            facts=facts,
            learned_at=core.now,
            worked_at=core.now,
        )
        core.jobs[job.id] = job
        core.touch(job)
        core.notify(JobKnown(job.id, job.manifest, job.submitter))
        return job

    def write_down(self, job: Job) -> None:
        """Puts the job itself on disk."""
        record = JobRecord(job.manifest, job.policy, job.submitter, job.signature)
        self._core.persist(job.id, ("job",), record)

    def write_edits(self, job: Job) -> None:
        self._core.persist(job.id, ("edits",), EditsRecord(job.edits.all()))

    def append(self, job: Job, entry: Entry) -> None:
        """A new entry of this node's own log."""
        core = self._core
        name = (core.me, core.boot)
        if entry.result is not None and audited(job.manifest):
            entry = Entry(result=self._rights.sign_result(job.id, entry.result))
        run = job.logs.append(name, entry)
        self._unwritten.setdefault(job.id, run.first)
        self._enter(job, run)
        self._mark(job, run, for_keepers=True)

    def write_logs(self) -> None:
        """Puts this node's new entries on disk: those of one event in one record."""
        core = self._core
        name = (core.me, core.boot)
        for job_id, first in self._unwritten.items():
            job = core.jobs.get(job_id)
            if job is not None:
                for run in job.logs.run(name, first, job.logs.height(name)):
                    self._write_run(job, run)
        self._unwritten.clear()

    def _write_run(self, job: Job, run: LogRun) -> None:
        key = ("log", run.author.hex(), f"{run.boot:016x}", f"{run.first:012d}")
        self._core.persist(job.id, key, run)

    def join(self, job: Job, run: LogRun, sender: NodeId) -> bool:
        """Entries from another node. False where a gap kept them out."""
        if not self._is_genuine(job, run):
            self._core.notify(EntryRefused(job.id, run.author, sender))
            return True
        fresh, gap = job.logs.join(run)
        if fresh is not None:
            self._write_run(job, fresh)
            self._enter(job, fresh)
            self._mark(job, fresh, for_keepers=sender not in job.keepers)
        return not gap

    def _is_genuine(self, job: Job, run: LogRun) -> bool:
        """Whether its author has signed what others may be blamed for."""
        if not audited(job.manifest):
            return True
        known = job.logs.height((run.author, run.boot))
        return all(
            (entry.result is None or self._has_rendered(job, run.author, entry.result))
            and (
                entry.audit is None or self._rights.has_found(job.id, job.submitter, run.author, entry.audit)
            )
            for entry in run.entries[max(0, known + 1 - run.first) :]
        )

    def _has_rendered(self, job: Job, author: NodeId, fact: ResultFact) -> bool:
        whole = fact.unit
        return self._rights.has_rendered(job.id, author, fact) and all(
            part.unit.frame == whole.frame
            and part.unit.size == 1
            and whole.start <= part.unit.start < whole.stop
            and self._rights.has_helped(job.id, part)
            for part in fact.parts
        )

    def restore(self, job: Job, run: LogRun) -> None:
        """Entries from this node's disk. A run that leaves a gap, after a torn write, is left out: others
        have it, or it was never told to anybody."""
        fresh, _ = job.logs.join(run)
        if fresh is not None:
            for entry in fresh.entries:
                job.facts.learn(fresh.author, entry, fresh.boot)

    def edited(self, job: Job) -> None:
        """The RETRY register may have grown, because somebody wants that now."""
        before = job.facts.failures.epoch
        self.retried(job)
        if job.facts.failures.epoch > before:
            self.on_retry(job)

    def retried(self, job: Job) -> None:
        """The RETRY register may be larger than what is known of it."""
        epoch = job.edits.number(EditName.RETRY)
        if epoch > job.facts.failures.epoch:
            job.facts.retry(epoch)
            self.reopened(job)
        self.reconsider_blocks(job)

    def reopened(self, job: Job) -> None:
        """More may be missing than before."""
        job.summary_finished = False
        if not job.finished:
            job.finished_at, job.told_finished = None, False
            if job.ended_ms is not None:
                job.ended_ms = None
                self._core.persist(job.id, ("ended",), None)

    def reconsider_blocks(self, job: Job) -> None:
        """Who failed too often takes no more part, unless nobody else would be left to try."""
        core = self._core
        many = {
            node
            for node, count in job.facts.failures.by_node.items()
            if count >= core.config.node_failures and participation(job, node) is not Participation.INCLUDED
        }
        before = job.blocked
        job.blocked = frozenset()
        if many:
            able = core.other_able(job)
            if core.can_render(job, core.myself()):
                able.append(core.me)
            if not many.issuperset(able):
                job.blocked = frozenset(many)
        for node in sorted(job.blocked - before):
            core.notify(NodeBlocked(job.id, node))

    def _enter(self, job: Job, run: LogRun) -> None:
        core = self._core
        core.touch(job)
        for entry in run.entries:
            news = job.facts.learn(run.author, entry, run.boot)
            if news.result is not None:
                span = job.layout.span(news.result.unit)
                job.worked_at = core.now
                job.holdings.release([span], UnitState.PUBLISHED)
                job.interrupted.remove(*span)
                core.story.tell(core.now, job.id, [span], f"published by {run.author.hex()[:8]}")
                known = job.facts.result(len(job.facts.results) - 1)
                core.notify(ResultKnown(job.id, known))
                self.recall(job, known)
            elif entry.holder is not None and run.author == core.me:
                held = job.facts.result_of(entry.holder.pixels)
                if held is not None:
                    self.recall(job, held)
            for frame in news.frames_done:
                core.notify(FrameDone(job.id, frame))
            if news.failure is not None:
                fact = news.failure
                core.notify(UnitFailed(job.id, fact.unit, run.author, fact.reason, fact.log))
                self._keep_log(job, run.author, fact)
                self.reconsider_blocks(job)
                job.holdings.release(list(job.facts.failed), UnitState.ABSENT)
            if news.upset:
                self.reopened(job)
                job.reopened = True
            if self._may_be_away(run.author, entry, news):
                core.wake(("away", job.id), core.now + core.config.settle_seconds)
            if news.lost is not None and news.lost in job.copies:
                job.copies[news.lost].gone_from(run.author)
                core.wake(("copies",), core.now + core.config.settle_seconds)
            if news.away is not None and core.me in news.away.nodes:
                core.wake(("scrub",), core.now + core.config.settle_seconds)
            if news.audit is not None:
                self.on_audit(job, run.author, news.audit)
            for frame in news.frames_failed:
                core.notify(FrameFailed(job.id, frame, news.failure.reason if news.failure else ""))

    def _may_be_away(self, author: NodeId, entry: Entry, news: News) -> bool:
        """Whether an entry may tell of results that only nodes hold which are away, or the reverse."""
        if entry.result is not None:
            return not self._core.here(author)
        return news.upset or news.lost is not None or news.away is not None

    def recall(self, job: Job, result: JobResult) -> None:
        """Vouches again for pixels that this node is said to hold: a torn write may have lost its own note."""
        core = self._core
        if core.me in result.holders and result.pixels not in job.copies:
            others = tuple(node for node in result.holders if node != core.me)
            job.copies[result.pixels] = Copy(result.size, others)
            core.out.append(Pin(job.id, result.pixels))
            core.wake(("scrub",), core.now + core.config.settle_seconds)

    def _keep_log(self, job: Job, author: NodeId, fact: FailureFact) -> None:
        """The submitter keeps a copy of every log, for the node that failed may be about to die."""
        core = self._core
        if fact.log is not None and core.me == job.submitter != author:
            core.out.append(Pin(job.id, fact.log))
            core.out.append(Fetch(fact.log, (author,)))

    def _mark(self, job: Job, run: LogRun, for_keepers: bool) -> None:
        name = (run.author, run.boot)
        if for_keepers:
            job.fresh.setdefault(name, run.first)
        if job.watchers:
            job.fresh_watch.setdefault(name, run.first)
