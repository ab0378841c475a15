"""The queue of rumours: what is still to be told, how often each was told, and what fits into a datagram.

Rumours told least go first, the newest among those, so that fresh news overtakes old (memberlist's
transmit-limited queue). Bounded: beyond its limit the most told rumour is dropped.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from mesh.wire.base import Message


@dataclass(slots=True)
class _Rumour:
    message: Message
    size: int
    told: int = 0


class RumourQueue:
    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rumours: dict[Hashable, _Rumour] = {}
        self._tiers: list[dict[Hashable, _Rumour]] = []
        """By how often they were told; within a tier in the order they came to it."""

    def __len__(self) -> int:
        return len(self._rumours)

    def put(self, key: Hashable, message: Message, size: int) -> None:
        """Tell `message`; what was told under the same `key` is outdated."""
        self.drop(key)
        rumour = _Rumour(message, size)
        self._rumours[key] = rumour
        self._tier(0)[key] = rumour
        if len(self._rumours) > self._limit:
            most_told = next(tier for tier in reversed(self._tiers) if tier)
            self.drop(next(iter(most_told)))

    def drop(self, key: Hashable) -> None:
        rumour = self._rumours.pop(key, None)
        if rumour is not None:
            del self._tiers[rumour.told][key]

    def take(self, room: int, limit: int) -> tuple[list[Message], int]:
        """Rumours of at most `room` bytes for one datagram, and their bytes; each is counted as told, and
        forgotten when it was told `limit` times."""
        chosen: list[tuple[Hashable, _Rumour]] = []
        used = 0
        for tier in self._tiers:
            for key in reversed(tier):
                rumour = tier[key]
                if used + rumour.size <= room:
                    chosen.append((key, rumour))
                    used += rumour.size
            if room - used < 64:
                break
        for key, rumour in chosen:
            self._told(key, rumour, limit)
        return [rumour.message for _, rumour in chosen], used

    def _told(self, key: Hashable, rumour: _Rumour, limit: int) -> None:
        del self._tiers[rumour.told][key]
        rumour.told += 1
        if rumour.told >= limit:
            del self._rumours[key]
        else:
            self._tier(rumour.told)[key] = rumour

    def _tier(self, told: int) -> dict[Hashable, _Rumour]:
        while len(self._tiers) <= told:
            self._tiers.append({})
        return self._tiers[told]

    def check(self) -> None:
        assert len(self._rumours) <= self._limit, "more rumours than the limit"
        assert sum(map(len, self._tiers)) == len(self._rumours), "a rumour outside its tier"
        assert all(r.told == told for told, tier in enumerate(self._tiers) for r in tier.values())
