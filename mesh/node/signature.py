"""A node's own signature, and what others' signatures and warrants are worth: for the membership machine."""

from __future__ import annotations

import time

from mesh.identity.identity import Identity, verify
from mesh.identity.warrants import Warrants
from mesh.model.ids import NodeId


class Keys:
    """A node's signature for the membership machine."""

    def __init__(self, identity: Identity) -> None:
        self.public_key = identity.public_key
        self.sign = identity.sign
        self.use(identity)

    def use(self, identity: Identity) -> None:
        """Its certificate was renewed, and so its warrant."""
        self.warrant = identity.warrant
        self._warrants = Warrants(identity.issuers)

    def verify(self, node: NodeId, public_key: bytes, data: bytes, signature: bytes) -> bool:
        return verify(public_key, node, data, signature)

    def vouches(self, public_key: bytes, warrant: bytes) -> bool:
        return self._warrants.hold(public_key, warrant, time.time())
