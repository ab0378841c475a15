"""Reliable connections between simulated nodes: ordered, never doubled, and broken by kills and partitions.

A pair of nodes shares one, as `mesh/net/links.py` has it: who was dialled answers on the same connection.
"""

from __future__ import annotations

from dataclasses import dataclass, field

REFUSED = 0.01
"""Seconds until a dial to a host without our process fails."""
TIMED_OUT = 5.0
"""Seconds until a dial into nothing fails, or a broken connection is noticed."""


@dataclass(slots=True)
class Connection:
    """One direction between two lives of two nodes."""

    lives: tuple[int, int]
    usable_from: float = 0.0
    """When the other side can send on it as well."""
    free_at: float = 0.0
    """When the last byte written so far will have arrived."""
    broken: bool = False


@dataclass(slots=True)
class Connections:
    _open: dict[tuple[int, int], Connection] = field(default_factory=dict)

    def partners(self, index: int, life: int) -> list[int]:
        """Who has a connection with that life of a host."""
        found: dict[int, None] = {}
        for (source, to), connection in self._open.items():
            if not connection.broken and (index, life) in zip((source, to), connection.lives, strict=True):
                found[to if source == index else source] = None
        return list(found)

    def between(self, source: int, to: int, lives: tuple[int, int], now: float) -> tuple[Connection, bool]:
        """The connection from `source` to `to`, and whether it has to be dialled anew."""
        connection = self._open.get((source, to))
        if connection is not None and not connection.broken and connection.lives == lives:
            return connection, False
        connection = self._open[source, to] = Connection(lives)
        back = self._open.get((to, source))
        answered = (
            back is not None
            and not back.broken
            and back.lives == (lives[1], lives[0])
            and back.usable_from <= now
        )
        return connection, not answered
