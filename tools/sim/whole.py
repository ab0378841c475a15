"""Whole simulated nodes: NodeCore, exactly as the real node runs it, on simulated disks and engines.

Nobody plays gossip here: nodes find each other, notice deaths, steal, fetch blocks and copy results by
their own protocols, over a network that loses, cuts and kills.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from mesh.blocks import events as blocks
from mesh.blocks.fetcher import Fetcher
from mesh.blocks.recipe import Part
from mesh.blocks.swarm import FetchConfig
from mesh.gossip import events as gossip
from mesh.gossip.config import GossipConfig
from mesh.gossip.keyring import Keyring, KeyringConfig
from mesh.gossip.membership import Membership
from mesh.model.ids import Boot, JobId
from mesh.model.manifest import Manifest
from mesh.node.core import NodeCore
from mesh.sched import events as sched
from mesh.sched.config import SchedConfig
from mesh.sched.scheduler import Scheduler
from mesh.wire.blocks import BlockData, BlockForm, BlockMissing, BlockRequest
from mesh.wire.effects import Effect, MessageReceived, Send
from mesh.wire.gossip import MeshKeyNews, Meta
from tools.sim.farm import ENGINE, check_pixels, job_id
from tools.sim.farm_world import Disk, FarmWorld
from tools.sim.gossip import Memory, SimKeys
from tools.sim.host import Birth, Host, Place, place
from tools.sim.log import Log
from tools.sim.simulation import Simulation

DISK_SECONDS = 0.002


class WholeWorld(FarmWorld):
    """A farm's world whose blobs travel block by block: each blob here is one block."""

    def perform(
        self, simulation: Simulation, host: Host, effect: Effect | blocks.AskLocal | blocks.SaveBlock
    ) -> None:
        disk = self.disk(host)
        match effect:
            case blocks.AskLocal(root):
                missing = () if root in disk.blobs else (Part(root),)
                simulation.deliver(host, blocks.LocalAnswer(root, missing), DISK_SECONDS)
            case blocks.SaveBlock(part):
                answer: object = blocks.BlockStored(part.digest)
                if disk.full:
                    answer = blocks.BlockUnusable(part.digest, "the disk is full")
                else:
                    disk.blobs[part.digest] = None
                simulation.deliver(host, answer, DISK_SECONDS)
            case _:
                super().perform(simulation, host, effect)


FIRST_KEY = MeshKeyNews(1, bytes(32), bytes(64))
"""Simulated datagrams are not sealed; keys travel all the same."""


@dataclass(slots=True)
class WholeNode:
    """NodeCore, and what the real node does beside it: answer other nodes' requests for blocks."""

    core: NodeCore
    disk: Disk

    def handle(self, event: object, now: float) -> list[Effect]:
        if isinstance(event, MessageReceived) and isinstance(event.message, BlockRequest):
            return [
                Send(
                    event.sender,
                    BlockData(digest, BlockForm.PLAIN, b"")
                    if digest in self.disk.blobs
                    else BlockMissing((digest,)),
                )
                for digest in event.message.digests
            ]
        return self.core.handle(event, now)

    def check(self) -> None:
        self.core.check()


@dataclass
class Whole:
    simulation: Simulation
    world: WholeWorld
    downs: list[tuple[float, int, object]]
    """Every MemberDown: (when, who noticed, the notice)."""

    @property
    def hosts(self) -> list[Host]:
        return self.simulation.hosts

    def core(self, index: int) -> NodeCore:
        machine = self.hosts[index].machine
        assert isinstance(machine, WholeNode)
        return machine.core

    def running(self) -> list[int]:
        return [host.place.index for host in self.hosts if host.running]

    def submit(self, index: int, of: Manifest) -> JobId:
        host = self.hosts[index]
        self.world.disk(host).blobs[of.scene_root] = None
        job = job_id(of)
        self.simulation.deliver(host, sched.SubmitJob(job, of, host.place.node, b""))
        return job

    def done_on(self, job: JobId) -> list[int]:
        """Running nodes that follow the ledger and see nothing missing."""
        found = []
        for index in self.running():
            view = self.core(index).scheduler.views.job(job)
            if view is not None and view.complete_view and view.buckets_done == view.buckets_total:
                found.append(index)
        return found

    def run_until(self, condition: Callable[[], bool], limit: float, what: str) -> None:
        """Raises AssertionError where `condition` does not come to hold within `limit` seconds."""
        deadline = self.simulation.now + limit
        while not condition():
            assert self.simulation.now < deadline, f"{what}, at {self.simulation.now:.0f} s"
            self.simulation.run(self.simulation.now + 0.5)

    def check_results(self, job: JobId, of: Manifest) -> None:
        """DONE implies retrievable, and what was accepted is what one node alone would have rendered."""
        disks = {host.place.node: self.world.disk(host) for host in self.hosts}
        for index in self.done_on(job):
            _, results = self.core(index).scheduler.views.results(job, 0, 10**9)
            check_pixels(self.hosts[index].place.name, job, of, results, disks, self.world)


def whole(
    seed: int,
    nodes: int,
    *,
    bucket_seconds: float = 0.05,
    log: Log | None = None,
    check_every: int = 1,
) -> Whole:
    """`nodes` whole nodes that know the first three addresses and nothing else; nothing runs yet."""
    memory = Memory()
    world = WholeWorld(random.Random(f"{seed}/world"), lambda _host, _job, _frame: bucket_seconds)
    cast = [place(index) for index in range(nodes)]
    hosts: list[Host] = []
    meta = Meta(engines=(ENGINE,), slots=1)

    def birth(at: Place, boot: Boot, rng: random.Random) -> Birth:
        membership = Membership(
            at.node,
            at.name,
            at.address,
            boot,
            meta,
            GossipConfig(),
            rng,
            SimKeys(at.public_key),
            size_of=memory.size_of,
            open_record=memory.open_record,
        )
        host = hosts[at.index]
        core = NodeCore(
            membership,
            Scheduler(at.node, boot, SchedConfig(), rng),
            Fetcher(at.node, FetchConfig(), rng),
            Keyring(KeyringConfig(), FIRST_KEY, at.node, membership.alive, lambda _news: True, rng),
        )
        doors = tuple(other.address for other in cast[:3] if other.index != at.index)
        events = (
            sched.Restore(world.records(host)),
            sched.SetCapacity(1, (ENGINE,)),
            gossip.Start(),
            sched.Start(),
            gossip.Heard(doors, keep=True),
        )
        return Birth(WholeNode(core, world.disk(host)), events)

    simulation = Simulation(seed, birth, world=world, log=log, check_every=check_every)
    hosts.extend(simulation.add(each) for each in cast)
    made = Whole(simulation, world, [])

    def watch(host: Host, event: object, now: float) -> None:
        if isinstance(event, gossip.MemberDown):
            made.downs.append((now, host.place.index, event))

    simulation.on_notify.append(watch)
    return made
