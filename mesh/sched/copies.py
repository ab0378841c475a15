"""Results are held by two nodes before they count: second copies, publishing, and copies made again.

Rendered pixels are on this node's disk (fsynced). Another node is asked to keep them as well, the
submitter if it is there; when it has them the RESULT goes into the ledger. Alone, or when nobody manages
in time, the result is published with one holder, and copied when there is somebody to copy to. Each
holder sees to it that at least one other live node holds what it holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mesh.model.ids import Digest, JobId, NodeId
from mesh.sched.books import Books
from mesh.sched.core import Core
from mesh.sched.job import Copy, Job
from mesh.sched.life import UnitState
from mesh.sched.peers import rendezvous
from mesh.wire.copies import KeepPixels, PixelsKept
from mesh.wire.effects import Fetch, KeepBlob, Pin, RenderDone
from mesh.wire.ledger import Entry, Helped, ResultFact
from mesh.wire.records import CopyRecord, StoredRecord

_TRIES = 3

CopyKey = tuple[JobId, Digest]
"""A job and pixels of it."""


@dataclass(slots=True)
class Making:
    """A second copy that is to be made, or being made."""

    size: int
    block: bytes = b""
    """All of the pixels' blob, where it is so small that it travels with the request."""
    units: list[StoredRecord] = field(default_factory=list)
    """Not in the ledger until the copy is there; empty where a lost copy is replaced."""
    asked: NodeId | None = None
    until: float = 0.0
    """When whoever was asked is late."""
    tried: dict[NodeId, None] = field(default_factory=dict)


@dataclass(slots=True)
class Keeping:
    """Somebody's pixels that are being fetched to be kept here."""

    request: KeepPixels
    asker: NodeId


