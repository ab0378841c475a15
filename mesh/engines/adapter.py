"""What an engine adapter is: something that opens a scene and renders units of it, in the child process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, assert_never

from mesh.engines.protocol import Merge, Open, Split
from mesh.engines.turns import is_compiled
from mesh.model.manifest import EngineName
from mesh.model.units import SampleRange, Unit
from mesh.render.cachekey import kernel_environment, prune

KERNEL_CACHE = "MESH_KERNEL_CACHE"
"""The environment variable that names the folder of compiled kernels to renderer processes."""


KERNEL_FOLDER = "NUMBA_CACHE_DIR"
"""And the one that names the part of it for these kernels, this processor and these libraries, once one is open."""


class UnitStopped(Exception):
    """Raised by a session when its unit was given up; no payload exists."""


class UnitControl(Protocol):
    """How a running unit is watched and steered; all of it may be called from any thread."""

    def progress(self, fraction: float) -> None: ...

    def limit(self) -> int:
        """Buckets from this one on are no longer wanted; at or below the unit's start: give up."""
        ...

    def shared(self) -> Sequence[Split | Merge]:
        """All that was said so far of samples of the unit that another node renders as well."""
        ...

    def warn(self, sentence: str) -> None: ...


class EngineSession(Protocol):
    """One open scene."""

    warnings: tuple[str, ...]

    def render(self, unit: Unit, control: UnitControl, samples: SampleRange | None) -> tuple[Unit, bytes]:
        """The unit's pixel payload, and the unit it covers (shorter where the limit fell). With `samples`, the sums
        of those: asked only of engines that can (`mesh/sched/samples.py`), of one bucket.

        Raises UnitStopped when given up, MeshError for a sentence to show; anything else is a crash.
        """
        ...

    def close(self) -> None: ...


OpenSession = Callable[[Open], EngineSession]


def opener(engine: EngineName) -> OpenSession:
    """The adapter of `engine`, loaded only now: adapters pull in heavy libraries."""
    if engine is EngineName.BUILTIN:
        # numba reads its settings when it is first imported, which is on the next line.
        base = Path(os.environ[KERNEL_CACHE])
        environment = kernel_environment(base)
        prune(base, Path(environment[KERNEL_FOLDER]), time.time())
        os.environ.update(environment)
        from mesh.engines.builtin import BuiltinSession

        return BuiltinSession
    if engine is EngineName.SLEEP:
        from mesh.engines.sleep import SleepSession

        return SleepSession
    if engine is EngineName.ROUNDING:
        from mesh.engines.rounding import RoundingSession

        return RoundingSession
    assert_never(engine)


def compiles_first(engine: EngineName) -> bool:
    """Whether this engine, whose `opener` has been asked for, must be compiled before it has any pixels."""
    folder = os.environ.get(KERNEL_FOLDER)
    return engine is EngineName.BUILTIN and folder is not None and not is_compiled(Path(folder))
