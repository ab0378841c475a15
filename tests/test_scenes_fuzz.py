"""Whatever bytes a scene file holds, the reader gives a scene or a MeshError, and nothing else."""

from __future__ import annotations

import copy
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mesh.errors import MeshError
from mesh.scenes import open_scene
from mesh.scenes.inspection import inspect
from mesh.scenes.pack import find_files
from tests.gltf_builder import pack_glb, rich

GLTF = rich()
WHOLE = GLTF.glb()
SHARED_FOLDER = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 12),
    st.sampled_from([2**31, 2**53, -(2**40), 5120, 5121, 5123, 5125, 5126, 1e38, -1e300, 0.5, 1e-320]),
    st.sampled_from(
        ["", "SCALAR", "VEC2", "VEC3", "VEC4", "MAT4", "LINEAR", "CUBICSPLINE", "weights", "rotation"]
    ),
    st.sampled_from(["data:,", "data:;base64,####", "..", "\0", "a/b.png", "%ff", "C:/x"]),
    st.lists(st.integers(-1, 3), max_size=4),
    st.just({}),
)


def paths(value, at=()):
    """Every place in a JSON document."""
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield (*at, key)
        yield from paths(child, (*at, key))


PATHS = list(paths(GLTF.json))


def try_all(path):
    for use in (find_files, inspect, lambda entry: open_scene(entry).at(0.3)):
        sentence = ""
        try:
            use(path)
        except MeshError as error:
            sentence = str(error)
        assert len(sentence) < 2000


@SHARED_FOLDER
@given(
    st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=8), st.integers(0, 200)
)
def test_damaged_bytes(tmp_path, edits, cut):
    data = bytearray(WHOLE)
    for at, byte in edits:
        data[at] = byte
    path = tmp_path / "scene.glb"
    path.write_bytes(bytes(data[: len(data) - cut]))
    try_all(path)


@SHARED_FOLDER
@given(st.lists(st.tuples(st.sampled_from(PATHS), leaves | st.just("DELETE")), min_size=1, max_size=3))
def test_damaged_documents(tmp_path, edits):
    document = copy.deepcopy({**GLTF.json, "buffers": [{"byteLength": len(GLTF.binary)}]})
    for (*parents, last), value in edits:
        at = document
        for key in parents:
            at = at[key] if _holds(at, key) else None
        if value == "DELETE" and isinstance(at, dict):
            at.pop(last, None)
        elif _holds(at, last):
            at[last] = value
    path = tmp_path / "scene.glb"
    path.write_bytes(pack_glb(json.dumps(document).encode(), bytes(GLTF.binary)))
    try_all(path)


def _holds(at, key):
    """An earlier edit may have replaced what stood there."""
    if isinstance(at, dict):
        return key in at
    return isinstance(at, list) and isinstance(key, int) and key < len(at)
