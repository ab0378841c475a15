"""Stories of people who steer a job while the network is bad."""

from __future__ import annotations

from collections.abc import Callable

from mesh.sched.events import ActOnJob
from mesh.wire.jobs import EditName
from tools.sim.farm import farm, manifest
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


STORIES: dict[str, tuple[int, Callable[[int, int, Log | None, int], Figures]]] = {
    "farm-cancelled-in-rain": (12, cancelled_in_rain),
}
"""By name: the number of nodes by default, and the story."""
