"""Stories of slow nodes: what cannot be cut is not waited for where an idle node would be done sooner.

Frames of one bucket stand for renderers that know whole frames only.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from mesh.model.ids import JobId
from mesh.sched.config import SchedConfig
from mesh.sched.news import StragglerRelieved, UnitFailed
from tools.sim.farm import LIMIT, Farm, farm, manifest, settle
from tools.sim.log import Log

Figures = dict[str, float]
FRAME_SECONDS = 1.0
SLOWNESS = 4
PATIENCE = 20.0
"""Seconds that a unit may go without progress."""


def straggler(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """Frames that cannot be cut, and a node that is four times slower: its last frame is rendered by another
    as well, so the job ends two frames after the ideal at the latest, and few frames are started twice."""
    made = farm(seed, nodes, log=log, check_every=check_every, bucket_seconds=_slow(1))
    return _with_a_slow_node(made)


def slow_keeper(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """The same, where it is the one node that keeps the ledger, with which all others wait for its word, and its
    renderer says nothing before it is done."""
    config = SchedConfig(keepers=1)
    made = farm(seed, nodes, config=config, log=log, check_every=check_every, bucket_seconds=_slow(0))
    made.world.steps = 0
    return _with_a_slow_node(made)


def _slow(slow: int) -> Callable[[int, JobId, int], float]:
    return lambda host, _job, _frame: FRAME_SECONDS * (SLOWNESS if host == slow else 1)


def _with_a_slow_node(made: Farm) -> Figures:
    nodes = len(made.hosts)
    made.start_all()
    made.simulation.run(1.0)
    frames = 7 * nodes + 1 + made.simulation.rng("story").randrange(nodes - 1)
    of = manifest(frames=frames, buckets=1)
    job = made.submit(0, of)
    made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    settle(made, job)
    seconds = min(made.finished[key] for key in made.finished if key[1] == job) - 1.0
    ideal = frames * FRAME_SECONDS / (nodes - 1 + 1 / SLOWNESS)
    assert seconds <= ideal + 2 * FRAME_SECONDS, f"{seconds:.1f} s instead of {ideal:.1f} s"
    _few_started_twice(made, frames)
    return {"seconds": seconds, "ideal": ideal, "relieved": len(made.told(StragglerRelieved))}


def stalled(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """A node's renderer stands still for good while the node itself is well: long before that counts as a
    failure, others have rendered what it had, and the job is done."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    rng = made.simulation.rng("story")
    slow, since, buckets = rng.randrange(nodes), rng.uniform(1.5, 3.0), rng.choice((1, 8))

    def seconds_of(host: int, _job: object, _frame: int) -> float:
        return 1e6 if host == slow and made.simulation.now >= since else 0.4 / buckets

    made.world.bucket_seconds = seconds_of
    made.world.steps = rng.choice((0, 4))
    made.start_all()
    made.simulation.run(1.0)
    of = manifest(frames=8 * nodes, buckets=buckets)
    job = made.submit(rng.randrange(nodes), of)
    seconds = made.run_until_done(job, 60.0)
    made.simulation.run(made.simulation.now + 1.0)
    made.check_results(job, of)
    assert made.told(StragglerRelieved), "nobody relieved it"
    _few_started_twice(made, 8 * nodes * buckets)
    settle(made, job)
    return {"seconds": seconds}


def long_opening(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """The scene takes each node longer to open than a unit may go without progress, and one hangs while it opens
    it: nobody but that one is taken to have failed."""
    rng = random.Random(f"{seed}/opening")
    hung = rng.randrange(1, nodes)
    config = SchedConfig(progress_seconds=PATIENCE)
    made = farm(seed, nodes, config=config, log=log, check_every=check_every)
    seconds = {host: rng.uniform(1.5, 4.0) * PATIENCE for host in range(nodes)} | {hung: math.inf}
    made.world.opening_seconds = lambda host: seconds[host]
    made.start_all()
    made.simulation.run(1.0)
    of = manifest(frames=8 * nodes, buckets=8)
    job = made.submit(0, of)
    made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    failed = [event for _, _, event in made.told(UnitFailed) if isinstance(event, UnitFailed)]
    assert failed, "a renderer hung, and nobody noticed"
    assert {(event.node, event.reason) for event in failed} == {
        (made.node(hung), f"no progress for {PATIENCE:.0f} s")
    }
    settle(made, job)
    return {"failures": len(failed)}


def _few_started_twice(made: Farm, buckets: int) -> None:
    told = [event for _, _, event in made.told(StragglerRelieved)]
    again = sum(event.unit.size for event in told if isinstance(event, StragglerRelieved))
    assert again <= 0.05 * buckets or len(told) <= 4, f"{again} of {buckets} buckets were started twice"


STORIES: dict[str, tuple[int, Callable[[int, int, Log | None, int], Figures]]] = {
    "farm-straggler": (4, straggler),
    "farm-slow-keeper": (8, slow_keeper),
    "farm-stalled": (4, stalled),
    "farm-long-opening": (4, long_opening),
}
"""By name: the number of nodes by default, and the story."""
