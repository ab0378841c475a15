"""A simulated farm: nodes that host the scheduler alone, and an oracle that plays gossip for them.

The oracle tells every node who is there after the times that membership takes: half a second for a join,
two to four seconds for a death, and the same for the far side of a partition.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from mesh.model.ids import Boot, Digest, JobId, NodeId
from mesh.model.manifest import EngineName, Manifest, RenderSettings
from mesh.model.policy import JobPolicy
from mesh.model.status import JobState
from mesh.sched.config import SchedConfig
from mesh.sched.events import PeerDown, PeerInfo, PeerUp, PeerVanished, Restore, SetCapacity, Start, SubmitJob
from mesh.sched.intervals import IntervalSet
from mesh.sched.layout import Layout
from mesh.sched.news import JobFinished, JobResult
from mesh.sched.peers import Peers
from mesh.sched.scheduler import Scheduler
from mesh.wire.base import Message
from mesh.wire.gossip import EngineBuild
from tools.sim.connections import REFUSED
from tools.sim.farm_world import Disk, FarmWorld
from tools.sim.host import Birth, Host, Place, place
from tools.sim.log import Log
from tools.sim.shared_peers import SharedPeers
from tools.sim.simulation import Simulation

ENGINE = EngineBuild("sleep", "1")
LIMIT = 300.0
"""Seconds after which a job that is not done counts as lost."""


def manifest(
    name: str = "job",
    frames: int = 24,
    buckets: int = 16,
    *,
    submitted_ms: int = 1,
    engine: EngineBuild = ENGINE,
) -> Manifest:
    """`buckets` of 64 pixels, in one row."""
    return Manifest(
        name=name,
        submitter="somebody@somewhere",
        submitted_ms=submitted_ms,
        scene_root=Digest(hashlib.sha256(name.encode()).digest()),
        entry="scene.glb",
        frames=tuple(range(1, frames + 1)),
        engine=EngineName(engine.name),
        engine_build=engine.build,
        settings=RenderSettings(width=64 * buckets, height=64, bucket=64),
    )


def job_id(of: Manifest) -> JobId:
    text = f"{of.name} {of.submitted_ms} {len(of.frames)}"
    return JobId(hashlib.sha256(text.encode()).digest())


def check_pixels(
    name: str,
    job: JobId,
    of: Manifest,
    results: Iterable[JobResult],
    disks: Mapping[NodeId, Disk],
    world: FarmWorld,
    policy: JobPolicy | None = None,
) -> None:
    """That the results `name` knows cover the job, are what an engine makes, and are on a holder's disk."""
    layout = Layout(of, (policy or JobPolicy()).order)
    covered = IntervalSet()
    for result in results:
        assert world.pictures.is_true(job, of, result.unit, result.pixels), "pixels that no engine made"
        if any(node in disks and result.pixels in disks[node].blobs for node in result.holders):
            covered.add(*layout.span(result.unit))
    assert covered.size == layout.total, f"{name} says done, but pixels are nowhere"


