"""A MeshService in memory, and a way to serve it from a thread: what the tests of clients talk to."""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise

import trio

from mesh.blocks.errors import DiskFull
from mesh.config.load import load_config
from mesh.config.paths import Paths
from mesh.config.settings import NodeConfig
from mesh.control.server import serve_control
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
    SubmitReceipt,
    SubmitRequest,
)
from mesh.control.terms import JobChange
from mesh.model.frames import format_frames
from mesh.model.ids import Digest, JobId, NodeId, short
from mesh.model.manifest import EngineName
from mesh.model.status import (
    ActivityStatus,
    EventStatus,
    FrameStatus,
    JobState,
    JobStatus,
    MeshStatus,
    NodeState,
    NodeStatus,
    ShareStatus,
)
from mesh.model.units import Grid
from mesh.node.errors import BlobUnavailable, EngineMissing, UnknownJob, UnknownNode


def node_status(name: str, **changes: object) -> NodeStatus:
    """A live, idle node, with `changes`."""
    identity = hashlib.sha256(name.encode()).digest()
    node = NodeStatus(
        node=identity.hex(),
        short=short(identity),
        name=name,
        state=NodeState.ALIVE,
        is_me=False,
        address="127.0.0.1:7401",
        site="paris/floor2",
        tags=(),
        engines=("builtin 0.1",),
        slots=2,
        load=0.0,
        rtt_ms=0.4,
        seen_seconds=0.2,
        activities=(),
        frames_done=0,
        buckets_done=0,
    )
    return replace(node, **changes)  # type: ignore[arg-type]


def activity(frame: int, fraction: float, **changes: object) -> ActivityStatus:
    """A whole frame being rendered, with `changes`."""
    whole = ActivityStatus("ab" * 32, "still-life", frame, (0, 40), 40, fraction, f"frame {frame}")
    return replace(whole, **changes)  # type: ignore[arg-type]


def job_status(name: str = "still-life", done: int = 0, total: int = 24, **changes: object) -> JobStatus:
    """A running job with `done` of `total` frames rendered, with `changes`."""
    identity = hashlib.sha256(name.encode()).digest()
    job = JobStatus(
        job=identity.hex(),
        short=short(identity),
        name=name,
        submitter="ada@studio",
        submitted_ms=1_700_000_000_000,
        state=JobState.DONE if done == total else JobState.RUNNING,
        engine="builtin",
        frames=f"1-{total}",
        frames_total=total,
        frames_done=done,
        frames_failed=0,
        buckets_total=total * 40,
        buckets_done=done * 40,
        fraction=done / total,
        elapsed_seconds=62.0,
        eta_seconds=None if done in (0, total) else 95.0,
        durable=True,
        shares=(),
        width=960,
        height=540,
        samples=64,
        failures=(),
    )
    return replace(job, **changes)  # type: ignore[arg-type]


def event(number: int, text: str, **changes: object) -> EventStatus:
    one = EventStatus(number, 1_700_000_000_000 + number * 1000, "note", text)
    return replace(one, **changes)  # type: ignore[arg-type]


def mesh_status(**changes: object) -> MeshStatus:
    """A mesh of this node alone, with `changes`."""
    status = MeshStatus(
        mesh="c0ffee01",
        name="studio-mesh",
        me=node_status("render1").node,
        revision=1,
        nodes=(node_status("render1", is_me=True, rtt_ms=None),),
        jobs=(),
        events=(),
        cache_bytes=3_200_000_000,
        cache_limit_bytes=20_000_000_000,
    )
    return replace(status, **changes)  # type: ignore[arg-type]


