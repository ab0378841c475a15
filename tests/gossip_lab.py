"""One membership machine on the bench: its peers exist only as keys, and time is what the test says."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field

from mesh.gossip.claims import open_record, sign_accusation, sign_claim
from mesh.gossip.config import GossipConfig
from mesh.gossip.events import Start
from mesh.gossip.membership import Membership
from mesh.model.ids import Boot, NodeId
from mesh.model.status import NodeState
from mesh.wire.base import Message
from mesh.wire.effects import DatagramReceived, Effect, Notify, Send, SendDatagram, SetTimer, TimerFired
from mesh.wire.gossip import Accusation, Claim, Handle, Meta, Record, handle_of
from tools.sim.gossip import SimKeys
from tools.sim.host import Place, place

ME = place(0)
NOTHING_TO_OFFER = Meta()


def keys_of(at: Place) -> SimKeys:
    return SimKeys(at.public_key)


def record_of(
    number: int, incarnation: int = 0, boot: int = 1, *, left: bool = False, meta: Meta = NOTHING_TO_OFFER
) -> Record:
    """What peer `number` says of itself."""
    at = place(number)
    return sign_claim(Claim(at.name, at.address, Boot(boot), incarnation, left, meta), keys_of(at))


def accusation(accuser: int, target: int, incarnation: int = 0, boot: int = 1) -> Accusation:
    """Peer `accuser` truly accuses peer `target`."""
    record = record_of(target, incarnation, boot)
    known = open_record(record, keys_of(place(target)))
    assert known is not None
    return sign_accusation(known, handle(accuser), keys_of(place(accuser)))


def node(number: int) -> NodeId:
    return place(number).node


def handle(number: int) -> Handle:
    return handle_of(node(number))


@dataclass
class Lab:
    """Sends of the machine go nowhere; its timers fire when `until` lets time pass."""

    machine: Membership
    now: float = 0.0
    effects: list[Effect] = field(default_factory=list)
    """Everything it asked for since they were last cleared."""
    _timers: list[tuple[float, int, object]] = field(default_factory=list)
    _number: int = 0

    def tell(self, event: object) -> list[Effect]:
        effects = self.machine.handle(event, self.now)  # type: ignore[arg-type]  # any event at all
        self.machine.check()
        self.effects += effects
        for effect in effects:
            if isinstance(effect, SetTimer):
                self._number += 1
                heapq.heappush(self._timers, (effect.at, self._number, effect.token))
        return effects

    def hear(self, *messages: Message, source: int = 1) -> list[Effect]:
        """A datagram from peer `source`."""
        return self.tell(DatagramReceived(place(source).address, messages))

    def until(self, time: float) -> None:
        """Lets time pass, firing timers punctually."""
        while self._timers and self._timers[0][0] <= time:
            at, _, token = heapq.heappop(self._timers)
            self.now = max(self.now, at)
            self.tell(TimerFired(token))  # type: ignore[arg-type]  # a token is any hashable
        self.now = time

    def state(self, number: int) -> NodeState | None:
        view = self.machine.view(node(number))
        return None if view is None else view.state

    def told(self, kind: type) -> list[object]:
        """The notifications of one kind so far."""
        return [e.event for e in self.effects if isinstance(e, Notify) and isinstance(e.event, kind)]

    def datagrams(self, to: int | None = None) -> list[Message]:
        """The messages sent in datagrams so far, to one peer or to all."""
        sent = [e for e in self.effects if isinstance(e, SendDatagram)]
        return [m for e in sent if to is None or e.to == place(to).address for m in e.messages]

    def sends(self) -> list[Send]:
        return [e for e in self.effects if isinstance(e, Send)]


def lab(peers: int = 0, config: GossipConfig | None = None, *, start: bool = False) -> Lab:
    """A machine that knows peers 1 to `peers`, all in their first life and incarnation."""
    machine = Membership(
        ME.node,
        ME.name,
        ME.address,
        Boot(1),
        Meta(),
        config or GossipConfig(),
        random.Random(5),
        keys_of(ME),
    )
    made = Lab(machine)
    if start:
        made.tell(Start())
    for number in range(1, peers + 1):
        made.hear(record_of(number))
    made.effects.clear()
    return made
