"""Results are looked at again by others: which, when, and what follows from a difference.

Every keeper of a ledger throws its own dice over each result of another node (`verdicts.audit_chance`) and
renders one bucket of those that it picks again, for at most the budgeted share of all work. What it finds
goes into the ledger. Where it differs, all keepers that can look at the same bucket, and `Verdicts` says who
was wrong: that node gets no more work here, and what it rendered is rendered again. What it rendered for other jobs
is looked at, all of it.

Pixels are compared to the bit where an engine is exact on every machine, and else within the tolerance that its
adapter declares; engines that declare none are not audited (`mesh/model/tolerance.py`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from mesh.model.ids import Digest, JobId, NodeId
from mesh.model.tolerance import TOLERANCES
from mesh.model.units import Unit
from mesh.sched.blame import Check, Doubts, Subject, parts_in, subject_in, subject_of, subjects
from mesh.sched.books import Books
from mesh.sched.comparing import audited
from mesh.sched.constraints import participation
from mesh.sched.convictions import ConvictionBook
from mesh.sched.core import Core
from mesh.sched.job import Job, SceneState
from mesh.sched.news import AuditDiffers
from mesh.sched.peers import rendezvous
from mesh.sched.rights import Rights
from mesh.sched.verdicts import audit_chance
from mesh.wire.effects import (
    Attempt,
    Compare,
    Compared,
    Effect,
    Fetch,
    Render,
    RenderDone,
    RenderFailed,
    RenderNews,
    RenderPreparing,
    StopRender,
)
from mesh.wire.jobs import EditName, Participation
from mesh.wire.ledger import AuditFact, Entry, Helped

_MOST_WAITING = 64


class Audits:
    def __init__(self, core: Core, books: Books, convictions: ConvictionBook, rights: Rights) -> None:
        self._core = core
        self._books = books
        self._convictions = convictions
        self._rights = rights
        self._waiting: deque[Check] = deque()
        self._running: dict[Attempt, Check] = {}
        self._due: dict[Attempt, float] = {}
        """When each of those will have taken too long."""
        self._doubts = Doubts()
        self._comparing: dict[Digest, list[tuple[Check, Digest]]] = {}
        """Rendered again; the result's own pixels are on their way here."""
        self._seen: dict[JobId, int] = {}
        """How many results of each job were considered."""
        self._taken: dict[tuple[JobId, NodeId, Digest], None] = {}
        """Checks made or planned here."""
        self._planned: dict[JobId, int] = {}
        """How many of these were chosen by dice."""
        self._suspected: dict[JobId, frozenset[NodeId]] = {}
        """Of each job, nodes caught elsewhere whose results were all considered."""

    # --- choosing -----------------------------------------------------------------------------------

    def look(self, job: Job) -> None:
        """Called whenever something happened to the job."""
        core = self._core
        self._pardon(job)
        if job.cancelled or not audited(job.manifest) or core.config.audit_share <= 0:
            return
        if not core.keeps(job) or job.scene is not SceneState.HERE or not core.i_can_render(job):
            return
        first = self._seen.get(job.id, 0)
        self._seen[job.id] = len(job.facts.results)
        for author, fact in job.facts.results[first:]:
            for one in subjects(author, fact):
                if one.renderer != core.me and job.facts.verdicts.counts(*one.key):
                    self._consider(job, one)
        self._look_again(job, first)
        for (renderer, pixels), ballot in job.facts.verdicts.disputes():
            # Nothing of a convicted node counts anyway.
            if job.facts.verdicts.counts(renderer, pixels) and core.me not in (renderer, *ballot.votes):
                known = subject_in(job, (renderer, pixels), ballot.piece.frame)
                if known is not None:
                    self._plan(Check(job.id, known, ballot.piece), urgent=True)

    def _look_again(self, job: Job, first: int) -> None:
        """Whoever was caught in another job may have lied in this one: each of its results that nobody has looked at
        is, by one keeper, whatever the budget. `first` is the first result that is new here."""
        fresh = job.distrusted - self._suspected.get(job.id, frozenset())
        self._suspected[job.id] = job.distrusted
        verdicts = job.facts.verdicts
        for author, fact in job.facts.results[0 if fresh else first :]:
            for one in subjects(author, fact):
                if one.renderer not in job.distrusted or one.key in verdicts.ballots:
                    continue
                mine = rendezvous(one.pixels, self._auditors(job, one.renderer), 1) == [self._core.me]
                if mine and verdicts.counts(*one.key):
                    self._plan(self._throw(job, one), urgent=True)

    def _throw(self, job: Job, of: Subject) -> Check:
        """Which bucket of it is looked at, nobody can foresee."""
        bucket = self._core.rng.randrange(of.unit.start, of.unit.stop)
        return Check(job.id, of, Unit(of.unit.frame, bucket, bucket + 1))

    def _auditors(self, job: Job, author: NodeId) -> list[NodeId]:
        """The keepers that could render a piece of `author`'s again."""
        core = self._core
        able = {core.me, *core.other_able(job)}
        return [node for node in job.keepers if node in able and node != author]

    def _consider(self, job: Job, of: Subject) -> None:
        core, verdicts = self._core, job.facts.verdicts
        budget = core.config.audit_share * job.facts.effort.buckets
        keepers = [node for node in job.keepers if node == core.me or core.alive(node)]
        # What others plan is not known here until it is done, so everybody keeps to a part of the budget.
        if verdicts.checked >= budget or self._planned.get(job.id, 0) >= max(1.0, budget / len(keepers)):
            return
        auditors = len(keepers) - (of.renderer in keepers)
        known = self._trust(of.renderer)
        if core.rng.random() < audit_chance(core.config.audit_share, of.unit.size, 1, known, auditors):
            self._planned[job.id] = self._planned.get(job.id, 0) + 1
            self._plan(self._throw(job, of), urgent=False)

    def _trust(self, node: NodeId) -> int:
        """Audits that found a node right, over all jobs known; none where it was once outvoted."""
        verdicts = [job.facts.verdicts for job in self._core.jobs.values()]
        if any(one.outvoted(node) for one in verdicts):
            return 0
        return sum(one.confirmed.get(node, 0) for one in verdicts)

    def _plan(self, check: Check, *, urgent: bool) -> None:
        taken = (check.job, *check.of.key)
        if taken in self._taken or (len(self._waiting) >= _MOST_WAITING and not urgent):
            return
        self._taken[taken] = None
        if urgent:
            self._waiting.appendleft(check)
        else:
            self._waiting.append(check)

    # --- rendering again ----------------------------------------------------------------------------

    def start(self, room: Callable[[], bool]) -> None:
        """Begins the next check where there is room for it: before other work, for audits are few."""
        core = self._core
        while self._waiting and room():
            check = self._waiting.popleft()
            job = core.jobs.get(check.job)
            if (
                job is None
                or job.cancelled
                or job.paused
                or not core.i_can_render(job)
                or not job.facts.verdicts.counts(*check.of.key)
            ):
                self._taken.pop((check.job, *check.of.key), None)
                continue
            attempt = core.next_attempt()
            self._running[attempt] = check
            core.aside += 1
            core.out.append(Render(job.id, job.manifest, check.piece, attempt, check.of.samples))
            self._due[attempt] = core.now + core.config.progress_seconds
            core.wake(("audit", job.id, attempt), self._due[attempt])
            return

    def on_render(self, event: RenderNews) -> bool:
        """What the engine says of a check; False where the attempt is none."""
        check = self._running.get(event.attempt)
        if check is None:
            return False
        if isinstance(event, RenderPreparing):
            self._due[event.attempt] = self._core.now + self._core.config.progress_seconds
        if isinstance(event, RenderDone | RenderFailed):
            self._end(event.attempt)
        if isinstance(event, RenderDone):
            self._compare(check, event.pixels)
        return True

    def on_stall(self, job: Job, attempt: Attempt) -> None:
        """A bucket that takes so long, with its scene open, will not be looked at."""
        due = self._due.get(attempt, 0.0)
        if due > self._core.now:
            self._core.wake(("audit", job.id, attempt), due)
        else:
            self._stop(job, attempt)

    def _stop(self, job: Job, attempt: Attempt) -> None:
        check = self._running.get(attempt)
        if check is not None:
            self._end(attempt)
            stop: Effect = StopRender(job.id, check.piece, attempt)
            self._core.out.append(stop)

    def drop(self, job: Job) -> None:
        """The job is cancelled or forgotten."""
        for attempt, check in list(self._running.items()):
            if check.job == job.id:
                self._stop(job, attempt)
        self._waiting = deque(check for check in self._waiting if check.job != job.id)
        self._taken = {taken: None for taken in self._taken if taken[0] != job.id}
        self._seen.pop(job.id, None)
        self._planned.pop(job.id, None)
        self._suspected.pop(job.id, None)
        self._doubts.drop(job.id)

    def _end(self, attempt: Attempt) -> None:
        del self._running[attempt]
        del self._due[attempt]
        self._core.aside -= 1

    # --- comparing ----------------------------------------------------------------------------------

    def _compare(self, check: Check, again: Digest) -> None:
        job = self._core.jobs.get(check.job)
        if job is not None and check.of.samples is not None:
            # Sums are named by what they say: there is nothing to fetch.
            self._vote(job, *check.of.key, check.piece, equal=again == check.of.pixels)
            self._settle_doubts(job)
            return
        result = None if job is None else job.facts.result_of(check.of.pixels)
        if job is None or result is None:
            return
        self._comparing.setdefault(check.of.pixels, []).append((check, again))
        holders = tuple(node for node in result.holders if node != self._core.me)
        self._core.out.append(Fetch(check.of.pixels, holders))

    def on_blob(self, root: Digest, *, here: bool) -> None:
        """A result's pixels are here, or cannot be had: then there is nothing to compare with."""
        for check, again in self._comparing.pop(root, ()):
            job = self._core.jobs.get(check.job)
            if here and job is not None:
                tolerance = TOLERANCES[job.manifest.engine]
                compare = Compare(check.job, *check.of.key, check.of.unit, again, check.piece, tolerance)
                self._core.out.append(compare)

    def on_compared(self, event: Compared) -> None:
        job = self._core.jobs.get(event.job)
        if job is None:
            return
        helped = () if event.equal else self._helped(job, event)
        if not helped:
            self._vote(job, event.renderer, event.pixels, event.piece, equal=event.equal)
            return
        self._doubts.add(event, helped)
        for part in helped:
            if part.helper != self._core.me:
                self._plan(Check(job.id, subject_of(part), part.unit), urgent=True)
        self._settle_doubts(job)

    def _helped(self, job: Job, event: Compared) -> tuple[Helped, ...]:
        for index in job.facts.results_of(job.layout.place(event.piece.frame)):
            author, fact = job.facts.results[index]
            if (author, fact.pixels) == (event.renderer, event.pixels):
                return parts_in(fact, event.piece)
        return ()

    def _settle_doubts(self, job: Job) -> None:
        for found in self._doubts.settle(job.id, job.facts.verdicts, self._core.me):
            self._vote(job, found.renderer, found.pixels, found.piece, equal=False)

    def _vote(self, job: Job, renderer: NodeId, pixels: Digest, piece: Unit, *, equal: bool) -> None:
        said = job.edits.get(EditName.EXCLUDED, renderer)
        fact = AuditFact(renderer, pixels, piece, equal, 0 if said is None else said.counter)
        self._books.append(job, Entry(audit=self._rights.sign_finding(job.id, job.submitter, fact)))

    # --- what follows -------------------------------------------------------------------------------

    def judged(self, job: Job, auditor: NodeId, fact: AuditFact) -> None:
        """An audit has come into the ledger, from here or elsewhere."""
        core, verdicts = self._core, job.facts.verdicts
        core.touch(job)
        ballot = verdicts.ballots.get((fact.renderer, fact.pixels))
        settled = {auditor, fact.renderer} & verdicts.convicted
        if not fact.equal and ballot is not None and ballot.disputed and not settled:
            core.notify(AuditDiffers(job.id, fact.renderer, auditor, fact.unit))
        if ballot is not None and ballot.against():
            self._convictions.found(job, fact.renderer, ballot)

    def spread_distrust(self) -> None:
        """A node convicted in one job gets no work of any, until people let it in again."""
        for job in self._core.jobs.values():
            self._distrust(job)

    def _distrust(self, job: Job) -> None:
        distrusted = self._convictions.distrusted - self._let_in(job)
        if distrusted == job.distrusted:
            return
        job.distrusted = distrusted
        self._core.touch(job)
        for node in distrusted:
            claim = job.claims.get(node)
            if claim is not None:
                claim.spans.clear()
                claim.spare = 0

    def _pardon(self, job: Job) -> None:
        """Takes account of whom people let in again."""
        for subject in job.edits.subjects(EditName.EXCLUDED):
            edit = job.edits.get(EditName.EXCLUDED, subject)
            if edit is not None:
                self._convictions.pardon(job, NodeId(subject), edit)
        included = self._let_in(job)
        if included != job.facts.verdicts.pardoned:
            job.facts.pardon(included)
            self._books.reopened(job)
        self._distrust(job)

    def _let_in(self, job: Job) -> frozenset[NodeId]:
        """Who takes part whatever it did elsewhere, and whatever it did here before people let it in."""
        nodes = map(NodeId, job.edits.subjects(EditName.EXCLUDED))
        return frozenset(
            node
            for node in nodes
            if participation(job, node) is Participation.INCLUDED and not self._convictions.bars(job.id, node)
        )
