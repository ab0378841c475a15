"""Taking up, after a restart, what Persist wrote in earlier lives of this node.

A life writes only its own log, named by its boot; earlier logs of this node are read-only now. What a torn
write lost of them is with the others, or was never told to anybody.
"""

from __future__ import annotations

from mesh.model.ids import JobId
from mesh.sched.books import Books
from mesh.sched.convictions import ConvictionBook
from mesh.sched.copies import Copies
from mesh.sched.core import Core
from mesh.sched.events import Record
from mesh.sched.job import Copy, Job
from mesh.sched.life import UnitState
from mesh.wire.ledger import LogRun
from mesh.wire.records import ConvictionsRecord, CopyRecord, EditsRecord, EndedRecord, JobRecord, StoredRecord


class Restoring:
    def __init__(self, core: Core, books: Books, copies: Copies, convictions: ConvictionBook) -> None:
        self._core = core
        self._books = books
        self._copies = copies
        self._convictions = convictions
        self._records: dict[JobId, list[object]] = {}

    def collect(self, records: tuple[Record, ...]) -> None:
        """Parts come in any order; nothing is used before `finish`."""
        for record in records:
            if isinstance(record.record, ConvictionsRecord):
                self._convictions.restore(record.record)
            else:
                self._records.setdefault(record.job, []).append(record.record)

    def finish(self) -> None:
        """Opens every job whose own record is there; records of others are left-overs and are deleted."""
        for job_id, records in self._records.items():
            own = next((record for record in records if isinstance(record, JobRecord)), None)
            if own is None:
                self._core.persist(job_id, (), None)
            else:
                self._restore(self._books.open(own, job_id), records)
        self._records.clear()

    def _restore(self, job: Job, records: list[object]) -> None:
        for record in records:
            if isinstance(record, EditsRecord):
                job.edits.join(record.edits)
        self._books.retried(job)
        for record in records:
            if isinstance(record, EndedRecord):
                job.ended_ms = record.unix_ms
        runs = [record for record in records if isinstance(record, LogRun)]
        for run in sorted(runs, key=lambda run: (run.author, run.boot, run.first)):
            self._books.restore(job, run)
        self._books.reconsider_blocks(job)
        for record in records:
            if isinstance(record, CopyRecord):
                job.copies[record.pixels] = Copy(record.size, record.holders)
        for index in range(len(job.facts.results)):
            self._books.recall(job, job.facts.result(index))
        for record in records:
            if isinstance(record, StoredRecord):
                self._take_up(job, record)

    def _take_up(self, job: Job, record: StoredRecord) -> None:
        """A unit that was rendered but not published when the last life ended."""
        start, stop = job.layout.span(record.unit)
        gaps = job.holdings.stored.outside(start, stop)
        job.holdings.move(gaps, UnitState.ABSENT, UnitState.STORED)
        self._core.wake(("publish", job.id), self._core.now + self._core.config.settle_seconds)
        job.unpublished.append(record)
