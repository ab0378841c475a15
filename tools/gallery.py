"""Renders every scene at hand into a folder with a page to look at: `make gallery`.

Real scenes are taken from $MESH_TEST_SCENES, then ../shared/scenes; without them our own are left. Each
picture is rendered in this process, so `--only` and `--scale` make it quick to look at one thing.
"""

from __future__ import annotations

import argparse
import html
import importlib.util
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from mesh.config.paths import Paths
from mesh.model.layers import Layer
from mesh.model.look import Look, View
from mesh.model.manifest import RenderSettings
from mesh.model.units import Grid, Unit
from mesh.render.cachekey import kernel_environment

SCENES = Path(os.environ.get("MESH_TEST_SCENES") or Path(__file__).parents[2] / "shared" / "scenes")
BEACH = "spiaggia_di_mondello_1k.hdr"
PLAIN = RenderSettings(width=640, height=400, samples=128)


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture. `file` is a shared scene, unless `make` writes it; `environment` a shared image or `sky`."""

    name: str
    about: str
    file: str
    settings: RenderSettings = PLAIN
    frame: int = 1
    environment: str = ""
    look: Look = field(default_factory=Look)
    make: Callable[[Path], None] | None = None


def shots() -> tuple[Shot, ...]:
    from mesh.scenes.still_life import write_still_life
    from tools.gallery_scenes import fast_things, material_chart

    helmet = "FlightHelmet/FlightHelmet.gltf"
    square = replace(PLAIN, width=560, height=560)
    dim = Look(exposure=-1.5, auto_exposure=True)
    blurred = replace(PLAIN, shutter=0.5, motion_steps=32)
    own = "own.glb"
    return (
        Shot("still-life", "the demo's still life", own, environment="sky", make=write_still_life),
        Shot("materials", "metal, plastic, clearcoat, glass, sheen, anisotropy, iridescence", own, square, environment=BEACH, make=material_chart),
        Shot("motion", "a shutter of half a frame; the post stands still", own, blurred, 9, "sky", make=fast_things),
        Shot("helmet", "95k triangles and fifteen textures under a beach's sky", helmet, square, environment=BEACH),
        Shot("helmet-standard", "the standard view, one stop down", helmet, square, environment=BEACH, look=Look(View.STANDARD, -1.0)),
        Shot("helmet-filmic", "the filmic view, one stop down", helmet, square, environment=BEACH, look=Look(View.FILMIC, -1.0)),
        Shot("alpha", "alpha: opaque, blend, and masks at three cut-offs", "AlphaBlendModeTest.glb", environment="sky"),
        Shot("cornell", "a lamp in a box", "CornellBox.glb", replace(square, samples=256)),
        Shot("sharp", "a pinhole; exposed by the frame's own light, less for what is white", "DepthOfFieldExample.glb", look=dim),
        Shot("depth-of-field", "a wide lens, focused on the middle", "DepthOfFieldExample.glb", replace(PLAIN, f_stop=0.2), look=dim),
        Shot("duck", "the camera of the file", "Duck.glb", environment="sky"),
        Shot("fox", "a skin, running", "Fox.glb", replace(PLAIN, clip="Run"), 9, "sky"),
        Shot("fox-blurred", "the same, with an open shutter", "Fox.glb", replace(PLAIN, clip="Run", shutter=1.0, motion_steps=32), 9, "sky"),
        Shot("truck", "a truck, driving", "CesiumMilkTruck.glb", replace(PLAIN, shutter=0.5), 9, "sky"),
        Shot("truck-turned", "a turntable's third", "CesiumMilkTruck.glb", replace(PLAIN, turntable=12), 5, BEACH),
    )  # fmt: skip


def prepared(shot: Shot, folder: Path) -> tuple[str, RenderSettings] | None:
    """The scene's files in `folder`: the entry, and the settings; None where the shared scenes are not there."""
    needed = [
        name for name in (shot.file if shot.make is None else "", shot.environment) if name not in ("", "sky")
    ]
    if any(not (SCENES / name).is_file() for name in needed):
        return None
    entry = Path(shot.file)
    if shot.make is not None:
        shot.make(folder / entry.name)
    elif entry.parent != Path():
        shutil.copytree(SCENES / entry.parent, folder, dirs_exist_ok=True)
    else:
        shutil.copy(SCENES / entry, folder / entry.name)
    if shot.environment not in ("", "sky"):
        shutil.copy(SCENES / shot.environment, folder / shot.environment)
    return entry.name, replace(shot.settings, environment=shot.environment)


