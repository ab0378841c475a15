"""Local health: how far this node should mistrust its own senses (Lifeguard, section 4.1).

The score rises with every probe that fails for no proven fault of others, and falls with every answer.
"""

from __future__ import annotations


class Awareness:
    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.score = 0

    def add(self, delta: int) -> None:
        self.score = max(0, min(self.limit, self.score + delta))

    def scale(self, seconds: float) -> float:
        return seconds * (1 + self.score)
