"""While the shutter is open: which moments stand for a frame, and which of its samples each of them takes.

Things stand still within a moment, so that one acceleration structure serves it (Haeberli and Akeley, "The
Accumulation Buffer", 1990). A run of consecutive samples is well spread in all other dimensions, and the
runs together are the frame's own samples: with one moment the picture is what it is without blur.
"""

from __future__ import annotations

from dataclasses import dataclass

from mesh.model.manifest import RenderSettings


@dataclass(frozen=True, slots=True)
class Moment:
    """`offset` from the frame's time, in frames; samples `start` <= s < `stop` are taken then."""

    offset: float
    start: int
    stop: int


def moments(frame: int, settings: RenderSettings) -> tuple[Moment, ...]:
    """The shutter is open around the frame's time, half of it before; nothing is before frame 1."""
    count = min(max(settings.motion_steps, 1), settings.samples) if settings.shutter > 0.0 else 1
    edges = [settings.samples * k // count for k in range(count + 1)]
    return tuple(
        Moment(
            max(settings.shutter * ((k + 0.5) / count - 0.5), 1.0 - frame) if count > 1 else 0.0,
            edges[k],
            edges[k + 1],
        )
        for k in range(count)
    )
