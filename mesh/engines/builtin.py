"""The built-in path tracer as an engine session. Importing this loads numba."""

from __future__ import annotations

import os
from pathlib import Path

from mesh.engines.adapter import UnitControl, UnitStopped
from mesh.engines.builtin_frame import BuiltinRenderer
from mesh.engines.protocol import Open
from mesh.engines.turns import compile_in_turn
from mesh.model.units import Unit


class BuiltinSession:
    def __init__(self, request: Open) -> None:
        """Raises MeshError where the scene or the settings are wrong."""
        self._renderer = BuiltinRenderer(
            Path(request.scene_dir), request.entry, request.settings, request.frames, request.threads
        )
        self.warnings = self._renderer.warnings

    def render(self, unit: Unit, control: UnitControl) -> tuple[Unit, bytes]:
        folder = Path(os.environ["NUMBA_CACHE_DIR"])
        with compile_in_turn(folder, lambda: control.limit() <= unit.start) as compiled:

            def progress(fraction: float) -> None:
                compiled()
                control.progress(fraction)

            covered, payload = self._renderer.render(unit, progress, control.limit)
        if covered.size == 0:
            raise UnitStopped
        return covered, payload

    def close(self) -> None:
        self._renderer.close()
