"""What the results of a job have taken: by whom, how long a bucket takes, and how much that varies."""

from __future__ import annotations

from dataclasses import dataclass

from mesh.model.ids import NodeId


@dataclass(slots=True)
class Share:
    """What one node has done for the job."""

    buckets: int = 0
    seconds: float = 0.0
    redone: int = 0
    frames: int = 0
    """Frames that it rendered whole."""
    failures: int = 0


class Effort:
    def __init__(self) -> None:
        self.shares: dict[NodeId, Share] = {}
        self.seconds = 0.0
        self.buckets = 0
        self._strayed = 0.0
        self._compared = 0

    def share(self, node: NodeId) -> Share:
        return self.shares.setdefault(node, Share())

    def spend(self, node: NodeId, buckets: int, seconds: float, *, redone: int) -> None:
        """Counts a result of so many buckets, some of which were done before."""
        share = self.share(node)
        if share.seconds > 0:
            usual = share.seconds / share.buckets * buckets
            self._strayed += buckets * min(1.0, abs(seconds / usual - 1.0))
            self._compared += buckets
        share.buckets += buckets
        share.redone += redone
        share.seconds += seconds
        self.seconds += seconds
        self.buckets += buckets

    @property
    def pace(self) -> float:
        """Mean seconds a bucket over all results; 0 while there are none."""
        return self.seconds / self.buckets if self.buckets else 0.0

    @property
    def unevenness(self) -> float:
        """By what part units were off the pace that their node had until then, in the mean; 1 while nobody
        knows."""
        return self._strayed / self._compared if self._compared else 1.0
