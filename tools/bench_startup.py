"""What the mesh costs before it does anything: the first word of help, and a node that idles.

The peers are the targets themselves: nothing else can run in their place.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tools.bench_report import Case, cost
from tools.processes import running_mesh

HELP_SECONDS = 0.3
IDLE_MEGABYTES = 150.0
IDLE_PERCENT = 1.0
RUNS = 9
SETTLE_SECONDS = 10.0
IDLE_SECONDS = 30.0
HEAVY = ("numba", "llvmlite", "OpenImageIO")


def run() -> list[Case]:
    with tempfile.TemporaryDirectory() as folder:
        return [_help(), *_idle(Path(folder))]


def _help() -> Case:
    """`mesh --help`, a process from start to end; the median of several."""
    command = [str(Path(sys.executable).with_name("mesh")), "--help"]
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return cost("mesh --help", statistics.median(times), HELP_SECONDS, "target", "s")


def _idle(folder: Path) -> list[Case]:
    """One of three idle nodes, as all of them: memory, processor time, and what it must not load."""
    with running_mesh(folder, ("ada", "grace", "linus")) as nodes:
        process = psutil.Process(nodes["grace"].process.pid)
        time.sleep(SETTLE_SECONDS)
        before, began = process.cpu_times(), time.perf_counter()
        time.sleep(IDLE_SECONDS)
        after, ended = process.cpu_times(), time.perf_counter()
        busy = (after.user + after.system - before.user - before.system) / (ended - began) * 100
        resident = process.memory_info().rss / 1e6
        mapped = {name for name in HEAVY for one in process.memory_maps() if f"/{name}/" in one.path}
    return [
        cost("idle node, resident", resident, IDLE_MEGABYTES, "target", "MB"),
        cost("idle node, processor", busy, IDLE_PERCENT, "target", "% of a core"),
        Case(
            "heavy libraries in the node process",
            float(len(mapped)),
            0.0,
            "target",
            "of 3",
            0.0 if mapped else 1.0,
        ),
    ]
