"""How ledgers and claims travel: from workers to a keeper, among keepers, and to those who watch.

A keeper pushes news to the other keepers at once, gathered over a few hundredths of a second. A node that
keeps no ledger sends its own entries and claims to one keeper, its home, which passes them on. Pushes may
be lost with their receiver or connection; so keepers compare checksums every second (LedgerPulse), and
where they differ, or where a home changes, vectors of heights tell what is to be sent.
"""

from __future__ import annotations

from collections.abc import Iterable

from mesh.model.ids import NodeId
from mesh.sched.books import Books
from mesh.sched.claims import Claims
from mesh.sched.core import Core
from mesh.sched.intervals import IntervalSet, from_numbers
from mesh.sched.job import Job
from mesh.sched.life import UnitState
from mesh.sched.logs import LogName
from mesh.sched.market import Market
from mesh.sched.peers import rendezvous
from mesh.wire.fields import MAX_SPAN_NUMBERS
from mesh.wire.ledger import (
    MAX_CLAIMS,
    MAX_HEIGHTS,
    MAX_RUNS,
    ClaimSet,
    JobSummary,
    LedgerDelta,
    LedgerPulse,
    LedgerVector,
    LogHeight,
    LogRun,
)

_MAX_ENTRIES = 1000
"""Entries in one message: well under 256 KiB."""
_MAX_NUMBERS = 16_384
"""Span numbers in one message."""
_HINTS = 4
"""Nodes with spare work that a worker is told of in a summary."""
_CATCH_UP = 2
"""Keepers that a new keeper asks at once; the pulses do the rest."""
_EVERYBODY = b"\xff" * 33
"""Above every NodeId."""


