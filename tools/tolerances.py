"""`python -m tools.tolerances ENGINE [SCENE]`: how far honest renderings by an engine are apart, and what to declare.

Renders one unit again and again through the engine's adapter, every time in a new session with another number of
threads, and prints the line for `TOLERANCES` in `mesh/model/tolerance.py`. With `--keep FOLDER` the renderings
are left there, and those found there count too: carry the folder from machine to machine, and what is declared holds
for all of them.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from mesh.engines.adapter import opener
from mesh.engines.protocol import Merge, Open, Split
from mesh.model.manifest import EngineName, RenderSettings
from mesh.model.units import Grid, Unit
from mesh.render.alike import Values, measured
from mesh.render.pixels import decode


class Patient:
    """Lets a unit come to its end."""

    def progress(self, fraction: float) -> None:
        pass

    def limit(self) -> int:
        return 1 << 30

    def shared(self) -> Sequence[Split | Merge]:
        return ()

    def warn(self, sentence: str) -> None:
        print(sentence)


def rendered(engine: EngineName, scene: Path, settings: RenderSettings, unit: Unit, threads: int) -> bytes:
    """A unit's payload. Raises what the adapter's session raises."""
    request = Open(1, engine, str(scene.parent), scene.name, settings, (unit.frame,), threads)
    session = opener(engine)(request)
    try:
        return session.render(unit, Patient(), None)[1]
    finally:
        session.close()


def values_of(payload: bytes) -> list[Values]:
    """Bucket by bucket. Raises BadPixels."""
    return [one.reshape(-1, one.shape[2]).astype("f8") for one in decode(payload).buckets]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.tolerances", description=__doc__)
    parser.add_argument("engine", type=EngineName)
    parser.add_argument("scene", type=Path, nargs="?", default=Path("none"))
    parser.add_argument("--times", type=int, default=8)
    parser.add_argument("--frame", type=int, default=1)
    parser.add_argument("--side", type=int, default=256, help="of the picture, in pixels")
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    settings = RenderSettings(width=options.side, height=options.side, samples=options.samples)
    buckets = Grid(settings.width, settings.height, settings.bucket).count
    with TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for time in range(options.times):
            threads = 1 + time % (os.cpu_count() or 1)
            payload = rendered(
                options.engine, options.scene, settings, Unit(options.frame, 0, buckets), threads
            )
            (folder / f"{os.uname().nodename}-{time}.pixels").write_bytes(payload)
        payloads = [path.read_bytes() for path in sorted(folder.glob("*.pixels"))]
    found = measured([values_of(payload) for payload in payloads])
    print(f"{len(payloads)} renderings, {len(set(payloads))} of them different")
    print(f"EngineName.{options.engine.name}: {found},")


if __name__ == "__main__":
    main()
