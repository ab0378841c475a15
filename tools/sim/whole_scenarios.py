"""Stories of whole nodes: gossip, scheduling and blocks together, as the real node runs them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from mesh.model.ids import JobId
from tools.sim.farm import manifest
from tools.sim.log import Log
from tools.sim.whole import Whole, whole

Figures = dict[str, float]
LIMIT = 600.0


def _start(mesh: Whole, count: int) -> None:
    """The first `count` nodes boot within a second; afterwards all know all."""
    rng = mesh.simulation.rng("start")
    for index in range(count):
        mesh.simulation.at(rng.uniform(0, 1), partial(mesh.simulation.boot, index))
    mesh.simulation.run(1.0)
    mesh.run_until(
        lambda: all(len(mesh.core(index).membership.alive()) == count for index in mesh.running()),
        60.0,
        "the nodes do not find each other",
    )


def calm(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """Nodes find each other and render a job; nothing goes wrong."""
    mesh = whole(seed, nodes, log=log, check_every=check_every)
    _start(mesh, nodes)
    of = manifest(frames=2 * nodes, buckets=8)
    began = mesh.simulation.now
    job = mesh.submit(0, of)
    mesh.run_until(lambda: bool(mesh.done_on(job)), LIMIT, "the job is not done")
    mesh.check_results(job, of)
    assert not mesh.downs, "somebody was declared dead"
    return {"seconds": mesh.simulation.now - began}


def chaos(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """Kills, rebirths and partitions while a job renders, the submitter not spared: no frame is lost."""
    mesh = whole(seed, nodes, bucket_seconds=0.5, log=log, check_every=check_every)
    mesh.simulation.network.loss = 0.02
    _start(mesh, nodes)
    rng = mesh.simulation.rng("story")
    of = manifest(frames=6 * nodes, buckets=8)
    job = mesh.submit(0, of)
    began = mesh.simulation.now
    mesh.simulation.run(began + 1.5)  # the job is durable on two more nodes, at least
    dead: list[int] = []
    for _ in range(8):
        mesh.simulation.run(mesh.simulation.now + rng.uniform(0.5, 3.0))
        fault = rng.choice(("kill", "kill", "kill two", "rebirth", "partition"))
        if fault == "rebirth" and dead:
            mesh.simulation.boot(dead.pop(rng.randrange(len(dead))))
        elif fault == "partition":
            cut = rng.sample(range(nodes), rng.randrange(1, nodes // 2))
            rest = [index for index in range(nodes) if index not in cut]
            mesh.simulation.network.partition([rest, cut])
            mesh.simulation.at(mesh.simulation.now + rng.uniform(2, 15), mesh.simulation.network.heal)
        else:
            running = mesh.running()
            most = max(0, len(running) - 2)
            for index in rng.sample(running, min(most, 2 if fault == "kill two" else 1)):
                mesh.simulation.kill(index)
                dead.append(index)
    assert not mesh.done_on(job), "the job was done before the last fault: make it longer"
    mesh.simulation.network.heal()
    # Two deaths at once may take both copies of a result with them: it is on those disks, and comes back.
    for index in dead:
        mesh.simulation.boot(index)
    mesh.run_until(lambda: bool(mesh.done_on(job)), LIMIT, "a frame is lost")
    seconds = mesh.simulation.now - began
    mesh.run_until(
        lambda: all(len(mesh.core(index).membership.alive()) == nodes for index in mesh.running()),
        180.0,
        "the nodes do not find each other again",
    )
    mesh.check_results(job, of)
    total = 48 * nodes
    return {"seconds": seconds, "redone": mesh.world.rendered / total - 1.0}


def newcomer(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """A node that appears while a job renders takes part in it within three seconds."""
    mesh = whole(seed, nodes, log=log, check_every=check_every)
    began: dict[int, float] = {}

    def half_a_second(host: int, _job: JobId, _frame: int) -> float:
        began.setdefault(host, mesh.simulation.now)
        return 0.5

    mesh.world.bucket_seconds = half_a_second
    last = nodes - 1
    _start(mesh, last)
    mesh.submit(0, manifest(frames=8 * nodes, buckets=8))
    mesh.simulation.run(mesh.simulation.now + 10.0)
    assert len(began) == last, "somebody does not render"
    at = mesh.simulation.now
    mesh.simulation.boot(last)
    mesh.run_until(lambda: last in began, 3.0, "the newcomer does not render")
    return {"seconds": began[last] - at}


def quarantine(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """A node that hears nothing every other while gets no new work, finishes what it has, and is given work
    again once it was calm."""
    mesh = whole(seed, nodes, bucket_seconds=0.5, log=log, check_every=check_every)
    simulation, ill = mesh.simulation, nodes - 1
    _start(mesh, nodes)
    began: list[tuple[float, int, JobId]] = []

    def half_a_second(host: int, job: JobId, _frame: int) -> float:
        began.append((simulation.now, host, job))
        return 0.5

    def views_of_it() -> list[bool]:
        node = mesh.hosts[ill].place.node
        views = [mesh.core(index).membership.view(node) for index in mesh.running() if index != ill]
        return [view is not None and view.quarantined for view in views]

    def renders_of_it(job: JobId) -> int:
        return sum(host == ill and which == job for _, host, which in began)

    mesh.world.bucket_seconds = half_a_second
    for start in (0, 40):
        at = simulation.now + start
        simulation.at(at, lambda: simulation.network.ingress_loss.update({ill: 1.0}))
        simulation.at(at + 20.0, simulation.network.ingress_loss.clear)
    mesh.run_until(lambda: all(views_of_it()), 80.0, "it does not come into quarantine")
    simulation.network.ingress_loss.clear()
    during = manifest(frames=2 * nodes, buckets=8)
    first = mesh.submit(0, during)
    mesh.run_until(lambda: bool(mesh.done_on(first)), LIMIT, "the job is not done")
    assert renders_of_it(first) == 0, "it was given work in quarantine"
    mesh.run_until(lambda: not any(views_of_it()), 120.0, "it is never released")
    second = mesh.submit(0, manifest(frames=3 * nodes, buckets=8))
    mesh.run_until(lambda: bool(mesh.done_on(second)), LIMIT, "the job is not done")
    assert renders_of_it(second) > 0, "it was given no work after its release"
    return {"released": simulation.now}


STORIES: dict[str, tuple[int, Callable[[int, int, Log | None, int], Figures]]] = {
    "mesh-calm": (12, calm),
    "mesh-newcomer": (12, newcomer),
    "mesh-quarantine": (8, quarantine),
    "mesh-chaos": (50, chaos),
}
