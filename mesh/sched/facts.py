"""What a job's log entries add up to: what is done, who did it, who holds it, what has failed.

A pure function of the set of entries, kept up to date entry by entry; the order in which they come
changes only the order of `results`. Results may overlap, for two nodes may have cut a frame differently:
done is what any result covers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from mesh.model.ids import Boot, Digest, NodeId
from mesh.sched.effort import Effort
from mesh.sched.failures import Failures
from mesh.sched.holders import Holders
from mesh.sched.intervals import IntervalSet
from mesh.sched.layout import Layout
from mesh.sched.news import JobResult
from mesh.sched.places import Places
from mesh.sched.verdicts import Verdicts
from mesh.wire.ledger import AuditFact, AwayFact, Entry, FailureFact, HolderFact, ReliefFact, ResultFact

FIRST_LIFE = Boot(0)


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
        self.done = IntervalSet()
        self.missing = IntervalSet([(0, layout.total)])
        """Neither done nor failed."""
        self.failed = IntervalSet()
        self.frames_done = 0
        self.results: list[tuple[NodeId, ResultFact]] = []
        """In the order in which this node learned of them; `counts` says which are to be believed."""
        self.effort = Effort()
        self.failures = Failures(layout, attempts)
        self.holders = Holders()
        self.verdicts = Verdicts()
        self.scene_holders: dict[NodeId, None] = {}
        self._by_frame: Places[int] = Places()
        self._by_pixels: Places[Digest] = Places()
        self.reliefs: list[tuple[int, int, NodeId]] = []
        """Positions that were started again, and by whom, while a slow node rendered them."""
        self.relieved = 0
        """How many buckets those were."""

    @property
    def complete(self) -> bool:
        return not self.missing

    @property
    def frames_failed(self) -> int:
        size = self._layout.buckets
        return len({place for start, stop in self.failed for place in range(start // size, -(-stop // size))})

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
            self._recount(away.pixels, lambda: self.holders.miss(away), news)
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
        if epoch > self.failures.epoch:
            self.failures.forgive(epoch)
            self.missing.add_all(self.failed)
            self.failed.clear()
            for place in self.failures.places():
                self._give_up(place)

    def pardon(self, nodes: frozenset[NodeId]) -> None:
        """People let these nodes in again, whatever they published before."""
        if self.verdicts.pardon(nodes):
            self._count_again()

    def counts(self, index: int) -> bool:
        """Whether a result is to be believed, and can be had."""
        author, fact = self.results[index]
        return self._counts(author, fact)

    def _counts(self, author: NodeId, fact: ResultFact) -> bool:
        return self.verdicts.believes(author, fact) and self.holders.anybody(author, fact)

    def lost(self) -> Iterator[Digest]:
        """Pixels that are true, and that nobody is believed to hold."""
        for pixels in self.holders.ever_lost:
            results = [self.results[index] for index in self._by_pixels.of(pixels)]
            true = [(author, fact) for author, fact in results if self.verdicts.believes(author, fact)]
            if true and not any(self.holders.anybody(author, fact) for author, fact in true):
                yield pixels

    def out_of_reach(self, here: Callable[[NodeId], bool]) -> Iterator[int]:
        """Indices of results that count, whose holders are all such that they are not `here`, and that no result
        which can be had stands in for."""
        to_be_had: dict[int, IntervalSet] = {}
        for index, (author, fact) in enumerate(self.results):
            if here(author) and fact.pixels not in self.holders.ever_lost:
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
        return any(map(here, self.holders.of(*self.results[index])))

    def result(self, index: int) -> JobResult:
        author, fact = self.results[index]
        holders = self.holders.of(author, fact)
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
        size = stop - start
        self.effort.spend(author, size, fact.seconds, redone=size - new)
        self._remember_result(author, fact, place)
        news.result = fact
        if new and self.done.covers(*self._layout.bounds(place)):
            self.frames_done += 1
            news.frames_done.append(fact.unit.frame)
            authors = {self.results[index][0] for index in self._by_frame.of(place)}
            if len(authors) == 1:
                self.effort.share(author).frames += 1

    def _remember_result(self, author: NodeId, fact: ResultFact, place: int) -> None:
        self._by_frame.add(place, len(self.results))
        self._by_pixels.add(fact.pixels, len(self.results))
        self.results.append((author, fact))

    def _count_again(self) -> None:
        """What is done, now that other results count than before."""
        for place in self._by_frame:
            self._count(place)

    def _count(self, place: int) -> None:
        """What is done of one frame."""
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
        self._give_up(place)
        self.frames_done += self.done.covers(start, stop) - was_done

    def _learn_failure(self, author: NodeId, fact: FailureFact, news: News) -> None:
        try:
            start, _ = self._layout.span(fact.unit)
        except KeyError:
            return
        news.failure = fact
        place = start // self._layout.buckets
        self.failures.learn(author, fact, place)
        self.effort.share(author).failures += 1
        if self._give_up(place):
            news.frames_failed.append(fact.unit.frame)

    def _give_up(self, place: int) -> bool:
        """Marks as failed what of one frame was tried in vain; says whether that was news."""
        found = 0
        for start, stop in self.failures.in_vain(place):
            for hole in self.done.outside(start, stop):
                found += self.failed.add(*hole)
                self.missing.remove(*hole)
        return found > 0

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
        self._recount((fact.pixels,), lambda: self.holders.say(author, boot, fact), news)

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
            self._count(place)
