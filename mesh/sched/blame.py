"""What can be looked at of a result, and whose fault it is where it is false.

A bucket's samples may have been rendered by others than the one whose result it is (`samples.py`). Whoever did has
signed the sums, which are exact to the bit and named by a digest, and the result lists them. So an auditor renders
just those samples again: where their digest is another, the helper's word was false, and else the rest of the bucket
was, which is its author's. No author can shift blame on a helper who told the truth, nor is it blamed for one who did
not. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from mesh.model.ids import Digest, JobId, NodeId
from mesh.model.units import SampleRange, Unit
from mesh.sched.job import Job
from mesh.sched.verdicts import ResultKey, Verdicts
from mesh.wire.effects import Compared
from mesh.wire.ledger import Helped, ResultFact


@dataclass(frozen=True, slots=True)
class Subject:
    """What a node stands by: the pixels of a result, or the sums of some samples of a bucket."""

    renderer: NodeId
    pixels: Digest
    unit: Unit
    samples: SampleRange | None = None

    @property
    def key(self) -> ResultKey:
        return self.renderer, self.pixels


@dataclass(frozen=True, slots=True)
class Check:
    """A piece of what somebody stands by, which is to be rendered again here."""

    job: JobId
    of: Subject
    piece: Unit


def subjects(author: NodeId, fact: ResultFact) -> Iterator[Subject]:
    """The result itself, and what others rendered of it."""
    yield Subject(author, fact.pixels, fact.unit)
    for part in fact.parts:
        yield subject_of(part)


def subject_of(part: Helped) -> Subject:
    return Subject(part.helper, part.sums, part.unit, part.samples)


def parts_in(fact: ResultFact, piece: Unit) -> tuple[Helped, ...]:
    """What others rendered of a piece."""
    return tuple(part for part in fact.parts if piece.start <= part.unit.start < piece.stop)


def subject_in(job: Job, key: ResultKey, frame: int) -> Subject | None:
    """What somebody's vote is about; None where it is not known here."""
    try:
        indices = job.facts.results_of(job.layout.place(frame))
    except KeyError:
        return None
    found = (one for index in indices for one in subjects(*job.facts.results[index]))
    return next((one for one in found if one.key == key), None)


class Fault(Enum):
    """Of a false result."""

    UNKNOWN = "unknown"
    """Not all parts were looked at."""
    HELPER = "helper"
    AUTHOR = "author"


@dataclass(slots=True)
class Doubts:
    """Results that this node found false and of which others rendered a part."""

    _open: dict[tuple[JobId, ResultKey], tuple[Compared, tuple[Helped, ...]]] = field(default_factory=dict)

    def add(self, found: Compared, parts: tuple[Helped, ...]) -> None:
        self._open[found.job, (found.renderer, found.pixels)] = found, parts

    def settle(self, job: JobId, verdicts: Verdicts, me: NodeId) -> list[Compared]:
        """Those for which the author is to blame, by what this node found of the parts. They are open no more, nor are
        those for which a helper is."""
        blamed = []
        for key, (found, parts) in list(self._open.items()):
            if key[0] != job:
                continue
            fault = _fault(verdicts, me, parts)
            if fault is not Fault.UNKNOWN:
                del self._open[key]
            if fault is Fault.AUTHOR:
                blamed.append(found)
        return blamed

    def drop(self, job: JobId) -> None:
        self._open = {key: doubt for key, doubt in self._open.items() if key[0] != job}


def _fault(verdicts: Verdicts, me: NodeId, parts: tuple[Helped, ...]) -> Fault:
    ballots = (verdicts.ballots.get((part.helper, part.sums)) for part in parts)
    mine = [None if ballot is None else ballot.votes.get(me) for ballot in ballots]
    if any(vote is not None and not vote.equal for vote in mine):
        return Fault.HELPER
    return Fault.UNKNOWN if None in mine else Fault.AUTHOR
