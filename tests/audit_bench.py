"""A scheduler on the table that looks at the results of others."""

from __future__ import annotations

from dataclasses import replace

from mesh.model.ids import Boot, Digest, NodeId
from mesh.model.manifest import Manifest
from mesh.sched.events import (
    PeerInfo,
    PeerUp,
    SetCapacity,
)
from mesh.wire.effects import Render
from mesh.wire.gossip import EngineBuild
from mesh.wire.ledger import Entry, LedgerDelta, LogRun
from mesh.wire.stealing import StealGrant, StealRequest, Want
from tests.sched_bench import A, B, Bench, sent
from tools.sim.audit_scenarios import ENGINE
from tools.sim.farm import manifest

C = NodeId(b"c" * 32)
PIXELS = Digest(b"p" * 32)


OF = replace(manifest(frames=2, buckets=4, engine=ENGINE))


class Auditor(Bench):
    """A node that keeps the ledger of its own job, which A, B and C render; its dice always say yes."""

    def __init__(self, of: Manifest = OF, engine: EngineBuild = ENGINE) -> None:
        super().__init__(units=0)
        for node in (A, B, C):
            self.tell(PeerUp(PeerInfo(node, Boot(1), engines=(engine,), rtt=0.001)))
        self.job = self.submit(of)
        self.machine._core.rng.random = lambda: 0.0  # type: ignore[method-assign]
        self.lengths: dict[NodeId, int] = {}

    def says(self, author: NodeId, entry: Entry) -> list[object]:
        first = self.lengths[author] = self.lengths.get(author, 0) + 1
        run = LogRun(author, Boot(1), first, (entry,))
        return list(self.hear(author, LedgerDelta(self.job, (run,), ())))

    def give_away(self, engine: EngineBuild = ENGINE) -> Auditor:
        """Frame 1 is lent to A, frame 2 to B, so that this node, which may render, has nothing else to do."""
        for number, node in enumerate((A, B), start=1):
            request = StealRequest(number, Boot(1), (Want(self.job, 0.0),), parked=False, idle=True)
            assert sent(self.hear(node, request), StealGrant, node)
        self.tell(SetCapacity(1, (engine,)))
        return self


def renders(effects: list[object]) -> list[Render]:
    return [effect for effect in effects if isinstance(effect, Render)]
