"""What a node hears of the units that it had its renderer render."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mesh.model.units import Unit
from mesh.wire.effects import Attempt


@dataclass(frozen=True, slots=True)
class EngineProgress:
    attempt: Attempt
    fraction: float


@dataclass(frozen=True, slots=True)
class EnginePreparing:
    """There are no pixels of it yet, and the renderer is seen to work: it opens the scene, or is being compiled."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class EngineDone:
    """`payload` is that of `unit`: where it is short, its bytes, else a file, which whoever gets this owns."""

    attempt: Attempt
    unit: Unit
    payload: Path | bytes
    seconds: float


@dataclass(frozen=True, slots=True)
class EngineFailed:
    attempt: Attempt
    reason: str
    log: str
    retryable: bool
    scene_needs: int = 0
    """Bytes of memory that its scene takes at least, where that is why."""
    unit_needs: int = 0
    """The same where the scene could be opened."""


@dataclass(frozen=True, slots=True)
class EngineWarned:
    """Something people should know about the scene, said once per opening of it, or about a unit."""

    attempt: Attempt
    sentence: str


EngineNews = EngineProgress | EnginePreparing | EngineDone | EngineFailed | EngineWarned
