"""Who idles at a keeper: a queue, in which whoever was told of work steps aside for a while."""

from __future__ import annotations

from dataclasses import dataclass, field

from mesh.model.ids import NodeId


@dataclass(slots=True)
class Waiting:
    """Nodes that have nothing to do and reported that here, the longest idle first."""

    untold: dict[NodeId, float] = field(default_factory=dict)
    """Who has not been told of any work, and how fast each is, in buckets a second; 0 unknown."""
    told: dict[NodeId, tuple[float, float]] = field(default_factory=dict)
    """Who has been told where there is work: its speed, and when. It may have come too late for it."""
    looked_at: float = -1e9

    def join(self, node: NodeId, speed: float) -> None:
        self.untold[node] = speed

    def leave(self, node: NodeId) -> None:
        self.untold.pop(node, None)
        self.told.pop(node, None)

    def tell(self, node: NodeId, now: float) -> None:
        self.told[node] = self.untold.pop(node), now

    def wait_again(self, before: float) -> None:
        """Whoever was told before then, and still says that it is idle, waits like the others."""
        while self.told:
            node = next(iter(self.told))
            speed, at = self.told[node]
            if at > before:
                return
            del self.told[node]
            self.untold[node] = speed

    def clear(self) -> None:
        self.untold.clear()
        self.told.clear()
