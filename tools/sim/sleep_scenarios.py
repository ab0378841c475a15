"""Stories of machines that sleep while others work, and of clocks that leap."""

from __future__ import annotations

from collections.abc import Callable

from mesh.sched.events import PeerDown, Woke
from mesh.sched.news import UnitFailed
from tools.sim.farm import LIMIT, Farm, farm, manifest, settle
from tools.sim.log import Log

Figures = dict[str, float]
KNOWN_DEAD = 4.0
"""Seconds after which the others take a sleeping node for dead."""


def lid(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """Laptops are closed for a second or for minutes, the submitter's among them, some on a
    clock that counts the sleep and some on one that does not: nothing is lost, and no unit counts as failed
    because its node slept."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    rng = made.simulation.rng("story")
    made.start_all()
    made.simulation.run(1.0)
    of = manifest(frames=12 * nodes, buckets=16)
    job = made.submit(0, of)
    for index in rng.sample(range(nodes), nodes // 2):
        seconds = rng.choice((rng.uniform(0.5, 3.0), rng.uniform(6.0, 60.0), 120.0))
        _close(made, index, at=rng.uniform(2.0, 8.0), seconds=seconds, counted=rng.random() < 0.5)
    made.run_until_done(job, LIMIT)
    made.simulation.run(max(made.simulation.now, 140.0))
    made.heal()
    settle(made, job)
    made.check_results(job, of)
    assert not made.told(UnitFailed), "sleep was taken for a failure"
    for host in made.hosts:
        made.scheduler(host.place.index).check_quiet()
    return {"redone": made.world.rendered / (192 * nodes) - 1}


def leaping_clocks(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """Steady clocks leap by hours while units are being rendered, as where they count a sleep that nobody else
    noticed: no unit counts as failed, and the job ends as if nothing had been."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    rng = made.simulation.rng("story")
    made.start_all()
    made.simulation.run(1.0)
    of = manifest(frames=8 * nodes, buckets=16)
    job = made.submit(0, of)
    for index in rng.sample(range(nodes), nodes // 2):
        leap = rng.choice((20.0, 3600.0, 86_400.0))
        made.simulation.at(
            rng.uniform(2.0, 6.0),
            lambda index=index, leap=leap: made.simulation.jump(index, leap),  # type: ignore[misc]
        )
    seconds = made.run_until_done(job, LIMIT)
    made.simulation.run(made.simulation.now + 5.0)
    settle(made, job)
    made.check_results(job, of)
    assert not made.told(UnitFailed), "a leap was taken for a failure"
    return {"seconds": seconds, "redone": made.world.rendered / (128 * nodes) - 1}


def _close(made: Farm, index: int, at: float, seconds: float, counted: bool) -> None:
    simulation = made.simulation

    def shut() -> None:
        simulation.pause(index)
        if seconds > KNOWN_DEAD:
            simulation.at(at + KNOWN_DEAD, believe_dead)
        simulation.at(at + seconds, open_again)

    def believe_dead() -> None:
        for other in made.hosts:
            if other.place.index != index and other.running:
                made._seen.pop((other.place.index, index), None)
                simulation.deliver(other, PeerDown(made.node(index)))

    def open_again() -> None:
        if not counted:
            made.hosts[index].offset -= seconds
        simulation.resume(index)
        if not counted:
            simulation.deliver(made.hosts[index], Woke(seconds))
        made.heal()

    simulation.at(at, shut)


STORIES: dict[str, tuple[int, Callable[[int, int, Log | None, int], Figures]]] = {
    "farm-lid": (6, lid),
    "farm-leaping-clocks": (6, leaping_clocks),
}
"""By name: the number of nodes by default, and the story."""
