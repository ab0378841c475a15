"""How many nodes have worked on a job of late: what people are shown beside its priority."""

from __future__ import annotations

from collections import deque

USAGE_SECONDS = 10.0
_LOOK_SECONDS = 1.0


class Usage:
    """A mean over ten seconds of counts that are taken about once a second."""

    __slots__ = ("_looks",)

    def __init__(self) -> None:
        self._looks: deque[tuple[float, int]] = deque()
        """(When, how many nodes were at work), oldest first; each holds until the next."""

    def due(self, now: float) -> bool:
        """Whether it is time to count again."""
        return not self._looks or now - self._looks[-1][0] >= _LOOK_SECONDS

    def see(self, now: float, nodes: int) -> None:
        self._looks.append((now, nodes))
        while len(self._looks) > 1 and self._looks[1][0] <= now - USAGE_SECONDS:
            self._looks.popleft()

    def mean(self, now: float) -> float:
        """Nodes at work over the last ten seconds, or since the first look where that is less; 0 before it."""
        if not self._looks:
            return 0.0
        since = max(now - USAGE_SECONDS, self._looks[0][0])
        if now <= since:
            return float(self._looks[-1][1])
        ends = [*[at for at, _ in self._looks][1:], now]
        worked = sum(
            nodes * max(0.0, end - max(at, since)) for (at, nodes), end in zip(self._looks, ends, strict=True)
        )
        return worked / (now - since)
