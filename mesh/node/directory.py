"""What this node knows nodes and jobs by: their names, and where nodes are reached."""

from __future__ import annotations

from mesh.gossip.membership import Membership
from mesh.model.ids import JobId, NodeId, short
from mesh.sched.views import Views
from mesh.wire.admission import Peer
from mesh.wire.effects import Address

_PEERS = 15
"""So many others a joiner is told of."""


class Directory:
    def __init__(self, me: Peer, name: str, membership: Membership, jobs: Views) -> None:
        """`me` is this node, and where others reach it."""
        self._me = me
        self._name = name
        self._membership = membership
        self._jobs = jobs

    def node_name(self, node: NodeId) -> str:
        if node == self._me.node:
            return self._name
        member = self._membership.view(node)
        return short(node) if member is None else member.name

    def renders(self, node: NodeId) -> bool:
        """Whether it renders at all, as far as is known: `mesh join --no-render` does not."""
        member = self._membership.view(node)
        return member is None or bool(member.meta.slots)

    def address(self, node: NodeId) -> Address | None:
        member = self._membership.view(node)
        return None if member is None else member.address

    def issuers(self) -> dict[NodeId, Address]:
        """The others that live and sign certificates, and where they are reached."""
        members = (self._membership.view(node) for node in self._membership.alive())
        return {m.node: m.address for m in members if m and m.meta.issues and m.node != self._me.node}

    def peers_for_joiner(self) -> tuple[Peer, ...]:
        """This node, and others that live."""
        members = (self._membership.view(node) for node in self._membership.alive())
        others = [Peer(m.node, *m.address) for m in members if m and m.node != self._me.node]
        return (self._me, *others[:_PEERS])

    def job_name(self, job: JobId) -> str:
        manifest = self._jobs.manifest(job)
        return short(job) if manifest is None else manifest.name

    def buckets(self, job: JobId) -> int:
        """In one frame."""
        manifest = self._jobs.manifest(job)
        return 1 if manifest is None else manifest.grid.count
