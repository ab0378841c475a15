"""What other nodes say: whom in this node it concerns, and what is answered at once.

Of one datagram, what is said of members comes before what is asked, so that the answers know of it.
"""

from __future__ import annotations

from mesh.gossip.detector import Detector
from mesh.gossip.merging import Merger
from mesh.gossip.myself import Myself
from mesh.gossip.outbox import Outbox
from mesh.gossip.probing import Prober
from mesh.gossip.registrar import Registrar
from mesh.gossip.seeking import HELLO, Seeker
from mesh.gossip.table import Table
from mesh.wire.base import Message
from mesh.wire.effects import Address, DatagramReceived, MessageReceived
from mesh.wire.gossip import (
    Accusation,
    Ack,
    Handle,
    Nack,
    Ping,
    PingRequest,
    Record,
    Sync,
    SyncRecords,
    SyncWanted,
    handle_of,
)

_MOST_CORRECTIONS = 2
"""Records in the answer to a datagram with outdated accusations."""


class Receiver:
    def __init__(
        self,
        myself: Myself,
        table: Table,
        outbox: Outbox,
        prober: Prober,
        seeker: Seeker,
        registrar: Registrar,
        detector: Detector,
        merger: Merger,
    ) -> None:
        self._myself = myself
        self._table = table
        self._outbox = outbox
        self._prober = prober
        self._seeker = seeker
        self._registrar = registrar
        self._detector = detector
        self._merger = merger

    def datagram(self, event: DatagramReceived, now: float) -> None:
        self._prober.heard(now)
        for message in event.messages:
            if isinstance(message, Record):
                self._registrar.learn(message, now)
        accused = False
        corrections: dict[Handle, Message] = {}
        for message in event.messages:
            if isinstance(message, Accusation):
                accused |= message.target == self._table.me
                self._detector.accused(message, now)
                if (record := self._detector.refutation(message)) is not None:
                    corrections[message.target] = record
        for message in event.messages:
            match message:
                case Ping():
                    self._ping(message, event.source, accused, now)
                case Ack():
                    self._ack(message, now)
                case PingRequest():
                    self._registrar.sign_of_life(message.sender, now)
                    self._prober.help(message, event.source, self._detector.buddy(message.target), now)
                case Nack():
                    self._registrar.sign_of_life(message.sender, now)
                    self._prober.nacked(message)
                case _:
                    pass
        if corrections:
            self._outbox.datagram(event.source, list(corrections.values())[:_MOST_CORRECTIONS], now)

    def message(self, event: MessageReceived, now: float) -> None:
        """What came over a connection; messages that are not of gossip change nothing."""
        match event.message:
            case Sync() | SyncRecords() | SyncWanted() as exchange:
                self._merger.received(event.sender, exchange, now)
            case Ping() as ping if ping.target == self._table.me:
                self._outbox.send(event.sender, self._answer(ping))
            case Ack() as ack:
                self._ack(ack, now)
            case _:
                return
        self._registrar.sign_of_life(handle_of(event.sender), now)

    def _ping(self, ping: Ping, source: Address, accused: bool, now: float) -> None:
        me = self._myself.known
        if ping.target not in (me.handle, b""):
            return
        self._registrar.sign_of_life(ping.sender, now)
        answer: list[Message] = [self._answer(ping)]
        if accused or ping.boot != me.claim.boot:
            answer.append(me.record)
        answer += self._detector.buddy(ping.sender)
        self._outbox.datagram(source, answer, now)
        if self._table.get(ping.sender) is None:
            self._seeker.ask(source, now)

    def _answer(self, ping: Ping) -> Ack:
        me = self._myself.known
        return Ack(ping.probe, me.handle, me.claim.boot)

    def _ack(self, ack: Ack, now: float) -> None:
        if ack.probe == HELLO:
            self._seeker.answered(ack.sender)
        elif (alive := self._prober.acked(ack, now)) is not None:
            self._registrar.sign_of_life(alive, now)
