"""Our path tracer rendering what tools/bench_paths.py measures, with the arguments of its peers.

Arguments: ignored, folder of the scene, width, samples of a test, of half a reference, depth, threads, output
folder. Pictures are kept as .npy; the last line printed is one JSON object.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mesh.engines.builtin_frame import BuiltinRenderer
from mesh.model.manifest import RenderSettings
from mesh.model.units import Grid, Unit
from mesh.render.pixels import decode
from tools.peers.peak import peak_mb

_SEEDS = (71, 72)


def _renderer(folder: Path, width: int, samples: int, depth: int, threads: int, seed: int) -> BuiltinRenderer:
    said = json.loads((folder / "scene.json").read_text())
    settings = RenderSettings(
        width=width,
        height=width,
        samples=samples,
        max_depth=depth,
        clamp=0.0,
        seed=seed,
        environment=Path(said["environment"]).name,
    )
    entry = Path(said["file"])
    return BuiltinRenderer(entry.parent, entry.name, settings, (1,), threads)


def _render(renderer: BuiltinRenderer, width: int) -> tuple[NDArray[np.float32], float, float]:
    """The picture, and the seconds and processor seconds it took."""
    unit = Unit(1, 0, Grid(width, width, RenderSettings().bucket).count)
    began, worked = time.perf_counter(), time.process_time()
    _, data = renderer.render(unit, lambda _: None, lambda: unit.stop)
    seconds, processor = time.perf_counter() - began, time.process_time() - worked
    payload = decode(data)
    image = np.zeros((width, width, 3), np.float32)
    for index, pixels in zip(range(unit.start, unit.stop), payload.buckets, strict=True):
        rect = payload.grid.rect(index)
        image[rect.y0 : rect.y1, rect.x0 : rect.x1] = pixels[:, :, :3]
    return image, seconds, processor


def main() -> None:
    _, arrays, *numbers, kept = sys.argv[1:]
    width, samples, half, depth, threads = (int(number) for number in numbers)
    folder, output = Path(arrays), Path(kept)
    output.mkdir(parents=True, exist_ok=True)
    warm = _renderer(folder, width, 1, depth, threads, 0)
    _render(warm, width)
    warm.close()
    del warm  # one scene at a time, as the peers have it
    renderer = _renderer(folder, width, samples, depth, threads, 0)
    image, seconds, processor = _render(renderer, width)
    renderer.close()
    peak = peak_mb()
    np.save(output / "image.npy", image)
    for number, seed in enumerate(_SEEDS if half else ()):
        renderer = _renderer(folder, width, half, depth, threads, seed)
        np.save(output / f"half{number}.npy", _render(renderer, width)[0])
        renderer.close()
    print(json.dumps({"seconds": seconds, "processor": processor, "peak_mb": peak}))


if __name__ == "__main__":
    main()
