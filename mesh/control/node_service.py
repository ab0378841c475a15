"""`MeshService` for a real node: what a client may ask, in terms of the node's machines."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import trio

from mesh.control.opening import Opening
from mesh.control.payloads import Payloads
from mesh.control.pending import Host, NotBegun, NothingToFollow, PendingJobs
from mesh.control.service import (
    AttemptEntry,
    AttemptList,
    JobAction,
    JobDetail,
    JobPlan,
    PendingRequest,
    ResultEntry,
    ResultPage,
    RotatedKey,
    RunningEntry,
    SubmitReceipt,
    SubmitRequest,
)
from mesh.control.steering import Steering
from mesh.control.terms import JobChange
from mesh.identity.certificates import Role
from mesh.identity.errors import NotIssuer
from mesh.model.frames import format_frames
from mesh.model.ids import Digest, JobId, NodeId, short
from mesh.model.status import ENDED, EventStatus, JobState, MeshStatus
from mesh.node.errors import (
    AmbiguousJob,
    AmbiguousNode,
    JobHasEnded,
    NotYourJob,
    UnknownFrame,
    UnknownJob,
    UnknownNode,
)
from mesh.node.report import failures, frame_statuses, job_status, mesh_status, node_statuses
from mesh.node.runtime import KEYRING, Node
from mesh.sched import events as sched
from mesh.sched.looks import JobView
from mesh.wire.jobs import EditName

_OVER = {
    JobAction.CANCEL: ENDED,
    JobAction.PAUSE: ENDED,
    JobAction.RESUME: (JobState.DONE, JobState.CANCELLED),
    JobAction.RETRY: (JobState.CANCELLED,),
}
"""States in which it is too late for an action."""


class NodeService:
    """`folder` keeps what waits for its files; `pending.run` serves it."""

    def __init__(self, node: Node, folder: Path) -> None:
        self._node = node
        self._steering = Steering(node.me, self.find_node, self._find_begun, node.core.scheduler.views.after)
        self._opening = Opening(node, self._steering)
        self._payloads = Payloads(node)
        self.pending = PendingJobs(
            folder,
            node.config.jobs.keep_days,
            Host(
                node.disk.put_file,
                self._opening.check,
                self._opening.open,
                lambda kind, sentence, job: node.journal.say(kind, sentence, job=job),
                node.revision.bump,
            ),
        )

    # --- looking --------------------------------------------------------------------------------------

    def status(self) -> MeshStatus:
        status = mesh_status(self._node)
        jobs = (*self.pending.statuses(), *status.jobs)
        return replace(status, jobs=tuple(sorted(jobs, key=lambda job: -job.submitted_ms)))

    async def wait_status(self, revision: int, seconds: float) -> MeshStatus:
        """The status as soon as its revision differs from `revision`, or after `seconds`."""
        with trio.move_on_after(seconds):
            await self._node.revision.wait_change(revision)
        return self.status()

    def find_node(self, text: str) -> NodeId:
        """By name, short id or hex prefix. Raises UnknownNode, AmbiguousNode."""
        members = self._node.core.membership.members()
        found = [one.node for one in members if one.name == text]
        found = found or [one.node for one in members if _begins(one.node, text)]
        if not found:
            raise UnknownNode(text, (one.name for one in members))
        if len(found) > 1:
            raise AmbiguousNode(text=text, candidates=", ".join(map(short, found)))
        return found[0]

    def find_job(self, text: str) -> JobId:
        """By short id, hex prefix or exact name. Raises UnknownJob, AmbiguousJob."""
        jobs = self._node.core.scheduler.views.jobs()
        pending = self.pending.ids()
        found = list(
            dict.fromkeys(self.pending.become(job) for job in (*jobs, *pending) if _begins(job, text))
        )
        found = found or [job for job in jobs if self._node.directory.job_name(job) == text]
        found = found or [job for job in pending if self.pending.name(job) == text]
        if not found:
            waiting = (self.pending.name(job) or "" for job in pending)
            raise UnknownJob(text, (*map(self._node.directory.job_name, jobs), *waiting))
        if len(found) > 1:
            raise AmbiguousJob(text=text, candidates=", ".join(map(self._candidate, found)))
        return found[0]

    def _candidate(self, job: JobId) -> str:
        """`7f3a-91c2 (running)`: of two jobs of one name people mean the one in that state."""
        view = self._node.core.scheduler.views.job(job)
        state = JobState.WAITING if view is None else view.state
        return f"{short(job)} ({state.value})"

    def _find_begun(self, text: str) -> JobId:
        """As `find_job`, for a job to come after. Raises NothingToFollow for one that waits for its files, which other
        nodes know nothing of, and JobHasEnded where it is cancelled."""
        job = self.find_job(text)
        try:
            self.pending.check_begun(job)
        except NotBegun as error:
            raise NothingToFollow(name=error.details["name"]) from error
        return job

    def job(self, job: JobId) -> JobDetail:
        if self.pending.name(job) is not None:
            return self.pending.detail(job)
        view = self._view(job)
        self._node.feed(sched.Watch(job))
        return JobDetail(
            job_status(self._node, view), frame_statuses(self._node, job), failures(self._node, view)
        )

    async def plan(self, job: JobId) -> JobPlan:
        """What the job renders, once its scene is on this node. Raises BlobUnavailable."""
        return await self._payloads.plan(self._view(job))

    def results(self, job: JobId, after: int) -> ResultPage:
        if self.pending.name(job) is not None:
            return self.pending.page(job)
        self._view(job)
        self._node.feed(sched.Watch(job))
        cursor, results = self._node.core.scheduler.views.results(job, after)
        entries = tuple(
            ResultEntry(
                result.unit.frame,
                result.unit.start,
                result.unit.stop,
                result.pixels,
                result.size,
                self._node.directory.node_name(result.renderer),
            )
            for result in results
        )
        views = self._node.core.scheduler.views
        status = job_status(self._node, self._view(job))
        return ResultPage(cursor, entries, status, views.false_results(job), views.lost_results(job))

    def attempts(self, job: JobId, frame: int | None) -> AttemptList:
        """All tries at one frame, failed ones first, or every failed try; and those under way. Raises UnknownFrame."""
        manifest = self._view(job).manifest
        if frame is not None and frame not in manifest.frames:
            raise UnknownFrame(frame=frame, name=manifest.name, frames=format_frames(manifest.frames))
        self._node.feed(sched.Watch(job))
        return AttemptList(
            tuple(
                AttemptEntry(
                    one.unit.frame,
                    one.unit.start,
                    one.unit.stop,
                    manifest.grid.count,
                    self._node.directory.node_name(one.node),
                    one.seconds,
                    one.failure,
                    one.log,
                    one.forgiven,
                )
                for one in self._node.core.scheduler.views.attempts(job, frame)
            ),
            tuple(self._running(job, frame)),
        )

    def _running(self, job: JobId, frame: int | None) -> Iterator[RunningEntry]:
        for node in node_statuses(self._node):
            for one in node.activities:
                if one.job == job.hex() and frame in (None, one.frame):
                    words = self._node.rendering.host.log if node.is_me else ""
                    yield RunningEntry(
                        one.frame,
                        *one.buckets,
                        one.of_buckets,
                        node.name,
                        one.fraction,
                        node.preparing,
                        words,
                    )

    def events(self, after: int) -> tuple[EventStatus, ...]:
        return self._node.journal.after(after)

    async def wait_events(self, after: int) -> tuple[EventStatus, ...]:
        """At least one event newer than number `after`."""
        return await self._node.journal.wait_after(after)

    # --- blobs ----------------------------------------------------------------------------------------

    async def put_blob(self, chunks: AsyncIterator[bytes], name: str) -> tuple[Digest, int]:
        """Cut a file's bytes into blocks and store them durably; the format shows in the bytes, so `name`
        is for people only. Returns (root, bytes). Raises DiskFull."""
        del name
        return await self._node.disk.put_stream(chunks)

    async def get_blob(self, root: Digest, job: JobId) -> AsyncIterator[bytes]:
        """The bytes of a result, a log or a file of the scene. Raises BlobUnavailable, LogUnavailable."""
        async for chunk in self._payloads.read(root, self._view(job)):
            yield chunk

    # --- acting ---------------------------------------------------------------------------------------

    async def submit(self, request: SubmitRequest) -> SubmitReceipt:
        """Open a job whose files are stored here. Raises EngineMissing, BadTree, DiskFull, and what
        `Steering.policy` raises."""
        job = await self._opening.open(request, time.time_ns() // 1_000_000)
        return SubmitReceipt(job, tuple(map(self._node.directory.node_name, self._view(job).durable_on)))

    async def submit_pending(self, request: PendingRequest) -> SubmitReceipt:
        """Submit it once all files of its scene are there. Raises EngineMissing, and what `Steering.policy` raises."""
        self._opening.build(request.engine)
        after = tuple(self.find_job(text).hex() for text in request.terms.after)
        self._steering.policy(replace(request.terms, after=()))
        kept = replace(request, terms=replace(request.terms, after=after))
        return SubmitReceipt(await self.pending.add(kept), ())

    async def act(self, job: JobId, action: JobAction) -> None:
        """Raises NotYourJob, JobHasEnded where it is too late, and NotBegun where it is too early."""
        if action is JobAction.CANCEL and self.pending.name(job) is not None:
            self.pending.cancel(job)
            return
        view = self._steered(job, action.value)
        if view.state in _OVER[action]:
            raise JobHasEnded(name=view.manifest.name, state=view.state, action=action.value)
        match action:
            case JobAction.CANCEL:
                event: object = sched.ActOnJob(job, EditName.CANCELLED, number=1)
            case JobAction.PAUSE:
                event = sched.ActOnJob(job, EditName.PAUSED, number=1)
            case JobAction.RESUME:
                event = sched.ActOnJob(job, EditName.PAUSED, number=0)
            case JobAction.RETRY:
                event = sched.RetryJob(job)
        self._node.feed(event)

    async def change(self, job: JobId, change: JobChange) -> None:
        """Raises NotYourJob, JobHasEnded where it is too late, and what `Steering.edits` raises."""
        view = self._steered(job, "change")
        if view.state in (JobState.DONE, JobState.CANCELLED):
            raise JobHasEnded(name=view.manifest.name, state=view.state, action="change")
        for event in self._steering.edits(job, change, view.manifest.frames):
            self._node.feed(event)

    def invite(self, uses: int, hours: float) -> str:
        """A code that lets `uses` machines join within `hours`. Raises NotIssuer."""
        book = self._node.book
        if book is None:
            raise NotIssuer()
        expires_ms = time.time_ns() // 1_000_000 + round(hours * 3_600_000)
        return str(book.invite(Role.MEMBER, uses, expires_ms))

    def rotate_key(self) -> RotatedKey:
        """Replaces the key that seals gossip. Raises NotIssuer."""
        number = self._node.rotate_key()
        return RotatedKey(number, self._node.core.membership.live, KEYRING.use_after)

    async def leave(self) -> None:
        """Hand back claimed work, tell the others, and stop the node."""
        await self._node.leave()

    def _steered(self, job: JobId, action: str) -> JobView:
        """A job that this node may steer. Raises NotYourJob."""
        view = self._view(job)
        if not self._node.rights.steers(view.submitter):
            owner = self._node.directory.node_name(view.submitter)
            raise NotYourJob(name=view.manifest.name, owner=owner, action=action)
        return view

    def _view(self, job: JobId) -> JobView:
        self.pending.check_begun(job)
        view = self._node.core.scheduler.views.job(job)
        if view is None:
            raise UnknownJob(text=short(job))
        return view


def _begins(name: bytes, text: str) -> bool:
    """Whether `text` is the beginning of an id in hex, with or without the dash of its short form."""
    typed = text.replace("-", "").lower()
    return len(typed) >= 2 and name.hex().startswith(typed)
