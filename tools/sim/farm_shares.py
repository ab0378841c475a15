"""Stories of several jobs at once: what part of the nodes each gets, against Netrender's figures."""

from __future__ import annotations

from collections.abc import Callable

from mesh.model.ids import JobId
from mesh.model.policy import JobPolicy
from mesh.sched.config import SchedConfig
from tools.sim.farm import LIMIT, Farm, begin, farm, manifest
from tools.sim.log import Log

Figures = dict[str, float]


ORACLES: tuple[tuple[tuple[tuple[str, int, str], ...], tuple[float, ...]], ...] = (
    ((("a", 1, ""), ("b", 2, "")), (33.3, 66.7)),
    ((("a", 1, "x"), ("b", 1, "y"), ("c", 1, "y")), (42.9, 28.6, 28.6)),
    ((("a", 1, "x"), ("b", 2, "y"), ("c", 1, "y")), (29.4, 47.1, 23.5)),
)
"""Jobs (name, priority, category) and what part of the nodes each is due, in percent (from Netrender)."""


def measured_shares(made: Farm, jobs: list[JobId], since: float, until: float) -> list[float]:
    """What part of all rendering time each job got between two moments, in percent."""
    made.simulation.run(since)
    before = dict(made.world.spent)
    made.simulation.run(until)
    spent = [made.world.spent.get(job, 0.0) - before.get(job, 0.0) for job in jobs]
    return [100 * each / sum(spent) for each in spent]


def shares(seed: int, nodes: int, log: Log | None, check_every: int, stale: float = 0.05) -> Figures:
    """Several jobs of several priorities and categories: each gets what it is due, also where nodes hear of
    each other's work only every `stale` seconds."""
    worst = 0.0
    for cast, expected in ORACLES:
        config = SchedConfig(flush_seconds=stale)
        made = farm(seed, nodes, config=config, log=log, check_every=check_every)
        begin(made)
        jobs = []
        for number, (name, priority, category) in enumerate(cast):
            of = manifest(name, frames=100 * nodes, buckets=16, submitted_ms=number)
            policy = JobPolicy(priority=priority, category=category)
            made.simulation.run(1.0 + 3 * number)
            jobs.append(made.submit(number, of, policy))
        got = measured_shares(made, jobs, 12.0, 36.0)
        worst = max(worst, *(abs(a - b) for a, b in zip(got, expected, strict=True)))
        assert worst <= 3.0, f"{got} instead of {expected}"
    return {"worst_points": worst}


def capped(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """A job of great priority beside a small one holds three quarters of the nodes and no more; alone
    again, it takes them all."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    begin(made)
    great = made.submit(0, manifest("great", frames=200 * nodes), JobPolicy(priority=100))
    small_one = manifest("small", frames=10 * nodes)
    small = made.submit(1, small_one)
    got = measured_shares(made, [great, small], 5.0, 15.0)
    assert abs(got[0] - 75.0) <= 2.0 + 50.0 / nodes, f"it holds {got[0]} %"
    made.run_until_done(small, LIMIT)
    before = made.world.spent[great]
    start = made.simulation.now
    made.simulation.run(start + 10.0)
    alone = (made.world.spent[great] - before) / (10.0 * nodes)
    assert alone >= 0.95, f"alone it uses {alone:.0%} of the nodes"
    return {"capped": got[0], "alone": alone}


STORIES: dict[str, tuple[int, Callable[[int, int, Log | None, int], Figures]]] = {
    "farm-shares": (17, shares),
    "farm-capped": (8, capped),
}
"""By name: the number of nodes by default, and the story."""
