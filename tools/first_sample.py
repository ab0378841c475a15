"""`python -m tools.first_sample SCENE KERNELS`: open a scene file and render one sample of one bucket, as a renderer
process does that finds its compiled kernels below the folder KERNELS, or nothing there."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from mesh.engines.adapter import KERNEL_CACHE, opener
from mesh.engines.protocol import Merge, Open, Split
from mesh.model.manifest import EngineName, RenderSettings
from mesh.model.units import Unit


class _Patient:
    """Wants all of its unit."""

    def progress(self, fraction: float) -> None:
        pass

    def limit(self) -> int:
        return 1

    def shared(self) -> Sequence[Split | Merge]:
        return ()

    def warn(self, sentence: str) -> None:
        pass


def main() -> None:
    scene, kernels = (Path(argument) for argument in sys.argv[1:])
    os.environ[KERNEL_CACHE] = str(kernels)
    settings = RenderSettings(width=16, height=16, samples=1)
    request = Open(1, EngineName.BUILTIN, str(scene.parent), scene.name, settings, (1,), 1)
    session = opener(EngineName.BUILTIN)(request)
    session.render(Unit(1, 0, 1), _Patient(), None)
    session.close()


if __name__ == "__main__":
    main()
