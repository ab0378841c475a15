"""Membership against its targets, in virtual time: spread, detection, false deaths, grey failures, joining,
bytes. Plain SWIM, our own machine without its additions, is the control of the false deaths. Then fifteen real nodes
against fifteen agents of HashiCorp serf, and against the simulator.

Ten thousand nodes run with all the rest; they take about four gigabytes and some minutes.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from mesh.gossip.config import PLAIN_SWIM, GossipConfig
from mesh.gossip.formulas import sync_interval
from tools import real_gossip, serf_peer
from tools.bench_report import Case, cost
from tools.real_gossip import Figures
from tools.sim.gossip_experiments import (
    cold_join,
    crash_known,
    flip_flop,
    many_nodes,
    newcomer,
    percentile,
    slow_members,
    spread,
    traffic,
)

SEED = 1
OURS = GossipConfig()
_TARGET = "target"


def run() -> list[Case]:
    return [
        *_spread(),
        *_crashes(),
        *_false_deaths(),
        *_grey(),
        *_joining(),
        *_bytes(),
        *_ten_thousand(),
        *_real(),
    ]


def _spread() -> list[Case]:
    """The worst of several seeds."""
    runs = [spread(seed, 1000, 0.25, OURS) for seed in range(SEED, SEED + 8)]
    return [
        cost(
            "update to 99.9 % of 1,000 nodes at 25 % loss, worst of 8",
            max(run.nearly_all for run in runs),
            2.0,
            _TARGET,
            "s",
        ),
        cost(
            "the same to all, with push-pull, worst of 8",
            max(run.all for run in runs),
            sync_interval(OURS.sync_interval, 1000),
            "push-pull interval",
            "s",
        ),
    ]


def _crashes() -> list[Case]:
    """Over all survivors of all seeds."""
    return [
        cost(
            f"a crash known, {nodes} nodes, p99 of {crashes} crashes at all survivors",
            percentile(
                [t for seed in range(SEED, SEED + crashes) for t in crash_known(seed, nodes, 1, OURS)], 0.99
            ),
            target,
            _TARGET,
            "s",
        )
        for nodes, crashes, target in ((100, 50, 12.0), (1000, 10, 16.0))
    ]


def _false_deaths() -> list[Case]:
    """The goal is a fiftieth of the control's; none at all counts as one, so that a ratio exists."""
    plain, ours = (slow_members(SEED, 128, 16, 8.0, 0.001, config) for config in (PLAIN_SWIM, OURS))
    return [
        cost(
            "false deaths, 16 of 128 members slow",
            max(1, ours.anywhere),
            plain.anywhere / 50,
            "plain SWIM / 50",
            "deaths",
        ),
        cost(
            "of these, declared by healthy nodes",
            max(1, ours.at_healthy),
            max(1.0, plain.at_healthy / 50),
            "plain SWIM / 50",
            "deaths",
        ),
    ]


def _grey() -> list[Case]:
    figures = flip_flop(SEED, 1000, 10, OURS)
    return [
        cost(
            "1 % deaf for 20 s of 40: the last faulty node in quarantine",
            figures.last_quarantine,
            60.0,
            _TARGET,
            "s",
        ),
        cost(
            "the same: healthy nodes evicted or quarantined, plus one",
            1 + figures.healthy_evicted + figures.healthy_quarantined,
            1.0,
            _TARGET,
            "nodes",
        ),
    ]


def _joining() -> list[Case]:
    return [
        cost(f"{nodes} cold nodes know each other", cold_join(SEED, nodes, OURS), target, _TARGET, "s")
        for nodes, target in ((1000, 10.0), (2000, 20.0))
    ]


def _bytes() -> list[Case]:
    figures = traffic(SEED, 1000, 10, OURS)
    return [
        cost("sent per node, 1,000 nodes and 10 crashes, mean", figures.mean / 1000, 1.0, _TARGET, "KB/s"),
        cost("the same, p99 over nodes and seconds", figures.p99 / 1000, 7.0, _TARGET, "KB/s"),
    ]


def _real() -> list[Case]:
    """Fifteen real nodes beside fifteen serf agents, and beside fifteen simulated nodes."""
    with tempfile.TemporaryDirectory(prefix="mesh-bench-") as name:
        folder = Path(name)
        ours = real_gossip.ours(folder / "ours")
        cases = [*_simulated(ours)]
        if not serf_peer.is_installed():
            print("serf is not installed (Debian: apt-get install serf); its cases are left out")
            return cases
        theirs = real_gossip.serf(folder / "serf")
    return [
        *cases,
        cost("a 15th process is started: known to all", ours.joined, theirs.joined, "serf", "s"),
        cost("one of 15 is killed: known to all", ours.killed, theirs.killed, "serf", "s"),
        cost("idle process of 15", 100 * ours.cpu, 100 * theirs.cpu, "serf", "% core"),
        cost("idle process of 15", ours.memory_mb, theirs.memory_mb, "serf", "MB"),
    ]


def _simulated(real: Figures) -> list[Case]:
    """Medians of real processes against the simulator's: 1 at least where they differ by 20 % or less."""
    seeds = range(SEED, SEED + 21)
    pairs = (
        ("a newcomer's spread", real.spread, [newcomer(seed, real_gossip.NODES, OURS) for seed in seeds]),
        ("a kill", real.killed, [max(crash_known(seed, real_gossip.NODES, 1, OURS)) for seed in seeds]),
    )
    cases = []
    for what, measured, simulated in pairs:
        median = statistics.median(simulated)
        print(f"{what} among 15: real median {measured:.2f} s, simulated {median:.2f} s")
        apart = abs(measured / median - 1.0)
        cases.append(
            cost(f"{what} among 15: real and simulated apart", max(apart, 0.001), 0.2, _TARGET, "of it")
        )
    return cases


def _ten_thousand() -> list[Case]:
    figures = many_nodes(SEED, 10_000, OURS)
    return [
        cost("a crash known to 99 % of 10,000 nodes", figures.crash_known, 20.0, _TARGET, "s"),
        cost("sent per node, 10,000 nodes, mean", figures.mean / 1000, 1.0, _TARGET, "KB/s"),
    ]
