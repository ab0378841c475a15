"""Fetches a job's results as they come in and writes each frame once all of it is there.

Runs in the command's process, so that frames are written and owned by the user. Pixels are put together
and encoded by a writer process; here they are files on their way.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import mesh
from mesh.control.client import Client
from mesh.control.errors import DownloadBroken, RefusedByNode
from mesh.control.outputs import OutputPattern, disk_error
from mesh.control.service import ResultEntry, ResultPage
from mesh.engines.protocol import WriteFrame, Written
from mesh.errors import MeshError
from mesh.model.ids import Digest
from mesh.model.look import Look
from mesh.model.status import JobState, JobStatus, MeshStatus

ENDED = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})
"""States after which nothing more is rendered."""

_PAUSE = 0.1
"""Seconds between two looks at the node at least."""
_LARGE = 256 << 20
"""Bytes of payloads from which on people are told that a frame is being written: minutes would pass in silence."""
_WAIT = 1.0
"""Seconds to wait for a change at most, so that ages and estimates stay fresh."""


class Writer(Protocol):
    """What turns payload files into frames: `mesh.engines.writer_client.WriterClient`, or a test's fake."""

    def write(self, request: WriteFrame) -> Written: ...


class PayloadsLost(MeshError):
    """{count} of {name} cannot be fetched from any node: {reason} Bring the nodes that rendered it back, or run `mesh retry {job}`."""


@dataclass(frozen=True, slots=True)
class FrameWritten:
    """A frame is on disk: its files, each with its SHA-256 in hex, and who rendered it."""

    frame: int
    files: tuple[tuple[str, str], ...]
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Writing:
    """All of a frame is rendered, so many bytes of it that fetching and writing it will take a while."""

    frame: int
    size: int


@dataclass(frozen=True, slots=True)
class Looked:
    """How the job and the mesh stand, after each look; `written` counts frames on disk."""

    job: JobStatus
    mesh: MeshStatus
    written: int


Update = FrameWritten | Writing | Looked


def cover(entries: Sequence[ResultEntry], count: int) -> tuple[ResultEntry, ...] | None:
    """Few of one frame's results that together hold buckets 0 to `count`; None where some are lacking.

    Greedy interval cover: always the result that starts no later than what is covered and reaches
    farthest; the newest of equals, since the holder of an older one may be gone.
    """
    chosen: list[ResultEntry] = []
    covered = 0
    while covered < count:
        usable = [(entry.stop, index) for index, entry in enumerate(entries) if entry.start <= covered]
        stop, index = max(usable, default=(0, 0))
        if stop <= covered:
            return None
        chosen.append(entries[index])
        covered = stop
    return tuple(chosen)


