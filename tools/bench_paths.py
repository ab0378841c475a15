"""Path tracing beside Mitsuba 3 and Cycles in the same run: samples a second, error at equal time, and memory.

Two scenes, 512 x 512, depth 8, two threads, no clamping, each renderer against its own reference picture. What
decides is inverse efficiency, error times time: a renderer with twice the error per sample and twice the speed is
the same renderer. Errors are relative (divided by the squared reference plus a little), so that the few pixels that
see the sun do not stand for the whole picture; and the worst pixel in a thousand is left out for every renderer
alike, since one firefly can outweigh all others and a figure that depends on it says nothing the next time. Cycles
filters as we do; Mitsuba's box keeps a sample in its pixel.

A reference is the mean of two independent halves. How much they differ says how wrong it is itself, and that is
taken off: so the error found is the one against the limit, and a reference needs only a few times the samples of the
test. References are kept in the temporary folder, by all that they depend on; the first run takes some five
minutes on two idle cores, later ones about half.

Memory is the peak of a whole process that renders a scene of 1.5 million triangles, per million; beside ours stands
that of Mitsuba plus that of Embree alone with the same triangles.

The peers' interpreters are this one, or those that MESH_BENCH_MITSUBA and MESH_BENCH_BPY name; Mitsuba's
LLVM variant finds its library through DRJIT_LIBLLVM_PATH.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mesh.model.manifest import RenderSettings
from mesh.render.build import engine_build
from tools.bench_report import Case, as_row, cost, rate
from tools.path_scenes import PathScene, flight_helmet, hills, many_lights, write_for_peers
from tools.ray_scenes import scenes_folder

WIDTH = 512
DEPTH = 8
THREADS = 2
HALF = 2
"""Samples of half a reference, as a multiple of the test's."""
_DARK = 0.01
"""What keeps relative errors finite in the dark, squared radiance."""
_COUNTED = 0.999
"""The share of pixels, best first, whose error counts."""
_BUSY = 0.9
"""Who gets less than this of the processor time it could have used was disturbed."""
Picture = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Renderer:
    """Who renders: a script, the variant it is asked for, the variable that names its interpreter, whose
    references it shares, and how many times its efficiency we want to be."""

    name: str
    script: str
    variant: str = "-"
    interpreter: str = ""
    family: str = "ours"
    target: float = 1.0


