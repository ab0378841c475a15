"""The last buckets of a job are shared out by their samples, where the engine can.

A node that waits in vain is given the last samples of a bucket that another one is rendering. That one keeps the
bucket, its claim covers all of it, and what is published is its result: the ledger knows of whole buckets only.
Nothing is given away for good either. The holder goes on, into what it shared out when it comes there; the sums
of the helper, where they come before that is done, spare it the rest. So a helper may die, refuse or be late,
and nobody has to wait for it or notice.

A helper (`helping.py`) could send false sums: the holder's engine looks at some pixels of them before it takes them
(`mesh/engines/builtin_frame.py`), and the result says who signed for which, so that what passes that look is the
helper's to answer for (`blame.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mesh.model.ids import Boot, Digest, JobId, NodeId
from mesh.model.manifest import EngineName
from mesh.model.units import SampleRange
from mesh.sched.core import Core
from mesh.sched.estimates import pace_of, rendered_of
from mesh.sched.intervals import IntervalSet
from mesh.sched.job import Job, Run
from mesh.sched.market import Market
from mesh.sched.news import SamplesShared
from mesh.sched.rights import Rights
from mesh.sched.rules import helpers_part, worth_sharing
from mesh.wire.effects import Attempt, Fetch, MergeSamples, RenderDone, SplitSamples
from mesh.wire.ledger import MAX_PARTS, Helped
from mesh.wire.stealing import SamplesRendered, StealGrant, StealRequest, Want

DIVIDING = frozenset({EngineName.BUILTIN})
"""Engines that can render a range of a bucket's samples, and merge the sums of several to the bit."""

_WAYS = 3
"""Steals that the way of samples takes as long as: the grant, the answer, and fetching the sums."""
_PIXEL_BYTES = 100
_BYTES_A_SECOND = 1e7


@dataclass(slots=True)
class Share:
    """Samples of a bucket being rendered here that a helper was asked to render as well."""

    attempt: Attempt
    boot: Boot
    """The helper's."""
    part: Helped | None = None
    """What it rendered, and stands by."""
    merged: bool = False
    """The engine has it."""


@dataclass(frozen=True, slots=True)
class ShareKey:
    job: JobId
    helper: NodeId
    request: int
    position: int
    samples: SampleRange


def divisible(job: Job) -> bool:
    return job.manifest.engine in DIVIDING and job.manifest.settings.divisible


def sharing_pays(core: Core, job: Job, thief: NodeId, seconds: float) -> bool:
    """Whether a bucket that its node will be at for so long is worth sharing with `thief`."""
    return divisible(job) and worth_sharing(seconds / 2, _cost(core, job, thief), core.config.grain_factor)


def _cost(core: Core, job: Job, thief: NodeId) -> float:
    """Seconds until samples of a helper are here that took no time to render."""
    settings = job.manifest.settings
    size = min(settings.bucket, settings.width) * min(settings.bucket, settings.height) * _PIXEL_BYTES
    return _WAYS * core.cost(thief) + size / _BYTES_A_SECOND


