"""Our pictures beside Mitsuba's and Cycles': by how much they differ where the material models are the same.

Every renderer gets the same triangles, textures, lamps and camera (tools/picture_scenes.py). Light is compared
twice: over the whole picture, and as the mean of what differs tile by tile, which an error that cancels out
elsewhere does not hide. Tiles, since pixel filters differ; and a tile's difference holds what noise is left.
The target of both is 1 %. MESH_BENCH_KEEP names a folder in which scenes and pictures are kept, MESH_BENCH_ONLY a
part of the names of the scenes wanted.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mesh.model.manifest import RenderSettings
from tools.bench_paths import OURS, PEERS, NotInstalled, Renderer, run_renderer
from tools.bench_report import Case, cost
from tools.path_scenes import PathScene, write_for_peers
from tools.picture_scenes import own_scenes, shared_scenes
from tools.ray_scenes import scenes_folder

SIDE = 256
TILE = 16
TARGET = 0.01
LEFT_OUT = "Mitsuba scalar_rgb"
"""The same renderer as its other variant, only slower."""
Picture = NDArray[np.float64]


def run() -> list[Case]:
    scenes = scenes_folder()
    if scenes is None:
        print("only our own scenes: MESH_TEST_SCENES names no folder")
    with tempfile.TemporaryDirectory() as temporary:
        room = Path(os.environ.get("MESH_BENCH_KEEP", temporary))
        made = own_scenes(scenes, room) + (shared_scenes(scenes, room) if scenes else [])
        wanted = os.environ.get("MESH_BENCH_ONLY", "")
        return [case for scene in made if wanted in scene.name for case in _compare(scene)]


def _compare(scene: PathScene) -> list[Case]:
    settings = RenderSettings(width=SIDE, height=SIDE, environment=scene.environment)
    here = scene.folder / "pictures"
    write_for_peers(scene, settings, here / "arrays")
    ours = _picture(OURS, scene, here)
    cases = []
    for peer in PEERS:
        if peer.name == LEFT_OUT:
            continue
        try:
            theirs = _picture(peer, scene, here)
        except NotInstalled:
            print(f"{peer.name} is not installed; left out")
            continue
        # Of ours, since a peer's picture may be black.
        whole = abs(float(ours.mean() - theirs.mean())) / float(ours.mean())
        tiles = float(np.abs(_tiled(ours) - _tiled(theirs)).mean()) / float(ours.mean())
        for what, found in (("whole", whole), ("by tiles", tiles)):
            cases.append(cost(f"{scene.name}: {what}", 100.0 * found, 100.0 * TARGET, peer.name, "%"))
            print(f"{scene.name}: {what} {100.0 * found:.2f} % from {peer.name}")
    return cases


def _picture(renderer: Renderer, scene: PathScene, here: Path) -> Picture:
    _, output = run_renderer(renderer, here, SIDE, scene.samples, 0)
    found: Picture = np.load(output / "image.npy").astype(np.float64)
    return found


def _tiled(picture: Picture) -> Picture:
    """The mean of each tile."""
    tiles = SIDE // TILE
    found: Picture = picture.reshape(tiles, TILE, tiles, TILE, 3).mean(axis=(1, 3))
    return found