def rendered(
    shot: Shot, entry: str, settings: RenderSettings, folder: Path, target: Path, threads: int
) -> float:
    """Writes `target`.png and .exr; the seconds that rendering took."""
    from mesh.engines.builtin_frame import BuiltinRenderer
    from mesh.render.output import assemble, write_frame
    from mesh.render.pixels import decode

    renderer = BuiltinRenderer(folder, entry, settings, (shot.frame,), threads)
    began = time.monotonic()
    count = Grid(settings.width, settings.height, settings.bucket).count
    _, data = renderer.render(Unit(shot.frame, 0, count), lambda _share: None, lambda: count)
    seconds = time.monotonic() - began
    renderer.close()
    frame = assemble([decode(data)])
    write_frame(frame, target.with_suffix(".exr"))
    write_frame(frame, target.with_suffix(".png"), look=shot.look)
    return seconds


def page(rows: list[tuple[Shot, RenderSettings, float]], missing: list[Shot]) -> str:
    def figures() -> Iterator[str]:
        for shot, settings, seconds in rows:
            facts = f"{settings.width}×{settings.height}, {settings.samples} samples, {seconds:.1f} s"
            yield (
                f'<figure><a href="{shot.name}.exr"><img src="{shot.name}.png" alt="{html.escape(shot.about)}"></a>'
                f"<figcaption><b>{shot.name}</b> {html.escape(shot.about)}<br>{facts}</figcaption></figure>"
            )

    lacking = ", ".join(shot.name for shot in missing)
    note = f"<p>Not here, for want of their scenes: {lacking}.</p>" if missing else ""
    style = (
        "body{background:#222;color:#ddd;font:15px sans-serif;display:flex;flex-wrap:wrap;gap:1em;margin:1em}"
        "figure{margin:0;max-width:640px}img{max-width:100%;display:block}a{color:inherit}"
    )
    return (
        f"<!doctype html><meta charset='utf-8'><title>Gallery</title><style>{style}</style>\n"
        + "\n".join(figures())
        + note
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("gallery"))
    parser.add_argument("--only", default="", help="names of pictures, with commas between them")
    parser.add_argument("--scale", type=float, default=1.0, help="of the width, the height and the samples")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    # numba reads its settings when it is first imported, which is later.
    os.environ.update(kernel_environment(Paths.locate().kernels))
    wanted = set(filter(None, options.only.split(",")))
    denoise = importlib.util.find_spec("pyoidn") is not None
    options.output.mkdir(parents=True, exist_ok=True)
    rows: list[tuple[Shot, RenderSettings, float]] = []
    missing: list[Shot] = []
    for shot in shots():
        if wanted and shot.name not in wanted:
            continue
        with tempfile.TemporaryDirectory() as folder:
            found = prepared(shot, Path(folder))
            if found is None:
                missing.append(shot)
                continue
            entry, asked = found
            settings = replace(
                asked,
                width=max(1, round(asked.width * options.scale)),
                height=max(1, round(asked.height * options.scale)),
                samples=max(1, round(asked.samples * options.scale)),
                layers=tuple(Layer),
            )
            shot = replace(shot, look=replace(shot.look, denoise=denoise))  # noqa: PLW2901 - the same shot, cleaned
            target = options.output / shot.name
            seconds = rendered(shot, entry, settings, Path(folder), target, options.threads)
        rows.append((shot, settings, seconds))
        print(f"{shot.name}: {seconds:.1f} s")
    (options.output / "index.html").write_text(page(rows, missing))
    print(f"{len(rows)} pictures; look at {options.output / 'index.html'}")


if __name__ == "__main__":
    main()
