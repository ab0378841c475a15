"""How far two honest renderings of the same pixels may be apart, by engine.

An engine's adapter declares this, in one line of `TOLERANCES`, from what re-renders of the same units by several
machines measured (`python -m tools.tolerances`); results of an engine that declares nothing cannot be audited. Pixels
are held against each other in `mesh/render/alike.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from mesh.model.manifest import EngineName


@dataclass(frozen=True, slots=True)
class Tolerance:
    """All 0: not by one bit."""

    apart: float = 0.0
    """By such a part of the larger of two values, and by as much absolutely, a channel of a pixel may differ unnoticed."""
    pixels: float = 0.0
    """So large a part of the pixels, and what chance adds to it in one bucket, may differ by more than that, and by however
    much, as thin edges and fireflies do."""
    mean: float = 0.0
    """By such a part of its size, the mean of any channel may differ, over all other pixels of a bucket."""


EXACT = Tolerance()

TOLERANCES: dict[EngineName, Tolerance] = {
    EngineName.BUILTIN: EXACT,
    # 24 renderings with 8 to 256 samples, on one machine: at most 1.7e-6, 1.4 % and 5.6e-8, headroom included
    EngineName.ROUNDING: Tolerance(apart=2e-6, pixels=0.015, mean=1e-7),
}
"""Engines whose results may be held against each other."""