class Copies:
    def __init__(self, core: Core, books: Books) -> None:
        self._core = core
        self._books = books
        self.parts_of: Callable[[Job, RenderDone], tuple[Helped, ...]] = lambda _job, _done: ()
        """What others rendered of a unit."""
        self._making: dict[CopyKey, Making] = {}
        self._queue: dict[CopyKey, None] = {}
        """Copies that wait for one of the few places for requests."""
        self._out = 0
        self._keeping: dict[Digest, dict[JobId, Keeping]] = {}

    @property
    def busy(self) -> bool:
        """Whether copies are being made for or by this node."""
        return bool(self._making or self._keeping)

    # --- the renderer's side ------------------------------------------------------------------------

    def on_stored(self, job: Job, done: RenderDone) -> None:
        """A unit's pixels are on this disk: have them copied, then publish."""
        core = self._core
        parts = self.parts_of(job, done)
        record = StoredRecord(done.unit, done.pixels, done.size, done.seconds, parts)
        core.persist(job.id, ("stored", _unit_key(record)), record)
        core.out.append(Pin(job.id, done.pixels))
        self.copy_then_publish(job, record, done.block)

    def copy_then_publish(self, job: Job, record: StoredRecord, block: bytes = b"") -> None:
        key = (job.id, record.pixels)
        if record.pixels in job.copies and self._has_other(job, record.pixels):
            # The very same pixels are held by two already, as black buckets are.
            self._publish(job, record, self._live_others(job, record.pixels))
            return
        job.copies.setdefault(record.pixels, Copy(record.size))
        making = self._making.setdefault(key, Making(record.size, block))
        making.units.append(record)
        if making.asked is None:
            self._enqueue(key)

    def publish_restored(self, job: Job) -> None:
        """Units rendered in an earlier life; by now others have been heard of."""
        records, job.unpublished = job.unpublished, []
        for record in records:
            self.copy_then_publish(job, record)

    def on_kept(self, job: Job, sender: NodeId, answer: PixelsKept) -> None:
        key = (job.id, answer.pixels)
        making = self._making.get(key)
        if answer.kept and answer.pixels in job.copies:
            job.copies[answer.pixels].held_by((sender,))
        if making is None or making.asked != sender:
            return
        self._free(making)
        if answer.kept:
            del self._making[key]
            for record in making.units:
                self._publish(job, record, (sender,))
            self.pump()
        else:
            self._enqueue(key)

    def look_for_late(self, job: Job) -> None:
        """Gives up on those who have not answered in time."""
        core = self._core
        for (job_id, pixels), making in list(self._making.items()):
            if job_id == job.id and making.asked is not None and making.until <= core.now:
                self.on_late(job, pixels, making.asked)
        waits = [making.until for key, making in self._making.items() if key[0] == job.id and making.asked]
        if waits:
            core.wake(("keep", job.id), min(waits))

    def on_late(self, job: Job, pixels: Digest, asked: NodeId) -> None:
        """The node asked has not answered in time, or cannot be reached."""
        making = self._making.get((job.id, pixels))
        if making is not None and making.asked == asked:
            self._free(making)
            self._enqueue((job.id, pixels))

    def on_peer_down(self, node: NodeId) -> None:
        """Nobody waits for the answers of a node whose process has ended, whatever it had read."""
        for (job_id, pixels), making in list(self._making.items()):
            job = self._core.jobs.get(job_id)
            if making.asked == node and job is not None:
                self.on_late(job, pixels, node)

    def _publish(self, job: Job, record: StoredRecord, holders: tuple[NodeId, ...]) -> None:
        core = self._core
        fact = ResultFact(
            record.unit, record.pixels, record.size, record.seconds, holders[:8], parts=record.parts
        )
        if job.facts.holders.has_lost(core.me, record.pixels):
            self._books.append(job, Entry(holder=job.facts.holders.vouch(core.me, record.pixels)))
        self._books.append(job, Entry(result=fact))
        core.persist(job.id, ("stored", _unit_key(record)), None)
        stored = job.holdings.stored.within(*job.layout.span(record.unit))
        job.holdings.move(stored, UnitState.STORED, UnitState.PUBLISHED)
        core.claims_changed(job)

    # --- asking -------------------------------------------------------------------------------------

    def _enqueue(self, key: CopyKey) -> None:
        self._queue[key] = None
        self.pump()

    def _free(self, making: Making) -> None:
        making.asked = None
        if not making.block:
            self._out -= 1

    def pump(self) -> None:
        """Asks for copies while there are places."""
        core = self._core
        while self._queue and self._out < core.config.keep_at_once:
            key = next(iter(self._queue))
            del self._queue[key]
            job, making = core.jobs.get(key[0]), self._making.get(key)
            if job is None or making is None:
                self._making.pop(key, None)
                continue
            target = self._target(job, key[1], making)
            if target is None:
                del self._making[key]
                for record in making.units:
                    self._publish(job, record, self._live_others(job, key[1]))
                if core.peers:  # who could not keep it now may be able to later
                    core.wake(("copies",), core.now + core.config.recopy_seconds)
                continue
            making.asked = target
            making.tried[target] = None
            if not making.block:
                self._out += 1
            holders = (core.me, *self._live_others(job, key[1]))[:8]
            entry = not making.units
            core.send(target, KeepPixels(job.id, key[1], making.size, holders, entry, making.block))
            making.until = core.now + core.config.keep_seconds + making.size / 1e6
            core.wake(("keep", job.id), making.until)

    def _target(self, job: Job, pixels: Digest, making: Making) -> NodeId | None:
        """The submitter, or whom all agree on for these pixels; None when enough were tried."""
        core = self._core
        if len(making.tried) >= _TRIES:
            return None
        not_these = {core.me, *making.tried, *job.copies[pixels].others}
        if job.submitter not in not_these and core.here(job.submitter):
            return job.submitter
        free = [node for node in core.peers.nodes() if node not in not_these and core.here(node)]
        chosen = rendezvous(pixels, free, 1)
        return chosen[0] if chosen else None

    # --- the keeper's side --------------------------------------------------------------------------

    def on_keep(self, job: Job, sender: NodeId, request: KeepPixels) -> None:
        core = self._core
        if request.pixels in job.copies:
            job.copies[request.pixels].held_by(node for node in request.holders if node != core.me)
            core.send(sender, PixelsKept(job.id, request.pixels, kept=True))
            return
        self._keeping.setdefault(request.pixels, {})[job.id] = Keeping(request, sender)
        if request.block:
            core.out.append(KeepBlob(job.id, request.pixels, request.block))
            return
        core.out.append(Pin(job.id, request.pixels))
        core.out.append(Fetch(request.pixels, request.holders))

    def on_blob(self, root: Digest, here: bool) -> None:
        """A blob that was asked for is here, or could not be had."""
        core = self._core
        for job_id, keeping in self._keeping.pop(root, {}).items():
            job = core.jobs.get(job_id)
            if job is None:
                continue
            request = keeping.request
            if here:
                others = tuple(node for node in request.holders if node != core.me)
                job.copies[root] = Copy(request.size, others)
                core.persist(job.id, ("copy", root.hex()), CopyRecord(root, request.size, others))
                if request.entry:
                    self._books.append(job, Entry(holder=job.facts.holders.vouch(core.me, root)))
            core.send(keeping.asker, PixelsKept(job.id, root, kept=here))

    # --- copies made again --------------------------------------------------------------------------

    def make_again(self, job: Job) -> None:
        """Queues a copy of everything that this node holds and no other live node is known to hold."""
        if not self._core.peers or job.cancelled:
            return
        for pixels, copy in list(job.copies.items()):
            key = (job.id, pixels)
            if key not in self._making and not self._has_other(job, pixels):
                self._making[key] = Making(copy.size)
                self._queue[key] = None
        self.pump()

    def on_holder_gone(self, node: NodeId) -> None:
        """`node` has been away for long enough: it does not count as a holder any more."""
        for job in self._core.jobs.values():
            for copy in job.copies.values():
                copy.gone_from(node)
            self.make_again(job)

    def drop_job(self, job: Job) -> None:
        """Forgets all copies of a job; units not yet published are lost, which is meant."""
        self._discard(job, job.unpublished)
        job.unpublished = []
        for key in [key for key in self._making if key[0] == job.id]:
            making = self._making.pop(key)
            self._queue.pop(key, None)
            if making.asked is not None:
                self._free(making)
            self._discard(job, making.units)
        for keepings in self._keeping.values():
            keepings.pop(job.id, None)

    def _discard(self, job: Job, records: list[StoredRecord]) -> None:
        for record in records:
            self._core.persist(job.id, ("stored", _unit_key(record)), None)
            stored = job.holdings.stored.within(*job.layout.span(record.unit))
            job.holdings.move(stored, UnitState.STORED, UnitState.ABSENT)

    def _live_others(self, job: Job, pixels: Digest) -> tuple[NodeId, ...]:
        return tuple(sorted(filter(self._core.here, job.copies[pixels].others)))

    def _has_other(self, job: Job, pixels: Digest) -> bool:
        return any(map(self._core.here, job.copies[pixels].others))


def _unit_key(record: StoredRecord) -> str:
    unit = record.unit
    return f"{unit.frame:08d}-{unit.start:08d}-{unit.stop:08d}"
