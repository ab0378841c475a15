"""The exactness contract: one picture, however it is cut, whoever renders it, on any instruction set."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mesh.engines.builtin_frame import BuiltinRenderer
from mesh.model.layers import Layer
from mesh.model.manifest import RenderSettings
from mesh.model.units import Grid, Rect, Unit
from mesh.render.cachekey import kernel_environment
from mesh.render.output import assemble, write_frame
from mesh.render.pixels import decode
from mesh.render.sky import sky_map
from tests.render_scenes import build, picture, render, still_life
from tests.shared_scenes import shared_scene

SETTINGS = RenderSettings(width=24, height=20, samples=20, max_depth=6, seed=5, layers=tuple(Layer))


def digest_here() -> str:
    return hashlib.sha256(picture(still_life(), SETTINGS, sky_map()).tobytes()).hexdigest()


@pytest.mark.parametrize("size", [1, 7, 16])
def test_buckets_of_any_size_make_the_same_picture(size: int) -> None:
    world = build(still_life(), SETTINGS, sky_map())
    whole = render(world, Rect(0, 0, 24, 20), SETTINGS.layers)
    grid = Grid(24, 20, size)

    patched = np.zeros_like(whole)
    for index in reversed(range(grid.count)):
        rect = grid.rect(index)
        patched[rect.y0 : rect.y1, rect.x0 : rect.x1] = render(world, rect, SETTINGS.layers)

    assert patched.tobytes() == whole.tobytes()


def test_a_plain_processor_makes_the_same_picture(tmp_path: Path) -> None:
    """Another process, compiling for the oldest processor of the family, numpy without its fast paths."""
    code = "from tests.test_render_exactness import digest_here; print(digest_here())"
    environment = os.environ | {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    environment["NPY_DISABLE_CPU_FEATURES"] = _dispatched_features()
    root = Path(__file__).parents[1]
    # tests/conftest.py does this for us, but only under pytest.
    kernels = Path(os.environ["NUMBA_CACHE_DIR"]).parent
    environment |= kernel_environment(kernels, environment) | {"PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == digest_here()


def _dispatched_features() -> str:
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    return " ".join(name for name in __cpu_dispatch__ if __cpu_features__.get(name))


@pytest.fixture
def duck() -> Path:
    return shared_scene("Duck.glb").parent


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(("bucket", "shutter"), [(16, 0.0), (64, 0.0), (16, 0.5)])
def test_threads_units_and_buckets_do_not_show(
    duck: Path, threads: int, bucket: int, shutter: float, tmp_path: Path
) -> None:
    reference = _duck_frame(duck, tmp_path, 2, 32, [1.0], shutter)
    assert _duck_frame(duck, tmp_path, threads, bucket, [0.3, 0.4, 1.0], shutter) == reference


def _duck_frame(
    place: Path, out: Path, threads: int, bucket: int, cuts: list[float], shutter: float
) -> bytes:
    """The EXR's bytes, every layer and attribute of it."""
    settings = RenderSettings(
        width=48, height=40, bucket=bucket, samples=8, layers=tuple(Layer), shutter=shutter, turntable=9
    )
    renderer = BuiltinRenderer(place, "Duck.glb", settings, (1,), threads)
    grid = Grid(48, 40, bucket)
    payloads = []
    start = 0
    for stop in (max(1, round(share * grid.count)) for share in cuts):
        if stop > start:
            _, data = renderer.render(Unit(1, start, stop), lambda _share: None, lambda: grid.count)
            payloads.append(decode(data))
            start = stop
    renderer.close()
    write_frame(assemble(payloads), out / "whole.exr")
    return (out / "whole.exr").read_bytes()


def test_buckets_beyond_the_limit_are_left_to_others(duck: Path) -> None:
    settings = RenderSettings(width=48, height=40, bucket=16, samples=4)
    renderer = BuiltinRenderer(duck, "Duck.glb", settings, (1,), 2)

    covered, data = renderer.render(Unit(1, 0, 9), lambda _share: None, lambda: 4)
    nothing, empty = renderer.render(Unit(1, 0, 9), lambda _share: None, lambda: 0)
    renderer.close()

    assert covered == Unit(1, 0, 4)
    assert decode(data).unit == covered
    assert (nothing.size, empty) == (0, b"")