OURS = Renderer("ours", "paths_ours.py")
PEERS = (
    Renderer("Mitsuba llvm_ad_rgb", "peers/paths_mitsuba.py", "llvm_ad_rgb", "MESH_BENCH_MITSUBA", "mitsuba"),
    Renderer("Mitsuba scalar_rgb", "peers/paths_mitsuba.py", "scalar_rgb", "MESH_BENCH_MITSUBA", "mitsuba"),
    Renderer("Cycles", "peers/paths_cycles.py", "-", "MESH_BENCH_BPY", "cycles", target=3.0),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One renderer on one scene."""

    samples_a_second: float
    inverse_efficiency: float
    """Relative mean squared error times seconds."""
    mean: float
    peak_mb: float


class NotInstalled(Exception):
    """The renderer's interpreter does not have it."""


def run() -> list[Case]:
    folder = scenes_folder()
    with tempfile.TemporaryDirectory() as temporary:
        room = Path(os.environ.get("MESH_BENCH_KEEP", temporary))
        scenes = [many_lights(room / "lamps")]
        if folder is None:
            _say("FlightHelmet is left out: MESH_TEST_SCENES names no folder of scenes")
        else:
            scenes.insert(0, flight_helmet(folder, room / "helmet"))
        cases = []
        for case in (
            case for cases in (*(_compare(s, room) for s in scenes), _memory(room)) for case in cases
        ):
            _say(as_row(case))
            cases.append(case)
        return cases


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _compare(scene: PathScene, room: Path) -> Iterator[Case]:
    here = room / scene.folder.name
    _write(scene, here / "arrays")
    ours = _measure(OURS, scene, here)
    for peer in PEERS:
        try:
            theirs = _measure(peer, scene, here)
        except NotInstalled:
            _say(f"{peer.name} is not installed for {_interpreter(peer)}; left out")
            continue
        _say(f"{scene.name}: mean radiance {ours.mean:.4f}, {peer.name} {theirs.mean:.4f}")
        yield rate(f"{scene.name}: samples", ours.samples_a_second, theirs.samples_a_second, peer.name, "1/s")
        yield cost(
            f"{scene.name}: error x time, {peer.target:.0f} x",
            ours.inverse_efficiency,
            theirs.inverse_efficiency / peer.target,
            peer.name,
            "s",
        )


def _memory(room: Path) -> Iterator[Case]:
    """A picture of many triangles, small so that nothing but the scene takes room."""
    scene, triangles = hills(room / "hills")
    here = room / scene.folder.name
    _write(scene, here / "arrays")
    _peak(OURS, here)  # compiles what is not compiled yet, which takes more memory than the scene
    ours, embree = _peak(OURS, here), _embree_peak(here / "arrays")
    for peer in PEERS:
        if peer.family != "mitsuba":
            continue
        try:
            theirs = _peak(peer, here) + embree
        except NotInstalled:
            continue
        per_million = 1e6 / triangles
        yield cost(
            "peak memory per million triangles",
            ours * per_million,
            theirs * per_million,
            f"{peer.name} + Embree",
            "MB",
        )


def _embree_peak(arrays: Path) -> float:
    command = [sys.executable, "-m", "tools.peers.embree_peak", str(arrays)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent
    )
    said: dict[str, float] = json.loads(done.stdout)
    _say(f"Embree alone: peak {said['peak_mb']:.0f} MB")
    return said["peak_mb"]


def _write(scene: PathScene, target: Path) -> None:
    settings = RenderSettings(width=WIDTH, height=WIDTH, environment=scene.environment)
    write_for_peers(scene, settings, target)


def _peak(renderer: Renderer, here: Path) -> float:
    said, _ = run_renderer(renderer, here, width=64, samples=1, half=0)
    return said["peak_mb"]


def _measure(renderer: Renderer, scene: PathScene, here: Path) -> Measured:
    """The renderer's figures, measured in a process of its own."""
    kept = _kept(renderer, scene, here)
    half = 0 if kept.is_dir() else HALF * scene.samples
    said, output = run_renderer(renderer, here, WIDTH, scene.samples, half)
    if half:
        kept.mkdir(parents=True)
        for number in range(2):
            shutil.copy(output / f"half{number}.npy", kept)
    image = np.load(output / "image.npy")
    first, second = (np.load(kept / f"half{number}.npy") for number in range(2))
    error = relative_error(image, first, second)
    truth = (first + second) / 2.0
    taken = WIDTH * WIDTH * scene.samples
    return Measured(taken / said["seconds"], error * said["seconds"], float(truth.mean()), said["peak_mb"])


def relative_error(image: Picture, first: Picture, second: Picture) -> float:
    """The mean relative squared error of `image` against the limit that two independent halves of a reference
    tend to: that against their mean, less the squared error of the mean itself."""
    truth = (first + second) / 2.0
    weight = truth**2 + _DARK
    error = np.mean(((image - truth) ** 2 - (first - second) ** 2 / 4.0) / weight, axis=2).reshape(-1)
    best = np.argsort(np.abs(error))[: round(len(error) * _COUNTED)]
    return float(np.mean(error[best]))


def _kept(renderer: Renderer, scene: PathScene, here: Path) -> Path:
    """Where references of this renderer and scene are kept, named by all that their pixels depend on."""
    digest = hashlib.sha256()
    for array in sorted((here / "arrays").glob("*.npy")):
        digest.update(array.name.encode())
        digest.update(array.read_bytes())
    said = json.loads((here / "arrays" / "scene.json").read_text())
    # Where the image lies does not matter, and what it holds comes next.
    digest.update(json.dumps(said | {"environment": ""}).encode())
    if scene.environment:
        digest.update((scene.folder / scene.environment).read_bytes())
    script = (Path(__file__).parent / renderer.script).read_bytes()
    build = engine_build() if renderer == OURS else renderer.family
    digest.update(repr((build, WIDTH, DEPTH, HALF, scene.samples, scene.name)).encode())
    digest.update(script)
    name = f"{renderer.family}-{scene.folder.name}-{digest.hexdigest()[:16]}"
    return Path(tempfile.gettempdir()) / "mesh-bench-paths" / name


def _interpreter(renderer: Renderer) -> str:
    return os.environ.get(renderer.interpreter, sys.executable)


def run_renderer(
    renderer: Renderer, here: Path, width: int, samples: int, half: int
) -> tuple[dict[str, float], Path]:
    """What the renderer's script says, and the folder of its pictures."""
    output = here / renderer.name.replace(" ", "-")
    script = Path(__file__).parent / renderer.script
    numbers = [str(n) for n in (width, samples, half, DEPTH, THREADS)]
    command = [
        _interpreter(renderer),
        str(script),
        renderer.variant,
        str(here / "arrays"),
        *numbers,
        str(output),
    ]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if "ModuleNotFoundError" in done.stderr:
        raise NotInstalled
    if done.returncode:
        raise RuntimeError(f"{script.name} failed:\n{done.stderr[-3000:]}")
    said: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    share = said["processor"] / (said["seconds"] * THREADS)
    busy = f"; disturbed, it had {share:.0%} of {THREADS} processors" if half and share < _BUSY else ""
    took = f"{time.perf_counter() - began:.0f} s in all, {said['seconds']:.2f} s for the test"
    _say(f"{here.name}, {renderer.name}: {took}, peak {said['peak_mb']:.0f} MB{busy}")
    return said, output
