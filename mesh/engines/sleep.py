"""An engine that sleeps and hashes: what the scheduler's tests and benchmarks render.

A whole frame takes `settings.samples` milliseconds, a bucket its share of that, times what the environment's
MESH_SLOWNESS says: a machine can be made to seem slower. The payload is a digest of what was asked for, so equal
units have equal bytes wherever they are rendered.
"""

from __future__ import annotations

import hashlib
import os
import time

from mesh.engines.adapter import UnitControl, UnitStopped
from mesh.engines.protocol import Open
from mesh.model.units import Grid, SampleRange, Unit

SLOWNESS = "MESH_SLOWNESS"
_NAP_SECONDS = 0.1
"""How soon a unit that is given up is let go of, however long its buckets are."""


class SleepSession:
    def __init__(self, request: Open) -> None:
        settings = request.settings
        self.warnings: tuple[str, ...] = ()
        self._seed = settings.seed
        buckets = Grid(settings.width, settings.height, settings.bucket).count
        self._bucket_seconds = settings.samples / 1000 / buckets * float(os.environ.get(SLOWNESS, "1"))

    def render(self, unit: Unit, control: UnitControl, _samples: SampleRange | None) -> tuple[Unit, bytes]:
        digest = hashlib.sha256()
        began = time.monotonic()
        bucket = unit.start
        while bucket < min(unit.stop, control.limit()):
            # Sleeping to a deadline, not for a duration: the nap's overshoot must not add up.
            due = began + (bucket + 1 - unit.start) * self._bucket_seconds
            while (pause := due - time.monotonic()) > 0:  # even a sleep of 0 gives the processor away
                if control.limit() <= unit.start:
                    raise UnitStopped
                time.sleep(min(pause, _NAP_SECONDS))
            digest.update(f"{self._seed}/{unit.frame}/{bucket};".encode())
            bucket += 1
            control.progress((bucket - unit.start) / unit.size)
        if bucket == unit.start:
            raise UnitStopped
        return Unit(unit.frame, unit.start, bucket), digest.digest()

    def close(self) -> None:
        """Nothing is held."""
