"""How far two honest renderings of the same pixels may be apart, by engine.

An engine's adapter declares this from what re-renders of the same units by several machines measured; results of an
engine that declares nothing cannot be audited.
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
    """So large a part of the pixels may differ by more than that, as thin edges and fireflies do."""
    mean: float = 0.0
    """By such a part of its mean, the mean of any channel may differ."""


EXACT = Tolerance()

TOLERANCES: dict[EngineName, Tolerance] = {EngineName.BUILTIN: EXACT}
"""Engines whose results may be held against each other."""
