"""Other people's glTF files, many of them broken on purpose: each gives a picture or a sentence.

They are those of Debian's assimp-testmodels, where it is installed; MESH_TEST_MODELS names another folder.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from mesh.engines.builtin_frame import BuiltinRenderer
from mesh.errors import MeshError
from mesh.model.manifest import RenderSettings
from mesh.model.units import Unit
from mesh.render.pixels import decode
from mesh.scenes.inspection import inspect
from mesh.scenes.pack import find_files

MODELS = Path(os.environ.get("MESH_TEST_MODELS", "/usr/share/assimp/models/glTF2"))
TINY = RenderSettings(width=8, height=8, samples=1, max_depth=3)

pytestmark = pytest.mark.skipif(not MODELS.is_dir(), reason="assimp-testmodels is not installed")


def attempt(path: Path) -> str:
    """The sentence with which a file is refused, empty where it gave a picture."""
    try:
        inspect(path)
        find_files(path)
        renderer = BuiltinRenderer(path.parent, path.name, TINY, (1,), 1)
    except MeshError as error:
        return str(error)
    _, data = renderer.render(Unit(1, 0, 1), lambda _share: None, lambda: 1)
    renderer.close()
    assert np.isfinite(decode(data).buckets[0][:, :, :10]).all(), path.name
    return ""


def test_every_file_gives_a_picture_or_a_sentence() -> None:
    files = [path for path in sorted(MODELS.rglob("*")) if path.suffix in (".gltf", ".glb")]
    said = {path: attempt(path) for path in files}
    assert sum(not sentence for sentence in said.values()) > len(files) / 2
    assert all(path.name in sentence for path, sentence in said.items() if sentence)


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("BoxWithInfinites-glTF-Binary/BoxWithInfinites.glb", "coordinates that are infinite"),
        ("IndexOutOfRange/IndexOutOfRange.gltf", "refers to vertex 255, but there are 24"),
        ("MissingBin/BoxTextured.gltf", "BoxTextured0.bin, CesiumLogoFlat.png"),
        ("RecursiveNodes/RecursiveNodes.gltf", "nodes[0] is its own ancestor"),
        ("wrongTypes/badUint.gltf", "index is -1; it should be at least 0"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_place(file: str, sentence: str) -> None:
    assert sentence in attempt(MODELS / file)
