"""Stories of few buckets that take long: idle nodes render a part of their samples."""

from __future__ import annotations

from collections.abc import Callable

from mesh.sched.config import SchedConfig
from mesh.sched.news import NodeConvicted, SamplesShared
from tools.sim.farm import LIMIT, Farm, farm, manifest, settle
from tools.sim.farm_storm import EXACT_ENGINE
from tools.sim.log import Log

Figures = dict[str, float]
BUCKET_SECONDS = 20.0


def _farm(seed: int, nodes: int, log: Log | None, check_every: int, audit_share: float = 0.0) -> Farm:
    made = farm(
        seed,
        nodes,
        config=SchedConfig(audit_share=audit_share),
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


def forged_pixel(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """What a helper falsifies passes the look at some pixels: audits convict it, and none of those whom it helped."""
    made = _farm(seed, nodes, log, check_every, audit_share=1.0)
    first: list[int] = []

    def lies(host: int) -> bool:
        """Whoever is the first to help anybody."""
        first.append(host)
        return host == first[0]

    made.world.lies_in_samples = lies
    made.world.blind = True
    return _blamed(made, lambda: first[0])


def shifted_blame(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """A node falsifies what it publishes, and lists what others rendered of it: it is convicted, and they are not."""
    made = _farm(seed, nodes, log, check_every, audit_share=1.0)
    bad = nodes - 1
    made.world.lies = lambda host, _unit: host == bad
    return _blamed(made, lambda: bad)


def _blamed(made: Farm, bad: Callable[[], int]) -> Figures:
    """Plays jobs of few long buckets until `bad` is caught, and looks that nobody else is."""
    nodes = len(made.hosts)
    jobs = {}
    for number in range(6):
        of = manifest(f"job {number}", frames=nodes + 1, buckets=1, engine=EXACT_ENGINE)
        jobs[made.submit(number % nodes, of)] = of
        made.run_until_done(next(reversed(jobs)), LIMIT)
        made.simulation.run(made.simulation.now + 90.0)
        if made.told(NodeConvicted):
            break
    convicted = {event.node for _, _, event in made.told(NodeConvicted) if isinstance(event, NodeConvicted)}
    assert convicted == {made.node(bad())}, f"convicted are {[node.hex()[:8] for node in convicted]}"
    assert made.told(SamplesShared), "nobody helped"
    # What it rendered for other jobs is looked at by one keeper, then by another, and rendered again.
    made.simulation.run(made.simulation.now + 8 * BUCKET_SECONDS)
    for job, of in jobs.items():
        made.run_until_done(job, LIMIT)
        made.check_results(job, of)
    return {"jobs": len(jobs)}


STORIES: dict[str, tuple[int, Callable[[int, int, Log | None, int], Figures]]] = {
    "farm-last-buckets": (4, last_buckets),
    "farm-false-samples": (3, false_samples),
    "farm-forged-pixel": (6, forged_pixel),
    "farm-shifted-blame": (6, shifted_blame),
}
"""By name: the number of nodes by default, and the story."""
