"""What the mesh costs before it does anything: the first word of help, a node that idles, and the first sample of a
renderer, which after an install compiles its kernels.

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
from tools.path_scenes import many_lights
from tools.processes import running_mesh

HELP_SECONDS = 0.3
FIRST_FRAME_SECONDS = 30.0
LATER_SAMPLE_SECONDS = 1.5
LATER_RUNS = 5
IDLE_MEGABYTES = 150.0
IDLE_PERCENT = 1.0
RUNS = 9
SETTLE_SECONDS = 10.0
IDLE_SECONDS = 30.0
HEAVY = ("numba", "llvmlite", "OpenImageIO")


def run() -> list[Case]:
    with tempfile.TemporaryDirectory() as folder:
        return [_help(), *_samples(Path(folder)), *_idle(Path(folder))]


def _help() -> Case:
    """`mesh --help`, a process from start to end; the median of several."""
    command = [str(Path(sys.executable).with_name("mesh")), "--help"]
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return cost("mesh --help", statistics.median(times), HELP_SECONDS, "target", "s")


def _samples(folder: Path) -> list[Case]:
    """Renderer processes from start to end: one that finds no compiled kernels, and the median of later ones."""
    scene = many_lights(folder / "hall")
    path = scene.folder / scene.entry
    command = [sys.executable, "-m", "tools.first_sample", str(path), str(folder / "kernels")]
    times = []
    for _ in range(1 + LATER_RUNS):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    later = statistics.median(times[1:])
    return [
        cost("first frame after an install", times[0], FIRST_FRAME_SECONDS, "target", "s"),
        cost("first sample of a later process", later, LATER_SAMPLE_SECONDS, "target", "s"),
    ]


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