class Samples:
    """Of the buckets that this node holds."""

    def __init__(self, core: Core, market: Market, rights: Rights) -> None:
        self._core = core
        self._market = market
        self._rights = rights
        self._shares: dict[ShareKey, Share] = {}

    @property
    def busy(self) -> bool:
        return bool(self._shares)

    def offer(self, thief: NodeId, request: StealRequest, waiting: int) -> bool:
        """Grants samples to a thief who waits, to whom no bucket can be granted, as do `waiting` others. False
        where there are none that are worth it."""
        core = self._core
        if any(
            (key.helper, key.request) == (thief, request.request) and share.part is None
            for key, share in self._shares.items()
        ):
            return False  # it came twice
        for want in request.wants:
            job = core.jobs.get(want.job)
            if (
                job is None
                or job.ended
                or job.paused
                or not divisible(job)
                or not self._fits(job, thief, want)
            ):
                continue
            for run in job.runs.values():
                found = self._portion(job, run, thief, want, waiting)
                if found is not None:
                    self._grant(job, run, thief, request, *found)
                    return True
        return False

    def _fits(self, job: Job, thief: NodeId, want: Want) -> bool:
        core = self._core
        info = core.peers.get(thief)
        theirs = 1 / want.speed if want.speed > 0 else job.facts.effort.pace
        if core.follows(job) and self._market.anything(job, thief, theirs):
            return False
        return info is not None and core.can_render(job, info)

    def _portion(
        self, job: Job, run: Run, thief: NodeId, want: Want, waiting: int
    ) -> tuple[int, SampleRange] | None:
        """The last samples that nobody has of the last bucket in which there are any: so many that both are done at
        one time. Where an engine has stood still for half of its time, that helps nobody."""
        core = self._core
        told = run.fraction * (run.begun_stop - run.start)
        if run.ended or run.queued or told <= 0 or core.now - run.moved > run.moved - run.began:
            return None
        of_bucket = job.manifest.settings.samples
        edge = min([run.stop * of_bucket, *self._edges(job, run, of_bucket)])
        left = edge / of_bucket - run.start - rendered_of(job, run, core.me, core.now)
        pace = (run.moved - run.began) / told
        cost = _cost(core, job, thief)
        part = helpers_part(left * pace, want.speed * pace, 1 + waiting, cost)
        position = (edge - 1) // of_bucket
        first = max(edge - round(part * left * of_bucket), position * of_bucket)
        seconds = (edge - first) / of_bucket * pace
        failed = thief in job.facts.failures.tried_by(position, position + 1)
        if failed or not worth_sharing(seconds, cost, core.config.grain_factor):
            return None
        return position, SampleRange(first - position * of_bucket, edge - position * of_bucket)

    def _edges(self, job: Job, run: Run, of_bucket: int) -> list[int]:
        """Where what others have of a run begins, in samples, all buckets of the job being numbered through."""
        return [
            key.position * of_bucket + key.samples.start
            for key, share in self._shares.items()
            if key.job == job.id and share.attempt == run.attempt
        ]

    def _grant(
        self, job: Job, run: Run, thief: NodeId, request: StealRequest, position: int, samples: SampleRange
    ) -> None:
        core = self._core
        key = ShareKey(job.id, thief, request.request, position, samples)
        self._shares[key] = Share(run.attempt, request.boot)
        bucket = job.layout.unit(position, position + 1).start
        core.out.append(SplitSamples(run.attempt, bucket, samples.start))
        span = (position, position + 1)
        pace = pace_of(job, core.me, core.now)
        grant = StealGrant(job.id, request.request, request.boot, span, pace, also=True, samples=samples)
        core.send(thief, grant)
        what = f"samples {samples.start} to {samples.stop} shared with {thief.hex()[:8]}"
        core.story.tell(core.now, job.id, [span], what)

    def on_rendered(self, job: Job, helper: NodeId, said: SamplesRendered) -> None:
        """A helper has rendered what it was asked for: get it, if it is still wanted."""
        key = ShareKey(job.id, helper, said.request, said.position, said.samples)
        share = self._shares.get(key)
        if share is None or share.boot != said.boot or share.attempt not in job.runs:
            return
        unit = job.layout.unit(said.position, said.position + 1)
        part = Helped(helper, unit, said.samples, said.sums, said.proof)
        # Nothing is taken that its author might have to answer for alone.
        if self._rights.has_helped(job.id, part):
            share.part = part
            self._core.out.append(Fetch(said.sums, (helper,)))
        else:
            self._forget(lambda other: other == key)

    def parts_of(self, job: Job, done: RenderDone) -> tuple[Helped, ...]:
        """What the engine was given of a unit that it has rendered."""
        given = [
            share.part
            for key, share in self._shares.items()
            if key.job == job.id and share.attempt == done.attempt and share.merged
        ]
        first, stop = done.unit.start, done.unit.stop
        kept = [part for part in given if part is not None and first <= part.unit.start < stop]
        return tuple(kept[:MAX_PARTS])

    def on_blob(self, root: Digest, *, here: bool) -> None:
        core = self._core
        for key, share in list(self._shares.items()):
            job = core.jobs.get(key.job)
            if share.part is None or share.part.sums != root or share.merged or job is None:
                continue
            if not here:
                del self._shares[key]
            elif share.attempt in job.runs:
                share.merged = True
                unit = job.layout.unit(key.position, key.position + 1)
                core.out.append(MergeSamples(share.attempt, unit.start, key.samples, root))
                core.notify(SamplesShared(key.job, unit, core.me, key.helper))

    def on_failed(self, job: Job, helper: NodeId, request: int) -> None:
        """What was granted did not arrive."""
        self._forget(lambda key: (key.job, key.helper, key.request) == (job.id, helper, request))

    def on_returned(self, job: Job, helper: NodeId, spans: IntervalSet) -> None:
        """It does not want what it was granted, or could not render it."""
        self._forget(
            lambda key: (
                (key.job, key.helper) == (job.id, helper) and spans.covers(key.position, key.position + 1)
            )
        )

    def _forget(self, which: Callable[[ShareKey], bool]) -> None:
        """Others may be asked for these samples. What is merged is not to be rendered again."""
        self._shares = {key: share for key, share in self._shares.items() if share.merged or not which(key)}

    def on_peer_down(self, node: NodeId) -> None:
        self._forget(lambda key: key.helper == node)

    def prune(self, job: Job) -> None:
        """Forgets what was shared of units that are done or given up."""
        self._shares = {
            key: share
            for key, share in self._shares.items()
            if key.job != job.id
            or (share.attempt in job.runs and key.position < job.runs[share.attempt].stop)
        }

    def drop(self, job: Job) -> None:
        """The job is forgotten."""
        self._shares = {key: share for key, share in self._shares.items() if key.job != job.id}
