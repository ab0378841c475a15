"""What can be asked of the scheduler without changing anything: for the control API and the live view."""

from __future__ import annotations

from mesh.model.ids import Digest, JobId, NodeId
from mesh.model.manifest import Manifest
from mesh.model.units import Unit
from mesh.sched.constraints import Obstacle, after_of, memory_of, nodes_of, obstacle, participation, tags_of
from mesh.sched.core import Core
from mesh.sched.estimates import speed_of
from mesh.sched.job import Job, SceneState
from mesh.sched.looks import ActivityView, AttemptView, FailureView, FrameView, JobView, ShareView, WaitView
from mesh.sched.news import JobResult
from mesh.sched.sharing import unfinished
from mesh.wire.jobs import EditName, Participation

_FAILURES = 20


class Views:
    def __init__(self, core: Core) -> None:
        self._core = core

    def jobs(self) -> tuple[JobId, ...]:
        """Newest first."""
        jobs = sorted(self._core.jobs.values(), key=lambda job: (-job.manifest.submitted_ms, job.id))
        return tuple(job.id for job in jobs)

    def name(self, node: NodeId) -> str:
        """What a node was last called; empty where it was never seen."""
        return self._core.names.get(node, "")

    def job(self, job_id: JobId) -> JobView | None:
        job = self._core.jobs.get(job_id)
        return None if job is None else self._view(job)

    def manifest(self, job_id: JobId) -> Manifest | None:
        """What was submitted: one look, where a whole view counts everything."""
        job = self._core.jobs.get(job_id)
        return None if job is None else job.manifest

    def cancelled(self, job_id: JobId) -> bool:
        """Whether nobody wants anything of a job any more, finished or not; one that was forgotten, too."""
        job = self._core.jobs.get(job_id)
        return job is None or job.cancelled

    def after(self, job_id: JobId) -> tuple[JobId, ...]:
        """What a job comes after; nothing where it is not known."""
        job = self._core.jobs.get(job_id)
        return () if job is None else after_of(job)

    def frames(self, job_id: JobId) -> tuple[FrameView, ...]:
        """Every frame of the job, in the order of its manifest."""
        job = self._core.jobs.get(job_id)
        if job is None:
            return ()
        return tuple(self._frame(job, frame) for frame in job.manifest.frames)

    def results(self, job_id: JobId, after: int, most: int = 1000) -> tuple[int, tuple[JobResult, ...]]:
        """Results in the order in which this node learned of them, and the cursor to ask after next."""
        job = self._core.jobs.get(job_id)
        if job is None:
            return after, ()
        until = min(len(job.facts.results), after + most)
        counted = (index for index in range(after, until) if job.facts.counts(index))
        return max(after, until), tuple(map(job.facts.result, counted))

    def false_results(self, job_id: JobId) -> tuple[Digest, ...]:
        """Pixels that are in the ledger and not to be believed."""
        job = self._core.jobs.get(job_id)
        if job is None or not job.facts.verdicts.convicted:
            return ()
        facts = job.facts
        found = (fact.pixels for author, fact in facts.results if not facts.verdicts.believes(author, fact))
        return tuple(dict.fromkeys(found))

    def lost_results(self, job_id: JobId) -> tuple[Digest, ...]:
        """Pixels that are in the ledger and true, and that nobody has at the moment, as far as anybody knows."""
        job = self._core.jobs.get(job_id)
        return () if job is None else tuple(job.facts.lost())

    def result_of(self, job_id: JobId, pixels: Digest) -> JobResult | None:
        """The job's result with these pixels, and who holds them."""
        job = self._core.jobs.get(job_id)
        return None if job is None else job.facts.result_of(pixels)

    def attempts(self, job_id: JobId, frame: int | None) -> tuple[AttemptView, ...]:
        """All tries at one frame, failed ones first; or, with None, every failed try of the job."""
        job = self._core.jobs.get(job_id)
        if job is None:
            return ()
        facts = job.facts
        failed = tuple(
            AttemptView(node, fact.unit, 0.0, fact.reason, fact.log, fact.epoch < facts.failures.epoch)
            for node, fact in facts.failures.all
            if frame in (None, fact.unit.frame)
        )
        if frame is None or frame not in job.manifest.frames:
            return failed
        done = (facts.results[index] for index in facts.results_of(job.layout.place(frame)))
        return failed + tuple(AttemptView(node, fact.unit, fact.seconds) for node, fact in done)

    def log_holders(self, job_id: JobId, log: Digest) -> tuple[NodeId, ...]:
        """Who should have the log of a failed try; empty where it is none of the job's."""
        job = self._core.jobs.get(job_id)
        authors = () if job is None else (node for node, fact in job.facts.failures.all if fact.log == log)
        found = dict.fromkeys(authors)
        return () if job is None or not found else tuple(dict.fromkeys((*found, job.submitter)))

    def activities(self) -> tuple[ActivityView, ...]:
        """Everything being rendered, here and elsewhere, as far as known."""
        return tuple(activity for job in self._core.jobs.values() for activity in self._activities(job))

    def story(self, job_id: JobId, unit: Unit) -> tuple[tuple[float, str], ...]:
        """(time, what happened here) to a unit, oldest first."""
        job = self._core.jobs.get(job_id)
        if job is None:
            return ()
        return tuple(self._core.story.of(job_id, job.layout.span(unit)))

    def keeps(self, job_id: JobId) -> bool:
        """Whether this node keeps the job's whole ledger."""
        job = self._core.jobs.get(job_id)
        return job is not None and self._core.keeps(job)

    def ledger_sum(self, job_id: JobId) -> tuple[int, int]:
        """(entries, checksum): equal where two nodes have the same ledger."""
        job = self._core.jobs.get(job_id)
        return (0, 0) if job is None else (job.logs.count, job.logs.checksum)

    def _view(self, job: Job) -> JobView:
        core, facts = self._core, job.facts
        follows = core.follows(job)
        done = facts.done.size if follows else max(facts.done.size, job.summary_done)
        whole_frames = facts.frames_done if follows else done // job.layout.buckets
        ended = core.now if job.finished_at is None else job.finished_at
        holders = [node for node in facts.scene_holders if node != job.submitter]
        durable_on = tuple(job.durable_on) if job.submitter == core.me else tuple(holders)
        return JobView(
            job=job.id,
            manifest=job.manifest,
            policy=job.policy,
            submitter=job.submitter,
            state=job.state(follows),
            frames_done=whole_frames,
            frames_failed=facts.frames_failed,
            buckets_total=job.layout.total,
            buckets_done=done,
            buckets_failed=facts.failed.size if follows else max(facts.failed.size, job.summary_failed),
            elapsed=max(0.0, ended - job.learned_at),
            eta=self._eta(job, job.layout.total - done - facts.failed.size),
            durable_on=durable_on,
            durable=job.durable or 0 < min(core.config.scene_copies, len(core.peers)) <= len(holders),
            shares=tuple(
                ShareView(node, share.frames, share.buckets, share.seconds, share.redone, share.failures)
                for node, share in facts.effort.shares.items()
            ),
            activities=tuple(self._activities(job)),
            failures=tuple(
                FailureView(node, fact.unit, fact.reason, fact.log)
                for node, fact in facts.failures.all[-_FAILURES:]
            ),
            complete_view=follows,
            scene_here=job.scene.value == "here",
            priority=core.priority(job),
            blocked=tuple(sorted(job.blocked)),
            keepers=job.keepers,
            category=core.category(job),
            tags=tags_of(job),
            on=nodes_of(job),
            excluded=tuple(
                NodeId(subject)
                for subject in job.edits.subjects(EditName.EXCLUDED)
                if participation(job, NodeId(subject)) is Participation.EXCLUDED
            ),
            waits=self._waits(job),
            limit=job.limit_text(),
            relieved=facts.relieved,
            checked=facts.verdicts.checked,
            distrusted=tuple(sorted(job.distrusted)),
            usage=0.0 if job.ended else job.usage.mean(core.now),
            after=after_of(job),
            memory=memory_of(job),
        )

    def _waits(self, job: Job) -> WaitView:
        core = self._core
        absence = job.absence
        if job.facts.complete and absence is not None:
            seconds = None if absence.due is None else max(0.0, absence.due - core.now)
            return WaitView(away=absence.nodes, away_frames=absence.frames, away_seconds=seconds)
        if job.ended:
            return WaitView()
        nodes = [core.myself(), *core.peers.infos()] if core.capacity.units else core.peers.infos()
        kept_out: dict[Obstacle, int] = {}
        most = 0
        for info in nodes:
            found = obstacle(job, info)
            if found is None:
                kept_out = {}
                break
            kept_out[found] = kept_out.get(found, 0) + 1
            if found is Obstacle.MEMORY:
                most = max(most, info.memory_bytes)
        holders = job.facts.scene_holders
        lost = job.scene.value != "here" and core.follows(job) and not any(map(core.alive, holders))
        return WaitView(unfinished(core, job), tuple(kept_out.items()), lost, most, not job.open_work())

    def _eta(self, job: Job, missing: int) -> float | None:
        core = self._core
        speeds = [claim.speed for claim in job.claims.values() if claim.activities]
        if job.runs:
            speeds.append(speed_of(job, core.me, core.now))
        total = sum(speeds)
        return missing / total if total > 0 and not job.ended else None

    def fetches(self) -> bool:
        """Whether the scene of any job is on its way here."""
        return any(job.scene is SceneState.FETCHING for job in self._core.jobs.values())

    def _activities(self, job: Job) -> list[ActivityView]:
        core, size = self._core, job.layout.buckets
        here = [
            ActivityView(job.id, core.me, job.layout.unit(run.start, run.stop), size, run.fraction)
            for run in job.runs.values()
            if run.start < run.stop
        ]
        there = [
            ActivityView(job.id, node, activity.unit, size, activity.fraction)
            for node, claim in job.claims.items()
            for activity in claim.activities
        ]
        return here + there

    def _frame(self, job: Job, frame: int) -> FrameView:
        start, stop = job.layout.bounds(job.layout.place(frame))
        done = sum(b - a for a, b in job.facts.done.within(start, stop))
        indices = job.facts.results_of(start // job.layout.buckets)
        nodes = dict.fromkeys(job.facts.results[index][0] for index in indices if job.facts.counts(index))
        failed = bool(job.facts.failed.within(start, stop))
        return FrameView(frame, done == stop - start, failed, done / (stop - start), tuple(nodes))
