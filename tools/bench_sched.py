"""Scheduling on two node processes, beside Dask distributed and Ray in the same run.

240 units of 50 ms on two workers: the wall time against the ideal of 6 s. Units that do nothing: how many
a second, and what CPU time the node processes take for each. How long a steal takes; what a worker that is
slower costs, and one that is killed; how soon both are free when a job is cancelled. A unit sleeps and hashes, so that scheduling is what is measured; ours also
stores each result durably on both nodes before it counts. The peers' interpreter is this one (`pip install -e '.[bench]'`), or the one
that MESH_BENCH_PYTHON names.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

from mesh.control.client import Client
from mesh.control.service import JobAction, SceneFile, SubmitRequest
from mesh.control.terms import JobTerms
from mesh.engines.sleep import SLOWNESS as SLOWNESS_VARIABLE
from mesh.model.manifest import EngineName, RenderSettings
from mesh.model.status import JobState
from mesh.sched.config import SchedConfig
from tools.bench_report import Case, cost, rate
from tools.processes import NodeProcess, running_mesh
from tools.watched_node import FILE as STEALS

UNITS = 240
UNIT_SECONDS = 0.05
WORKERS = 2
EMPTY_UNITS = 4000
KILL_UNITS = 120
MIXED_UNITS = 96
MIXED_SECONDS = 0.1
SLOWNESS = 4
STEAL_UNITS = 300
STEAL_MILLISECONDS = 10
CANCEL_MILLISECONDS = 20_000
LOOK_SECONDS = 0.005
LOOK_MOST_SECONDS = 0.2
PEERS = ("dask", "ray")


@dataclass(frozen=True, slots=True)
class Ours:
    """Figures of two nodes; times in seconds unless said otherwise."""

    efficiency: float
    throughput: float
    """Empty units a second."""
    cpu_ms: float
    """Of both node processes, renderers not counted, for each empty unit."""
    killed: float
    """Makespan where one of the two workers is killed at half time."""
    mixed: float
    """Makespan where one worker takes `SLOWNESS` times as long."""
    steal_ms: float
    """Median, from asking to being granted."""
    rtt_ms: float
    cancelled: float
    """From cancelling a job at one node until both have nothing to render."""


def run() -> list[Case]:
    with tempfile.TemporaryDirectory() as folder:
        ours = _ours(Path(folder))
    cases = []
    for peer in PEERS:
        theirs = _theirs(peer)
        if theirs is None:
            print(f"{peer} is not installed for {_peer_python()}; left out")
            continue
        case = f"{UNITS} x {UNIT_SECONDS * 1000:.0f} ms on {WORKERS} workers"
        cases.append(rate(case, ours.efficiency, theirs["efficiency"], peer, "of ideal"))
        cases.append(rate("empty units", ours.throughput, theirs["throughput"], peer, "units/s"))
    half = KILL_UNITS * UNIT_SECONDS / WORKERS
    killed = 1.05 * 1.5 * half + SchedConfig().lease_seconds
    mixed = MIXED_UNITS * MIXED_SECONDS / (1 + 1 / SLOWNESS)
    return [
        *cases,
        rate("efficiency", ours.efficiency, 0.97, "target", "of ideal"),
        rate("empty units", ours.throughput, 2000, "target", "units/s"),
        cost("node CPU", ours.cpu_ms, 1.0, "target", "ms/unit"),
        cost("steal p50", ours.steal_ms, ours.rtt_ms + 2.0, "RTT + 2 ms", "ms"),
        cost(f"one worker {SLOWNESS}x slower", ours.mixed / mixed, 1.05, "target", "of ideal"),
        cost("cancelled, until both nodes are free", ours.cancelled, 1.0, "target", "s"),
        cost("a worker killed at half time", ours.killed, killed, "ideal + lease + 5 %", "s"),
    ]


def _ours(folder: Path) -> Ours:
    with (
        running_mesh(folder / "even", ("ada", "grace")) as nodes,
        nodes["ada"].connect() as client,
        nodes["grace"].connect() as other,
    ):
        file = _scene(client, folder)
        _run_job(client, file, Work(8, 1))  # both nodes start their engines
        ideal = UNITS * UNIT_SECONDS / WORKERS
        efficiency = ideal / _run_job(client, file, Work(UNITS, int(UNIT_SECONDS * 1000)))
        before = _cpu_seconds(nodes.values())
        throughput = EMPTY_UNITS / _run_job(client, file, Work(EMPTY_UNITS, 0))
        cpu_ms = (_cpu_seconds(nodes.values()) - before) / EMPTY_UNITS * 1000
        cancelled = _cancel_job(client, other, file)
        # Two workers would take twice this long.
        killer = threading.Timer(KILL_UNITS * UNIT_SECONDS / WORKERS / 2, nodes["grace"].kill)
        killer.start()
        killed = _run_job(client, file, Work(KILL_UNITS, int(UNIT_SECONDS * 1000)))
        killer.join()
    with (
        running_mesh(
            folder / "uneven",
            ("ada", "grace"),
            environments={"grace": {SLOWNESS_VARIABLE: str(SLOWNESS)}},
            program="tools.watched_node",
        ) as nodes,
        nodes["ada"].connect() as client,
        nodes["grace"].connect() as thief,
    ):
        file = _scene(client, folder)
        _run_job(client, file, Work(8, 1))
        mixed = _run_job(client, file, Work(MIXED_UNITS, int(MIXED_SECONDS * 1000), buckets=16))
        _run_job(client, file, Work(STEAL_UNITS, STEAL_MILLISECONDS, chunk=1))
        rtt_ms = next(node.rtt_ms for node in thief.nodes() if node.name == "ada")
        steals = (nodes["grace"].home / STEALS).read_text().split()
    steal_ms = median(map(float, steals))
    return Ours(efficiency, throughput, cpu_ms, killed, mixed, steal_ms, rtt_ms or 0.0, cancelled)


def _scene(client: Client, folder: Path) -> SceneFile:
    scene = folder / "nothing"
    scene.write_bytes(b"nothing to see")
    stored = client.put_blob(scene, "nothing")
    return SceneFile("nothing", stored.blob, stored.size)


def _cpu_seconds(nodes: Iterable[NodeProcess]) -> float:
    """Of the node processes themselves, without the renderers that they started."""
    times = [psutil.Process(node.process.pid).cpu_times() for node in nodes]
    return sum(one.user + one.system for one in times)


@dataclass(frozen=True, slots=True)
class Work:
    frames: int
    milliseconds: int
    """Of a frame."""
    buckets: int = 1
    chunk: int = 0
    """Frames that are handed over at once, at most; 0 for as many as suits."""


def _cancel_job(client: Client, other: Client, file: SceneFile) -> float:
    """Seconds from cancelling a job of long units here until neither node has anything to render, as each says."""
    job = client.submit(_request(file, Work(2 * WORKERS, CANCEL_MILLISECONDS))).job.hex()
    while not all(map(_at_work, (client, other))):
        time.sleep(LOOK_SECONDS)
    began = time.perf_counter()
    client.act(job, JobAction.CANCEL)
    while any(map(_at_work, (client, other))):
        time.sleep(LOOK_SECONDS)
    return time.perf_counter() - began


def _at_work(client: Client) -> bool:
    return any(node.is_me and node.activities for node in client.nodes())


def _run_job(client: Client, file: SceneFile, work: Work) -> float:
    """Seconds from submission until every result is known to be stored."""
    began = time.perf_counter()
    job = client.submit(_request(file, work)).job.hex()
    while True:
        mine = next(one for one in client.status().jobs if one.job == job)
        seconds = time.perf_counter() - began
        if mine.state is JobState.DONE:
            return seconds
        if mine.state is not JobState.RUNNING and mine.state is not JobState.WAITING:
            raise RuntimeError(f"the job is {mine.state}: {mine.failures}")
        # A snapshot costs the node a millisecond or two: looking all the time would be what is measured.
        done = mine.frames_done / mine.frames_total
        left = seconds * (1 - done) / done if done else seconds
        time.sleep(min(max(LOOK_SECONDS, left / 2), LOOK_MOST_SECONDS))


def _request(file: SceneFile, work: Work) -> SubmitRequest:
    settings = RenderSettings(width=64 * work.buckets, height=64, bucket=64, samples=work.milliseconds)
    return SubmitRequest(
        name=f"{work.frames} x {work.milliseconds} ms",
        submitter="bench",
        files=(file,),
        entry=file.path,
        frames=tuple(range(1, work.frames + 1)),
        engine=EngineName.SLEEP,
        settings=settings,
        terms=JobTerms(chunk=work.chunk),
    )


def _peer_python() -> str:
    return os.environ.get("MESH_BENCH_PYTHON", sys.executable)


def _theirs(peer: str) -> dict[str, float] | None:
    """The peer's figures, measured by tools/peers/sched_<peer>.py in a process of its own."""
    script = Path(__file__).parent / "peers" / f"sched_{peer}.py"
    arguments = [str(UNITS), str(UNIT_SECONDS), str(WORKERS), str(EMPTY_UNITS)]
    done = subprocess.run(
        [_peer_python(), str(script), *arguments], capture_output=True, text=True, check=False
    )
    if "ModuleNotFoundError" in done.stderr:
        return None
    if done.returncode:
        raise RuntimeError(f"{script.name} failed:\n{done.stderr}")
    figures: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures
