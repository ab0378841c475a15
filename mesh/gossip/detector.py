"""The failure detector: whom to probe next, what silence leads to, and what is told of the tribunal's decisions."""

from __future__ import annotations

from mesh.gossip.awareness import Awareness
from mesh.gossip.config import GossipConfig
from mesh.gossip.events import (
    Clock,
    DownReason,
    GossipTimer,
    MemberCleared,
    MemberDown,
    MemberQuarantined,
    MemberSuspected,
)
from mesh.gossip.myself import Myself
from mesh.gossip.outbox import Outbox
from mesh.gossip.probing import Prober, Verdict
from mesh.gossip.story import Story
from mesh.gossip.syncing import Syncer
from mesh.gossip.table import Table
from mesh.gossip.timers import Firing
from mesh.gossip.tribunal import Outcome, Tribunal
from mesh.model.status import NodeState
from mesh.wire.base import Message
from mesh.wire.gossip import Accusation, Handle, Record


class Detector:
    def __init__(
        self,
        config: GossipConfig,
        myself: Myself,
        table: Table,
        outbox: Outbox,
        awareness: Awareness,
        tribunal: Tribunal,
        prober: Prober,
        syncer: Syncer,
        story: Story,
    ) -> None:
        self._config = config
        self._myself = myself
        self._table = table
        self._outbox = outbox
        self._awareness = awareness
        self._tribunal = tribunal
        self._prober = prober
        self._syncer = syncer
        self._story = story
        self._at_neighbour = False

    def tick(self, _token: GossipTimer, firing: Firing, now: float) -> None:
        """Probes the next member of the ring, or every other time our neighbour in the order of handles. So everyone
        is probed by its own neighbour every other second. Chance alone looks too late: one crash in a hundred would
        go unprobed for more than four seconds."""
        self._outbox.timer(Clock.PROBE, now + self._awareness.scale(self._config.probe_interval))
        if firing is Firing.LATE:
            self._awareness.add(1)
        self._at_neighbour = self._config.neighbours and not self._at_neighbour
        target = self._table.neighbour(1) if self._at_neighbour else self._table.next_in_ring()
        if target is not None:
            self._prober.probe(target, self.buddy(target.handle), now)

    def buddy(self, handle: Handle) -> list[Message]:
        """Lifeguard's buddy system: what is held against a member, to tell it first."""
        if not self._config.buddy or self._table.state(handle) in (None, NodeState.ALIVE):
            return []
        return list(self._tribunal.accusations_of(handle))

    def verdict(self, token: GossipTimer, firing: Firing, now: float) -> None:
        """The time for answers to a probe is over."""
        handle, verdict = self._prober.verdict(number_of(token), firing, now)
        target = self._table.get(handle)
        if target is None or self._myself.leaving or verdict in (Verdict.PENDING, Verdict.OUR_FAULT):
            return
        if verdict is Verdict.FAILED_ONCE and self._table.state(handle) is NodeState.ALIVE:
            self._prober.probe(target, [], now, second=True)
        elif self._table.is_live(handle):
            self._outcome(handle, self._tribunal.accuse(target, now), now)

    def accused(self, accusation: Accusation, now: float) -> None:
        """Somebody accuses somebody, perhaps us. The accused's neighbours look for themselves at once, so that
        confirmations or a denial need not wait for the probes of chance."""
        if accusation.target == self._table.me:
            if (accusation.boot, accusation.incarnation) == self._myself.known.version:
                self._myself.refute(now)
            return
        outcome = self._tribunal.heard(accusation, now)
        self._outcome(accusation.target, outcome, now)
        if (
            outcome is Outcome.SUSPECTED
            and self._config.neighbours
            and self._table.is_near(accusation.target)
        ):
            target = self._table[accusation.target]
            self._prober.probe(target, self.buddy(target.handle), now)

    def refutation(self, accusation: Accusation) -> Record | None:
        """What whoever repeats `accusation` should be shown: the newer claim of its target, if there is one."""
        target = self._tribunal.outdated(accusation) if self._config.appeal else None
        return None if target is None else target.record

    def suspicion_over(self, token: GossipTimer, firing: Firing, now: float) -> None:
        handle = Handle(token.key if isinstance(token.key, bytes) else b"")
        if firing is Firing.LATE:
            self._tribunal.postpone(handle, now)
            return
        self._outcome(handle, self._tribunal.expired(handle, now), now)

    def woke(self, now: float) -> None:
        """The machine slept: what was silence to us may have been our own."""
        self._prober.abandon()
        for handle in self._table.in_state(NodeState.SUSPECT):
            self._tribunal.postpone(handle, now)

    def _outcome(self, handle: Handle, outcome: Outcome, now: float) -> None:
        """Tells what the tribunal decided."""
        if outcome is Outcome.NOTHING:
            return
        known, notify = self._table[handle], self._outbox.notify
        quiet = handle in self._tribunal.quarantine
        accusers = len(self._tribunal.accusations_of(handle))
        self._story.tell(now, handle, outcome.value, f"{known.version}, {accusers} accusers")
        if outcome is Outcome.CONVICTED:
            self._syncer.changed()
            self._prober.forget(handle)
            notify(MemberDown(known.node, known.claim.boot, DownReason.DEAD))
            return
        if outcome is Outcome.ACQUITTED:
            if not quiet:
                notify(MemberCleared(known.node))
            return
        if outcome is Outcome.SUSPECTED and not quiet:
            notify(MemberSuspected(known.node))
        if self._tribunal.troubled(handle, now):
            self._story.tell(now, handle, "quarantined")
            notify(MemberQuarantined(known.node))


def number_of(token: GossipTimer) -> int:
    """The probe that a timer is about."""
    return token.key if isinstance(token.key, int) else 0