@dataclass(slots=True)
class Collector:
    """Collects `frames` of one job into `pattern`; `work` is a folder for payloads on their way."""

    client: Client
    writer: Writer
    job: str
    """Full id in hex; one that waits for its files has another once it has begun."""
    frames: Iterable[int]
    pattern: OutputPattern
    work: Path
    look: Look = field(default_factory=Look)
    patience: float = 60.0
    """Seconds to wait, once the job has ended, for payloads that nobody has at the moment."""
    name: str = ""
    """The job's, once the node has told it."""
    written: int = 0
    _missing: set[int] = field(init=False)
    _entries: dict[int, list[ResultEntry]] = field(default_factory=dict)
    _ready: dict[int, tuple[ResultEntry, ...]] = field(default_factory=dict)
    _lost: frozenset[Digest] = frozenset()
    """What no node has at the moment."""
    _used: dict[int, frozenset[Digest]] = field(default_factory=dict)
    """What each frame on disk was made of."""

    def __post_init__(self) -> None:
        self._missing = set(self.frames)

    def run(self) -> Iterator[Update]:
        """Until the job has ended and what there is of it is written; run again after an interruption, it
        goes on with what is missing. Raises PayloadsLost, the writer's errors, and those about a disk;
        whole frames written before stay."""
        self._entries.clear()
        self._ready.clear()
        self._lost = frozenset()
        snapshot = self.client.status()
        cursor = 0
        fruitful = time.monotonic()
        while True:
            looked = time.monotonic()
            page = self.client.results(self.job, cursor)
            cursor = page.cursor
            self._remember(page)
            yield Looked(page.status, snapshot, self.written)
            lost: MeshError | None = None
            for frame in sorted(self._ready):
                size = sum(entry.size for entry in self._ready[frame])
                if size >= _LARGE:
                    yield Writing(frame, size)
                try:
                    yield self._write(frame)
                    fruitful = time.monotonic()
                except DownloadBroken as error:
                    lost = error
                except RefusedByNode as error:
                    if error.details["kind"] != "BlobUnavailable":
                        raise
                    lost = error
            if page.entries:
                continue
            if page.status.state in ENDED:
                if lost is None:
                    yield Looked(page.status, self.client.status(), self.written)
                    return
                if time.monotonic() - fruitful > self.patience:
                    raise self._give_up(page.status, lost)
            snapshot = self.client.wait_status(snapshot.revision, _WAIT)
            time.sleep(max(0.0, _PAUSE - (time.monotonic() - looked)))

    def _remember(self, page: ResultPage) -> None:
        """Note results, and which frames they complete."""
        self.name, self.job = page.status.name, page.status.job
        if page.false:
            self._forget(frozenset(page.false))
        count = page.status.buckets_total // max(1, page.status.frames_total)
        changed: dict[int, None] = {}
        lost = frozenset(page.lost)
        if lost != self._lost:
            self._lost = lost
            changed.update(dict.fromkeys(self._entries))
        for entry in page.entries:
            if entry.frame in self._missing:
                self._entries.setdefault(entry.frame, []).append(entry)
                changed[entry.frame] = None
        for frame in changed:
            whole = cover([entry for entry in self._entries[frame] if entry.pixels not in self._lost], count)
            if whole is not None:
                self._ready[frame] = whole
            else:
                self._ready.pop(frame, None)

    def _forget(self, false: frozenset[Digest]) -> None:
        """Payloads were found false: frames made of them are missing again, and replaced when they come."""
        for frame, used in list(self._used.items()):
            if used & false:
                del self._used[frame]
                self._missing.add(frame)
                self.written -= 1
        for frame in [*self._entries]:
            entries = [entry for entry in self._entries[frame] if entry.pixels not in false]
            if len(entries) != len(self._entries[frame]):
                self._entries[frame] = entries
                self._ready.pop(frame, None)

    def _write(self, frame: int) -> FrameWritten:
        """Fetch a frame's payloads and have it written. Raises RefusedByNode or DownloadBroken where a
        payload cannot be had for now."""
        entries = self._ready[frame]
        payloads: list[Path] = []
        try:
            for number, entry in enumerate(entries):
                payloads.append(self.work / f"{frame}-{number}")
                with payloads[-1].open("wb") as stream:
                    stream.writelines(self.client.get_blob(entry.pixels, self.job))
            written = write_frame(self.writer, self.name, frame, payloads, self.pattern, self.look)
        except OSError as error:
            raise disk_error(error, self.pattern.folder, self.job[:8]) from error
        finally:
            for payload in payloads:
                payload.unlink(missing_ok=True)
        del self._ready[frame], self._entries[frame]
        self._missing.discard(frame)
        self._used[frame] = frozenset(entry.pixels for entry in entries)
        self.written += 1
        nodes = tuple(dict.fromkeys(entry.node for entry in entries))
        return FrameWritten(frame, written.files, nodes)

    def _give_up(self, job: JobStatus, error: MeshError) -> PayloadsLost:
        count = "a frame" if len(self._ready) == 1 else f"{len(self._ready)} frames"
        return PayloadsLost(count=count, name=job.name, job=job.short, reason=error)


def write_frame(
    writer: Writer, name: str, frame: int, payloads: Sequence[Path], pattern: OutputPattern, look: Look
) -> Written:
    """One frame through the writer. What it notes in the file beside what the engine says depends on the job's
    name alone, so that equal pixels are equal files, whoever rendered them and when."""
    metadata = (("Software", f"render-mesh {mesh.__version__}"), ("mesh:job", name))
    files = tuple(str(file) for file in pattern.files(frame))
    return writer.write(WriteFrame(frame, tuple(map(str, payloads)), files, metadata, look))
