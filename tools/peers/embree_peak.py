"""How much memory Embree's tree of a scene takes at most, in a process of its own; prints one JSON object.

Argument: the folder of the scene's arrays, of one mesh.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from tools.embree_peer import Embree
from tools.peers.peak import peak_mb


def main() -> None:
    folder = Path(sys.argv[1])
    (mesh,) = json.loads((folder / "scene.json").read_text())["meshes"]
    Embree().scene(np.load(folder / mesh["positions"]), np.load(folder / mesh["triangles"]))
    print(json.dumps({"peak_mb": peak_mb()}))


if __name__ == "__main__":
    main()
