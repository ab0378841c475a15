"""The scheduler at farm scale, in virtual time: how close to ideal, what a steal costs, whether shares hold.

Frames of one second in 64 buckets, all alike; four sites, 2 ms there and back within one and 40 ms between two;
nodes know each other's sites and not how far they are. Ideal is all work divided by all nodes. The peer is
the target where no farm manager can be run at this size; the largest size can be changed or left out (0) by
an environment variable, for ten thousand nodes take some minutes.

Requests for work are counted twice. Steals alone: every request and lifeline but those that fetched a node's part of
the new job, per steal. And all of them, what fetched parts and every statement to a keeper that a node is idle
included, per request that brought work. Nodes that are all alike hardly steal; what stealing costs shows where every
other node is four times slower.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from mesh.model.ids import JobId
from mesh.wire.codec import encode
from tools.bench_report import Case, cost, rate
from tools.sim.farm import Farm, farm, manifest
from tools.sim.farm_shares import capped, shares

SIZES = {(100, 20): 97.0, (1000, 10): 90.0, (1200, 5): 0.0, (10_000, 4): 70.0}
"""(nodes, frames for each): the part of the ideal that is asked for, in percent; 0 where none is."""
UNEVEN = (1000, 10, 4)
"""(nodes, frames for each, how much slower every other node is)."""
_BUCKETS = 64
_FRAME_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Figures:
    efficiency: float
    frames_per_second: float
    """Frames leased, rendered, copied and known to be done."""
    asked: int
    """Requests for work."""
    granted: int
    """Those that brought some."""
    dealt: int
    """Of both: those that fetched a part of the new job."""
    announced: int
    """Statements to a keeper that a node is idle."""
    steal_seconds: float
    """Mean, as the thieves measured it."""


def measure(nodes: int, frames_each: int, slowness: int = 1) -> Figures:
    """One job on `nodes` nodes, every other of which is `slowness` times slower, from submission until its first
    keeper knows that it is done."""

    def bucket_seconds(host: int, _job: JobId, _frame: int) -> float:
        return _FRAME_SECONDS / _BUCKETS * (slowness if host % 2 else 1)

    made = farm(
        1,
        nodes,
        bucket_seconds=bucket_seconds,
        check_every=0,
        shared=True,
        sites=lambda index: f"site {index % 4}",
    )
    made.world.steps = 8
    network = made.simulation.network
    network.delay, network.jitter = 0.001, 0.0
    network.site_delay = 0.018
    for host in made.hosts:
        made.simulation.boot(host.place.index)
    made.simulation.run(1.0)
    of = manifest(frames=nodes * frames_each, buckets=_BUCKETS)
    made.submit(0, of)
    made.simulation.run(1.0 + 100.0 * frames_each, stop=lambda: bool(made.finished))
    seconds = min(made.finished.values()) - 1.0
    ideal = frames_each * _FRAME_SECONDS * 2 / (1 + 1 / slowness)
    thieves = [made.scheduler(index).steals for index in range(nodes)]
    return Figures(
        efficiency=ideal / seconds,
        frames_per_second=nodes * frames_each / seconds,
        asked=sum(thief.asked for thief in thieves),
        granted=sum(thief.granted for thief in thieves),
        dealt=sum(thief.dealt for thief in thieves),
        announced=sum(thief.announced for thief in thieves),
        steal_seconds=sum(thief.seconds for thief in thieves) / nodes,
    )


def idle_bytes(nodes: int) -> float:
    """Bytes a second that a node sends while a job runs that has work for one node only."""
    made: Farm = farm(
        1, nodes, bucket_seconds=lambda *_: 30.0, check_every=0, size_of=lambda m: len(encode(m))
    )
    made.start_all()
    made.simulation.run(1.0)
    made.submit(0, manifest(frames=1, buckets=1))
    made.simulation.run(10.0)
    sent: dict[int, int] = {}
    made.simulation.on_traffic.append(
        lambda host, size, _now: sent.__setitem__(host.place.index, sent.get(host.place.index, 0) + size)
    )
    made.simulation.run(29.0)
    return max(sent.get(index, 0) for index in range(1, nodes)) / 19.0


def _attempts(name: str, measured: list[Figures]) -> list[Case]:
    """What it takes to get work, by both counts."""
    asked = sum(figures.asked for figures in measured)
    granted = sum(figures.granted for figures in measured)
    dealt = sum(figures.dealt for figures in measured)
    announced = sum(figures.announced for figures in measured)
    steals = (asked - dealt) / max(1, granted - dealt)
    everything = (asked + announced) / max(1, granted)
    return [
        cost(f"{name}: requests a steal", steals, 3.0, "target", "requests"),
        cost(f"{name}: all requests and reports a success", everything, 3.0, "target", "messages"),
    ]


def _uneven(figures: Figures) -> list[Case]:
    nodes, each, slowness = UNEVEN
    name = f"{nodes} nodes, every other {slowness} times slower"
    return [
        rate(f"{name}, {each} frames each", 100 * figures.efficiency, 90.0, "target", "% of ideal"),
        *_attempts(name, [figures]),
    ]


def run() -> list[Case]:
    most = int(os.environ.get("MESH_BENCH_FARM_MOST", "10000"))
    measured = {(nodes, each): measure(nodes, each) for nodes, each in SIZES if nodes <= most}
    cases = [
        rate(
            f"{nodes} nodes, {each} frames each",
            100 * measured[nodes, each].efficiency,
            target,
            "target",
            "% of ideal",
        )
        for (nodes, each), target in SIZES.items()
        if target and nodes <= most
    ]
    leases = measured[1200, 5].frames_per_second if (1200, 5) in measured else 0.0
    off = shares(1, 17, None, 0, stale=5.0)["worst_points"]
    uneven = measure(*UNEVEN) if UNEVEN[0] <= most else None
    return [
        *cases,
        rate("6000 frames on 1200 nodes", leases, 1000.0, "target", "leases/s"),
        *_attempts("even farms", list(measured.values())),
        *([] if uneven is None else _uneven(uneven)),
        cost("idle node sends", idle_bytes(20), 1000.0, "target", "B/s"),
        cost("shares off the oracles, views 5 s old", off, 3.0, "target", "points"),
        cost(
            "75 % cap overshoot", max(0.01, capped(1, 20, None, 0)["capped"] - 75.0), 2.0, "target", "points"
        ),
    ]
