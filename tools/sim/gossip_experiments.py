"""The measurements behind `tools.bench gossip`, in virtual time. Each returns plain figures, and takes the
protocol's configuration, so that plain SWIM can be its own control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from mesh.gossip.config import PLAIN_SWIM, GossipConfig
from mesh.gossip.events import DownReason, MemberDown, MemberUp, UpdateMeta
from mesh.gossip.membership import Membership
from mesh.model.ids import NodeId
from tools.sim.gossip import USUAL_META, GossipMesh, gossip_mesh
from tools.sim.gossip_scenarios import Watch, until_agreed
from tools.sim.host import Host
from tools.sim.plain_swim import PlainSwim


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def _warm(seed: int, nodes: int, config: GossipConfig, *, count_traffic: bool = False) -> GossipMesh:
    """A mesh that has been running for long; with the configuration of plain SWIM, of that protocol."""
    protocol = PlainSwim if config is PLAIN_SWIM else Membership
    mesh = gossip_mesh(
        seed, nodes, config, check_every=0, count_traffic=count_traffic, machine_class=protocol
    )
    mesh.start_warm()
    return mesh


@dataclass(frozen=True, slots=True)
class Spread:
    nearly_all: float
    """Seconds until 99.9 % of the nodes knew of an update."""
    all: float


def spread(seed: int, nodes: int, loss: float, config: GossipConfig) -> Spread:
    """One node changes its metadata while datagrams are lost everywhere."""
    mesh = _warm(seed, nodes, config)
    simulation = mesh.simulation
    simulation.network.loss = loss
    simulation.run(5.0)
    simulation.deliver(mesh.hosts[0], UpdateMeta(replace(USUAL_META, load=200)))
    node, nearly = mesh.node(0), None
    behind = [mesh.machine(index) for index in range(1, nodes)]
    while behind:
        simulation.run(simulation.now + 0.02)
        views = ((machine, machine.view(node)) for machine in behind)
        behind = [m for m, view in views if view is None or view.meta.load != 200]
        if nearly is None and len(behind) <= nodes / 1000:
            nearly = simulation.now - 5.0
        assert simulation.now < 600.0, f"{len(behind)} nodes never heard of the update"
    assert nearly is not None
    return Spread(nearly, simulation.now - 5.0)


def crash_known(seed: int, nodes: int, crashes: int, config: GossipConfig) -> list[float]:
    """Some nodes are killed together: the seconds until each survivor knew of each death."""
    mesh = _warm(seed, nodes, config)
    simulation = mesh.simulation
    known: list[float] = []
    dead: set[NodeId] = set()

    def told(_host: Host, event: object, now: float) -> None:
        if isinstance(event, MemberDown) and event.reason is DownReason.DEAD:
            assert event.node in dead, "a living node was declared dead"
            known.append(now - 5.0)

    simulation.on_notify.append(told)
    simulation.run(5.0)
    for index in range(nodes - crashes, nodes):
        dead.add(mesh.node(index))
        simulation.kill(index)
    wanted = crashes * (nodes - crashes)
    while len(known) < wanted and simulation.now < 60.0:
        simulation.run(simulation.now + 1.0)
    return known + [float("inf")] * (wanted - len(known))


@dataclass(frozen=True, slots=True)
class FalseDeaths:
    anywhere: int
    """Times that some node declared a healthy member dead."""
    at_healthy: int
    """Of these, by nodes that were healthy themselves."""


def slow_members(
    seed: int,
    nodes: int,
    slow: int,
    blocked: float,
    runs: float,
    config: GossipConfig,
    seconds: float = 90.0,
) -> FalseDeaths:
    """Lifeguard's experiment (arXiv 1707.00788, section 5): `slow` members are blocked for `blocked`
    seconds and run for `runs` in between, for so many `seconds`; false are the deaths of all others."""
    mesh = _warm(seed, nodes, config)
    simulation = mesh.simulation
    watch = Watch(mesh)
    rng = simulation.rng("slow members")
    for index in range(slow):
        start = 5.0 + rng.uniform(0, runs)
        while start < 5.0 + seconds:
            simulation.at(start, partial(simulation.pause, index))
            simulation.at(start + blocked, partial(simulation.resume, index))
            start += blocked + runs
    simulation.run(20.0 + seconds)
    ill = {mesh.node(index) for index in range(slow)}
    false = [by for _, by, node, reason in watch.downs if reason is DownReason.DEAD and node not in ill]
    return FalseDeaths(len(false), sum(by >= slow for by in false))


@dataclass(frozen=True, slots=True)
class Grey:
    healthy_evicted: int
    healthy_quarantined: int
    faulty_missed: int
    """Faulty nodes that some healthy node had not put into quarantine in time."""
    last_quarantine: float
    """Seconds from the first fault until every healthy node had every faulty one in quarantine."""


def flip_flop(seed: int, nodes: int, faulty: int, config: GossipConfig, seconds: float = 100.0) -> Grey:
    """Rapid's experiment (ATC'18, figure 9): some nodes hear nothing for 20 s out of every 40."""
    mesh = _warm(seed, nodes, config)
    simulation, network = mesh.simulation, mesh.simulation.network
    watch = Watch(mesh)
    deaf = dict.fromkeys(range(faulty), 1.0)
    for start in range(5, int(seconds), 40):
        simulation.at(start, lambda: network.ingress_loss.update(deaf))
        simulation.at(start + 20, network.ingress_loss.clear)
    simulation.run(5.0 + seconds)
    ill = [mesh.node(index) for index in range(faulty)]
    evicted = sum(n not in ill for _, _, n, reason in watch.downs if reason is DownReason.DEAD)
    by_healthy = [(at, by, node) for at, by, node in watch.quarantines if by >= faulty]
    wrong = sum(node not in ill for _, _, node in by_healthy)
    pairs = {(by, node): at - 5.0 for at, by, node in reversed(by_healthy) if node in ill}
    missed = sum(
        any(pairs.get((by, node), float("inf")) > 60.0 for by in range(faulty, nodes)) for node in ill
    )
    complete = len(pairs) == faulty * (nodes - faulty)
    return Grey(evicted, wrong, missed, max(pairs.values()) if complete else float("inf"))


def cold_join(seed: int, nodes: int, config: GossipConfig) -> float:
    """All start within a second with one address to go by: seconds until everyone knows everyone."""
    mesh = gossip_mesh(seed, nodes, config, check_every=0)
    mesh.start_cold()
    mesh.simulation.run(1.0)
    return 1.0 + until_agreed(mesh, 120.0)


def newcomer(seed: int, nodes: int, config: GossipConfig) -> float:
    """One more joins a mesh: seconds from the first member it knows until everyone knows it."""
    mesh = gossip_mesh(seed, nodes, config, check_every=0)
    simulation, last = mesh.simulation, nodes - 1
    mesh.start_warm(last)
    first: list[float] = []
    known: list[float] = []

    def told(host: Host, event: object, now: float) -> None:
        if isinstance(event, MemberUp) and host.place.index == last:
            first.append(now)
        elif isinstance(event, MemberUp) and event.node == mesh.node(last):
            known.append(now)

    simulation.run(5.0)
    simulation.on_notify.append(told)
    simulation.boot(last)
    simulation.run(65.0, stop=lambda: len(known) >= last)
    return known[-1] - first[0] if len(known) >= last else float("inf")


@dataclass(frozen=True, slots=True)
class Traffic:
    mean: float
    """Bytes per second that a node sent, over all nodes and seconds."""
    p99: float
    """Over all (node, second)."""
    peak: float


def traffic(seed: int, nodes: int, crashes: int, config: GossipConfig, seconds: int = 60) -> Traffic:
    """What nodes send while some crash together after ten seconds."""
    mesh = _warm(seed, nodes, config, count_traffic=True)
    simulation = mesh.simulation
    sent = [[0] * (nodes - crashes) for _ in range(seconds)]
    simulation.run(5.0)

    def count(host: Host, size: int, now: float) -> None:
        if host.place.index < nodes - crashes and 5.0 <= now < 5.0 + seconds:
            sent[int(now - 5.0)][host.place.index] += size

    simulation.on_traffic.append(count)
    simulation.run(15.0)
    for index in range(nodes - crashes, nodes):
        simulation.kill(index)
    simulation.run(5.0 + seconds)
    samples = [float(size) for second in sent for size in second]
    return Traffic(sum(samples) / len(samples), percentile(samples, 0.99), max(samples))


@dataclass(frozen=True, slots=True)
class Many:
    crash_known: float
    """Seconds until 99 % of the nodes knew of one crash; infinite where that took more than half a minute."""
    mean: float
    """Bytes per second that a node sent, over the half minute from the crash on."""


def many_nodes(seed: int, nodes: int, config: GossipConfig, seconds: float = 30.0) -> Many:
    """A mesh so large that only some seconds of it can be had: after five, one node crashes."""
    mesh = _warm(seed, nodes, config, count_traffic=True)
    simulation = mesh.simulation
    known: list[float] = []
    sent = 0

    def told(_host: Host, event: object, now: float) -> None:
        if isinstance(event, MemberDown) and event.reason is DownReason.DEAD:
            known.append(now - 5.0)

    def count(_host: Host, size: int, _now: float) -> None:
        nonlocal sent
        sent += size

    simulation.run(5.0)
    simulation.on_notify.append(told)
    simulation.on_traffic.append(count)
    simulation.kill(nodes - 1)
    simulation.run(5.0 + seconds)
    reached = len(known) >= 0.99 * (nodes - 1)
    return Many(percentile(known, 0.99) if reached else float("inf"), sent / nodes / seconds)
