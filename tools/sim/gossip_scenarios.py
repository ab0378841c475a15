"""Stories of membership: each sets up a mesh, does something to it, and asserts what must come of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from mesh.gossip.events import DownReason, Leave, MemberDown, MemberQuarantined, MemberSuspected, Woke
from mesh.model.ids import NodeId
from mesh.model.status import NodeState
from tools.sim.gossip import GossipMesh, gossip_mesh
from tools.sim.host import Host
from tools.sim.log import Log

Figures = dict[str, float]


class Watch:
    """What the nodes of a mesh told: who went down or into quarantine, in whose eyes, and when."""

    def __init__(self, mesh: GossipMesh) -> None:
        self.downs: list[tuple[float, int, NodeId, DownReason]] = []
        self.quarantines: list[tuple[float, int, NodeId]] = []
        self.suspicions = 0
        mesh.simulation.on_notify.append(self._told)

    def _told(self, host: Host, event: object, now: float) -> None:
        if isinstance(event, MemberDown):
            self.downs.append((now, host.place.index, event.node, event.reason))
        elif isinstance(event, MemberQuarantined):
            self.quarantines.append((now, host.place.index, event.node))
        elif isinstance(event, MemberSuspected):
            self.suspicions += 1

    def deaths(self) -> list[NodeId]:
        """Everyone who was declared dead, once for each time and witness."""
        return [node for _, _, node, reason in self.downs if reason is DownReason.DEAD]


def until_agreed(mesh: GossipMesh, limit: float, step: float = 0.25) -> float:
    """Runs until all running nodes see exactly each other. Returns the seconds that took; raises
    AssertionError after `limit`."""
    start = mesh.simulation.now
    while not mesh.agreed():
        assert mesh.simulation.now - start < limit, f"no agreement within {limit} s"
        mesh.simulation.run(mesh.simulation.now + step)
    return mesh.simulation.now - start


def _warm(seed: int, nodes: int, log: Log | None, check_every: int) -> tuple[GossipMesh, Watch]:
    mesh = gossip_mesh(seed, nodes, log=log, check_every=check_every)
    watch = Watch(mesh)
    mesh.start_warm()
    mesh.simulation.run(10.0)
    return mesh, watch


def join(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """All start within a second, knowing one address: they find each other."""
    mesh = gossip_mesh(seed, nodes, log=log, check_every=check_every)
    watch = Watch(mesh)
    mesh.start_cold()
    mesh.simulation.run(1.0)
    seconds = 1.0 + until_agreed(mesh, 30.0)
    assert not watch.downs, "somebody was lost while joining"
    return {"converged": seconds}


def late(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """One more node comes to a mesh that has long been running, and is known within 3 s."""
    mesh = gossip_mesh(seed, nodes, log=log, check_every=check_every)
    for index in range(nodes - 1):
        mesh.simulation.boot(index)
    mesh.simulation.run(30.0)
    assert mesh.agreed(), "the mesh had not come together"
    mesh.simulation.boot(nodes - 1)
    return {"known": until_agreed(mesh, 3.0, 0.05)}


def crash(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """One node is killed: everyone knows, and nobody else is blamed."""
    mesh, watch = _warm(seed, nodes, log, check_every)
    mesh.simulation.kill(nodes - 1)
    seconds = until_agreed(mesh, 20.0, 0.05)
    assert set(watch.deaths()) == {mesh.node(nodes - 1)}, "a living node was declared dead"
    return {"known": seconds}


def loss(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """A quarter of all datagrams is lost, some come twice or late: nobody is declared dead."""
    mesh, watch = _warm(seed, nodes, log, check_every)
    network = mesh.simulation.network
    network.loss, network.duplication, network.reordering = 0.25, 0.05, 0.1
    mesh.simulation.run(70.0)
    assert not watch.deaths(), "a living node was declared dead"
    assert not watch.quarantines, "a sound node came into quarantine"
    return {}


def wan(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """Two sites behind busy satellites, 1.2 s there and back and 5 % lost: hardly anybody is blamed for the distance, and
    a death is known at both."""
    mesh = gossip_mesh(
        seed, nodes, sites=lambda index: ("oslo", "perth")[index % 2], log=log, check_every=check_every
    )
    watch = Watch(mesh)
    mesh.start_warm()
    mesh.simulation.network.site_delay = 0.6
    mesh.simulation.network.loss = 0.05
    mesh.simulation.run(70.0)
    assert not watch.deaths(), "a living node was declared dead"
    assert not watch.quarantines, "a sound node came into quarantine"
    assert watch.suspicions < nodes, "distance is taken for silence"
    mesh.simulation.kill(nodes - 1)
    seconds = until_agreed(mesh, 60.0)
    assert set(watch.deaths()) == {mesh.node(nodes - 1)}, "a living node was declared dead"
    return {"known": seconds}


def partition(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """The mesh is cut in two for a minute: each half carries on alone, and they find each other again."""
    mesh, _ = _warm(seed, nodes, log, check_every)
    half = nodes // 2
    mesh.simulation.network.partition([range(half), range(half, nodes)])
    mesh.simulation.run(70.0)
    for index in range(nodes):
        assert mesh.machine(index).live == (half if index < half else nodes - half), "the cut went unnoticed"
    mesh.simulation.network.heal()
    return {"healed": until_agreed(mesh, 60.0)}


def swizzle(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """Half of all one-way links fail for a while, then all come back: views agree again."""
    mesh, _ = _warm(seed, nodes, log, check_every)
    mesh.simulation.network.swizzle(range(nodes))
    mesh.simulation.run(60.0)
    mesh.simulation.network.heal()
    return {"healed": until_agreed(mesh, 60.0)}


def reborn(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """A node is killed and started anew at once: its old life is over, nobody declares the new one dead."""
    mesh, watch = _warm(seed, nodes, log, check_every)
    mesh.simulation.kill(1)
    mesh.simulation.run(mesh.simulation.now + 1.0)
    mesh.simulation.boot(1)
    seconds = until_agreed(mesh, 5.0, 0.05)
    mesh.simulation.run(mesh.simulation.now + 30.0)
    assert mesh.agreed(), "the new life was taken for the old one"
    assert not watch.deaths(), "the new life was declared dead"
    for machine in mesh.running():
        view = machine.view(mesh.node(1))
        assert view is not None, "the reborn node is not known"
        assert view.boot == mesh.hosts[1].life, "the old life is still believed in"
    return {"known": seconds}


def leave(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """A node says goodbye: everyone knows within 3 s, nobody suspects it."""
    mesh, watch = _warm(seed, nodes, log, check_every)
    mesh.simulation.deliver(mesh.hosts[2], Leave())
    mesh.simulation.run(mesh.simulation.now + 3.0)
    assert mesh.states(2) == [NodeState.LEFT] * (nodes - 1), "the goodbye was not heard"
    mesh.simulation.kill(2)
    mesh.simulation.run(mesh.simulation.now + 30.0)
    assert not watch.deaths(), "a node that had left was declared dead"
    return {}


def pause(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """A process is stopped for 2 s, again and again, and its timers come before its mail: it declares
    nobody dead, and is not declared dead."""
    mesh, watch = _warm(seed, nodes, log, check_every)
    for round_ in range(6):
        start = 10.0 + 10 * round_
        mesh.simulation.at(start, lambda: mesh.simulation.pause(0))
        mesh.simulation.at(start + 2.0, lambda: mesh.simulation.resume(0))
    mesh.simulation.run(80.0)
    assert not watch.deaths(), "a pause was taken for a death"
    assert mesh.agreed(), "views differ after the pauses"
    return {}


def jump(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """A machine sleeps for an hour of its own clock: it blames nobody for it."""
    mesh, watch = _warm(seed, nodes, log, check_every)
    mesh.simulation.jump(0, 3600.0)
    mesh.simulation.deliver(mesh.hosts[0], Woke())
    mesh.simulation.run(40.0)
    assert not watch.deaths(), "a clock jump was taken for a death"
    assert mesh.agreed(), "views differ after the jump"
    return {}


def starved(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """One machine takes 0.15 s for each step, a minute long: it declares nobody dead."""
    mesh, watch = _warm(seed, nodes, log, check_every)
    mesh.simulation.starve(0, 0.15)
    mesh.simulation.run(70.0)
    others = [node for node in watch.deaths() if node != mesh.node(0)]
    assert not others, "a starved node had a living one declared dead"
    mesh.simulation.starve(0, 0.0)
    return {"recovered": until_agreed(mesh, 30.0)}


def grey(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """One node hears nothing for 20 s out of 40: it goes into quarantine within 60 s, no sound node does
    or is declared dead, and the view of it stays put from then on."""
    mesh, watch = _warm(seed, nodes, log, check_every)
    network, faulty = mesh.simulation.network, mesh.node(0)
    for start in range(10, 170, 40):
        mesh.simulation.at(start, lambda: network.ingress_loss.update({0: 1.0}))
        mesh.simulation.at(start + 20, network.ingress_loss.clear)
    mesh.simulation.run(70.0)
    witnesses = {by for _, by, node in watch.quarantines if node == faulty}
    assert {node for _, _, node in watch.quarantines} <= {faulty}, "a sound node came into quarantine"
    assert len(witnesses | {0}) == nodes, "not everybody noticed"
    quarantined = max(at for at, _, _ in watch.quarantines)
    mesh.simulation.run(170.0)
    assert set(watch.deaths()) <= {faulty}, "a sound node was declared dead"
    after = [at for at, _, node, _ in watch.downs if node == faulty and at > quarantined]
    assert not after, "it kept flapping"
    return {"quarantined": quarantined - 10.0}


def _churn_acts(mesh: GossipMesh, nodes: int) -> list[Callable[[int], None]]:
    """The things that may befall node `index`."""
    simulation, rng = mesh.simulation, mesh.simulation.rng("churn starvation")

    def kill_or_boot(index: int) -> None:
        if simulation.hosts[index].running:
            simulation.kill(index)
        else:
            simulation.boot(index)

    def stop_a_while(index: int) -> None:
        simulation.pause(index)
        simulation.at(simulation.now + 1.5, partial(simulation.resume, index))

    def cut_off(index: int) -> None:
        simulation.network.partition([[index], [each for each in range(nodes) if each != index]])

    def heal(_index: int) -> None:
        simulation.network.heal()

    return [
        kill_or_boot,
        stop_a_while,
        cut_off,
        heal,
        lambda index: simulation.jump(index, 30.0),
        lambda index: simulation.starve(index, rng.choice([0.0, 0.02, 0.1])),
        lambda index: simulation.network.cut(index, (index + 1) % nodes),
    ]


def churn(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """Everything at once, drawn from the seed: kills, rebirths, pauses, jumps, loss and cuts; a minute
    and a half later all is well."""
    mesh = gossip_mesh(seed, nodes, seeds=2, log=log, check_every=check_every)
    simulation, rng = mesh.simulation, mesh.simulation.rng("churn")
    mesh.start_cold()
    simulation.network.loss, simulation.network.duplication = 0.05, 0.02
    acts = _churn_acts(mesh, nodes)
    for _ in range(40):
        simulation.at(rng.uniform(2, 90), partial(rng.choice(acts), rng.randrange(nodes)))
    simulation.run(92.0)
    simulation.network.heal()
    simulation.network.loss = 0.0
    for index, host in enumerate(simulation.hosts):
        simulation.starve(index, 0.0)
        if not host.running:
            simulation.boot(index)
    return {"settled": until_agreed(mesh, 90.0)}


STORIES: dict[str, tuple[int, Callable[[int, int, Log | None, int], Figures]]] = {
    "join": (30, join),
    "late": (20, late),
    "crash": (20, crash),
    "loss": (20, loss),
    "wan": (16, wan),
    "partition": (20, partition),
    "swizzle": (12, swizzle),
    "reborn": (12, reborn),
    "leave": (20, leave),
    "pause": (8, pause),
    "jump": (8, jump),
    "starved": (12, starved),
    "grey": (20, grey),
    "churn": (12, churn),
}
"""By name: the number of nodes by default, and the story."""
