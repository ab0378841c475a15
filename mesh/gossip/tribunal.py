"""Accusations, convictions and acquittals: who is suspected, by whom, and who is dead.

No node is declared dead on one node's word. Accusations are signed by their accusers and name a life and
an incarnation; each node runs its own clock over the accusations it has, so there is no message that says
"dead" and none to forge.
"""

from __future__ import annotations

from enum import Enum

from mesh.gossip.claims import Keys, Known, accusation_holds, sign_accusation
from mesh.gossip.config import GossipConfig, LinkTiming
from mesh.gossip.events import Clock
from mesh.gossip.formulas import quorum_of, suspicion_bounds, wanted_confirmations
from mesh.gossip.outbox import Outbox
from mesh.gossip.quarantine import Quarantine
from mesh.gossip.states import Fact
from mesh.gossip.suspicion import Suspicion
from mesh.gossip.table import Table
from mesh.gossip.timers import Timers
from mesh.model.status import NodeState
from mesh.wire.gossip import Accusation, Handle


class Outcome(Enum):
    NOTHING = "nothing"
    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"
    CONVICTED = "convicted"
    ACQUITTED = "acquitted"


class Tribunal:
    def __init__(
        self, config: GossipConfig, table: Table, timers: Timers, outbox: Outbox, keys: Keys
    ) -> None:
        self._config = config
        self._table = table
        self._timers = timers
        self._outbox = outbox
        self._keys = keys
        self.quarantine = Quarantine(config)
        self._cases: dict[Handle, Suspicion] = {}
        """Open ones of suspects, closed ones of the dead (as the grounds), and those that ran out without
        a quorum (so that the same accuser cannot open them again)."""

    def accuse(self, target: Known, now: float) -> Outcome:
        """We could not reach `target` ourselves."""
        case = self._case_of(target)
        if case is not None and self._table.me in case.accusations:
            return Outcome.NOTHING
        return self._admit(target, sign_accusation(target, self._table.me, self._keys), now)

    def heard(self, accusation: Accusation, now: float) -> Outcome:
        """Somebody accuses; what is false, outdated or of no more use changes nothing."""
        target, accuser = self._table.get(accusation.target), self._table.get(accusation.accuser)
        if target is None or accuser is None or accuser is target or target.handle == self._table.me:
            return Outcome.NOTHING
        if (accusation.boot, accusation.incarnation) != target.version:
            return Outcome.NOTHING
        case = self._case_of(target)
        if case is not None and accusation.accuser in case.accusations:
            return Outcome.NOTHING
        if accuser.handle in self.quarantine or not self._table.is_live(accuser.handle):
            return Outcome.NOTHING
        if not accusation_holds(accusation, accuser, self._keys):
            return Outcome.NOTHING
        return self._admit(target, accusation, now)

    def _admit(self, target: Known, accusation: Accusation, now: float) -> Outcome:
        state = self._table.state(target.handle)
        if state is NodeState.LEFT:
            return Outcome.NOTHING
        case = self._case_of(target) or self._open(target, now)
        if state is NodeState.ALIVE:
            case.start = now
        if not case.add(accusation):
            return Outcome.NOTHING
        self._table.apply(target.handle, Fact.ACCUSED, now)
        self._outbox.rumour(accusation, now)
        if state is NodeState.DEAD:
            return Outcome.NOTHING
        self._outbox.timer(Clock.SUSPICION, max(now, self._deadline(target, case)), target.handle)
        return Outcome.SUSPECTED if state is NodeState.ALIVE else Outcome.CONFIRMED

    def _open(self, target: Known, now: float) -> Suspicion:
        link = self._link(target.handle)
        least, longest = suspicion_bounds(
            link.suspicion_mult, self._table.live, link.period, self._config.suspicion_max_mult
        )
        wanted = wanted_confirmations(self._config.confirmations, self._electorate(target.handle))
        case = Suspicion(target.version, now, least, longest, wanted)
        self._cases[target.handle] = case
        return case

    def _link(self, to: Handle) -> LinkTiming:
        return self._config.for_link(self._table.own.site, self._table[to].site)

    def _deadline(self, target: Known, case: Suspicion) -> float:
        """The case's own; for members in quarantine always the latest."""
        if target.handle in self.quarantine:
            return max(case.start + case.longest, case.not_before)
        return case.deadline

    def _electorate(self, target: Handle) -> int:
        """Members that could accuse `target`: alive and not suspect themselves, ourselves among them."""
        sound = self._table.live - self._table.count(NodeState.SUSPECT)
        return sound - (self._table.state(target) is NodeState.ALIVE)

    def quorum(self, target: Handle) -> int:
        return quorum_of(self._config.quorum, self._electorate(target))

    def expired(self, handle: Handle, now: float) -> Outcome:
        """The suspicion of a member has run out."""
        target, case = self._table[handle], self._cases[handle]
        if now < (deadline := self._deadline(target, case)):
            self._outbox.timer(Clock.SUSPICION, deadline, handle)
            return Outcome.NOTHING
        if len(case.accusations) >= self.quorum(handle):
            if self._config.appeal and not case.appealed:
                self._appeal(target, case, now)
                return Outcome.NOTHING
            self._table.apply(handle, Fact.CONVICTED, now)
            return Outcome.CONVICTED
        if self._table.me in case.accusations:
            self._outbox.timer(Clock.SUSPICION, now + case.least, handle)
            return Outcome.NOTHING
        self._table.apply(handle, Fact.ACQUITTED, now)
        return Outcome.ACQUITTED

    def _appeal(self, target: Known, case: Suspicion, now: float) -> None:
        """Shows what we are about to judge on to the suspect and to a few others. Whoever knows of an
        objection answers with it (see `outdated`), so that a lost rumour costs nobody's life."""
        case.appealed = True
        case.not_before = now + self._link(target.handle).timeout
        self._outbox.timer(Clock.SUSPICION, case.not_before, target.handle)
        others = self._table.draw(self._config.fanout, lambda handle: handle != target.handle)
        for each in (target, *others):
            self._outbox.datagram(each.claim.address, [next(iter(case.accusations.values()))], now)

    def outdated(self, accusation: Accusation) -> Known | None:
        """The target, if its newest claim refutes the accusation."""
        target = self._table.get(accusation.target)
        if target is None or (accusation.boot, accusation.incarnation) >= target.version:
            return None
        return target

    def postpone(self, handle: Handle, now: float) -> None:
        """We were not there to hear an objection: wait once more."""
        link, case = self._link(handle), self._cases[handle]
        case.not_before = now + 2 * link.period
        self._outbox.timer(
            Clock.SUSPICION, max(case.not_before, self._deadline(self._table[handle], case)), handle
        )

    def dismiss(self, handle: Handle) -> None:
        """A newer claim, or oblivion, ends every case of the old one."""
        case = self._cases.pop(handle, None)
        if case is not None:
            self._timers.stop(Clock.SUSPICION, handle)
            for accusation in case.accusations.values():
                self._outbox.drop_accusation(accusation)

    def troubled(self, handle: Handle, now: float) -> bool:
        """Whether the member goes into quarantine now. To be asked after every accusation that counted."""
        case = self._cases[handle]
        if len(case.accusations) < self.quorum(handle):
            return False
        accusers = frozenset(case.accusations)
        return self.quarantine.episode(handle, case.start, accusers, self._table.live - 2, now)

    def accusations_of(self, handle: Handle) -> tuple[Accusation, ...]:
        case = self._cases.get(handle)
        return () if case is None else tuple(case.accusations.values())

    def _case_of(self, target: Known) -> Suspicion | None:
        case = self._cases.get(target.handle)
        return case if case is not None and case.version == target.version else None

    def check(self) -> None:
        self.quarantine.check()
        for handle, case in self._cases.items():
            assert case.accusations, "a suspicion that nobody has"
            assert self._table[handle].version == case.version, "a suspicion of a claim that is outdated"
            assert handle not in case.accusations, "a node that accuses itself"
            assert len(case.accusations) <= case.wanted + 1, "more accusers than are of use"
            assert all(
                (a.target, a.boot, a.incarnation, a.accuser) == (handle, *case.version, accuser)
                for accuser, a in case.accusations.items()
            ), "an accusation filed in another's case"
        for handle in self._table.in_state(NodeState.SUSPECT):
            assert handle in self._cases, "suspected without a case"
            assert self._timers.is_set(Clock.SUSPICION, handle), "suspected for ever"
        for handle in self._table.in_state(NodeState.DEAD):
            assert self._config.quorum == 1 or handle in self._cases, "dead without a case"
