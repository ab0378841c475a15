"""Every fault at once, drawn from the seed: what must hold of a farm however bad its day was.

For half a minute messages are lost, late, and delivered though their sender is told otherwise; half of the
one-way links fail and come back; half of the nodes are killed and born again over and over, records torn off
their disks; others stand still, are slow, have full disks, fail units, or take a living node's process for ended.
Then all that ends, and: no unit is lost, what was accepted is what one node alone would have rendered and can be
had, all keepers agree, and nobody is left with anything under way, or remembers more and more.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from mesh.model.ids import JobId
from mesh.model.manifest import Manifest
from mesh.sched.config import SchedConfig
from mesh.sched.events import PeerVanished, RetryJob
from mesh.wire.gossip import EngineBuild
from tools.sim.farm import LIMIT, Farm, farm, manifest, settle
from tools.sim.log import Log

Figures = dict[str, float]
STORM_SECONDS = 20.0
EXACT_ENGINE = EngineBuild("builtin", "1")


def storm(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """Everything at once; see the file's first lines."""
    config = SchedConfig(recopy_seconds=4.0, park_most_seconds=4.0, away_seconds=5.0)
    made = farm(seed, nodes, config=config, log=log, check_every=check_every)
    return _play(made, manifest(frames=4 * nodes, buckets=8))


def long_buckets(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """The same with few buckets, which take so long that their samples are shared out."""
    config = SchedConfig(recopy_seconds=4.0, park_most_seconds=4.0, away_seconds=5.0, audit_share=0.0)
    made = farm(
        seed,
        nodes,
        config=config,
        engines=lambda _: (EXACT_ENGINE,),
        bucket_seconds=lambda _host, _job, _frame: 2.5,
        log=log,
        check_every=check_every,
    )
    figures = _play(made, manifest(frames=nodes, buckets=2, engine=EXACT_ENGINE))
    return figures | {"merged": made.world.merged}


def _play(made: Farm, of: Manifest) -> Figures:
    simulation, rng = made.simulation, made.simulation.rng("story")
    nodes = len(made.hosts)
    _weather(made)
    made.start_all()
    simulation.run(1.0)
    job = made.submit(0, of)
    simulation.run(2.5)  # durable on two more nodes
    churning = rng.sample(range(nodes), nodes // 2)
    others = [index for index in range(nodes) if index not in churning]
    acts: list[Callable[[], None]] = [
        *[partial(_toggle, made, index) for index in churning] * 3,
        *[partial(_stop, made, index, rng.uniform(0.2, 6.0)) for index in others],
        partial(_slow_down, made, rng.choice(others), rng.uniform(1.0, 15.0)),
        partial(_fill_disk, made, rng.choice(others), rng.uniform(1.0, 10.0)),
        partial(_swizzle, made, rng.uniform(1.0, 8.0)),
        partial(_cut, made, rng.sample(range(nodes), rng.randrange(1, nodes)), rng.uniform(1.0, 8.0)),
        *[partial(_mistake, made, *rng.sample(range(nodes), 2)) for _ in range(nodes)],
    ]
    for act in acts:
        simulation.at(simulation.now + rng.uniform(0.0, STORM_SECONDS), act)
    simulation.run(simulation.now + STORM_SECONDS + 0.5)
    _clear_up(made)
    simulation.run(simulation.now + 5.0)
    simulation.deliver(made.hosts[0], RetryJob(job))
    seconds = made.run_until_done(job, LIMIT)
    simulation.run(simulation.now + 10.0)
    made.check_results(job, of)
    settle(made, job)
    for host in made.hosts:
        made.scheduler(host.place.index).check_quiet()
    return {"seconds": seconds, "redone": made.world.rendered / (of.grid.count * len(of.frames)) - 1}


def _weather(made: Farm) -> None:
    rng, network = made.simulation.rng("weather"), made.simulation.network
    network.loss = rng.choice((0.0, rng.uniform(0.0, 0.3)))
    network.delay = rng.choice((0.0005, rng.uniform(0.001, 0.1)))
    network.jitter = network.delay
    network.doubt = rng.choice((0.0, rng.uniform(0.0, 0.02)))
    made.world.torn = rng.choice((0.0, 0.5))
    made.world.steps = rng.choice((0, 4, 8))
    bad_luck, chance = made.simulation.rng("luck"), rng.choice((0.0, 0.02))
    made.world.fails = lambda _host, _unit: "bad luck" if bad_luck.random() < chance else None


def _toggle(made: Farm, index: int) -> None:
    if made.hosts[index].running:
        made.kill(index)
    else:
        made.boot(index)


def _stop(made: Farm, index: int, seconds: float) -> None:
    made.simulation.pause(index)
    made.simulation.at(made.simulation.now + seconds, partial(made.simulation.resume, index))


def _mistake(made: Farm, who: int, whom: int) -> None:
    """A firewall refuses where a node listens."""
    if made.hosts[who].running:
        made.simulation.deliver(made.hosts[who], PeerVanished(made.node(whom)))


def _fill_disk(made: Farm, index: int, seconds: float) -> None:
    disk = made.world.disk(made.hosts[index])
    disk.full = True
    made.simulation.at(made.simulation.now + seconds, partial(setattr, disk, "full", False))


def _slow_down(made: Farm, index: int, seconds: float) -> None:
    """Its renderer nearly stands still; the node itself is well."""
    usual = made.world.bucket_seconds
    until = made.simulation.now + seconds

    def slower(host: int, job: JobId, frame: int) -> float:
        slow = host == index and made.simulation.now < until
        return usual(host, job, frame) * (40 if slow else 1)

    made.world.bucket_seconds = slower


def _swizzle(made: Farm, seconds: float) -> None:
    made.simulation.network.swizzle(range(len(made.hosts)))
    made.partition([range(len(made.hosts))])
    made.simulation.at(made.simulation.now + seconds, made.heal)


def _cut(made: Farm, side: list[int], seconds: float) -> None:
    rest = [index for index in range(len(made.hosts)) if index not in side]
    made.partition([rest, side])
    made.simulation.at(made.simulation.now + seconds, made.heal)


def _clear_up(made: Farm) -> None:
    """All faults end, and all nodes run."""
    network = made.simulation.network
    network.loss = network.doubt = made.world.torn = 0.0
    made.world.fails = lambda _host, _unit: None
    made.heal()
    for host in made.hosts:
        made.world.disk(host).full = False
        made.simulation.resume(host.place.index)
        if not host.running:
            made.boot(host.place.index)
