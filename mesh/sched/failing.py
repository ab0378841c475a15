"""What follows where something fails on this node: it is told to all, and handed to somebody who has not tried it.

What fails for want of memory fails here every time, and on every node that has no more. Of a scene that means the whole
job: how much it takes goes into the ledger and counts from then on as if it had been asked for, so that nodes with less
take no part, and the job waits where there are only such. Of one frame of a scene that could be opened it means the frame:
it goes to a node with more memory, or has failed where none is here.
"""

from __future__ import annotations

from mesh.model.ids import NodeId
from mesh.model.units import Unit
from mesh.sched.books import Books
from mesh.sched.core import Core
from mesh.sched.intervals import Interval, IntervalSet
from mesh.sched.job import Job
from mesh.wire.effects import Pin, RenderFailed
from mesh.wire.fields import MAX_SPAN_NUMBERS
from mesh.wire.ledger import Entry, FailureFact
from mesh.wire.stealing import WorkReturned


class Failing:
    def __init__(self, core: Core, books: Books) -> None:
        self._core = core
        self._books = books

    def failed(self, job: Job, span: Interval, event: RenderFailed) -> None:
        """A unit that was begun here, and that is OWNED again."""
        retryable = event.retryable
        if event.unit_needs and not self._others(job, span, event.unit_needs):
            retryable = False
        self._tell(job, job.layout.unit(*span), event, retryable=retryable)
        rest = IntervalSet(job.holdings.owned.within(*span))
        others = self._others(job, span, event.unit_needs) if rest else []
        if others:
            job.holdings.release(rest)
            self._core.send(
                self._core.rng.choice(others), WorkReturned(job.id, rest.numbers(MAX_SPAN_NUMBERS))
            )

    def too_large(self, job: Job, event: RenderFailed) -> None:
        """The scene does not fit here, as was found out over something that this node has not to finish."""
        self._tell(job, event.unit, event, retryable=True)

    def _tell(self, job: Job, unit: Unit, event: RenderFailed, *, retryable: bool) -> None:
        core, failures = self._core, job.facts.failures
        # What this node has, by its own account, must keep it out: else it would try for ever.
        needs = event.scene_needs if event.scene_needs > core.capacity.memory_bytes else 0
        core.story.tell(core.now, job.id, [job.layout.span(unit)], f"failed here: {event.reason[:80]}")
        if needs and core.me in failures.too_small:
            return  # another unit of the same scene, which had been asked for
        reason = event.reason.encode()[:1000].decode(errors="ignore")
        if event.log is not None:
            core.out.append(Pin(job.id, event.log))
        fact = FailureFact(unit, reason, event.log, retryable, failures.epoch, needs)
        self._books.append(job, Entry(failure=fact))

    def _others(self, job: Job, span: Interval, memory: int) -> list[NodeId]:
        """Who may try it, has not, and has at least so much memory, as far as known."""
        core = self._core
        tried = job.facts.failures.tried_by(*span)
        return [
            info.node
            for info in core.peers.infos()
            if core.can_render(job, info) and info.node not in tried and not 0 < info.memory_bytes < memory
        ]
