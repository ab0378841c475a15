"""Real scenes from real exporters, which a public clone has not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("MESH_TEST_SCENES") or Path(__file__).parents[2] / "shared" / "scenes")


def shared_scene(name: str) -> Path:
    """The file, or a skip that says how to have it."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"{name} is not there: set MESH_TEST_SCENES to a folder with the shared test scenes")
    return path
