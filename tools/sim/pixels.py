"""What simulated engines make: pixels as digests, of which can be told whether an honest engine made them.

Those of exact engines are a hash of what was rendered, so that a result can be held against the frame rendered
alone.
"""

from __future__ import annotations

import hashlib
from typing import Protocol

from mesh.model.ids import Digest, JobId
from mesh.model.manifest import Manifest
from mesh.model.units import SampleRange, Unit
from mesh.wire.effects import Compare, Render


class Pictures(Protocol):
    def render(self, effect: Render, unit: Unit, /, *, false: bool) -> Digest:
        """`unit` is what became of the one asked for."""

    def alike(self, compare: Compare, /) -> bool:
        """What an auditor finds."""

    def is_true(self, job: JobId, of: Manifest, unit: Unit, pixels: Digest, /) -> bool:
        """Whether an honest engine may have made them."""


class HashedPictures:
    """Of engines whose pixels are the same to the bit wherever they are made."""

    def render(self, effect: Render, unit: Unit, /, *, false: bool) -> Digest:
        samples = effect.samples
        pixels = _pixels_of(effect.job, unit) if samples is None else samples_of(effect.job, unit, samples)
        return Digest(bytes(reversed(pixels))) if false else pixels

    def alike(self, compare: Compare, /) -> bool:
        whole_is_true = compare.pixels == _pixels_of(compare.job, compare.unit)
        return whole_is_true and compare.again == _pixels_of(compare.job, compare.piece)

    def is_true(self, job: JobId, _of: Manifest, unit: Unit, pixels: Digest, /) -> bool:
        return pixels == _pixels_of(job, unit)


def _pixels_of(job: JobId, unit: Unit) -> Digest:
    return _hashed(f"{job.hex()} {unit.frame} {unit.start} {unit.stop}")


def samples_of(job: JobId, unit: Unit, samples: SampleRange) -> Digest:
    """What rendering some samples of a bucket gives, on whatever node."""
    return _hashed(f"{job.hex()} {unit.frame} {unit.start} {samples.start} {samples.stop}")


def _hashed(text: str) -> Digest:
    return Digest(hashlib.blake2b(text.encode(), digest_size=32).digest())


def is_small(pixels: Digest) -> bool:
    """Whether they travel with the request to keep them."""
    return pixels[0] % 2 == 0
