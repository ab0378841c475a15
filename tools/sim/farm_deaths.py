"""Stories of nodes that die at one time with all copies of some results, and stay away, or come back.

A result is held by two nodes, so what both of them hold is gone when they die together. Nothing of that needs a
person: the survivors wait for a while, since both may only be starting anew, and then render it again.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

from mesh.model.ids import JobId
from mesh.sched.config import SchedConfig
from mesh.sched.news import JobDurable, JobFinished, ResultKnown, ResultsGivenUp
from tools.sim.farm import LIMIT, Farm, begin, farm, manifest, settle
from tools.sim.log import Log

Figures = dict[str, float]
AWAY_SECONDS = 20.0
_LOOK_SECONDS = 0.001
_KNOWN_SECONDS = 6.0
"""After so long all know of a death and of what it took along."""


def two_killed(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """Any two nodes die together at any moment, and stay away: the others finish, and every frame can be had from them.
    Pairs take turns by seed; the moments are those that hurt, and some at random."""
    made = farm(seed, nodes, config=SchedConfig(away_seconds=AWAY_SECONDS), log=log, check_every=check_every)
    rng = made.simulation.rng("story")
    begin(made)
    of = manifest(frames=4 * nodes, buckets=16)
    job = made.submit(0, of)
    pairs = list(combinations(range(nodes), 2))
    pair = pairs[seed % len(pairs)]
    gap = rng.choice((0.0, 0.0, 0.01, rng.uniform(0.0, 3.0)))
    moment = rng.choice((_durable, _stored, _published, _at_the_end, _whenever))
    _kill_when(made, moment(made, job, pair), pair, gap)
    made.simulation.run(made.simulation.now + gap + _KNOWN_SECONDS)
    seconds = made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    settle(made, job)
    return {
        "seconds": seconds,
        "redone": made.world.rendered / (64 * nodes) - 1,
        "given up": len(made.told(ResultsGivenUp)),
    }


def two_back(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """Two nodes die together after the end. Where one is back in time, nothing is rendered again; where both come back
    too late, what they hold counts again."""
    made = farm(seed, nodes, config=SchedConfig(away_seconds=AWAY_SECONDS), log=log, check_every=check_every)
    rng = made.simulation.rng("story")
    begin(made)
    of = manifest(frames=4 * nodes, buckets=16)
    job = made.submit(0, of)
    made.run_until_done(job, LIMIT)
    made.simulation.run(made.simulation.now + 2.0)
    before = made.world.rendered
    pair = [0, rng.randrange(1, nodes)]  # the submitter, who keeps most copies, and another
    rng.shuffle(pair)
    for index in pair:
        made.kill(index)
    in_time = seed % 2 == 0
    pause = rng.uniform(1.0, AWAY_SECONDS - 2.0) if in_time else AWAY_SECONDS + rng.uniform(0.0, 10.0)
    made.simulation.run(made.simulation.now + pause)
    for index in pair[: 1 if in_time else 2]:
        made.boot(index)
    made.simulation.run(made.simulation.now + 2 * _KNOWN_SECONDS)
    made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    again = made.world.rendered - before
    assert not (in_time and again), f"{again} buckets were rendered twice though a holder came back in time"
    settle(made, job)
    return {"again": again}


# --- moments --------------------------------------------------------------------------------------------

Pair = tuple[int, int]
Moment = Callable[[], bool]


def _durable(made: Farm, _job: JobId, _pair: Pair) -> Moment:
    """As soon as the job is promised to be safe."""
    return lambda: bool(made.told(JobDurable))


def _stored(made: Farm, job: JobId, pair: Pair) -> Moment:
    """Pixels are on a disk, and no ledger knows."""
    count = made.simulation.rng("count").randrange(1, 40)
    seen: set[tuple[int, tuple[str, ...]]] = set()

    def now() -> bool:
        stored = {
            (index, key)
            for index in pair
            for of, key in made.world.disk(made.hosts[index]).records
            if of == job and key[0] == "stored"
        }
        seen.update(stored)
        return bool(stored) and len(seen) >= count

    return lambda: now() or bool(made.told(JobFinished))


def _published(made: Farm, _job: JobId, pair: Pair) -> Moment:
    """One of the two has just said that it has a result, of which the other may have the copy."""
    count = made.simulation.rng("count").randrange(1, 12)
    nodes = {made.node(index) for index in pair}

    def now() -> bool:
        mine = [
            event
            for _, who, event in made.told(ResultKnown)
            if who in pair and isinstance(event, ResultKnown) and event.result.renderer in nodes
        ]
        return len(mine) >= count

    return lambda: now() or bool(made.told(JobFinished))


def _at_the_end(made: Farm, _job: JobId, _pair: Pair) -> Moment:
    """Somebody has just said that the job is done."""
    return lambda: bool(made.told(JobFinished))


def _whenever(made: Farm, _job: JobId, _pair: Pair) -> Moment:
    at = made.simulation.rng("moment").uniform(1.5, 12.0)
    return lambda: made.simulation.now >= at and bool(made.told(JobDurable))


def _kill_when(made: Farm, moment: Moment, pair: Pair, gap: float) -> None:
    """Runs until that moment, and kills the two, one `gap` after the other."""
    simulation = made.simulation
    while not moment():
        assert simulation.now < LIMIT, "the moment never came"
        simulation.run(simulation.now + _LOOK_SECONDS)
    made.kill(pair[0])
    simulation.at(simulation.now + gap, lambda: made.kill(pair[1]))


STORIES: dict[str, tuple[int, Callable[[int, int, Log | None, int], Figures]]] = {
    "farm-two-killed": (4, two_killed),
    "farm-two-back": (5, two_back),
}
"""By name: the number of nodes by default, and the story."""
