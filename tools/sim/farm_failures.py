"""Stories of units that fail: for the node, for the frame, for a full disk."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

from mesh.sched.events import RetryJob
from tools.sim.farm import LIMIT, begin, farm, manifest, settle
from tools.sim.log import Log

Figures = dict[str, float]
_GB = 10**9


def disk_full(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """One node's disk is full: it fails its units and keeps no copies; the others do it all."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    begin(made)
    of = manifest(frames=4 * nodes, buckets=16)
    job = made.submit(0, of)
    made.simulation.run(1.5)
    made.world.disk(made.hosts[1]).full = True
    seconds = made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    return {"seconds": seconds}


def bad_node(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """Every unit fails on one node: it is blocked for the job, and no frame fails for it."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    made.world.fails = lambda host, _unit: "out of memory" if host == 1 else None
    begin(made)
    of = manifest(frames=4 * nodes, buckets=16)
    job = made.submit(0, of)
    seconds = made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    view = made.scheduler(0).views.job(job)
    assert view is not None
    assert view.buckets_failed == 0, "a frame failed for one bad node"
    assert made.node(1) in view.blocked, "the bad node was never blocked"
    return {"seconds": seconds}


def bad_frame(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """One frame fails everywhere: it is given up after three nodes, the rest is done; after the cause is
    mended and somebody says retry, it is rendered too."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    made.world.fails = lambda _host, unit: "a texture is broken" if unit.frame == 3 else None
    begin(made)
    of = manifest(frames=2 * nodes, buckets=16)
    job = made.submit(0, of)
    made.simulation.run(40.0)
    view = made.scheduler(0).views.job(job)
    assert view is not None
    assert (view.frames_done, view.frames_failed) == (2 * nodes - 1, 1), made.explain(job)
    tried = sum(failure.unit.size for failure in view.failures)
    assert tried <= 3 * 16, "a bucket was tried more than three times"
    made.world.fails = lambda _host, _unit: None
    made.simulation.deliver(made.hosts[nodes - 1], RetryJob(job))
    seconds = made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    settle(made, job)
    return {"seconds": seconds}


def too_large(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """The scene fits into one node of several, which may join late: none of the others tries more than once, no frame
    fails, and that one renders all."""
    rng = random.Random(f"{seed}/memory")
    large = rng.randrange(nodes)
    late = rng.random() < 0.5
    sizes = [rng.choice((8, 16, 24)) * _GB for _ in range(nodes)]
    sizes[large] = 64 * _GB
    made = farm(seed, nodes, log=log, check_every=check_every, memory=sizes.__getitem__)
    made.world.scene_too_large = lambda host: 0 if host == large else sizes[host] + 1
    for index in range(nodes):
        if not (late and index == large):
            made.boot(index)
    made.simulation.run(1.0)
    of = manifest(frames=2 * nodes, buckets=16)
    job = made.submit((large + 1) % nodes, of)
    if late:
        made.simulation.run(60.0)
        made.boot(large)
    seconds = made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    tries = Counter(host for _, host, _ in made.world.started if host != large)
    assert set(tries.values()) <= {1}, f"nodes without the memory tried again: {tries}"
    settle(made, job)
    return {"seconds": seconds, "tries": sum(tries.values())}


STORIES: dict[str, tuple[int, Callable[[int, int, Log | None, int], Figures]]] = {
    "farm-disk-full": (4, disk_full),
    "farm-bad-node": (5, bad_node),
    "farm-bad-frame": (5, bad_frame),
    "farm-too-large": (5, too_large),
}
"""By name: the number of nodes by default, and the story."""
