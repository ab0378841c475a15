"""What running the command line in a test comes to, and the scene that is there for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# A triangle of zero bytes: enough for every check that comes before rendering.
TRIANGLE = {
    "asset": {"version": "2.0"},
    "scene": 0,
    "scenes": [{"nodes": [0]}],
    "nodes": [{"mesh": 0}],
    "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
    "accessors": [
        {
            "bufferView": 0,
            "componentType": 5126,
            "count": 3,
            "type": "VEC3",
            "min": [0, 0, 0],
            "max": [0, 0, 0],
        }
    ],
    "bufferViews": [{"buffer": 0, "byteLength": 36}],
    "buffers": [{"uri": "triangle.bin", "byteLength": 36}],
}


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


Mesh = Callable[..., Outcome]


def one_sentence(outcome: Outcome) -> str:
    """What went wrong: exactly one line of errors, beginning with the program's name, and no traceback."""
    (line,) = outcome.err.strip().splitlines()
    assert line.startswith("mesh: ")
    assert line.endswith((".", "?"))
    return line.removeprefix("mesh: ")


def files() -> list[str]:
    """Everything below the working folder but the scene, hidden files too."""
    found = sorted(str(file) for file in Path().rglob("*") if file.is_file())
    return [file for file in found if not file.startswith("triangle.")]
