"""Path tracing beside Mitsuba 3 and Cycles in the same run: samples a second, and error at equal time.

Two scenes, 512 x 512, depth 8, two threads, no clamping, each renderer with its own reference picture of
many more samples. What decides is inverse efficiency, error times time: a renderer with twice the error
per sample and twice the speed is the same renderer. Errors are relative (divided by the squared reference plus
a little), so that the few pixels that see the sun do not stand for the whole picture; and the worst pixel in
a thousand is left out for every renderer alike, since one firefly can outweigh all others and a figure that
depends on it says nothing the next time. Cycles filters as we do; Mitsuba's box keeps a sample in its pixel.

The peers' interpreters are this one, or those that MESH_BENCH_MITSUBA and MESH_BENCH_BPY name; Mitsuba's
LLVM variant finds its library through DRJIT_LIBLLVM_PATH.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mesh.engines.builtin_frame import BuiltinRenderer
from mesh.model.manifest import RenderSettings
from mesh.model.units import Unit
from mesh.render.pixels import decode
from tools.bench_report import Case, cost, rate
from tools.path_scenes import PathScene, flight_helmet, many_lights, write_for_peers
from tools.ray_scenes import scenes_folder

WIDTH = 512
DEPTH = 8
THREADS = 2
SAMPLES = 32
REFERENCE = 512
TRUTH_SEED = 77
_DARK = 0.01
"""What keeps relative errors finite in the dark, squared radiance."""
_COUNTED = 0.999
"""The share of pixels, best first, whose error counts."""
Picture = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Peer:
    """Another renderer: its script, the variant it is asked for, where its interpreter is named, and how
    many times its efficiency we want to be."""

    name: str
    script: str
    variant: str
    interpreter: str
    target: float


PEERS = (
    Peer("Mitsuba llvm_ad_rgb", "paths_mitsuba.py", "llvm_ad_rgb", "MESH_BENCH_MITSUBA", 1.0),
    Peer("Mitsuba scalar_rgb", "paths_mitsuba.py", "scalar_rgb", "MESH_BENCH_MITSUBA", 1.0),
    Peer("Cycles", "paths_cycles.py", "-", "MESH_BENCH_BPY", 3.0),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One renderer on one scene."""

    samples_a_second: float
    inverse_efficiency: float
    """Relative mean squared error times seconds."""
    mean: float
    peak_mb: float


def run() -> list[Case]:
    folder = scenes_folder()
    with tempfile.TemporaryDirectory() as temporary:
        room = Path(os.environ.get("MESH_BENCH_KEEP", temporary))
        scenes = [many_lights(room / "lamps")]
        if folder is None:
            print("FlightHelmet is left out: MESH_TEST_SCENES names no folder of scenes")
        else:
            scenes.insert(0, flight_helmet(folder, room / "helmet"))
        return [case for scene in scenes for case in _compare(scene, room)]


def _compare(scene: PathScene, room: Path) -> list[Case]:
    settings = RenderSettings(
        width=WIDTH,
        height=WIDTH,
        samples=SAMPLES,
        max_depth=DEPTH,
        clamp=0.0,
        environment=scene.environment,
    )
    here = room / scene.folder.name
    write_for_peers(scene, settings, here / "arrays")
    ours = _ours(scene, settings, here / "ours")
    cases = []
    for peer in PEERS:
        theirs = _theirs(peer, here)
        if theirs is None:
            print(f"{peer.name} is not installed for {_interpreter(peer)}; left out")
            continue
        print(f"{scene.name}: mean radiance {ours.mean:.4f}, {peer.name} {theirs.mean:.4f}")
        cases += [
            rate(f"{scene.name}: samples", ours.samples_a_second, theirs.samples_a_second, peer.name, "1/s"),
            cost(
                f"{scene.name}: error x time, {peer.target:.0f} x",
                ours.inverse_efficiency,
                theirs.inverse_efficiency / peer.target,
                peer.name,
                "s",
            ),
            cost(f"{scene.name}: peak memory", ours.peak_mb, theirs.peak_mb, peer.name, "MB"),
        ]
    return cases


def _ours(scene: PathScene, settings: RenderSettings, output: Path) -> Measured:
    renderer = BuiltinRenderer(scene.folder, scene.entry, settings, (1,), THREADS)
    _render(renderer, 1)  # wakes the threads
    began = time.perf_counter()
    image = _render(renderer, 1)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    renderer.close()
    careful = replace(settings, samples=REFERENCE, seed=TRUTH_SEED)
    renderer = BuiltinRenderer(scene.folder, scene.entry, careful, (1,), THREADS)
    truth = _render(renderer, 1)
    renderer.close()
    output.mkdir(parents=True, exist_ok=True)
    np.save(output / "image.npy", image)
    np.save(output / "reference.npy", truth)
    return _measured(image, truth, seconds, peak)


def _render(renderer: BuiltinRenderer, frame: int) -> Picture:
    whole = RenderSettings(width=WIDTH, height=WIDTH)
    columns = -(-WIDTH // whole.bucket)
    unit = Unit(frame, 0, columns * columns)
    _, data = renderer.render(unit, lambda _: None, lambda: unit.stop)
    payload = decode(data)
    image = np.zeros((WIDTH, WIDTH, 3), np.float32)
    for index, pixels in zip(range(unit.start, unit.stop), payload.buckets, strict=True):
        rect = payload.grid.rect(index)
        image[rect.y0 : rect.y1, rect.x0 : rect.x1] = pixels[:, :, :3]
    return image


def _interpreter(peer: Peer) -> str:
    return os.environ.get(peer.interpreter, sys.executable)


def _theirs(peer: Peer, here: Path) -> Measured | None:
    """The peer's figures, measured in a process of its own; None where it is not installed."""
    script = Path(__file__).parent / "peers" / peer.script
    output = here / peer.name.replace(" ", "-")
    numbers = [str(n) for n in (WIDTH, SAMPLES, REFERENCE, DEPTH, THREADS)]
    command = [_interpreter(peer), str(script), peer.variant, str(here / "arrays"), *numbers, str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "ModuleNotFoundError" in done.stderr:
        return None
    if done.returncode:
        raise RuntimeError(f"{script.name} failed:\n{done.stderr[-3000:]}")
    said = json.loads(done.stdout.strip().splitlines()[-1])
    image, truth = np.load(output / "image.npy"), np.load(output / "reference.npy")
    return _measured(image, truth, said["seconds"], said["peak_mb"])


def _measured(image: Picture, truth: Picture, seconds: float, peak_mb: float) -> Measured:
    errors = np.sort(np.mean((image - truth) ** 2 / (truth**2 + _DARK), axis=2), axis=None)
    error = float(np.mean(errors[: round(len(errors) * _COUNTED)]))
    return Measured(WIDTH * WIDTH * SAMPLES / seconds, error * seconds, float(truth.mean()), peak_mb)
