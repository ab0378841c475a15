"""Scheduling on two node processes, beside Dask distributed and Ray in the same run.

240 units of 50 ms on two workers: the wall time against the ideal of 6 s. Units that do nothing: how many
a second. A unit sleeps and hashes, so that scheduling is what is measured; ours also stores each result on
both nodes before it counts. The peers' interpreter is this one (`pip install -e '.[bench]'`), or the one
that MESH_BENCH_PYTHON names.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mesh.control.client import Client
from mesh.control.service import SceneFile, SubmitRequest
from mesh.model.manifest import EngineName, RenderSettings
from mesh.model.status import JobState
from tools.bench_report import Case, rate
from tools.processes import running_mesh

UNITS = 240
UNIT_SECONDS = 0.05
WORKERS = 2
EMPTY_UNITS = 4000
LOOK_SECONDS = 0.005
LOOK_MOST_SECONDS = 0.2
PEERS = ("dask", "ray")


def run() -> list[Case]:
    with tempfile.TemporaryDirectory() as folder:
        efficiency, throughput = _ours(Path(folder))
    cases = []
    for peer in PEERS:
        theirs = _theirs(peer)
        if theirs is None:
            print(f"{peer} is not installed for {_peer_python()}; left out")
            continue
        case = f"{UNITS} x {UNIT_SECONDS * 1000:.0f} ms on {WORKERS} workers"
        cases.append(rate(case, efficiency, theirs["efficiency"], peer, "of ideal"))
        cases.append(rate("empty units", throughput, theirs["throughput"], peer, "units/s"))
    cases.append(rate("efficiency", efficiency, 0.97, "target", "of ideal"))
    cases.append(rate("empty units", throughput, 2000, "target", "units/s"))
    return cases


def _ours(folder: Path) -> tuple[float, float]:
    with running_mesh(folder, ("ada", "grace")) as nodes, nodes["ada"].connect() as client:
        scene = folder / "nothing"
        scene.write_bytes(b"nothing to see")
        stored = client.put_blob(scene, "nothing")
        file = SceneFile("nothing", stored.blob, stored.size)
        _run_job(client, file, frames=8, milliseconds=1)  # both nodes start their engines
        ideal = UNITS * UNIT_SECONDS / WORKERS
        efficiency = ideal / _run_job(client, file, UNITS, int(UNIT_SECONDS * 1000))
        throughput = EMPTY_UNITS / _run_job(client, file, EMPTY_UNITS, 0)
    return efficiency, throughput


def _run_job(client: Client, file: SceneFile, frames: int, milliseconds: int) -> float:
    """Seconds from submission until every result is known to be stored."""
    settings = RenderSettings(width=64, height=64, bucket=64, samples=milliseconds)
    request = SubmitRequest(
        name=f"{frames} x {milliseconds} ms",
        submitter="bench",
        files=(file,),
        entry=file.path,
        frames=tuple(range(1, frames + 1)),
        engine=EngineName.SLEEP,
        settings=settings,
    )
    began = time.perf_counter()
    job = client.submit(request).job.hex()
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
