"""Engines whose pixels differ from run to run, in simulated render nodes: real payloads, really compared."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

import numpy as np

from mesh.engines.rounding import picture
from mesh.model.ids import Digest, JobId
from mesh.model.manifest import Manifest
from mesh.model.tolerance import TOLERANCES
from mesh.model.units import Unit
from mesh.render.pixels import Payload, encode, same_piece
from mesh.wire.effects import Compare, Render


@dataclass(slots=True)
class NoisePictures:
    """Whoever is false takes half the samples and says that it took all."""

    order: np.random.Generator
    payloads: dict[Digest, bytes] = field(default_factory=dict)
    _true: dict[Digest, bool] = field(default_factory=dict)
    forgiven: int = 0
    """Differences that audits took for honest."""

    def render(self, effect: Render, unit: Unit, /, *, false: bool) -> Digest:
        return self._paint(effect.manifest, unit, false=false)

    def _paint(self, of: Manifest, unit: Unit, *, false: bool) -> Digest:
        settings = replace(of.settings, samples=of.settings.samples // 2) if false else of.settings
        buckets = range(unit.start, unit.stop)
        made = tuple(picture(settings, unit.frame, bucket, self.order) for bucket in buckets)
        payload = encode(Payload(unit, of.grid, made))
        pixels = Digest(hashlib.blake2b(payload, digest_size=32).digest())
        self.payloads[pixels] = payload
        return pixels

    def alike(self, compare: Compare, /) -> bool:
        said, again = self.payloads[compare.pixels], self.payloads[compare.again]
        same = same_piece(said, compare.unit, again, compare.piece, compare.tolerance)
        self.forgiven += same and not same_piece(said, compare.unit, again, compare.piece)
        return same

    def is_true(self, _job: JobId, of: Manifest, unit: Unit, pixels: Digest, /) -> bool:
        if pixels not in self._true:
            alone = self.payloads[self._paint(of, unit, false=False)]
            tolerance = TOLERANCES[of.engine]
            self._true[pixels] = same_piece(self.payloads[pixels], unit, alone, unit, tolerance)
        return self._true[pixels]
