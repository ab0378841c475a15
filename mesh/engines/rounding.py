"""An engine that is not exact to the bit: what audits within a tolerance are tested with. No node offers it.

It renders noise, `settings.samples` of it a pixel, and adds that up in single precision in an order that nobody
decides, as renderers with many threads do. So two renderings of a unit differ in the last bits of most values, and by
much in the few pixels where such a bit decides what is seen.
"""

from __future__ import annotations

import numpy as np

from mesh.engines.adapter import UnitControl, UnitStopped
from mesh.engines.protocol import Open
from mesh.model.layers import channels_of
from mesh.model.manifest import RenderSettings
from mesh.model.units import Grid, SampleRange, Unit
from mesh.render.pixels import Payload, Pixels, encode

_UNDECIDED = 1024
"""In one of so many pixels the last bits decide."""


def picture(settings: RenderSettings, frame: int, bucket: int, order: np.random.Generator) -> Pixels:
    """A bucket's pixels (height, width, channels); `order` is all that may differ between two of them."""
    rect = Grid(settings.width, settings.height, settings.bucket).rect(bucket)
    noise = np.random.default_rng((settings.seed, frame, bucket))
    shape = (rect.height, rect.width, len(channels_of(settings.layers)))
    shown = noise.random(shape, np.float32)
    samples = shown * noise.standard_exponential((settings.samples, *shape), np.float32)
    total = np.zeros(shape, np.float32)
    for sample in order.permutation(settings.samples):
        total += samples[sample]
    total[total[..., 0].view(np.uint32) % _UNDECIDED == 0] *= 4
    return total / np.float32(settings.samples)


class RoundingSession:
    def __init__(self, request: Open) -> None:
        self._settings = request.settings
        self._order = np.random.default_rng()
        self.warnings: tuple[str, ...] = ()

    def render(self, unit: Unit, control: UnitControl, _samples: SampleRange | None) -> tuple[Unit, bytes]:
        settings = self._settings
        buckets: list[Pixels] = []
        while unit.start + len(buckets) < min(unit.stop, control.limit()):
            buckets.append(picture(settings, unit.frame, unit.start + len(buckets), self._order))
            control.progress(len(buckets) / unit.size)
        if not buckets:
            raise UnitStopped
        covered = Unit(unit.frame, unit.start, unit.start + len(buckets))
        grid = Grid(settings.width, settings.height, settings.bucket)
        return covered, encode(Payload(covered, grid, tuple(buckets), settings.layers))

    def close(self) -> None:
        """Nothing is held."""
