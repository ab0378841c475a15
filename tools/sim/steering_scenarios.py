"""Stories of people who steer a job while the network is bad."""

from __future__ import annotations

import random
from collections.abc import Callable

from mesh.sched.events import ActOnJob
from mesh.wire.jobs import EditName, Participation
from tools.sim.farm import LIMIT, farm, manifest
from tools.sim.log import Log

Figures = dict[str, float]
FREE_SECONDS = 1.0


def cancelled_in_rain(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """A job is cancelled from some node while up to a fifth of all packets are lost: all nodes are free of it
    within a second, and stay so."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    rng = made.simulation.rng("story")
    made.simulation.network.loss = rng.uniform(0.0, 0.2)
    made.start_all()
    made.simulation.run(1.0)
    of = manifest(frames=400 * nodes, buckets=16)
    job = made.submit(0, of)
    made.simulation.run(6.0)
    assert len(made.world.rendering) >= 0.9 * nodes, "not everybody was at work"
    at = made.simulation.now
    made.simulation.deliver(made.hosts[rng.randrange(nodes)], ActOnJob(job, EditName.CANCELLED, number=1))
    while made.world.rendering:
        busy = len(made.world.rendering)
        assert made.simulation.now - at <= FREE_SECONDS, f"{busy} of {nodes} nodes go on rendering"
        made.simulation.run(made.simulation.now + 0.02)
    seconds = made.simulation.now - at
    before = made.world.rendered
    made.simulation.run(made.simulation.now + 10.0)
    assert made.world.rendered == before, "somebody began again"
    return {"free": seconds}


def turned_away(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """Nodes are excluded from a job one after another, whatever they have of it, until one is left: it does all the
    rest, however little each of the others still had."""
    rng = random.Random(f"{seed}/short")
    seconds = rng.choice((0.001, 0.004, 0.05))
    made = farm(seed, nodes, bucket_seconds=lambda *_: seconds, log=log, check_every=check_every)
    made.start_all()
    made.simulation.run(1.0)
    of = manifest(frames=rng.randint(1, 12) * nodes, buckets=rng.choice((1, 2, 8)))
    job = made.submit(rng.randrange(nodes), of)
    made.simulation.run(made.simulation.now + rng.uniform(0.0, 0.2))
    last, *others = rng.sample(range(nodes), nodes)
    for host in others:
        away = ActOnJob(job, EditName.EXCLUDED, made.node(host), Participation.EXCLUDED.value)
        made.simulation.deliver(made.hosts[rng.randrange(nodes)], away)
        made.simulation.run(made.simulation.now + rng.choice((0.0, 0.02)))
    needed = made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    return {"seconds": needed, "alone": last}


STORIES: dict[str, tuple[int, Callable[[int, int, Log | None, int], Figures]]] = {
    "farm-cancelled-in-rain": (12, cancelled_in_rain),
    "farm-turned-away": (5, turned_away),
}
"""By name: the number of nodes by default, and the story."""
