"""The reader's arithmetic: right to the last digits, and the same bits whatever the CPU can do."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.scenes.exact import acos, angle, atan2, sin_cos
from tests.gltf_builder import TRIANGLE, skinned


@given(st.floats(-1000.0, 1000.0))
def test_sine_and_cosine(radians):
    sine, cosine = sin_cos(radians)
    assert sine == pytest.approx(math.sin(radians), rel=1e-12, abs=1e-15)
    assert cosine == pytest.approx(math.cos(radians), rel=1e-12, abs=1e-15)


@given(st.floats(-1.0, 1.0))
def test_arc_cosine(cosine):
    assert acos(cosine) == pytest.approx(math.acos(cosine), rel=1e-15, abs=2e-16)


ordinary = st.just(0.0) | st.floats(1e-100, 10.0) | st.floats(-10.0, -1e-100)


@given(ordinary, ordinary)
def test_arc_tangent(y, x):
    expected = math.atan2(y, x)
    assert atan2(y, x) == pytest.approx(expected, rel=2e-15, abs=1e-300)


@pytest.mark.parametrize(
    ("radians", "sine", "cosine"), [(0.0, 0.0, 1.0), (math.pi / 2, 1.0, 0.0), (math.pi, 0.0, -1.0)]
)
def test_quarter_turns(radians, sine, cosine):
    assert sin_cos(radians) == pytest.approx((sine, cosine), abs=2e-16)


def test_angles_of_arrays_agree_with_the_scalar():
    opposite, adjacent = np.array([0.0, 1.0, 2.0, 0.0, 3.0]), np.array([1.0, 1.0, 0.0, -1.0, -3.0])
    expected = [0.0, math.pi / 4, math.pi / 2, math.pi, 3 * math.pi / 4]
    assert angle(opposite, adjacent).tolist() == pytest.approx(expected, rel=1e-15)


CODE = """
import sys
from pathlib import Path
from mesh.scenes import open_scene
for path in sys.argv[1:]:
    scene = open_scene(Path(path))
    for time in (0.1, 0.37):
        for instance in scene.at(time).instances:
            mesh = instance.deformed or scene.meshes[instance.mesh]
            print(mesh.digest.hex(), mesh.normals.tobytes().hex(), instance.transform.tobytes().hex())
"""


def test_poses_have_the_same_bits_without_the_cpus_vector_features(tmp_path):
    gltf = skinned()
    # Awkward numbers, so that a different rounding anywhere would show.
    gltf.json["meshes"][0]["primitives"][0]["attributes"]["POSITION"] = gltf.accessor(TRIANGLE / 3.0 + 0.1)
    gltf.json["nodes"][2]["rotation"] = [0.1, 0.2, 0.3, 0.9]
    gltf.clip(1, "rotation", [0.0, 1.0], [[0.1, 0.7, 0.2, 0.3], [0.5, 0.1, 0.9, 0.2]])
    path = tmp_path / "scene.glb"
    path.write_bytes(gltf.glb())
    features = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    outputs = set()
    for disabled in ("", " ".join(features)):
        environment = {**os.environ, "NPY_DISABLE_CPU_FEATURES": disabled}
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", CODE, str(path)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1
    assert len(outputs.pop()) > 200
