"""Results that only nodes hold which are away: waited for a while, then rendered again without anybody's asking.

A node that is away may be starting anew, with its disk as it was. So what only such nodes hold counts for
`away_seconds` more, though a job is not called done meanwhile. Then one of those who keep the ledger writes down which
results these are (`AwayFact`): they are missing from there on, and missing work is rendered. Whoever comes back vouches
for what it has, which then counts again. People who say retry need not wait.

A laptop that was carried home must not render there what is safe in the office. Who misses more than two others, and
more than are with it, or has heard from nobody since it started or slept, takes itself to be the one that is away.
"""

from __future__ import annotations

from mesh.model.ids import Digest, NodeId
from mesh.sched.books import Books
from mesh.sched.core import Core
from mesh.sched.job import Absence, Job
from mesh.sched.news import JobChanged, ResultsAway, ResultsGivenUp
from mesh.wire.ledger import MAX_AWAY, AwayFact, Entry

_SURVIVED = 2
"""Nodes that may die at one time without anything being lost."""
_TOGETHER_SECONDS = 30.0
"""Between two deaths that may have one cause."""

Absent = dict[tuple[NodeId, ...], list[int]]
"""By holders, all of whom are away: indices of results that count and that no other stands in for."""


class Reach:
    def __init__(self, core: Core, books: Books) -> None:
        self._core = core
        self._books = books

    def look(self, job: Job) -> None:
        """Finds what nobody here holds, and gives it up where it has been waited for long enough."""
        core = self._core
        before, job.absence = job.absence, None
        if core.follows(job) and not job.cancelled:
            absent = self._absent(job)
            waits = self._cut_off(absent)
            ripe = {holders: absent[holders] for holders in absent if self._due(holders) <= core.now}
            if ripe and not waits and self._writes(job):
                before = before or self._absence(job, ripe, waits)
                self._give_up(job, ripe)
                absent = {holders: found for holders, found in absent.items() if holders not in ripe}
            if absent:
                job.absence = self._absence(job, absent, waits)
        self._tell(job, before)
        if job.absence is not None:
            soon = core.now + min(core.config.recopy_seconds, max(core.config.away_seconds / 8, 1.0))
            due = job.absence.due
            core.wake(("away", job.id), soon if due is None or due <= core.now else min(due, soon))

    def on_back(self) -> None:
        """Somebody is here again."""
        for job in self._core.jobs.values():
            if job.absence is not None:
                self.look(job)

    def on_retry(self, job: Job) -> None:
        """People said retry: what nobody here holds is to be rendered again at once."""
        if self._writes(job):
            self._give_up(job, self._absent(job))
        self._core.wake(("away", job.id), self._core.now + self._core.config.settle_seconds)

    def _tell(self, job: Job, before: Absence | None) -> None:
        core, now = self._core, job.absence
        if (before is None) == (now is None):
            return
        core.touch(job)
        core.notify(JobChanged(job.id))
        if now is not None and now.due is not None:
            core.notify(ResultsAway(job.id, now.frames, now.nodes, max(0.0, now.due - core.now)))
        elif before is not None and not job.facts.complete and not any(map(core.here, before.nodes)):
            core.notify(ResultsGivenUp(job.id, before.frames, before.nodes))

    def _absent(self, job: Job) -> Absent:
        absent: Absent = {}
        for index in job.facts.out_of_reach(self._core.here):
            absent.setdefault(job.facts.holders.of(*job.facts.results[index]), []).append(index)
        return absent

    def _absence(self, job: Job, absent: Absent, waits: bool) -> Absence:
        frames = {job.facts.results[index][1].unit.frame for found in absent.values() for index in found}
        nodes = tuple(dict.fromkeys(node for holders in absent for node in holders))
        due = None if waits else min(map(self._due, absent))
        return Absence(len(frames), nodes, due)

    def _due(self, holders: tuple[NodeId, ...]) -> float:
        """When what only these hold is given up, unless one of them comes back."""
        return max(map(self._core.away_since, holders)) + self._core.config.away_seconds

    def _cut_off(self, absent: Absent) -> bool:
        """Whether this node had rather wait for the others, for it may be itself that is away."""
        core = self._core
        if core.config.away_seconds <= 0:
            return True
        if not core.peers and core.heard_at <= core.woke_at + core.config.settle_seconds:
            return True
        missed = {node for holders in absent for node in holders}
        times = {core.away_since(node) for node in missed}
        missed |= {
            node
            for node, at in core.gone.items()
            if any(abs(at - time) <= _TOGETHER_SECONDS for time in times)
        }
        return len(missed) > max(_SURVIVED, 1 + len(core.peers))

    def _writes(self, job: Job) -> bool:
        """Whether it is this node among the keepers that writes down what is given up."""
        core = self._core
        if not core.keeps(job):
            return False
        return not any(map(core.here, job.keepers[: job.keepers.index(core.me)]))

    def _give_up(self, job: Job, absent: Absent) -> None:
        for holders, found in absent.items():
            by_number: dict[int, dict[Digest, None]] = {}
            for index in found:
                pixels = job.facts.results[index][1].pixels
                by_number.setdefault(job.facts.holders.next_absence(pixels, holders), {})[pixels] = None
            for number, every in by_number.items():
                listed = list(every)
                for first in range(0, len(listed), MAX_AWAY):
                    away = AwayFact(tuple(listed[first : first + MAX_AWAY]), holders[:64], number)
                    self._books.append(job, Entry(away=away))
