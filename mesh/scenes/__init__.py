"""Scene files: reading, checking and packing them. Importing this loads no library; opening a scene does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mesh.scenes.description import Scene


def _any(_need: int) -> None:
    """Whatever memory a scene needs is there."""


def open_scene(
    path: Path,
    *,
    scene: str = "",
    clip: str = "",
    variant: str = "",
    foreseen: Callable[[int], None] = _any,
) -> Scene:
    """The scene in a .gltf or .glb file.

    `scene`, `clip` and `variant` choose by name; left empty, they mean the file's default scene, its first
    animation clip, and the materials as they are. A clip plays over and over when the time passes its end.
    `foreseen` is told how many bytes the scene needs at least, before much of it is read, and may raise.
    Raises a MeshError of mesh.scenes.errors when the file is missing, damaged or asks for what is unknown.
    """
    # Loaded here, since the command line imports this package and must start at once.
    from mesh.scenes.gltf.opening import open_gltf

    return open_gltf(path, scene=scene, clip=clip, variant=variant, foreseen=foreseen)
