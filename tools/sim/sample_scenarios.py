"""Stories of few buckets that take long: idle nodes render a part of their samples."""

from __future__ import annotations

from collections.abc import Callable

from mesh.sched.config import SchedConfig
from mesh.sched.events import SamplesShared
from tools.sim.farm import LIMIT, Farm, farm, manifest, settle
from tools.sim.farm_storm import EXACT_ENGINE
from tools.sim.log import Log

Figures = dict[str, float]
BUCKET_SECONDS = 20.0


def _farm(seed: int, nodes: int, log: Log | None, check_every: int) -> Farm:
    made = farm(
        seed,
        nodes,
        config=SchedConfig(audit_share=0.0),
        engines=lambda _: (EXACT_ENGINE,),
        bucket_seconds=lambda _host, _job, _frame: BUCKET_SECONDS,
        log=log,
        check_every=check_every,
    )
    made.world.steps = 40
    made.start_all()
    made.simulation.run(1.0)
    return made


def last_buckets(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """One bucket more than nodes: all of them render its samples, and the job ends long before one node alone would
    have rendered the last bucket."""
    made = _farm(seed, nodes, log, check_every)
    rng = made.simulation.rng("story")
    of = manifest(frames=nodes + 1, buckets=1, engine=EXACT_ENGINE)
    job = made.submit(rng.randrange(nodes), of)
    made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    settle(made, job)
    for host in made.hosts:
        made.scheduler(host.place.index).check_quiet()
    seconds = min(at for (_, done), at in made.finished.items() if done == job) - 1.0
    assert made.told(SamplesShared), "nobody helped"
    assert seconds <= 1.75 * BUCKET_SECONDS, f"{seconds:.1f} s: the last bucket was waited for"
    return {"seconds": seconds, "ideal": (nodes + 1) / nodes * BUCKET_SECONDS, "merged": made.world.merged}


def false_samples(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """All that others render for the submitter is false: what is published is true all the same."""
    made = _farm(seed, nodes, log, check_every)
    made.world.lies = lambda host, _unit: host != 0
    of = manifest(frames=1, buckets=1, engine=EXACT_ENGINE)
    job = made.submit(0, of)
    made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    shared = len(made.told(SamplesShared))
    assert shared, "nobody was asked"
    assert not made.world.merged, "false sums were taken"
    return {"shared": shared}


STORIES: dict[str, tuple[int, Callable[[int, int, Log | None, int], Figures]]] = {
    "farm-last-buckets": (4, last_buckets),
    "farm-false-samples": (3, false_samples),
}
"""By name: the number of nodes by default, and the story."""
