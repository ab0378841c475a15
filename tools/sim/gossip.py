"""Membership in the simulator: made-up keys, remembered checks, and a mesh that is ready to run.

Signatures are keyed hashes that anyone could make; no simulated node does, except those of tests that
try to. What was checked once is remembered for all nodes, as is the size of every record.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from mesh.gossip.claims import Known, open_record
from mesh.gossip.config import GossipConfig
from mesh.gossip.events import Heard, Start
from mesh.gossip.membership import Membership
from mesh.model.ids import Boot, NodeId
from mesh.model.status import NodeState
from mesh.wire.base import Message
from mesh.wire.codec import encode
from mesh.wire.gossip import Accusation, Ack, EngineBuild, Meta, Nack, Ping, PingRequest, Record, SyncRecords
from tools.sim.host import Birth, Host, Place, place
from tools.sim.log import Log
from tools.sim.simulation import Simulation

USUAL_META = Meta(engines=(EngineBuild("builtin", "0.1.0+7f3a91c2"),), slots=8, uplink=100_000)


@dataclass(frozen=True, slots=True)
class SimKeys:
    public_key: bytes

    def sign(self, data: bytes) -> bytes:
        return hashlib.blake2b(data, key=self.public_key).digest()

    def verify(self, node: NodeId, public_key: bytes, data: bytes, signature: bytes) -> bool:
        made = hashlib.blake2b(data, key=public_key).digest()
        return made == signature and hashlib.sha256(public_key).digest() == node

    @property
    def warrant(self) -> bytes:
        """As long as a real one."""
        return hashlib.blake2b(self.public_key, key=b"issuer").digest() + bytes(8)

    def vouches(self, public_key: bytes, warrant: bytes) -> bool:
        return warrant == SimKeys(public_key).warrant


@dataclass(slots=True)
class Memory:
    """What any node would compute alike, computed once."""

    _opened: dict[Record, Known | None] = field(default_factory=dict)
    _sizes: dict[Message, int] = field(default_factory=dict)
    _small: dict[tuple[type[Message], bool], int] = field(default_factory=dict)

    def open_record(self, record: Record) -> Known | None:
        if record not in self._opened:
            self._opened[record] = open_record(record, SimKeys(record.public_key))
        return self._opened[record]

    def size_of(self, message: Message) -> int:
        """Exact, but for a few bytes of the integers in probes."""
        if isinstance(message, (Record, Accusation)):
            size = self._sizes.get(message)
            if size is None:
                size = self._sizes[message] = len(encode(message))
            return size
        if isinstance(message, SyncRecords):
            return 8 + sum(map(self.size_of, (*message.records, *message.accusations)))
        if isinstance(message, (Ping, Ack, PingRequest, Nack)):
            kind = (type(message), isinstance(message, Ping) and not message.target)
            size = self._small.get(kind)
            if size is None:
                size = self._small[kind] = len(encode(message))
            return size
        return len(encode(message))


@dataclass(slots=True)
class GossipMesh:
    """A simulation of nodes that host Membership alone."""

    simulation: Simulation
    memory: Memory

    @property
    def hosts(self) -> list[Host]:
        return self.simulation.hosts

    def machine(self, index: int) -> Membership:
        machine = self.hosts[index].machine
        assert isinstance(machine, Membership)
        return machine

    def running(self) -> list[Membership]:
        return [machine for host in self.hosts if isinstance(machine := host.machine, Membership)]

    def node(self, index: int) -> NodeId:
        return self.hosts[index].place.node

    def start_cold(self, spread: float = 1.0) -> None:
        """Boots everyone within `spread` seconds; they know the first few addresses and nothing else."""
        rng = self.simulation.rng("cold start")
        for index in range(len(self.hosts)):
            self.simulation.at(rng.uniform(0, spread), partial(self.simulation.boot, index))

    def start_warm(self, count: int | None = None) -> None:
        """Boots everyone, or the first so many, as members of a mesh that has been running for long."""
        for index in range(len(self.hosts) if count is None else count):
            self.simulation.boot(index)
        opened = [self.memory.open_record(machine.record) for machine in self.running()]
        everyone = [known for known in opened if known is not None]
        for machine in self.running():
            machine.load(everyone, self.simulation.now)

    def agreed(self) -> bool:
        """Whether all running nodes see exactly the running nodes alive."""
        running = [host.place.node for host in self.hosts if host.running]
        return all(machine.live == len(running) for machine in self.running()) and all(
            machine.alive() == tuple(sorted(running)) for machine in self.running()
        )

    def states(self, index: int) -> list[NodeState | None]:
        """How each running node sees node `index`."""
        node = self.node(index)
        views = [machine.view(node) for machine in self.running() if machine.me != node]
        return [None if view is None else view.state for view in views]


def gossip_mesh(
    seed: int,
    nodes: int,
    config: GossipConfig | None = None,
    *,
    seeds: int = 1,
    sites: Callable[[int], str] = lambda _: "",
    log: Log | None = None,
    check_every: int = 1,
    count_traffic: bool = False,
    machine_class: type[Membership] = Membership,
) -> GossipMesh:
    """`nodes` places that know the first `seeds` addresses."""
    memory = Memory()
    chosen = GossipConfig() if config is None else config
    cast = [place(index, sites(index)) for index in range(nodes)]

    def birth(at: Place, boot: Boot, rng: random.Random) -> Birth:
        meta = Meta(at.site, (), USUAL_META.engines, USUAL_META.slots, uplink=USUAL_META.uplink)
        machine = machine_class(
            at.node,
            at.name,
            at.address,
            boot,
            meta,
            chosen,
            rng,
            SimKeys(at.public_key),
            size_of=memory.size_of,
            open_record=memory.open_record,
        )
        doors = tuple(other.address for other in cast[:seeds] if other.index != at.index)
        return Birth(machine, (Start(), Heard(doors, keep=True)))

    size_of = memory.size_of if count_traffic else None
    simulation = Simulation(seed, birth, size_of=size_of, log=log, check_every=check_every)
    for each in cast:
        simulation.add(each)
    return GossipMesh(simulation, memory)