@dataclass
class FakeService:
    """Keeps blobs by SHA-256, and says that each job submitted is rendered at once, `failing` frames aside.

    Frames in `split` come as two results. `full` refuses every blob sent; one asked for breaks off where
    `broken`, and is on no node where `gone`.
    """

    shown: MeshStatus = field(default_factory=mesh_status)
    blobs: dict[bytes, bytes] = field(default_factory=dict)
    blob_names: list[str] = field(default_factory=list)
    requests: list[SubmitRequest] = field(default_factory=list)
    pending: list[PendingRequest] = field(default_factory=list)
    begins: dict[JobId, PendingRequest] = field(default_factory=dict)
    """Those whose files are not there yet, by their ids until then."""
    became: dict[JobId, JobId] = field(default_factory=dict)
    submitted: dict[JobId, SubmitRequest] = field(default_factory=dict)
    build: str = "builtin-000000000000"
    details: dict[JobId, JobDetail] = field(default_factory=dict)
    entries: dict[JobId, list[ResultEntry]] = field(default_factory=dict)
    acts: list[tuple[JobId, JobAction]] = field(default_factory=list)
    changes: list[tuple[JobId, JobChange]] = field(default_factory=list)
    waiting: str = ""
    """Why every job submitted from now on waits."""
    failing: frozenset[int] = frozenset()
    split: frozenset[int] = frozenset()
    false: dict[int, tuple[Digest, ...]] = field(default_factory=dict)
    """Pixels found false, by the cursor from which on that is known."""
    lost: tuple[Digest, ...] = ()
    """Pixels that no node has at the moment."""
    tried: list[AttemptEntry] = field(default_factory=list)
    looks: list[AttemptList] = field(default_factory=list)
    """What is answered instead to one look after the other; the last stays."""
    full: bool = False
    broken: bool = False
    gone: bool = False
    left: bool = False
    changed: trio.Event = field(default_factory=trio.Event)

    def status(self) -> MeshStatus:
        jobs = tuple(detail.status for detail in self.details.values())
        return replace(self.shown, jobs=jobs + self.shown.jobs)

    async def wait_status(self, revision: int, seconds: float) -> MeshStatus:
        if revision == self.shown.revision:
            with trio.move_on_after(seconds):
                await self.changed.wait()
        return self.status()

    def find_node(self, text: str) -> NodeId:
        for node in self.shown.nodes:
            if text in (node.name, node.short) or node.node.startswith(text):
                return NodeId(bytes.fromhex(node.node))
        raise UnknownNode(text=text)

    def find_job(self, text: str) -> JobId:
        for job, begun in self.became.items():
            if job.hex().startswith(text):
                return begun
        for job, detail in self.details.items():
            if text in (detail.status.name, detail.status.short) or job.hex().startswith(text):
                return job
        raise UnknownJob(text=text)

    def job(self, job: JobId) -> JobDetail:
        return self.details[job]

    async def plan(self, job: JobId) -> JobPlan:
        request = self.submitted[job]
        return JobPlan(
            job,
            request.name,
            request.entry,
            request.frames,
            request.engine,
            self.build,
            request.settings,
            request.files,
        )

    def results(self, job: JobId, after: int) -> ResultPage:
        """Two results at a time, so that readers must page."""
        if job in self.begins:
            status = self.details[job].status
            self.begin(job)
            return ResultPage(0, (), status)
        entries = tuple(self.entries[job][after : after + 2])
        false = next((found for cursor, found in self.false.items() if after >= cursor), ())
        return ResultPage(after + len(entries), entries, self.details[job].status, false, self.lost)

    def attempts(self, job: JobId, frame: int | None) -> AttemptList:
        assert job in self.details
        if self.looks:
            return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if frame is None:
            return AttemptList(tuple(one for one in self.tried if one.failure is not None))
        return AttemptList(tuple(one for one in self.tried if one.frame == frame))

    async def put_blob(self, chunks: AsyncIterator[bytes], name: str) -> tuple[Digest, int]:
        data = bytearray()
        async for chunk in chunks:
            if self.full:
                raise DiskFull(folder="/data/blocks", needed="12 MB")
            data += chunk
        self.blob_names.append(name)
        return self.keep(bytes(data)), len(data)

    def keep(self, data: bytes) -> Digest:
        digest = Digest(hashlib.sha256(data).digest())
        self.blobs[digest] = data
        return digest

    async def get_blob(self, root: Digest, job: JobId) -> AsyncIterator[bytes]:
        assert job in self.details
        if self.gone:
            raise BlobUnavailable(what="Frame 1", reason="its holders are gone")
        data = self.blobs[root]
        yield data[: len(data) // 2]
        if self.broken:
            raise OSError("the holder died")
        yield data[len(data) // 2 :]

    async def submit(self, request: SubmitRequest) -> SubmitReceipt:
        if request.engine is EngineName.ROUNDING:
            raise EngineMissing(engine=request.engine.value, engines="builtin")
        job = JobId(hashlib.sha256(repr((len(self.requests), request)).encode()).digest())
        self.requests.append(request)
        self.submitted[job] = request
        self.render(job, request)
        return SubmitReceipt(job, ("render2",))

    def render(self, job: JobId, request: SubmitRequest) -> None:
        settings = request.settings
        count = Grid(settings.width, settings.height, settings.bucket).count
        entries: list[ResultEntry] = []
        for frame in request.frames:
            cuts = (0, count // 2, count) if frame in self.split else (0, count)
            for start, stop in pairwise(cuts):
                if frame not in self.failing:
                    data = f"pixels of {frame}, {start}-{stop}".encode()
                    entries.append(ResultEntry(frame, start, stop, self.keep(data), len(data), "render1"))
        self.entries[job] = entries
        failed = len(self.failing.intersection(request.frames))
        failures = tuple(f"Frame {frame} failed on three nodes." for frame in sorted(self.failing))
        total = len(request.frames)
        status = job_status(
            request.name,
            done=total - failed,
            total=total,
            job=job.hex(),
            short=short(job),
            state=JobState.FAILED if failed else JobState.DONE,
            frames=format_frames(request.frames),
            frames_failed=failed,
            buckets_total=total * count,
            buckets_done=(total - failed) * count,
            shares=(
                ShareStatus(self.shown.me, "render1", total - failed, (total - failed) * count, 12.5, 0),
            ),
            failures=failures,
            waiting=self.waiting,
            width=settings.width,
            height=settings.height,
            samples=settings.samples,
        )
        frames = tuple(
            FrameStatus(frame, frame not in self.failing, frame in self.failing, ("render1",), 1.0)
            for frame in request.frames
        )
        self.details[job] = JobDetail(status, frames, failures)

    async def submit_pending(self, request: PendingRequest) -> SubmitReceipt:
        """Its files are taken to be there when somebody looks for its results for the second time."""
        self.pending.append(request)
        job = JobId(hashlib.sha256(repr(request).encode()).digest())
        waiting = job_status(
            request.name,
            job=job.hex(),
            short=short(job),
            state=JobState.WAITING,
            waiting="it starts when a file is there: wood.png",
        )
        frames = tuple(FrameStatus(frame, False, False, (), 0.0) for frame in request.frames)
        self.details[job] = JobDetail(waiting, frames, ())
        self.begins[job] = request
        return SubmitReceipt(job, ())

    def begin(self, job: JobId) -> None:
        """Its files are there: it goes on under another id, and this one goes on meaning it."""
        request = self.begins.pop(job)
        begun = JobId(hashlib.sha256(job).digest())
        full = SubmitRequest(
            request.name, request.submitter, (), "", request.frames, request.engine, request.settings
        )
        self.render(begun, full)
        del self.details[job]
        self.became[job] = begun

    async def act(self, job: JobId, action: JobAction) -> None:
        self.acts.append((job, action))
        if action is JobAction.CANCEL:
            detail = self.details[job]
            self.details[job] = replace(detail, status=replace(detail.status, state=JobState.CANCELLED))

    async def change(self, job: JobId, change: JobChange) -> None:
        self.changes.append((job, change))
        detail = self.details[job]
        status = replace(detail.status, priority=change.priority or 1, excluded=change.exclude)
        self.details[job] = replace(detail, status=status)

    def events(self, after: int) -> tuple[EventStatus, ...]:
        return tuple(event for event in self.shown.events if event.number > after)

    async def wait_events(self, after: int) -> tuple[EventStatus, ...]:
        while not self.events(after):
            await self.changed.wait()
        return self.events(after)

    def invite(self, uses: int, hours: float) -> str:
        return f"invite-{uses}-{hours:g}"

    def rotate_key(self) -> RotatedKey:
        return RotatedKey(2, len(self.shown.nodes), 30.0)

    async def leave(self) -> None:
        self.left = True


@contextmanager
def serving(service: FakeService, paths: Paths, config: NodeConfig | None = None) -> Iterator[str]:
    """The control API of `service`, served from a thread; gives its `host:port`. What the server raises
    is raised here."""
    started: queue.SimpleQueue[tuple[str, trio.lowlevel.TrioToken, trio.CancelScope] | BaseException]
    started = queue.SimpleQueue()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            address = await nursery.start(serve_control, service, paths, config or load_config())
            started.put((address, trio.lowlevel.current_trio_token(), nursery.cancel_scope))

    def run() -> None:
        try:
            trio.run(main)
        except BaseException as error:  # noqa: BLE001 - raised again in the test's thread
            while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
                error = error.exceptions[0]
            started.put(error)

    thread = threading.Thread(target=run)
    thread.start()
    first = started.get()
    if isinstance(first, BaseException):
        thread.join()
        raise first
    address, token, scope = first
    try:
        yield address
    finally:
        trio.from_thread.run_sync(scope.cancel, trio_token=token)
        thread.join()
    if not started.empty():
        raise started.get()  # type: ignore[misc]
