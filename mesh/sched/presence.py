"""Nodes come, change and go, this one among them: what each part of the scheduler does about it."""

from __future__ import annotations

from mesh.model.ids import NodeId
from mesh.sched.core import Core
from mesh.sched.events import PeerInfo
from mesh.sched.life import UnitState
from mesh.sched.parts import Parts
from mesh.sched.peers import abilities
from mesh.wire.fields import MAX_SPAN_NUMBERS
from mesh.wire.stealing import WorkReturned


class Presence:
    def __init__(self, core: Core, parts: Parts) -> None:
        self._core = core
        self._parts = parts

    def peer_up(self, peer: PeerInfo) -> None:
        core = self._core
        if peer.node == core.me:
            return
        core.peers.put(peer)
        core.names[peer.node] = peer.name
        core.gone.pop(peer.node, None)
        self._parts.spread.greet(peer.node)
        for job in core.jobs.values():
            self._parts.replication.stir(job)
            core.wake(("appoint", job.id), core.now + core.config.rescue_seconds)
            if job.facts.failures.by_node:
                self._parts.books.reconsider_blocks(job)
        self._parts.reach.on_back()
        core.wake(("copies",), core.now + core.config.settle_seconds)

    def peer_changed(self, peer: PeerInfo) -> None:
        core = self._core
        known = core.peers.get(peer.node)
        if known is None:
            self.peer_up(peer)
        elif peer.boot == known.boot:
            core.peers.put(peer)
            if abilities(peer) != abilities(known):
                for job in core.jobs.values():
                    core.touch(job)
        elif peer.boot > known.boot:
            # It died and came back: what it vouched for in its earlier life is gone, its disk is not.
            self.peer_down(peer.node)
            self.peer_up(peer)

    def peer_down(self, node: NodeId) -> None:
        core = self._core
        if node not in core.peers:
            return
        core.peers.drop(node)
        core.gone[node] = core.vanished.pop(node, core.now)
        self._parts.rescue.on_peer_down(node)
        self._expect_nothing_of(node)
        for job in core.jobs.values():
            self._parts.replication.on_peer_down(job, node)
            if node in job.keepers or node == job.submitter:
                core.wake(("appoint", job.id), core.now + core.config.rescue_seconds)
            if job.facts.failures.by_node:
                self._parts.books.reconsider_blocks(job)
            core.wake(("away", job.id), core.now + core.config.settle_seconds)
        core.wake(("recopy", node), core.now + core.config.recopy_seconds)

    def peer_vanished(self, node: NodeId) -> None:
        """It stays a peer, for gossip decides that; but nobody waits for what it has in hand."""
        core = self._core
        if node not in core.peers or node in core.vanished:
            return
        core.vanished[node] = core.now
        self._parts.rescue.on_peer_vanished(node)
        self._expect_nothing_of(node)
        for job in core.jobs.values():
            self._parts.replication.on_peer_down(job, node)
            core.wake(("away", job.id), core.now + core.config.settle_seconds)

    def _expect_nothing_of(self, node: NodeId) -> None:
        """What it was asked for, or had in hand for us, comes no more."""
        self._parts.samples.on_peer_down(node)
        self._parts.helper.on_peer_down(node)
        self._parts.lender.on_peer_down(node)
        self._parts.thief.on_peer_down(node)
        self._parts.copies.on_peer_down(node)

    def leave(self) -> None:
        """Hands everything back that is not rendered yet."""
        core = self._core
        core.leaving = True
        for job in core.jobs.values():
            self._parts.runner.stop_all(job, UnitState.OWNED)
            owned = job.holdings.owned.copy()
            heirs = core.live_keepers(job) or core.peers.nodes()
            if owned and heirs:
                job.holdings.release(owned)
                core.send(heirs[0], WorkReturned(job.id, owned.numbers(MAX_SPAN_NUMBERS)))
                core.claims_changed(job)

    def slept(self, asleep: float) -> None:
        """The machine slept, and its steady clock with it; the time of day and the age of ended jobs did not."""
        core = self._core
        core.unix_offset_ms += round(asleep * 1000)
        core.woke_at = core.now
        for job in core.jobs.values():
            if job.finished_at is not None:
                job.finished_at -= asleep
                core.wake(("retain", job.id), job.finished_at + core.config.retain_seconds)
        self.woke(0.0)

    def woke(self, seconds: float) -> None:
        """Time has passed unnoticed, `seconds` of it on this clock: others have taken over what was owned here, so
        let go of it first."""
        core = self._core
        self._parts.runner.slept(seconds)
        self._parts.thief.forget_requests()
        for job in core.jobs.values():
            job.loans.clear()
            job.holdings.release([(0, job.layout.total)])
            self._parts.rescue.reset(job)
            core.claims_changed(job)
