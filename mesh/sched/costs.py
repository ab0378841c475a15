"""What a steal costs between this node and another: measured, told by gossip, or supposed by site."""

from __future__ import annotations

from mesh.sched.config import SchedConfig
from mesh.sched.events import PeerInfo

_WEIGHT = 0.2
"""Of the newest measurement in the running mean."""


class Costs:
    def __init__(self, config: SchedConfig) -> None:
        self._config = config
        self._by_site: dict[str, float] = {}
        self.latest = config.steal_cost_seconds
        """Running mean over all steals, in seconds."""

    def measured(self, victim: PeerInfo | None, seconds: float) -> None:
        """A steal took so long, from asking to being granted."""
        base = self._config.steal_cost_seconds
        self.latest = max(base, (1 - _WEIGHT) * self.latest + _WEIGHT * seconds)
        if victim is not None:
            before = self._by_site.get(victim.site, seconds)
            self._by_site[victim.site] = max(base, (1 - _WEIGHT) * before + _WEIGHT * seconds)

    def between(self, site: str, other: str) -> float:
        """Seconds that a steal takes between two sites of which nothing is known but their names."""
        return self._config.steal_cost_seconds if site == other else self._config.far_steal_seconds

    def of(self, node: PeerInfo | None, site: str) -> float:
        """Seconds that a steal between `node` and this one, at `site`, takes."""
        config = self._config
        if node is None:
            return config.far_steal_seconds
        known = self._by_site.get(node.site)
        if known is None:
            known = self.between(site, node.site) if node.rtt is None else config.steal_cost_seconds
        return max(known, node.rtt or 0.0)
