"""Jobs whose scenes are not all there yet: kept by the node they were submitted on, which starts each by itself.

They are no jobs of the mesh before: a job is named by its scene's content. So each has an id of its own until then,
which goes on meaning the job it became. They outlive the command that submitted them, and the node's restarts.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import trio

from mesh.control.pending_shelf import PendingShelf, Record
from mesh.control.service import JobDetail, PendingRequest, ResultPage, SceneFile, SubmitRequest
from mesh.control.submission import Prepared, Wish, extra_files, prepare
from mesh.errors import MeshError
from mesh.model.frames import format_frames
from mesh.model.ids import DIGEST_SIZE, Digest, JobId, short
from mesh.model.status import FrameStatus, JobState, JobStatus
from mesh.model.units import Grid
from mesh.node.errors import JobHasEnded
from mesh.scenes.arrival import SETTLE_SECONDS, Arrival


class NothingToFollow(MeshError):
    """{name} waits for its files and is no job of the mesh yet, so that no job can come after it. Submit this one with --wait-for-files too, or once {name} has begun."""


class NotBegun(MeshError):
    """{name} waits for its files and has not begun. Until it does it can only be looked at, collected and cancelled."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """All in seconds."""

    look: float = 2.0
    """Between two looks at the files of a scene."""
    settle: float = SETTLE_SECONDS
    """For which files must not have changed."""
    again: float = 30.0
    """Before a start that failed is tried again."""


@dataclass(frozen=True, slots=True)
class Host:
    """What this needs of its node."""

    put_file: Callable[[Path], Awaitable[tuple[Digest, int]]]
    """Raises DiskFull, OSError."""
    check: Callable[[SubmitRequest], object]
    """Raises what is wrong with a request, beside its files."""
    submit: Callable[[SubmitRequest, int], Awaitable[JobId]]
    """Opens a job as of a Unix time in milliseconds."""
    say: Callable[[str, str, JobId], None]
    """A kind, a sentence for the event log, and the job it is of."""
    touch: Callable[[], None]
    """Something changed that people may be watching."""


class PendingJobs:
    """`folder` has a file for each; those that have ended are forgotten after `keep_days`."""

    def __init__(self, folder: Path, keep_days: float, host: Host, pauses: Pauses | None = None) -> None:
        self._shelf = PendingShelf(folder)
        self._host = host
        self._pauses = pauses or Pauses()
        self._waiting: dict[JobId, str] = {}
        """Why each that waits does so."""
        self._nursery: trio.Nursery | None = None
        self._keep_ms = round(keep_days * 86_400_000)
        self._records = {record.job: record for record in self._shelf.stored()}

    # --- looking --------------------------------------------------------------------------------------

    def ids(self) -> tuple[JobId, ...]:
        return tuple(self._records)

    def name(self, job: JobId) -> str | None:
        """What one that never began is called; None for any other id."""
        record = self._records.get(job)
        return None if record is None or record.started is not None else record.request.name

    def become(self, job: JobId) -> JobId:
        """The job that `job` stands for by now; itself where it has not begun, or is none of these."""
        record = self._records.get(job)
        return job if record is None or record.started is None else record.started

    def statuses(self) -> Iterator[JobStatus]:
        """Those that never began."""
        for job in self._records:
            if self.name(job) is not None:
                yield self.status(job)

    def status(self, job: JobId) -> JobStatus:
        record = self._records[job]
        request, settings = record.request, record.request.settings
        buckets = Grid(settings.width, settings.height, settings.bucket).count
        return JobStatus(
            job=job.hex(),
            short=short(job),
            name=request.name,
            submitter=request.submitter,
            submitted_ms=record.submitted_ms,
            state=JobState.CANCELLED if record.ended_ms else JobState.WAITING,
            engine=request.engine.value,
            frames=format_frames(request.frames),
            frames_total=len(request.frames),
            frames_done=0,
            frames_failed=0,
            buckets_total=buckets * len(request.frames),
            buckets_done=0,
            fraction=0.0,
            elapsed_seconds=max(0.0, (record.ended_ms or _now_ms()) - record.submitted_ms) / 1000,
            eta_seconds=None,
            durable=False,
            shares=(),
            width=settings.width,
            height=settings.height,
            samples=settings.samples,
            failures=(),
            priority=request.terms.priority,
            category=request.terms.category,
            tags=request.terms.tags,
            on=request.terms.on,
            order=request.terms.order.value,
            waiting=self._waiting.get(job, ""),
        )

    def detail(self, job: JobId) -> JobDetail:
        frames = self._records[job].request.frames
        return JobDetail(self.status(job), tuple(FrameStatus(n, False, False, (), 0.0) for n in frames), ())

    def page(self, job: JobId) -> ResultPage:
        return ResultPage(0, (), self.status(job))

    # --- acting ---------------------------------------------------------------------------------------

    async def add(self, request: PendingRequest) -> JobId:
        """Returns its id, once it is safe on the disk and its files were looked at. Raises HomeUnwritable."""
        job = JobId(os.urandom(DIGEST_SIZE))
        self._forget_old()
        self._keep(Record(job, _now_ms(), request))
        assert self._nursery is not None, "run() serves before anybody can ask"
        await self._nursery.start(self._wait, job)
        return job

    def check_begun(self, job: JobId) -> None:
        """Raises NotBegun for one that waits for its files, and JobHasEnded where it never will begin."""
        record = self._records.get(job)
        if record is None or record.started is not None:
            return
        if record.ended_ms:
            raise JobHasEnded(name=record.request.name, state=JobState.CANCELLED, action="do")
        raise NotBegun(name=record.request.name)

    def cancel(self, job: JobId) -> None:
        """Raises JobHasEnded where it is cancelled already."""
        record = self._records[job]
        if record.ended_ms:
            raise JobHasEnded(name=record.request.name, state=JobState.CANCELLED, action="cancel")
        self._keep(replace(record, ended_ms=_now_ms()))
        self._waiting.pop(job, None)
        self._host.say("job-cancelled", f"{record.request.name} is cancelled before it began", job)
        self._host.touch()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled."""
        self._forget_old()
        async with trio.open_nursery() as self._nursery:
            for job, record in self._records.items():
                if not record.ended_ms:
                    self._nursery.start_soon(self._wait, job)
            task_status.started()
            await trio.sleep_forever()

    async def _wait(self, job: JobId, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Look at the files of `job` until it has begun, or is cancelled."""
        wish = _wish(self._records[job].request)
        arrival = Arrival(wish.scene, extra_files(wish), self._pauses.settle)
        while True:
            pause = self._pauses.look
            try:
                lacking = await self._look(job, wish, arrival)
                reason = f"it starts when {lacking}" if lacking else ""
            except NothingToFollow as error:
                reason = f"it starts when {error.details['name']} is done, which waits for files itself"
            except (MeshError, OSError) as error:
                reason = f"it cannot start yet: {str(error).rstrip('.')}"
                pause = self._pauses.again
            task_status.started()
            task_status = trio.TASK_STATUS_IGNORED
            if self._records[job].ended_ms:
                return
            self._tell(job, reason)
            await trio.sleep(pause)

    async def _look(self, job: JobId, wish: Wish, arrival: Arrival) -> str:
        """Begins where all files are there; else, what is lacking. Raises what is wrong with them."""

        async def look() -> tuple[str, object]:
            seen = await trio.to_thread.run_sync(arrival.look, trio.current_time())
            return seen.lacking, seen.marks

        lacking, marks = await look()
        if lacking:
            return lacking
        prepared = await trio.to_thread.run_sync(prepare, wish)
        record = self._records[job]
        self._host.check(_request(record.request, prepared, ()))
        files = []
        for file in prepared.files.files:
            root, size = await self._host.put_file(file.local)
            files.append(SceneFile(file.tree_path, root, size))
        lacking, now = await look()
        if lacking or now != marks:
            return lacking or "its files have not changed while they are read"
        if self._records[job].ended_ms:
            return ""  # cancelled meanwhile
        started = await self._host.submit(
            _request(record.request, prepared, tuple(files)), record.submitted_ms
        )
        self._keep(replace(record, started=started, ended_ms=_now_ms()))
        self._waiting.pop(job, None)
        self._host.say(
            "job-begun", f"{prepared.name} has all its files and begins as {short(started)}", started
        )
        self._host.touch()
        return ""

    def _tell(self, job: JobId, reason: str) -> None:
        if self._waiting.get(job) != reason:
            self._waiting[job] = reason
            self._host.touch()

    def _forget_old(self) -> None:
        for job, record in list(self._records.items()):
            if 0 < record.ended_ms < _now_ms() - self._keep_ms:
                self._shelf.forget(job)
                del self._records[job]

    def _keep(self, record: Record) -> None:
        self._shelf.keep(record)
        self._records[record.job] = record


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _wish(request: PendingRequest) -> Wish:
    return Wish(
        Path(request.scene),
        request.frames,
        request.engine,
        request.settings,
        request.environment,
        request.name,
        request.terms,
    )


def _request(pending: PendingRequest, prepared: Prepared, files: tuple[SceneFile, ...]) -> SubmitRequest:
    return SubmitRequest(
        name=prepared.name,
        submitter=pending.submitter,
        files=files,
        entry=prepared.files.entry,
        frames=prepared.frames,
        engine=prepared.engine,
        settings=prepared.settings,
        terms=prepared.terms,
    )
