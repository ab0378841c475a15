"""The scheduler at farm scale, in virtual time: how close to ideal, what a steal costs, whether shares hold.

Frames of one second in 64 buckets; links of 2 to 40 ms. Ideal is all work divided by all nodes. The peer is
the target where no farm manager can be run at this size; the sizes can be changed by environment
variables, for a run with ten thousand nodes takes an hour.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from mesh.model.ids import JobId
from mesh.wire.codec import encode
from tools.bench_report import Case, cost, rate
from tools.sim.farm import Farm, farm, manifest
from tools.sim.farm_scenarios import capped, shares

_BUCKETS = 64
_FRAME_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Figures:
    efficiency: float
    grants_per_second: float
    asked_per_grant: float
    steal_seconds: float
    """Mean, as the thieves measured it."""


def _frame_time(_host: int, _job: JobId, _frame: int) -> float:
    return _FRAME_SECONDS / _BUCKETS


def measure(nodes: int, frames_each: int) -> Figures:
    """One job on `nodes` nodes, from submission until its first keeper knows that it is done."""
    made = farm(1, nodes, bucket_seconds=_frame_time, check_every=0, shared=True)
    made.world.steps = 8
    network = made.simulation.network
    network.delay, network.jitter = 0.001, 0.0
    network.site_delay = 0.018
    for host in made.hosts:
        network.sites[host.place.index] = f"site {host.place.index % 4}"
        made.simulation.boot(host.place.index)
    made.simulation.run(1.0)
    of = manifest(frames=nodes * frames_each, buckets=_BUCKETS)
    job = made.submit(0, of)
    made.run_until_done(job, 100.0 * frames_each)
    seconds = min(made.finished.values()) - 1.0
    thieves = [made.scheduler(index).steals for index in range(nodes)]
    granted = sum(thief.granted for thief in thieves)
    return Figures(
        efficiency=frames_each * _FRAME_SECONDS / seconds,
        grants_per_second=granted / seconds,
        asked_per_grant=sum(thief.asked for thief in thieves) / granted,
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


def run() -> list[Case]:
    small = int(os.environ.get("MESH_BENCH_FARM_SMALL", "100"))
    large = int(os.environ.get("MESH_BENCH_FARM_LARGE", "1000"))
    few, many = measure(small, 20), measure(large, 10)
    return [
        rate(f"{small} nodes, 20 frames each", 100 * few.efficiency, 97.0, "target", "% of ideal"),
        rate(f"{large} nodes, 10 frames each", 100 * many.efficiency, 90.0, "target", "% of ideal"),
        rate(f"leases, {large} nodes", many.grants_per_second, 1000.0, "target", "leases/s"),
        cost("steal attempts per success", many.asked_per_grant, 3.0, "target", "attempts"),
        cost("idle node sends", idle_bytes(20), 1000.0, "target", "B/s"),
        cost("shares off the oracles", shares(1, 17, None, 0)["worst_points"], 3.0, "target", "points"),
        cost(
            "75 % cap overshoot", max(0.01, capped(1, 20, None, 0)["capped"] - 75.0), 2.0, "target", "points"
        ),
    ]
