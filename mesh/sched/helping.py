"""Renders samples of a bucket for the node that holds it, which shared them out (`samples.py`).

What is rendered for others takes a slot of this node, and never shows in its claims.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mesh.model.ids import JobId, NodeId
from mesh.model.units import SampleRange
from mesh.sched.constraints import obstacle
from mesh.sched.core import Core
from mesh.sched.intervals import IntervalSet
from mesh.sched.job import Job, SceneState
from mesh.sched.rights import Rights
from mesh.sched.samples import divisible
from mesh.wire.effects import (
    Attempt,
    Render,
    RenderDone,
    RenderFailed,
    RenderNews,
    StopRender,
)
from mesh.wire.ledger import Helped
from mesh.wire.stealing import SamplesRendered, StealGrant, WorkReturned


@dataclass(slots=True)
class Help:
    """Samples that are rendered here for another node."""

    job: JobId
    holder: NodeId
    request: int
    position: int
    samples: SampleRange
    moved: float


class Helper:
    def __init__(self, core: Core, idle: Callable[[], bool], rights: Rights) -> None:
        """`idle` says whether a slot is free here."""
        self._core = core
        self._idle = idle
        self._rights = rights
        self._helping: dict[Attempt, Help] = {}

    @property
    def busy(self) -> bool:
        return bool(self._helping)

    def begin(self, job: Job, holder: NodeId, grant: StealGrant) -> bool:
        """Starts on the samples that were granted. False where this node cannot, or they make no sense."""
        core, samples = self._core, grant.samples
        if samples is None or len(grant.spans) != 2 or not divisible(job):
            return False
        if job.scene is not SceneState.HERE or not self._idle():
            return False
        position, stop = grant.spans
        sound = 0 <= samples.start < samples.stop <= job.manifest.settings.samples
        if not sound or stop != position + 1 or not job.facts.missing.covers(position, stop):
            return False
        attempt = core.next_attempt()
        self._helping[attempt] = Help(job.id, holder, grant.request, position, samples, core.now)
        core.aside += 1
        core.out.append(Render(job.id, job.manifest, job.layout.unit(position, stop), attempt, samples))
        core.wake(("samples", job.id), core.now + core.config.progress_seconds)
        return True

    def on_render(self, event: RenderNews) -> bool:
        """What the engine says of samples for others; False where the attempt is none of those."""
        helped = self._helping.get(event.attempt)
        if helped is None:
            return False
        core = self._core
        helped.moved = core.now
        span = (helped.position, helped.position + 1)
        if isinstance(event, RenderDone):
            self._end(event.attempt)
            of = (helped.request, core.boot, helped.position, helped.samples)
            part = Helped(core.me, event.unit, helped.samples, event.pixels)
            proof = self._rights.sign_part(helped.job, part).proof
            core.send(helped.holder, SamplesRendered(helped.job, *of, event.pixels, proof))
        elif isinstance(event, RenderFailed):
            self._end(event.attempt)
            core.send(helped.holder, WorkReturned(helped.job, span))
        return True

    def on_stall(self, job: Job) -> None:
        """No progress for too long; otherwise look again later."""
        for attempt, helped in list(self._helping.items()):
            due = helped.moved + self._core.config.progress_seconds
            if helped.job != job.id:
                continue
            if due > self._core.now:
                self._core.wake(("samples", job.id), due)
            else:
                self._stop(job, attempt, helped)

    def _end(self, attempt: Attempt) -> None:
        del self._helping[attempt]
        self._core.aside -= 1

    def _stop(self, job: Job, attempt: Attempt, helped: Help) -> None:
        self._end(attempt)
        unit = job.layout.unit(helped.position, helped.position + 1)
        self._core.out.append(StopRender(job.id, unit, attempt))

    def prune(self, job: Job) -> None:
        """Stops what nobody wants any more."""
        if self._helping:
            barred = job.ended or obstacle(job, self._core.myself()) is not None
            self._withdraw(job, lambda at: barred or not job.facts.missing.covers(at, at + 1))

    def withdraw(self, job: Job, done: IntervalSet) -> None:
        """Stops what others have done, as a keeper says."""
        self._withdraw(job, lambda at: done.covers(at, at + 1))

    def drop(self, job: Job) -> None:
        """The job is forgotten."""
        self._withdraw(job, lambda _at: True)

    def _withdraw(self, job: Job, unwanted: Callable[[int], bool]) -> None:
        for attempt, helped in list(self._helping.items()):
            if helped.job == job.id and unwanted(helped.position):
                self._stop(job, attempt, helped)

    def on_peer_down(self, node: NodeId) -> None:
        for attempt, helped in list(self._helping.items()):
            job = self._core.jobs.get(helped.job)
            if helped.holder == node and job is not None:
                self._stop(job, attempt, helped)
