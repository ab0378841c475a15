"""Tells a renderer that is at work and has nothing to show yet from one that hangs.

While it opens a scene, or is being compiled, it reports no progress, for nobody knows how far it is. But it computes, or
writes to its log; a process that waits for what will never come does neither.
"""

from __future__ import annotations

LOOK_SECONDS = 5.0
"""Between two looks at a renderer without pixels."""

_LEAST = 0.01
"""Of one processor: less is what waiting takes, such as for a lock that is looked at ten times a second."""


class Diligence:
    """Looks at one renderer from time to time."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._worked = 0.0
        self._logged = 0

    def look(self, now: float, worked: float, logged: int) -> bool:
        """Whether it was at work since the last look: it has used `worked` seconds of processors, and written `logged`
        bytes to its log, since it was started."""
        computed = worked - self._worked >= _LEAST * (now - self._now)
        spoke = logged > self._logged
        self._now, self._worked, self._logged = now, worked, logged
        return computed or spoke
