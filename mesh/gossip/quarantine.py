"""Grey failures: members that are neither well nor dead, such as those that hear but are not heard.

A member that a quorum suspects again and again comes into quarantine: it is given no new work, it is
judged with the longest patience, and its ups and downs are not reported until it was calm for a while.
Everyone decides alone, from signed accusations that everyone hears, so views agree without a vote. One
accuser, however busy, leads nobody there.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from mesh.gossip.config import GossipConfig
from mesh.gossip.formulas import accusers_for_quarantine
from mesh.wire.gossip import Handle

_MOST_EPISODES = 8
_MOST_TROUBLED = 4096


@dataclass(slots=True)
class _Troubles:
    episodes: deque[tuple[float, frozenset[Handle]]] = field(
        default_factory=lambda: deque(maxlen=_MOST_EPISODES)
    )
    quarantined: bool = False


class Quarantine:
    def __init__(self, config: GossipConfig) -> None:
        self._config = config
        self._troubles: dict[Handle, _Troubles] = {}

    def __contains__(self, handle: Handle) -> bool:
        troubles = self._troubles.get(handle)
        return troubles is not None and troubles.quarantined

    def episode(
        self, handle: Handle, start: float, accusers: frozenset[Handle], others: int, now: float
    ) -> bool:
        """A quorum of the `others` suspects the member, since `start`. Returns whether that brings it into
        quarantine. The same `start` with more accusers is the same episode."""
        if handle not in self._troubles and len(self._troubles) >= _MOST_TROUBLED:
            return False
        troubles = self._troubles.setdefault(handle, _Troubles())
        if troubles.episodes and troubles.episodes[-1][0] == start:
            troubles.episodes.pop()
        troubles.episodes.append((start, accusers))
        recent = [each for each in troubles.episodes if now - each[0] <= self._config.quarantine_window]
        distinct = frozenset[Handle]().union(*(accusers for _, accusers in recent))
        enough = accusers_for_quarantine(self._config.quarantine_accusers, others)
        if troubles.quarantined or len(recent) < self._config.quarantine_episodes or len(distinct) < enough:
            return False
        troubles.quarantined = True
        return True

    def calm(self, now: float) -> list[Handle]:
        """Forgets troubles that are long past. Returns the members that this releases."""
        window = self._config.quarantine_window
        over = [h for h, t in self._troubles.items() if now - t.episodes[-1][0] > window]
        return [handle for handle in over if self._troubles.pop(handle).quarantined]

    def forget(self, handle: Handle) -> None:
        self._troubles.pop(handle, None)

    def check(self) -> None:
        assert len(self._troubles) <= _MOST_TROUBLED
        assert all(troubles.episodes for troubles in self._troubles.values()), "troubled without a trouble"
