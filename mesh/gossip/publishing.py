"""What this node says of itself, and how often it may: progress must not flood the mesh with rumours."""

from __future__ import annotations

from mesh.gossip.claims import Keys, sign_claim
from mesh.gossip.config import GossipConfig
from mesh.gossip.formulas import shared_interval
from mesh.model.ids import Boot
from mesh.wire.effects import Address
from mesh.wire.gossip import Claim, Meta, Record

_REFUTATION_INTERVAL = 0.5
"""Seconds between two refutations, whoever accuses however often."""


class Publisher:
    def __init__(
        self, name: str, address: Address, boot: Boot, meta: Meta, config: GossipConfig, keys: Keys
    ) -> None:
        self._name = name
        self._address = address
        self._boot = boot
        self._meta = meta
        self._config = config
        self._keys = keys
        self._incarnation = 0
        self._published = float("-inf")

    @property
    def version(self) -> tuple[Boot, int]:
        return (self._boot, self._incarnation)

    def first(self) -> Record:
        return self._signed(left=False)

    def update(self, meta: Meta) -> bool:
        """Takes over new metadata. Returns whether they differ from those before."""
        changed, self._meta = meta != self._meta, meta
        return changed

    def next_time(self, now: float, nodes: int) -> float:
        """When metadata may be published next."""
        wait = shared_interval(self._config.publish_interval, nodes, self._config.publish_nodes)
        return max(now, self._published + wait)

    def may_refute(self, now: float) -> bool:
        return now >= self.next_refutation()

    def next_refutation(self) -> float:
        return self._published + _REFUTATION_INTERVAL

    def renew(self, now: float) -> Record:
        """The next incarnation, with the newest metadata."""
        self._published = now
        self._incarnation += 1
        return self._signed(left=False)

    def goodbye(self, now: float) -> Record:
        self._published = now
        self._incarnation += 1
        return self._signed(left=True)

    def _signed(self, *, left: bool) -> Record:
        claim = Claim(self._name, self._address, self._boot, self._incarnation, left, self._meta)
        return sign_claim(claim, self._keys)
