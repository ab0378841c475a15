"""What people ask of a job, in the scheduler's terms: names become ids, and what makes no sense is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mesh.control.terms import HERE, JobChange, JobTerms
from mesh.errors import ExitCode, MeshError
from mesh.model.frames import format_frames, parse_frames
from mesh.model.ids import JobId, NodeId
from mesh.model.policy import JobPolicy
from mesh.sched import events as sched
from mesh.wire.jobs import EditName, Participation

MOST_PRIORITY = 1000
MOST_WORDS = 8
"""Tags, and twice as many nodes: bounds of one job's constraints."""
MOST_NODES = 64
MOST_JOBS = 64
"""That one may come after."""
MOST_LIMIT = 1000


class BadTerms(MeshError):
    """The job cannot be treated like that: {reason}. See `mesh submit --help` and `mesh edit --help` for what is allowed."""

    exit_code = ExitCode.USAGE


class Steering:
    """`find_node` and `find_job` resolve what people call things, and raise for what they do not know; `after` tells
    what a job comes after."""

    def __init__(
        self,
        me: NodeId,
        find_node: Callable[[str], NodeId],
        find_job: Callable[[str], JobId],
        after: Callable[[JobId], tuple[JobId, ...]] = lambda _job: (),
    ) -> None:
        self._me = me
        self._find_node = find_node
        self._find_job = find_job
        self._after = after

    def policy(self, terms: JobTerms) -> JobPolicy:
        """Raises BadTerms, UnknownNode, AmbiguousNode, UnknownJob, AmbiguousJob."""
        if not 0 <= terms.chunk <= 1_000_000:
            raise BadTerms(reason=f"a chunk of {terms.chunk} frames")
        if terms.memory_bytes < 0:
            raise BadTerms(reason="a need of less than no memory")
        return JobPolicy(
            priority=_priority(terms.priority),
            category=_category(terms.category),
            tags=_tags(terms.tags),
            on=self._nodes(terms.on),
            chunk=terms.chunk,
            order=terms.order,
            after=self._jobs(terms.after),
            paused=terms.paused,
            memory_bytes=terms.memory_bytes,
        )

    def edits(self, job: JobId, change: JobChange, frames: tuple[int, ...]) -> list[sched.ActOnJob]:
        """One write for each thing to change of a job of these frames; nothing is written unless all of it makes sense.

        Raises as `policy` does, and BadTerms where nothing is to be changed, and BadFrameSet.
        """
        edits = list(self._edits(job, change, frames))
        if not edits:
            raise BadTerms(reason="nothing was asked to be changed")
        return edits

    def _edits(self, job: JobId, change: JobChange, frames: tuple[int, ...]) -> Iterator[sched.ActOnJob]:
        if change.priority is not None:
            yield sched.ActOnJob(job, EditName.PRIORITY, number=_priority(change.priority))
        if change.category is not None:
            yield sched.ActOnJob(job, EditName.CATEGORY, words=(_category(change.category),))
        if change.tags is not None:
            yield sched.ActOnJob(job, EditName.TAGS, words=_tags(change.tags))
        if change.on is not None:
            yield sched.ActOnJob(job, EditName.ON, nodes=self._nodes(change.on))
        if change.frames is not None:
            yield sched.ActOnJob(job, EditName.LIMIT, words=_limit(change.frames, frames))
        if change.after is not None:
            others = self._jobs(change.after)
            if self._leads_to(job, others):
                raise BadTerms(reason="it cannot start after itself, or after a job that comes after it")
            yield sched.ActOnJob(job, EditName.AFTER, words=tuple(other.hex() for other in others))
        for names, part in (
            (change.exclude, Participation.EXCLUDED),
            (change.include, Participation.INCLUDED),
        ):
            for node in self._nodes(names):
                yield sched.ActOnJob(job, EditName.EXCLUDED, subject=node, number=part.value)

    def _jobs(self, names: tuple[str, ...]) -> tuple[JobId, ...]:
        if len(names) > MOST_JOBS:
            raise BadTerms(reason=f"it may come after at most {MOST_JOBS} jobs")
        return tuple(dict.fromkeys(map(self._find_job, names)))

    def _leads_to(self, job: JobId, others: tuple[JobId, ...]) -> bool:
        """Whether one of `others` is `job`, or comes after it by way of any number of jobs."""
        found, waiting = set(others), list(others)
        while waiting:
            fresh = [each for each in self._after(waiting.pop()) if each not in found]
            found.update(fresh)
            waiting += fresh
        return job in found

    def _nodes(self, names: tuple[str, ...]) -> tuple[NodeId, ...]:
        if len(names) > MOST_NODES:
            raise BadTerms(reason=f"more than {MOST_NODES} nodes are named; use tags for so many")
        nodes = [self._me if name == HERE else self._find_node(name) for name in names]
        return tuple(dict.fromkeys(nodes))


def _priority(number: int) -> int:
    if not 1 <= number <= MOST_PRIORITY:
        raise BadTerms(reason=f"its priority must be from 1 to {MOST_PRIORITY}, not {number}")
    return number


def _category(name: str) -> str:
    if len(name) > 64 or not name.isprintable():
        raise BadTerms(reason="its category must be at most 64 printable characters")
    return name


def _limit(frames: str, own: tuple[int, ...]) -> tuple[str, ...]:
    """Raises BadFrameSet, and BadTerms where none of them is the job's."""
    if not frames:
        return ()
    chosen = parse_frames(frames)
    text = format_frames(chosen)
    if not set(chosen) & set(own):
        raise BadTerms(reason=f"it has no frame of {text}, but {format_frames(own)}")
    if len(text) > MOST_LIMIT:
        raise BadTerms(reason="the frames to render for now take too many words; choose fewer ranges")
    return (text,)


def _tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    if len(tags) > MOST_WORDS or any(not 0 < len(tag) <= 32 for tag in tags):
        raise BadTerms(reason=f"it may ask for at most {MOST_WORDS} tags of 1 to 32 characters")
    return tuple(dict.fromkeys(tags))
