"""What the control API needs of a node. `mesh.node` provides it; tests provide fakes.

All methods run in the node's trio thread. Errors are MeshErrors; the API turns them into HTTP statuses
with the sentence in the body, and the client turns them back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from mesh.control.terms import JobChange, JobTerms
from mesh.model.ids import Digest, JobId, NodeId
from mesh.model.manifest import EngineName, RenderSettings
from mesh.model.status import EventStatus, FrameStatus, JobStatus, MeshStatus


class JobAction(StrEnum):
    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class SceneFile:
    """One file of a scene: its path inside the tree, and the blob that `put_blob` answered."""

    path: str
    blob: Digest
    size: int


@dataclass(frozen=True, slots=True)
class SubmitRequest:
    name: str
    submitter: str
    files: tuple[SceneFile, ...]
    entry: str
    frames: tuple[int, ...]
    engine: EngineName
    settings: RenderSettings
    terms: JobTerms = JobTerms()  # noqa: RUF009 - frozen


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """A job to be submitted once all files of its scene are there. `scene`, and `environment` where it is a file,
    are whole paths on the node's machine, read by the node."""

    name: str
    submitter: str
    scene: str
    environment: str
    frames: tuple[int, ...]
    engine: EngineName
    settings: RenderSettings
    terms: JobTerms = JobTerms()  # noqa: RUF009 - frozen


@dataclass(frozen=True, slots=True)
class SubmitReceipt:
    job: JobId
    """Of one that waits for its files an id of its own, which goes on meaning the job once that has begun."""
    durable_on: tuple[str, ...]
    """Names of the other nodes that already hold the manifest and the scene; grows later, see JobStatus."""


@dataclass(frozen=True, slots=True)
class RotatedKey:
    number: int
    nodes: int
    """How many are to seal under it, this one among them."""
    seconds: float
    """Until they begin to."""


@dataclass(frozen=True, slots=True)
class ResultEntry:
    """Buckets `start <= b < stop` of `frame` are rendered; `pixels` names the payload blob."""

    frame: int
    start: int
    stop: int
    pixels: Digest
    size: int
    node: str
    """Name of the node that rendered it."""


@dataclass(frozen=True, slots=True)
class ResultPage:
    """Results in the order this node learned of them; ask again after `cursor`."""

    cursor: int
    entries: tuple[ResultEntry, ...]
    status: JobStatus
    false: tuple[Digest, ...] = ()
    """Pixels given out before that were found false since: frames made of them must be made again."""
    lost: tuple[Digest, ...] = ()
    """Pixels given out before that no node has at the moment: frames made of them are good, and others cannot be."""


@dataclass(frozen=True, slots=True)
class AttemptEntry:
    """One try at buckets `start <= b < stop` of `frame`."""

    frame: int
    start: int
    stop: int
    of_buckets: int
    """Of the whole frame."""
    node: str
    seconds: float
    """0 where it failed."""
    failure: str | None
    """Why it failed; None where it did not."""
    log: Digest | None
    """The renderer's last words, a blob of the job."""
    forgiven: bool
    """It failed before somebody said retry."""


@dataclass(frozen=True, slots=True)
class RunningEntry:
    """A try at buckets `start <= b < stop` of `frame` that is under way."""

    frame: int
    start: int
    stop: int
    of_buckets: int
    """Of the whole frame."""
    node: str
    fraction: float
    preparing: str
    """Why it has no pixels yet, such as `opening the scene`; empty where it has."""
    words: str
    """The end of what the renderer's process has written so far, where it is this node's; of others only failed tries tell."""


@dataclass(frozen=True, slots=True)
class AttemptList:
    attempts: tuple[AttemptEntry, ...]
    running: tuple[RunningEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class JobDetail:
    status: JobStatus
    frames: tuple[FrameStatus, ...]
    failures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JobPlan:
    """What a job renders and how: enough to render a part of it again. `files` are blobs to be had of this job."""

    job: JobId
    name: str
    entry: str
    frames: tuple[int, ...]
    engine: EngineName
    engine_build: str
    settings: RenderSettings
    files: tuple[SceneFile, ...]


class MeshService(Protocol):
    def status(self) -> MeshStatus: ...

    async def wait_status(self, revision: int, seconds: float) -> MeshStatus:
        """The status as soon as its revision differs from `revision`, or after `seconds`."""
        ...

    def find_node(self, text: str) -> NodeId:
        """By name, short id or hex prefix. Raises UnknownNode, AmbiguousNode."""
        ...

    def find_job(self, text: str) -> JobId:
        """By short id, hex prefix or exact name. Raises UnknownJob, AmbiguousJob."""
        ...

    def job(self, job: JobId) -> JobDetail: ...

    async def plan(self, job: JobId) -> JobPlan:
        """What the job renders, once its scene is on this node. Raises BlobUnavailable."""
        ...

    def results(self, job: JobId, after: int) -> ResultPage: ...

    def attempts(self, job: JobId, frame: int | None) -> AttemptList:
        """All tries at one frame, failed ones first, or every failed try; and those under way. Raises UnknownFrame."""
        ...

    async def put_blob(self, chunks: AsyncIterator[bytes], name: str) -> tuple[Digest, int]:
        """Cut a file's bytes into blocks, store them durably; `name` hints at the format.

        Returns (root, bytes). Raises DiskFull.
        """
        ...

    def get_blob(self, root: Digest, job: JobId) -> AsyncIterator[bytes]:
        """A blob's bytes, fetched from `job`'s holders first where not here. Raises BlobUnavailable."""
        ...

    async def submit(self, request: SubmitRequest) -> SubmitReceipt: ...

    async def submit_pending(self, request: PendingRequest) -> SubmitReceipt:
        """Submit it once all files of its scene are there."""
        ...

    async def act(self, job: JobId, action: JobAction) -> None: ...

    async def change(self, job: JobId, change: JobChange) -> None: ...

    def events(self, after: int) -> tuple[EventStatus, ...]: ...

    async def wait_events(self, after: int) -> tuple[EventStatus, ...]:
        """At least one event newer than number `after`."""
        ...

    def invite(self, uses: int, hours: float) -> str:
        """A code that lets `uses` machines join within `hours`. Raises NotAnIssuer."""
        ...

    def rotate_key(self) -> RotatedKey:
        """Replaces the key that seals gossip. Raises NotIssuer."""
        ...

    async def leave(self) -> None:
        """Hand back claimed work, tell the others, and stop the node."""
        ...