@dataclass
class Farm:
    simulation: Simulation
    world: FarmWorld
    infos: list[PeerInfo]
    rng: random.Random
    detect: tuple[float, float] = (2.0, 4.0)
    """Seconds until a death is known, at least and at most."""
    join: tuple[float, float] = (0.1, 0.5)
    finished: dict[tuple[int, JobId], float] = field(default_factory=dict)
    events: list[tuple[float, int, object]] = field(default_factory=list)
    _seen: dict[tuple[int, int], int] = field(default_factory=dict)
    """(who, whom) -> the life that `who` holds alive."""

    @property
    def hosts(self) -> list[Host]:
        return self.simulation.hosts

    def node(self, index: int) -> NodeId:
        return self.hosts[index].place.node

    def scheduler(self, index: int) -> Scheduler:
        machine = self.hosts[index].machine
        assert isinstance(machine, Scheduler)
        return machine

    # --- coming and going ---------------------------------------------------------------------------

    def boot(self, index: int) -> None:
        self.simulation.boot(index)
        for other in self.hosts:
            if other.place.index != index and other.running:
                self._learn_soon(index, other.place.index)
                self._learn_soon(other.place.index, index)

    def start_all(self) -> None:
        """Everybody runs, and knows everybody."""
        for host in self.hosts:
            self.simulation.boot(host.place.index)
        for who in self.hosts:
            for whom in self.hosts:
                if who is not whom:
                    self._learn(who.place.index, whom.place.index)

    def kill(self, index: int) -> None:
        for host in self.simulation.connected_with(index):
            self.simulation.deliver(host, PeerVanished(self.node(index)), REFUSED)
        self.simulation.kill(index)
        for host in self.hosts:
            if host.place.index != index:
                self._lose_soon(host.place.index, index)
        for key in [key for key in self._seen if key[0] == index]:
            del self._seen[key]

    def partition(self, groups: Iterable[Iterable[int]]) -> None:
        self.simulation.network.partition([list(group) for group in groups])
        for who in range(len(self.hosts)):
            for whom in range(len(self.hosts)):
                if who != whom and not self.simulation.network.connectable(who, whom):
                    self._lose_soon(who, whom)

    def heal(self) -> None:
        self.simulation.network.heal()
        for who in self.hosts:
            for whom in self.hosts:
                if who is not whom and who.running and whom.running:
                    self._learn_soon(who.place.index, whom.place.index)

    def _learn_soon(self, who: int, whom: int) -> None:
        self.simulation.at(self.simulation.now + self.rng.uniform(*self.join), lambda: self._learn(who, whom))

    def _learn(self, who: int, whom: int) -> None:
        seer, seen = self.hosts[who], self.hosts[whom]
        if not seer.running or not seen.running or not self.simulation.network.connectable(who, whom):
            return
        known = self._seen.get((who, whom))
        if known == seen.life:
            return
        self._seen[who, whom] = seen.life
        self.simulation.deliver(seer, PeerUp(replace(self.infos[whom], boot=Boot(seen.life))))

    def _lose_soon(self, who: int, whom: int) -> None:
        self.simulation.at(
            self.simulation.now + self.rng.uniform(*self.detect), lambda: self._lose(who, whom)
        )

    def _lose(self, who: int, whom: int) -> None:
        seer, seen = self.hosts[who], self.hosts[whom]
        reachable = seen.running and self.simulation.network.connectable(who, whom)
        if reachable and self._seen.get((who, whom)) == seen.life:
            return
        if self._seen.pop((who, whom), None) is not None and seer.running:
            self.simulation.deliver(seer, PeerDown(self.node(whom)))
        if reachable:
            self._learn_soon(who, whom)

    # --- jobs ---------------------------------------------------------------------------------------

    def submit(self, index: int, of: Manifest, policy: JobPolicy | None = None) -> JobId:
        host = self.hosts[index]
        self.world.disk(host).blobs[of.scene_root] = None
        job = job_id(of)
        event = SubmitJob(job, of, host.place.node, b"", policy or JobPolicy())
        self.simulation.deliver(host, event)
        return job

    def knows_finished(self, index: int, job: JobId) -> bool:
        if not self.hosts[index].running:
            return False
        view = self.scheduler(index).views.job(job)
        return view is not None and view.complete_view and view.state is JobState.DONE

    def everybody_done(self, job: JobId) -> bool:
        """Whether some running node follows the ledger and sees the job complete."""
        return any(self.knows_finished(host.place.index, job) for host in self.hosts if host.running)

    def run_until_done(self, job: JobId, limit: float) -> float:
        """Runs until the job is done in somebody's ledger. Returns the seconds from now; raises
        AssertionError after `limit`."""
        start = self.simulation.now
        while not self.everybody_done(job):
            assert self.simulation.now - start < limit, self.explain(job)
            self.simulation.run(self.simulation.now + 0.25)
        return self.simulation.now - start

    def explain(self, job: JobId) -> str:
        lines = [f"job not done at {self.simulation.now:.1f} s"]
        for host in self.hosts:
            view = self.scheduler(host.place.index).views.job(job) if host.running else None
            if view is None:
                lines.append(f"{host.place.name}: {'no job' if host.running else 'dead'}")
            else:
                units = [
                    str(activity.unit) for activity in view.activities if activity.node == host.place.node
                ]
                lines.append(
                    f"{host.place.name}: {view.buckets_done} of {view.buckets_total}, renders {units}"
                )
        return "\n".join(lines)

    def check_results(self, job: JobId, of: Manifest, policy: JobPolicy | None = None) -> None:
        """DONE implies retrievable from those who are there, and what was accepted is what one node alone would have
        rendered."""
        disks = {host.place.node: self.world.disk(host) for host in self.hosts if host.running}
        for host in self.hosts:
            if host.running and self.knows_finished(host.place.index, job):
                _, results = self.scheduler(host.place.index).views.results(job, 0, 10**9)
                check_pixels(host.place.name, job, of, results, disks, self.world, policy)

    def copies_of(self, index: int, job: JobId) -> list[int]:
        """For each bucket that a node knows to be done: on how many disks of running nodes its pixels are. What was
        rendered twice, by a node that has died since, counts by the copies of the other."""
        _, results = self.scheduler(index).views.results(job, 0, 10**9)
        running = [self.world.disk(host) for host in self.hosts if host.running]
        copies: dict[tuple[int, int], int] = {}
        for result in results:
            held = sum(result.pixels in disk.blobs for disk in running)
            for bucket in range(result.unit.start, result.unit.stop):
                place = result.unit.frame, bucket
                copies[place] = max(held, copies.get(place, 0))
        return list(copies.values())

    def told(self, kind: type[object]) -> list[tuple[float, int, object]]:
        """All notices of one kind: (when, who, notice)."""
        return [notice for notice in self.events if isinstance(notice[2], kind)]


