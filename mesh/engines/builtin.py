"""The built-in path tracer as an engine session. Importing this loads numba."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mesh.engines.adapter import UnitControl, UnitStopped
from mesh.engines.builtin_frame import BuiltinRenderer
from mesh.engines.protocol import Open
from mesh.engines.turns import compile_ahead, compile_in_turn, compile_notice, end_helper
from mesh.model.units import SampleRange, Unit


class BuiltinSession:
    def __init__(self, request: Open) -> None:
        """Raises MeshError where the scene or the settings are wrong."""
        self._kernels = Path(os.environ["NUMBA_CACHE_DIR"])
        self._helper = compile_ahead(self._kernels, (sys.executable, "-m", "mesh.engines.compiling"))
        try:
            self._renderer = BuiltinRenderer(
                Path(request.scene_dir), request.entry, request.settings, request.frames, request.threads
            )
        except BaseException:
            end_helper(self._helper)
            raise
        self.warnings = (*compile_notice(self._kernels), *self._renderer.warnings)

    def render(self, unit: Unit, control: UnitControl, samples: SampleRange | None) -> tuple[Unit, bytes]:
        with compile_in_turn(self._kernels, lambda: control.limit() <= unit.start) as compiled:

            def progress(fraction: float) -> None:
                compiled()
                control.progress(fraction)

            if samples is None:
                covered, payload = self._renderer.render(
                    unit, progress, control.limit, control.shared, control.warn
                )
            else:
                covered, payload = unit, self._renderer.render_samples(unit, samples, progress, control.limit)
        if not payload:
            raise UnitStopped
        return covered, payload

    def close(self) -> None:
        end_helper(self._helper)
        self._renderer.close()