class Replication:
    def __init__(self, core: Core, books: Books, market: Market, claims: Claims) -> None:
        self._core = core
        self._books = books
        self._market = market
        self._claims = claims

    # --- sending news -------------------------------------------------------------------------------

    def plan_flush(self, job: Job) -> None:
        """Has news sent: at once after a quiet time, or when this node has nothing left to do; else gathered."""
        if job.fresh or job.fresh_watch or job.claims_dirty or job.fresh_claims:
            quiet = job.flushed_at + self._core.config.flush_seconds
            if quiet <= self._core.now or (job.claims_dirty and not job.holdings):
                self.flush(job)
            else:
                self._core.wake(("flush", job.id), quiet)

    def flush(self, job: Job) -> None:
        core = self._core
        job.flushed_at = core.now
        claims = self._claims.news(job)
        targets: list[NodeId] = []
        if core.keeps(job):
            targets = core.live_keepers(job)
        else:
            home = self.home(job)
            if home is not None:
                targets = [home]
        runs = self._runs(job, job.fresh)
        # With nobody to tell now, whoever comes will compare vectors.
        job.fresh.clear()
        for target in targets:
            self._send(job, target, runs, claims)
        watchers = [node for node, until in job.watchers.items() if until > core.now and node in core.peers]
        if watchers:
            runs = self._runs(job, job.fresh_watch)
            for target in watchers:
                self._send(job, target, runs, claims)
        job.fresh_watch.clear()
        job.watchers = {node: job.watchers[node] for node in watchers}

    def home(self, job: Job) -> NodeId | None:
        """The keeper that this node reports to; a new one is first told what this node has."""
        core = self._core
        keepers = core.live_keepers(job)
        if job.home in keepers:
            return job.home
        chosen = rendezvous(core.me, keepers, 1)
        home = chosen[0] if chosen else None
        if home is not None:
            job.home = home
            job.claims_dirty = job.claims_dirty or bool(job.holdings) or job.waits
            if job.logs.count:
                self.compare(job, home)
        return home

    def _runs(self, job: Job, fresh: dict[LogName, int]) -> list[LogRun]:
        return [
            run for name, first in fresh.items() for run in job.logs.run(name, first, job.logs.height(name))
        ]

    def _send(self, job: Job, to: NodeId, runs: Iterable[LogRun], claims: Iterable[ClaimSet]) -> None:
        """Runs and claims that the receiver has not made in its present life, in messages of bounded size.

        A node may have lost the end of a log of an earlier life, in a torn write: it is told of that.
        """
        peer = self._core.peers.get(to)
        life = (to, None if peer is None else peer.boot)
        packed: list[LogRun] = []
        entries = 0
        for run in runs:
            if (run.author, run.boot) == life:
                continue
            if packed and (entries + len(run.entries) > _MAX_ENTRIES or len(packed) >= MAX_RUNS):
                self._core.send(to, LedgerDelta(job.id, tuple(packed), ()))
                packed, entries = [], 0
            packed.append(run)
            entries += len(run.entries)
        said: list[ClaimSet] = []
        numbers = 0
        for claim in claims:
            if claim.node == to:
                continue
            if numbers + len(claim.spans) > _MAX_NUMBERS or len(said) >= MAX_CLAIMS:
                self._core.send(to, LedgerDelta(job.id, tuple(packed), tuple(said)))
                packed, said, numbers = [], [], 0
            said.append(claim)
            numbers += len(claim.spans) + 16
        if packed or said:
            self._core.send(to, LedgerDelta(job.id, tuple(packed), tuple(said)))

    # --- receiving ----------------------------------------------------------------------------------

    def on_delta(self, job: Job, sender: NodeId, delta: LedgerDelta) -> None:
        core = self._core
        whole = True
        if delta.runs:
            self.stir(job)
        for run in delta.runs:
            whole = self._books.join(job, run, sender) and whole
        if not whole:
            self.compare(job, sender)
        for claim in delta.claims:
            self._claims.hear(job, sender, claim)
        if core.keeps(job) and sender not in job.keepers:
            self._sum_up(job, sender, delta)

    def _sum_up(self, job: Job, worker: NodeId, delta: LedgerDelta) -> None:
        """Tells a worker how the job stands, and what of its claims is done already."""
        claim = job.claims.get(worker)
        redundant = () if claim is None else job.facts.done.common(claim.spans).numbers(MAX_SPAN_NUMBERS)
        if redundant or delta.runs or job.finished:
            self.tell_summary(job, worker, redundant)

    def tell_summary(self, job: Job, worker: NodeId, redundant: tuple[int, ...] = ()) -> None:
        facts = job.facts
        hints = () if job.ended else tuple(self._market.hints(job, worker, _HINTS))
        done, failed = facts.done.size, facts.failed.size
        self._core.send(worker, JobSummary(job.id, done, failed, facts.complete, redundant, hints))

    # --- comparing ----------------------------------------------------------------------------------

    def plan_pulse(self, job: Job) -> None:
        """A keeper compares notes every second while the job runs, and ever more rarely after its end."""
        core = self._core
        if core.keeps(job):
            pause = job.pulse_pause if job.ended else 0.0
            core.wake(("pulse", job.id), core.now + max(pause, core.config.pulse_seconds))

    def pulse(self, job: Job) -> None:
        """Compares with one other keeper, chosen at random."""
        core = self._core
        longer = max(2 * job.pulse_pause, core.config.pulse_seconds)
        job.pulse_pause = min(longer, core.config.pulse_most_seconds)
        others = core.live_keepers(job)
        if core.keeps(job) and others:
            other = core.rng.choice(others)
            core.send(other, LedgerPulse(job.id, job.logs.count, job.logs.checksum))

    def on_pulse(self, job: Job, sender: NodeId, pulse: LedgerPulse) -> None:
        if (pulse.count, pulse.checksum) != (job.logs.count, job.logs.checksum):
            self.compare(job, sender)
            self.stir(job)

    def stir(self, job: Job) -> None:
        """Something may differ: compare soon."""
        job.pulse_pause = 0.0
        self._core.touch(job)

    def compare(self, job: Job, other: NodeId, watch: bool = False) -> None:
        """Tells `other` what this node has, so that both send what the other lacks."""
        heights = job.logs.heights()
        everything = self._core.follows(job) or watch
        low = b""
        while True:
            part, heights = heights[:MAX_HEIGHTS], heights[MAX_HEIGHTS:]
            high = heights[0].author if heights else _EVERYBODY
            bounds = (low, high) if everything else (b"", b"")
            self._core.send(other, LedgerVector(job.id, tuple(part), *bounds, answer=True, watch=watch))
            if not heights:
                return
            low = high

    def on_vector(self, job: Job, sender: NodeId, vector: LedgerVector) -> None:
        core = self._core
        claims: list[ClaimSet] = []
        if vector.watch:
            job.watchers[sender] = core.now + core.config.watch_seconds
        if vector.low < vector.high:
            job.fresh_claims.update(dict.fromkeys(job.claims))
            claims = self._claims.news(job)
            if job.holdings:
                claims.append(self._claims.mine(job))
        self._send(job, sender, job.logs.missing(vector.heights, vector.low, vector.high), claims)
        if vector.answer:
            lacking: list[LogHeight] = job.logs.lacking(vector.heights)
            if lacking:
                answer = LedgerVector(job.id, tuple(lacking), b"", b"", answer=False, watch=False)
                core.send(sender, answer)

    # --- who follows --------------------------------------------------------------------------------

    def look(self, job: Job) -> None:
        """Makes a new keeper catch up, and a node that keeps no ledger find its home."""
        core = self._core
        keeps = core.keeps(job)
        if keeps and not job.kept_before:
            for other in core.live_keepers(job)[:_CATCH_UP]:
                self.compare(job, other)
            job.claims_dirty = True
            if job.summary_finished:
                self._books.reopened(job)  # from here on its own ledger says whether it is done
        elif not keeps:
            if job.kept_before:
                job.home = None
            self.home(job)
        job.kept_before = keeps

    def watch(self, job: Job) -> None:
        """Somebody here looks at the job: have its ledger sent here for a while."""
        core = self._core
        if core.keeps(job):
            return
        fresh = job.watching_until - core.now < core.config.watch_seconds * 2 / 3
        keepers = core.live_keepers(job)
        if fresh and keepers:
            job.watching_until = core.now + core.config.watch_seconds
            core.wake(("away", job.id), core.now + core.config.settle_seconds)
            self.compare(job, rendezvous(core.me, keepers, 1)[0], watch=True)

    def on_summary(self, job: Job, sender: NodeId, summary: JobSummary) -> IntervalSet:
        """Returns what of this node's work others have done."""
        core = self._core
        if summary.done > job.summary_done:
            job.worked_at = core.now
        if core.follows(job):
            # The ledger itself is here, or on its way: done is what it says, and nothing is before it does.
            if summary.finished and not job.facts.complete:
                self.compare(job, sender)
        elif summary.finished:
            job.summary_finished = True
        elif job.summary_finished:
            self._books.reopened(job)  # one keeper knew more than another, whose word came first
        job.summary_done = summary.done
        job.summary_failed = summary.failed
        elsewhere = from_numbers(summary.done_spans, job.layout.total)
        job.holdings.release(elsewhere, UnitState.PUBLISHED)
        return elsewhere

    def on_peer_down(self, job: Job, node: NodeId) -> None:
        job.watchers.pop(node, None)
        job.fresh_claims.pop(node, None)
        job.waiting.leave(node)
        if job.home == node:
            job.home = None
            job.watching_until = 0.0
            self._core.touch(job)

    def on_send_failed(self, job: Job, to: NodeId) -> None:
        """News did not arrive: ask again soon what `to` lacks, if it is still there."""
        self._core.wake(("compare", job.id, to), self._core.now + self._core.config.pulse_seconds)
