"""How fast work goes and what is still untouched: estimates from what was measured so far."""

from __future__ import annotations

import math
from collections.abc import Iterator

from mesh.model.ids import NodeId
from mesh.model.units import Unit
from mesh.sched.job import Claim, Job, Run


def pace_of(job: Job, node: NodeId, now: float) -> float:
    """Seconds a bucket takes on `node`, which is this node where runs matter; 0 while nobody knows.

    Measured results of the node come first, then its running units, then what others need. A unit that shows
    no progress still says that it takes at least the time that it has taken.
    """
    share = job.facts.effort.shares.get(node)
    if share is not None and share.buckets:
        return share.seconds / share.buckets
    others = _pace_of_others(job)
    for run in job.runs.values():
        size = run.begun_stop - run.start
        elapsed = now - run.began
        if run.fraction > 0:
            return elapsed / (run.fraction * size)
        if elapsed > 0:
            return max(others, elapsed / size)
    return others


def _pace_of_others(job: Job) -> float:
    return job.facts.effort.pace or job.heard_pace


def speed_of(job: Job, node: NodeId, now: float) -> float:
    """Buckets a second; 0 while unknown."""
    pace = pace_of(job, node, now)
    return min(1.0 / pace, 1e9) if pace > 0 else 0.0


def rendered_of(job: Job, run: Run, node: NodeId, now: float) -> float:
    """Buckets of a unit that its engine has probably rendered: what it reported, and what the time since then is
    good for, at most as much again where it reports at all. Nothing, where nobody knows how long a bucket takes."""
    size = run.begun_stop - run.start
    told = run.fraction * size
    share = job.facts.effort.shares.get(node)
    if share is not None and share.buckets:
        pace = share.seconds / share.buckets
    else:
        pace = (run.moved - run.began) / told if told else _pace_of_others(job)
    if run.queued or pace <= 0:
        return told
    since = (now - run.moved) / pace
    return min(size, told + (min(since, told) if told else since))


def untouched_from(job: Job, run: Run, node: NodeId, threads: int, now: float) -> int:
    """The first position of a running unit that its engine has surely not begun: buckets are rendered in
    ascending order, `threads` of them at once."""
    begun = math.ceil(rendered_of(job, run, node, now)) + threads
    return min(run.stop, run.start + begun)


def seconds_left(job: Job, run: Run, node: NodeId, now: float) -> float:
    """Until a unit of `node`, which is this one, is rendered, once it is begun; infinite while nobody knows."""
    size = run.stop - run.start
    share = job.facts.effort.shares.get(node, job.rendered)
    if run.fraction > 0:
        pace = (run.moved - run.began) / (run.fraction * (run.begun_stop - run.start))
    elif share.buckets:
        pace = share.seconds / share.buckets
    else:
        return math.inf
    return pace * size if run.queued else max(0.0, run.began + pace * size - now)


def usual_pace(job: Job, node: NodeId) -> float:
    """Seconds a bucket by results alone: the node's own, else those of others; 0 while there are none."""
    share = job.facts.effort.shares.get(node)
    return share.seconds / share.buckets if share is not None and share.buckets else _pace_of_others(job)


def time_left(size: int, done: float, moved: float, age: float, pace: float) -> float:
    """Seconds that a unit of `size` buckets, begun `age` seconds ago, will take at least. It had `done` of them
    after `moved` seconds; buckets usually take `pace` seconds: by its own progress or by what is usual,
    whichever is longer. What is overdue is believed to stay so for as long again."""
    by_usual = abs(pace * size - age)
    return max(by_usual, abs(moved / done * size - age)) if done > 0 else by_usual


def under_way(job: Job, claim: Claim, now: float) -> Iterator[tuple[Unit, float]]:
    """Units that a node is at, and the seconds until each is rendered: by what it said in its claim."""
    pace = 1 / claim.speed if claim.speed > 0 else job.facts.effort.pace
    for activity in claim.activities:
        size, age = activity.unit.size, activity.age + now - claim.at
        yield activity.unit, time_left(size, activity.fraction * size, activity.age, age, pace)


def spare_of(job: Job, node: NodeId, threads: int, now: float) -> int:
    """Positions that this node has not begun and might give away."""
    tails = sum(run.stop - untouched_from(job, run, node, threads, now) for run in job.runs.values())
    return job.startable().size + tails
