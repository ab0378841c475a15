"""What a job's log entries add up to: what is done, who did it, who holds it, what has failed.

A pure function of the set of entries, kept up to date entry by entry; the order in which they come
changes only the order of `results`. Results may overlap, for two nodes may have cut a frame differently:
done is what any result covers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from mesh.model.ids import Boot, Digest, NodeId
from mesh.sched.events import JobResult
from mesh.sched.holders import Holders
from mesh.sched.intervals import IntervalSet
from mesh.sched.layout import Layout
from mesh.sched.places import Places
from mesh.sched.verdicts import Verdicts
from mesh.wire.ledger import AuditFact, AwayFact, Entry, FailureFact, HolderFact, ReliefFact, ResultFact

FIRST_LIFE = Boot(0)


@dataclass(slots=True)
class Share:
    """What one node has done for the job."""

    buckets: int = 0
    seconds: float = 0.0
    redone: int = 0
    frames: int = 0
    """Frames that it rendered whole."""
    failures: int = 0


@dataclass(slots=True)
class News:
    """What one entry changed."""

    result: ResultFact | None = None
    frames_done: list[int] = field(default_factory=list)
    failure: FailureFact | None = None
    frames_failed: list[int] = field(default_factory=list)
    scene: bool = False
    audit: AuditFact | None = None
    upset: bool = False
    """Other results count now than before."""
    lost: Digest | None = None
    """Pixels that the author has no more."""
    away: AwayFact | None = None


class Facts:
    def __init__(self, layout: Layout, attempts: int) -> None:
        self._layout = layout
        self._attempts = attempts
        self.epoch = 0
        """Failures of an earlier epoch are forgiven: the RETRY register."""
        self.done = IntervalSet()
        self.missing = IntervalSet([(0, layout.total)])
        """Neither done nor failed."""
        self.failed = IntervalSet()
        self.frames_done = 0
        self.results: list[tuple[NodeId, ResultFact]] = []
        """In the order in which this node learned of them; `counts` says which are to be believed."""
        self.shares: dict[NodeId, Share] = {}
        self.failures: list[tuple[NodeId, FailureFact]] = []
        self.scene_holders: dict[NodeId, None] = {}
        self.failed_by: dict[NodeId, int] = {}
        """Failures of each node in this epoch."""
        self._holders = Holders()
        self._tries: dict[int, list[tuple[NodeId, FailureFact]]] = {}
        self._by_frame: Places[int] = Places()
        self._by_pixels: Places[Digest] = Places()
        self.reliefs: list[tuple[int, int, NodeId]] = []
        """Positions that were started again, and by whom, while a slow node rendered them."""
        self.relieved = 0
        """How many buckets those were."""
        self.seconds = 0.0
        self.buckets = 0
        self._strayed = 0.0
        self._compared = 0
        self.verdicts = Verdicts()

    @property
    def pace(self) -> float:
        """Mean seconds a bucket over all results; 0 while there are none."""
        return self.seconds / self.buckets if self.buckets else 0.0

    @property
    def unevenness(self) -> float:
        """By what part units were off the pace that their node had until then, in the mean; 1 while nobody
        knows."""
        return self._strayed / self._compared if self._compared else 1.0

    @property
    def complete(self) -> bool:
        return not self.missing

    @property
    def frames_failed(self) -> int:
        return len({start // self._layout.buckets for start, _ in self._failed_pieces()})

    def _failed_pieces(self) -> list[tuple[int, int]]:
        size = self._layout.buckets
        return [
            (max(start, place * size), min(stop, (place + 1) * size))
            for start, stop in self.failed
            for place in range(start // size, (stop - 1) // size + 1)
        ]

    def learn(self, author: NodeId, entry: Entry, boot: Boot = FIRST_LIFE) -> News:
        """Takes in one entry of the log (author, boot), each exactly once. Entries about frames that the job
        has not are ignored."""
        news = News()
        if entry.result is not None:
            self._learn_result(author, entry.result, news)
        elif entry.failure is not None:
            self._learn_failure(author, entry.failure, news)
        elif entry.holder is not None:
            self._learn_holder(author, boot, entry.holder, news)
        elif entry.away is not None:
            news.away = away = entry.away
            self._recount(away.pixels, lambda: self._holders.miss(away), news)
        elif entry.audit is not None:
            news.audit = entry.audit
            news.upset = self.verdicts.learn(author, entry.audit)
            if news.upset:
                self._count_again()
        elif entry.relief is not None:
            self._learn_relief(entry.relief)
        elif entry.scene is not None:
            news.scene = True
            if entry.scene.held:
                self.scene_holders[author] = None
            else:
                self.scene_holders.pop(author, None)
        return news

    def retry(self, epoch: int) -> None:
        """Forgives all failures of earlier epochs."""
        if epoch > self.epoch:
            self.epoch = epoch
            self.failed_by.clear()
            for author, fact in self.failures:
                self._blame(author, fact)
            self.missing.add_all(self.failed)
            self.failed.clear()
            for place in list(self._tries):
                self._weigh(place)

    def pardon(self, nodes: frozenset[NodeId]) -> None:
        """People let these nodes in again, whatever they published before."""
        if self.verdicts.pardon(nodes):
            self._count_again()

    def counts(self, index: int) -> bool:
        """Whether a result is to be believed, and can be had."""
        author, fact = self.results[index]
        return self._counts(author, fact)

    def _counts(self, author: NodeId, fact: ResultFact) -> bool:
        return self.verdicts.believes(author, fact) and self._holders.anybody(author, fact)

    def lost(self) -> Iterator[Digest]:
        """Pixels that are true, and that nobody is believed to hold."""
        for pixels in self._holders.ever_lost:
            results = [self.results[index] for index in self._by_pixels.of(pixels)]
            true = [(author, fact) for author, fact in results if self.verdicts.believes(author, fact)]
            if true and not any(self._holders.anybody(author, fact) for author, fact in true):
                yield pixels

    def has_lost(self, node: NodeId, pixels: Digest) -> bool:
        """Whether `node` last said that it has these pixels no more, or was found away since."""
        return self._holders.has_lost(node, pixels)

    def out_of_reach(self, here: Callable[[NodeId], bool]) -> Iterator[int]:
        """Indices of results that count, whose holders are all such that they are not `here`, and that no result
        which can be had stands in for."""
        to_be_had: dict[int, IntervalSet] = {}
        for index, (author, fact) in enumerate(self.results):
            if here(author) and fact.pixels not in self._holders.ever_lost:
                continue  # nearly all of them
            if self._can_be_had(index, here) or not self.counts(index):
                continue
            start, stop = self._layout.span(fact.unit)
            place = start // self._layout.buckets
            if place not in to_be_had:
                to_be_had[place] = self._layout.spans(
                    self.results[other][1].unit
                    for other in self._by_frame.of(place)
                    if self.counts(other) and self._can_be_had(other, here)
                )
            if not to_be_had[place].covers(start, stop):
                yield index

    def _can_be_had(self, index: int, here: Callable[[NodeId], bool]) -> bool:
        return any(map(here, self.holders(*self.results[index])))

    def next_absence(self, pixels: Digest, nodes: Iterable[NodeId]) -> int:
        """The number of an AwayFact that is newer than all that these nodes have said of these pixels."""
        return 1 + max(self._holders.said_after(node, pixels) for node in nodes)

    def vouch(self, node: NodeId, pixels: Digest) -> HolderFact:
        """What `node` says when it holds these pixels, whatever was said before."""
        return HolderFact(pixels, held=True, after=self._holders.missed(node, pixels))

    def tried_by(self, start: int, stop: int) -> list[NodeId]:
        """Who has failed at any of these positions of one frame, in this epoch."""
        return [
            author
            for author, failure in self._tries.get(start // self._layout.buckets, ())
            if failure.epoch >= self.epoch and self._overlaps(failure, start, stop)
        ]

    def failures_of(self, node: NodeId) -> int:
        """In this epoch."""
        return self.failed_by.get(node, 0)

    def holders(self, author: NodeId, fact: ResultFact) -> tuple[NodeId, ...]:
        """Who is believed to hold a result's pixels."""
        return self._holders.of(author, fact)

    def result(self, index: int) -> JobResult:
        author, fact = self.results[index]
        holders = self.holders(author, fact)
        return JobResult(fact.unit, fact.pixels, fact.size, author, fact.seconds, holders)

    def results_of(self, place: int) -> tuple[int, ...]:
        """Indices into `results` of one frame."""
        return self._by_frame.of(place)

    def check(self) -> None:
        total = self._layout.total
        assert self.done.size + self.failed.size + self.missing.size == total, "the ledger does not add up"
        assert not self.missing.common(self.done), "done is missing"
        assert not self.missing.common(self.failed), "failed is missing"

    def result_of(self, pixels: Digest) -> JobResult | None:
        """The newest result with these pixels."""
        indices = self._by_pixels.of(pixels)
        return self.result(indices[-1]) if indices else None

    def _learn_result(self, author: NodeId, fact: ResultFact, news: News) -> None:
        try:
            start, stop = self._layout.span(fact.unit)
        except KeyError:
            return
        place = start // self._layout.buckets
        if not self._counts(author, fact):
            self._remember_result(author, fact, place)
            return
        new = self.done.add(start, stop)
        self.missing.remove(start, stop)
        self.failed.remove(start, stop)
        share = self.shares.setdefault(author, Share())
        if share.seconds > 0:
            usual = share.seconds / share.buckets * (stop - start)
            self._strayed += (stop - start) * min(1.0, abs(fact.seconds / usual - 1.0))
            self._compared += stop - start
        share.buckets += stop - start
        share.redone += stop - start - new
        share.seconds += fact.seconds
        self.seconds += fact.seconds
        self.buckets += stop - start
        self._remember_result(author, fact, place)
        news.result = fact
        if new and self.done.covers(*self._layout.bounds(place)):
            self.frames_done += 1
            news.frames_done.append(fact.unit.frame)
            authors = {self.results[index][0] for index in self._by_frame.of(place)}
            if len(authors) == 1:
                share.frames += 1

    def _remember_result(self, author: NodeId, fact: ResultFact, place: int) -> None:
        self._by_frame.add(place, len(self.results))
        self._by_pixels.add(fact.pixels, len(self.results))
        self.results.append((author, fact))

    def _count_again(self) -> None:
        """What is done, now that other results count than before."""
        self.done.clear()
        self.failed.clear()
        self.missing.add(0, self._layout.total)
        for index, (_, fact) in enumerate(self.results):
            if self.counts(index):
                span = self._layout.span(fact.unit)
                self.done.add(*span)
                self.missing.remove(*span)
        self.frames_done = sum(
            self.done.covers(*self._layout.bounds(place)) for place in range(self._layout.frame_count)
        )
        for place in self._tries:
            self._weigh(place)

    def _learn_failure(self, author: NodeId, fact: FailureFact, news: News) -> None:
        try:
            start, _ = self._layout.span(fact.unit)
        except KeyError:
            return
        news.failure = fact
        self.failures.append((author, fact))
        self._blame(author, fact)
        self.shares.setdefault(author, Share()).failures += 1
        place = start // self._layout.buckets
        self._tries.setdefault(place, []).append((author, fact))
        if self._weigh(place):
            news.frames_failed.append(fact.unit.frame)

    def _blame(self, author: NodeId, fact: FailureFact) -> None:
        if fact.epoch >= self.epoch:
            self.failed_by[author] = self.failed_by.get(author, 0) + 1

    def _weigh(self, place: int) -> bool:
        """Marks as failed what of one frame was tried often enough; says whether that was news."""
        tries = [(fact, self._layout.span(fact.unit)) for _, fact in self._tries[place]]
        tries = [(fact, span) for fact, span in tries if fact.epoch >= self.epoch]
        edges = sorted({edge for _, span in tries for edge in span})
        found = 0
        for start, stop in pairwise(edges):
            over = [fact for fact, (first, last) in tries if first <= start and stop <= last]
            if len(over) >= self._attempts or any(not fact.retryable for fact in over):
                for hole in self.done.outside(start, stop):
                    found += self.failed.add(*hole)
                    self.missing.remove(*hole)
        return found > 0

    def _overlaps(self, fact: FailureFact, start: int, stop: int) -> bool:
        first, last = self._layout.span(fact.unit)
        return first < stop and start < last

    def _learn_relief(self, fact: ReliefFact) -> None:
        try:
            start, stop = self._layout.span(fact.unit)
        except KeyError:
            return
        self.reliefs.append((start, stop, fact.helper))
        self.relieved += stop - start

    def _learn_holder(self, author: NodeId, boot: Boot, fact: HolderFact, news: News) -> None:
        if not fact.held:
            news.lost = fact.pixels
        self._recount((fact.pixels,), lambda: self._holders.say(author, boot, fact), news)

    def _recount(self, pixels: Iterable[Digest], learn: Callable[[], None], news: News) -> None:
        """What is done, now that `learn` told something of who holds these pixels."""
        indices = [index for one in pixels for index in self._by_pixels.of(one)]
        before = [self.counts(index) for index in indices]
        learn()
        changed = [
            index for index, counted in zip(indices, before, strict=True) if counted != self.counts(index)
        ]
        news.upset = bool(changed)
        size = self._layout.buckets
        starts = (self._layout.span(self.results[index][1].unit)[0] for index in changed)
        for place in dict.fromkeys(start // size for start in starts):
            start, stop = self._layout.bounds(place)
            was_done = self.done.covers(start, stop)
            self.done.remove(start, stop)
            self.failed.remove(start, stop)
            self.missing.add(start, stop)
            for index in self._by_frame.of(place):
                if self.counts(index):
                    span = self._layout.span(self.results[index][1].unit)
                    self.done.add(*span)
                    self.missing.remove(*span)
            if place in self._tries:
                self._weigh(place)
            self.frames_done += self.done.covers(start, stop) - was_done
