"""Stories of disks that lose what was on them while the node's records stay."""

from __future__ import annotations

from collections.abc import Callable

from mesh.sched.news import PixelsLost
from tools.sim.farm import LIMIT, farm, manifest, settle
from tools.sim.farm_scenarios import Figures
from tools.sim.log import Log


def lost(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """The submitter, who keeps most copies, and others come back from a kill without their blobs: copies are made again,
    and what both holders have lost is rendered again."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    made.start_all()
    made.simulation.run(1.0)
    of = manifest(frames=12 * nodes, buckets=16)
    job = made.submit(0, of)
    made.simulation.run(5.0)
    for index in range(nodes // 2):
        made.kill(index)
        made.world.disk(made.hosts[index]).blobs.clear()
        made.simulation.at(6.0, lambda index=index: made.boot(index))  # type: ignore[misc]
    made.simulation.run(7.0)
    made.run_until_done(job, LIMIT)
    made.simulation.run(made.simulation.now + 15.0)
    assert made.told(PixelsLost), "nobody noticed that pixels were gone"
    # Which of the results known before are gone may only have come out after the last frame was rendered.
    made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    settle(made, job)
    return {"redone": made.world.rendered / (192 * nodes) - 1}


STORIES: dict[str, tuple[int, Callable[[int, int, Log | None, int], Figures]]] = {"disk-lost": (6, lost)}
"""By name: the number of nodes by default, and the story."""
