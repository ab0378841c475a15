"""`python -m tools.first_sample SCENE KERNELS`: open a scene file and render one sample of one bucket, as a renderer
process does that finds its compiled kernels in the folder KERNELS, or nothing there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mesh.render.cachekey import kernel_environment


def main() -> None:
    scene, kernels = (Path(argument) for argument in sys.argv[1:])
    os.environ.update(kernel_environment(kernels))
    # numba reads its settings when it is first imported, which is on the next line.
    from mesh.engines.builtin_frame import BuiltinRenderer
    from mesh.model.manifest import RenderSettings
    from mesh.model.units import Unit

    settings = RenderSettings(width=16, height=16, samples=1)
    renderer = BuiltinRenderer(scene.parent, scene.name, settings, (1,), threads=1)
    renderer.render(Unit(1, 0, 1), lambda _: None, lambda: 1)
    renderer.close()


if __name__ == "__main__":
    main()
