"""Stories of a farm whose nodes die, come back, stand still or are cut off from each other.

In each the job is done, everything accepted is what a single node would have rendered and can be had,
and, once the mesh is whole, all who keep the ledger agree.
"""

from __future__ import annotations

from collections.abc import Callable

from mesh.sched.config import SchedConfig
from mesh.sched.events import PeerDown, RetryJob
from mesh.sched.news import WorkReassigned
from tools.sim.farm import LIMIT, begin, farm, manifest, settle
from tools.sim.log import Log

Figures = dict[str, float]


def thief_killed(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """A worker is killed in the middle: its work runs again within the time of detection and a second."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    begin(made)
    of = manifest(frames=20 * nodes, buckets=16)
    job = made.submit(0, of)
    made.simulation.at(6.0, lambda: made.kill(nodes - 1))
    made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    told = [at for at, _, event in made.told(WorkReassigned)]
    assert told, "nobody said that work was reassigned"
    downs = made.detect[1]
    assert min(told) <= 6.0 + downs + 1.0, "the lost work waited"
    settle(made, job)
    return {"reassigned": min(told) - 6.0}


def submitter_killed(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """The submitter is killed as soon as its job is durable: the others finish, and have everything."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    begin(made)
    of = manifest(frames=6 * nodes, buckets=16)
    job = made.submit(0, of)
    made.simulation.at(2.0, lambda: made.kill(0))
    seconds = made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    settle(made, job)
    return {"seconds": seconds}


def blackout(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """Every node is killed and started again: the job goes on, from what is on disks."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    made.world.torn = 0.5
    rng = made.simulation.rng("story")
    begin(made)
    of = manifest(frames=6 * nodes, buckets=16)
    job = made.submit(0, of)
    made.simulation.run(rng.uniform(2.5, 4.5))
    for index in range(nodes):
        made.kill(index)
    made.simulation.run(made.simulation.now + 1.0)
    order = list(range(nodes))
    rng.shuffle(order)
    for index in order:
        made.simulation.at(made.simulation.now + rng.uniform(0, 5), lambda index=index: made.boot(index))  # type: ignore[misc]
    seconds = made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    settle(made, job)
    return {"seconds": seconds}


def reborn(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """Workers die and come back at once, before anybody has noticed, again and again."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    rng = made.simulation.rng("story")
    begin(made)
    of = manifest(frames=8 * nodes, buckets=16)
    job = made.submit(0, of)
    for round_ in range(6):
        index = rng.randrange(nodes)
        at = 2.0 + round_ + rng.random()

        def again(index: int = index) -> None:
            if made.hosts[index].running:
                made.kill(index)
                made.simulation.at(made.simulation.now + rng.uniform(0.05, 1.5), lambda: made.boot(index))

        made.simulation.at(at, again)
    seconds = made.run_until_done(job, LIMIT)
    made.simulation.run(made.simulation.now + 5.0)
    made.check_results(job, of)
    settle(made, job)
    return {"seconds": seconds}


def partition(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """The farm is cut in two for a while: both halves work on, and agree after the healing."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    rng = made.simulation.rng("story")
    begin(made)
    of = manifest(frames=10 * nodes, buckets=16)
    job = made.submit(0, of)
    half = rng.randrange(1, nodes)
    order = list(range(nodes))
    rng.shuffle(order)
    made.simulation.at(3.0, lambda: made.partition([order[:half], order[half:]]))
    made.simulation.at(3.0 + rng.uniform(1, 25), made.heal)
    seconds = made.run_until_done(job, LIMIT)
    made.simulation.run(max(made.simulation.now, 30.0) + 10.0)
    made.check_results(job, of)
    settle(made, job)
    return {"seconds": seconds, "redone": made.world.rendered / (160 * nodes) - 1}


def swizzle(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """Half of all one-way links fail, then all come back."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    begin(made)
    of = manifest(frames=10 * nodes, buckets=16)
    job = made.submit(0, of)
    made.simulation.run(2.5)
    made.simulation.network.swizzle(range(nodes))
    made.partition([range(nodes)])
    made.simulation.run(25.0)
    made.heal()
    seconds = made.run_until_done(job, LIMIT)
    made.simulation.run(made.simulation.now + 10.0)
    made.check_results(job, of)
    settle(made, job)
    return {"seconds": seconds}


def frozen(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """A node stands still for 30 s (SIGSTOP, a closed lid): the others take its work; it comes back."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    begin(made)
    of = manifest(frames=20 * nodes, buckets=16)
    job = made.submit(0, of)
    made.simulation.run(3.0)
    made.simulation.pause(1)
    made.simulation.run(6.0)
    for index in range(nodes):
        if index != 1:
            made.simulation.deliver(made.hosts[index], PeerDown(made.node(1)))
            made._seen.pop((index, 1), None)
    made.simulation.run(33.0)
    made.simulation.resume(1)
    made.heal()
    seconds = made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    settle(made, job)
    return {"seconds": seconds}


def churn(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """Everything at once, drawn from the seed: kills, rebirths, cuts, pauses, torn writes, failures."""
    config = SchedConfig(recopy_seconds=4.0, park_most_seconds=4.0, away_seconds=5.0)
    made = farm(seed, nodes, config=config, log=log, check_every=check_every)
    simulation, rng = made.simulation, made.simulation.rng("story")
    made.world.torn = 0.3
    bad_luck = made.simulation.rng("luck")
    made.world.fails = lambda _host, _unit: "bad luck" if bad_luck.random() < 0.01 else None
    begin(made)
    of = manifest(frames=12 * nodes, buckets=16)
    job = made.submit(0, of)
    simulation.run(2.0)

    def toggle(index: int) -> None:
        if made.hosts[index].running:
            made.kill(index)
        else:
            made.boot(index)

    def stop(index: int) -> None:
        simulation.pause(index)
        simulation.at(simulation.now + 1.5, lambda: simulation.resume(index))

    def cut(index: int) -> None:
        made.partition([[index], [other for other in range(nodes) if other != index]])

    acts: list[Callable[[int], None]] = [toggle, toggle, stop, cut, lambda _: made.heal()]
    for _ in range(5 * nodes):
        act, index = rng.choice(acts), rng.randrange(nodes)
        simulation.at(rng.uniform(2, 40), lambda act=act, index=index: act(index))  # type: ignore[misc]
    simulation.run(42.0)
    made.world.fails = lambda _host, _unit: None
    made.heal()
    for index in range(nodes):
        if not made.hosts[index].running:
            made.boot(index)
    simulation.run(simulation.now + 5.0)
    simulation.deliver(made.hosts[0], RetryJob(job))
    made.run_until_done(job, LIMIT)
    simulation.run(simulation.now + 10.0)
    made.check_results(job, of)
    settle(made, job)
    return {"redone": made.world.rendered / (192 * nodes) - 1}


STORIES: dict[str, tuple[int, Callable[[int, int, Log | None, int], Figures]]] = {
    "farm-thief-killed": (4, thief_killed),
    "farm-submitter-killed": (5, submitter_killed),
    "farm-blackout": (5, blackout),
    "farm-reborn": (5, reborn),
    "farm-partition": (6, partition),
    "farm-swizzle": (6, swizzle),
    "farm-frozen": (5, frozen),
    "farm-churn": (7, churn),
}
"""By name: the number of nodes by default, and the story."""