def farm(
    seed: int,
    nodes: int,
    *,
    config: SchedConfig | None = None,
    bucket_seconds: Callable[[int, JobId, int], float] = lambda _host, _job, _frame: 0.05,
    engines: Callable[[int], tuple[EngineBuild, ...]] = lambda _: (ENGINE,),
    tags: Callable[[int], tuple[str, ...]] = lambda _: (),
    memory: Callable[[int], int] = lambda _: 0,
    log: Log | None = None,
    check_every: int = 1,
    size_of: Callable[[Message], int] | None = None,
    shared: bool = False,
    sites: Callable[[int], str] | None = None,
) -> Farm:
    """`shared`: all nodes see one table of peers, everybody alive for good; for very many nodes. With `sites`,
    nodes know where others are and not how far away that is; without, that all are near."""
    chosen = config or SchedConfig()
    rng = random.Random(f"{seed}/farm")
    world = FarmWorld(random.Random(f"{seed}/world"), bucket_seconds)
    infos: list[PeerInfo] = []
    hosts: list[Host] = []
    everybody = Peers()

    def birth(at: Place, boot: Boot, own: random.Random) -> Birth:
        peers = SharedPeers(at.node, everybody) if shared else None
        machine = Scheduler(at.node, boot, chosen, own, peers)
        capacity = SetCapacity(1, engines(at.index), tags(at.index), at.site, memory(at.index))
        return Birth(machine, (Restore(world.records(hosts[at.index])), capacity, Start()))

    simulation = Simulation(seed, birth, world=world, log=log, check_every=check_every, size_of=size_of)
    made = Farm(simulation, world, infos, rng)
    for index in range(nodes):
        cast = place(index, "" if sites is None else sites(index))
        rtt = 0.002 if sites is None else None
        hosts.append(simulation.add(cast))
        infos.append(
            PeerInfo(
                cast.node,
                Boot(0),
                cast.name,
                engines(index),
                tags=tags(index),
                site=cast.site,
                rtt=rtt,
                memory_bytes=memory(index),
            )
        )
        everybody.put(replace(infos[-1], boot=Boot(1)))

    def watch(host: Host, event: object, now: float) -> None:
        made.events.append((now, host.place.index, event))
        if isinstance(event, JobFinished):
            made.finished.setdefault((host.place.index, event.job), now)

    simulation.on_notify.append(watch)
    return made


def begin(made: Farm) -> None:
    """Everybody runs for a second and knows everybody."""
    made.start_all()
    made.simulation.run(1.0)


def settle(made: Farm, job: JobId, seconds: float = 30.0) -> None:
    """After the end: ledgers agree, and every bucket is held twice where two nodes run."""
    made.simulation.run(made.simulation.now + seconds)
    running = [host.place.index for host in made.hosts if host.running]
    keepers = [index for index in running if made.scheduler(index).views.keeps(job)]
    assert keepers, "nobody keeps the ledger"
    sums = {made.scheduler(index).views.ledger_sum(job) for index in keepers}
    assert len(sums) == 1, f"ledgers differ after healing: {sums}"
    if len(running) > 1:
        assert min(made.copies_of(keepers[0], job)) >= 2, "a bucket has one copy left"
