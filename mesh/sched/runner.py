"""What this node renders: which unit goes next, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable

from mesh.sched.core import Core
from mesh.sched.estimates import seconds_left
from mesh.sched.failing import Failing
from mesh.sched.intervals import Interval, IntervalSet
from mesh.sched.job import Job, Run, SceneState
from mesh.sched.life import UnitState
from mesh.sched.news import UnitStarted
from mesh.sched.sharing import Sharing
from mesh.sched.slots import Slots
from mesh.wire.effects import (
    Attempt,
    Effect,
    Render,
    RenderDone,
    RenderEnded,
    RenderFailed,
    RenderPreparing,
    RenderProgress,
    StopRender,
)

_SAY_PROGRESS = 1.0
"""Seconds between two statements of progress to the keepers."""

_SLACK = 0.001
"""Seconds by which a look ahead may come early, as it does where times are rounded."""


class Runner:
    def __init__(
        self,
        core: Core,
        slots: Slots,
        failing: Failing,
        sharing: Sharing,
        stored: Callable[[Job, RenderDone], None],
    ) -> None:
        """`stored` is called for every unit whose pixels are on this disk."""
        self._core = core
        self._slots = slots
        self._failing = failing
        self._sharing = sharing
        self._stored = stored

    # --- questions ----------------------------------------------------------------------------------

    def ready(self, job: Job) -> bool:
        """Whether this node could render a unit of the job right now."""
        core = self._core
        return (
            job.scene is SceneState.HERE
            and not job.ended
            and not job.paused
            and self._sharing.may_start(job)
            and bool(job.open_work())
            and core.i_can_render(job)
        )

    def wanted(self) -> tuple[list[Job], bool]:
        """The jobs whose work would be welcome here, best first, and whether there is other work to do."""
        jobs: list[Job] = []
        for job in self._sharing.ranked():
            if self.ready(job):
                if self.first_to_try(job) is not None:
                    return jobs, True
                jobs.append(job)
        return jobs, False

    # --- starting -----------------------------------------------------------------------------------

    def fill(self) -> None:
        """Starts units while slots are free and there is work here, and gives the engine so much more that
        it does not wait for this node when it has rendered a unit."""
        slots = self._slots
        while slots.idle():
            if self._start_best() is None:
                return
        if not slots.may_look_ahead():
            return
        ahead = self._core.config.engine_ahead_seconds
        left = slots.busy_for()
        while left < ahead + _SLACK and not slots.full:
            run = self._start_best()
            if run is None:
                break
            left += seconds_left(self._core.jobs[run.job], run, self._core.me, self._core.now)
        self._plan_ahead(left)

    def _start_best(self) -> Run | None:
        """Starts the next unit of the most deserving job that has any here."""
        for job in self._sharing.ranked():
            if job.holdings.owned and self.ready(job):
                span = self.first_to_try(job)
                if span is not None:
                    return self._start(job, span)
        return None

    def _plan_ahead(self, left: float) -> None:
        """Has this node look again shortly before the engine ends, also where that reports no progress: for
        the next unit, or for somebody who has one."""
        core = self._core
        if left >= 3600 or core.waiting_for(("ahead",)):
            return
        ranked = self._sharing.ranked()
        content = bool(ranked) and bool(ranked[0].holdings.owned)
        ahead = core.config.engine_ahead_seconds if content else 0.9 * core.ahead()
        if left >= ahead + _SLACK:
            core.wake(("ahead",), core.now + left - ahead)

    def first_to_try(self, job: Job) -> Interval | None:
        """The first piece of a frame that is owned and may be tried here; before all others, one that a node now
        gone was rendering: its frame has waited long enough."""
        most = self._most_at_once(job)
        startable = job.startable()
        for start, stop in (*startable.common(job.interrupted), *startable):
            first = start
            while first < stop:
                last = min(stop, job.layout.frame_end(first), first + most)
                if not self._tried_enough(job, first, last):
                    return first, last
                first = last
        return None

    def _most_at_once(self, job: Job) -> int:
        """A frame; but what was begun cannot be dealt out, so no more than one node's part before that is done."""
        part = job.layout.total // (1 + len(self._core.peers)) if job.heirs else job.layout.buckets
        return min(max(1, part), job.layout.buckets)

    def _tried_enough(self, job: Job, start: int, stop: int) -> bool:
        """Whether this node failed at it, and somebody is left who did not."""
        tried = job.facts.failures.tried_by(start, stop)
        if self._core.me not in tried:
            return False
        return any(node not in tried for node in self._core.other_able(job))

    def _start(self, job: Job, span: Interval) -> Run:
        core = self._core
        attempt = core.next_attempt()
        job.holdings.move([span], UnitState.OWNED, UnitState.RUNNING)
        job.interrupted.remove(*span)
        run = Run(job.id, attempt, span[0], span[1], span[1], core.now, core.now)
        job.runs[attempt] = run
        self._slots.take(run)
        job.worked_at = core.now
        unit = job.layout.unit(*span)
        core.out.append(Render(job.id, job.manifest, unit, attempt))
        core.notify(UnitStarted(job.id, unit))
        core.story.tell(core.now, job.id, [span], "started here")
        core.wake(("stall", job.id), core.now + core.config.progress_seconds)
        core.claims_changed(job)
        return run

    def _drop(self, job: Job, attempt: Attempt) -> Run | None:
        """Forgets a unit; the caller sees to its positions."""
        self._slots.leave(attempt)
        self._slots.stored(attempt)
        return job.runs.pop(attempt, None)

    # --- what the engine says -----------------------------------------------------------------------

    def on_progress(self, job: Job, event: RenderProgress) -> None:
        core = self._core
        run = job.runs.get(event.attempt)
        if run is None or event.fraction <= run.fraction:
            return
        size = event.unit.stop - event.unit.start
        run.fraction = min(1.0, event.fraction * size / (run.begun_stop - run.start))
        run.moved = core.now
        core.touch(job)
        if core.now - job.flushed_at >= _SAY_PROGRESS:
            core.claims_changed(job)

    def on_preparing(self, job: Job, event: RenderPreparing) -> None:
        """Before its first pixels a unit is not late while its engine is seen to work, however large the scene is."""
        run = job.runs.get(event.attempt)
        if run is not None and not run.fraction:
            run.moved = self._core.now

    def on_ended(self, job: Job, event: RenderEnded) -> None:
        """The next unit may start while this one is being stored."""
        run = job.runs.get(event.attempt)
        if run is not None:
            run.ended = True
            if event.seconds > 0:
                job.rendered.buckets += event.unit.size
                job.rendered.seconds += event.seconds
            self._slots.leave(event.attempt)
            self._slots.storing(event.attempt, event.size)
            self._core.touch(job)

    def on_done(self, job: Job, event: RenderDone) -> None:
        core = self._core
        run = self._drop(job, event.attempt)
        if run is None:
            return
        start, stop = job.layout.span(event.unit)
        mine = (run.start, min(run.stop, stop))
        job.holdings.move([mine], UnitState.RUNNING, UnitState.STORED)
        if mine[1] < run.stop:
            job.holdings.move([(mine[1], run.stop)], UnitState.RUNNING, UnitState.OWNED)
        # A unit shortened too late covers more than this node still held; the result says so.
        core.story.tell(core.now, job.id, [(start, stop)], "rendered here")
        core.claims_changed(job)
        self._stored(job, event)

    def on_failed(self, job: Job, event: RenderFailed) -> None:
        run = self._drop(job, event.attempt)
        if run is None:
            return
        if event.scene_gone:
            job.holdings.move([(run.start, run.stop)], UnitState.RUNNING, UnitState.OWNED)
            self._core.claims_changed(job)
        else:
            self._fail(job, run, event)

    def on_stall(self, job: Job) -> None:
        """No progress for too long is a failure; otherwise look again later."""
        core = self._core
        limit = core.config.progress_seconds
        for run in list(job.runs.values()):
            if run.queued or core.now < run.moved + limit:
                continue
            self._drop(job, run.attempt)
            unit = job.layout.unit(run.start, run.begun_stop)
            core.out.append(StopRender(job.id, unit, run.attempt))
            self._fail(job, run, RenderFailed(job.id, unit, run.attempt, f"no progress for {limit:.0f} s"))
        moved = [core.now if run.queued else run.moved for run in job.runs.values()]
        if moved:
            core.wake(("stall", job.id), min(moved) + limit)

    def _fail(self, job: Job, run: Run, event: RenderFailed) -> None:
        span = (run.start, run.stop)
        job.holdings.move([span], UnitState.RUNNING, UnitState.OWNED)
        self._core.claims_changed(job)
        self._failing.failed(job, span, event)

    def slept(self, seconds: float) -> None:
        """The machine stood still: that was no lack of progress, and no rendering time."""
        for job in self._core.jobs.values():
            for run in job.runs.values():
                run.began += seconds
                run.moved = self._core.now

    # --- stopping -----------------------------------------------------------------------------------

    def prune(self, job: Job) -> None:
        """Stops units that somebody else has finished, or that nobody wants any more."""
        for run in list(job.runs.values()):
            if job.ended or not job.facts.missing.within(run.start, run.stop):
                target = UnitState.ABSENT if job.cancelled else UnitState.PUBLISHED
                self._stop(job, run, target)

    def withdraw(self, job: Job, done: IntervalSet) -> None:
        """Stops units all of which others have done, as a keeper says."""
        for run in list(job.runs.values()):
            if run.start < run.stop and done.covers(run.start, run.stop):
                self._stop(job, run, UnitState.PUBLISHED)

    def take_back(self, job: Job, run: Run) -> None:
        """Takes a unit from the engine that may well not have begun it."""
        self._stop(job, run, UnitState.OWNED)

    def stop_all(self, job: Job, target: UnitState) -> None:
        for run in list(job.runs.values()):
            self._stop(job, run, target)

    def _stop(self, job: Job, run: Run, target: UnitState) -> None:
        self._drop(job, run.attempt)
        job.holdings.move([(run.start, run.stop)], UnitState.RUNNING, target)
        unit = job.layout.unit(run.start, run.begun_stop)
        stop: Effect = StopRender(job.id, unit, run.attempt)
        self._core.out.append(stop)
        self._core.claims_changed(job)
