"""What other nodes say: whom in this node it concerns, and what is answered at once.

Of one datagram, what is said of members comes before what is asked, so that the answers know of it.
"""

from __future__ import annotations

from mesh.gossip import claims
from mesh.gossip.config import GossipConfig
from mesh.gossip.detector import Detector
from mesh.gossip.knocking import Knocker
from mesh.gossip.myself import Myself
from mesh.gossip.outbox import Outbox
from mesh.gossip.probing import Prober
from mesh.gossip.registrar import Registrar
from mesh.gossip.seeking import HELLO, Seeker
from mesh.gossip.syncing import Syncer
from mesh.gossip.table import Table
from mesh.gossip.tribunal import Tribunal
from mesh.model.status import NodeState
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

_MOST_KNOCKS = 16
"""Doors of the allegedly dead that one push-pull makes us knock at."""


class Receiver:
    def __init__(
        self,
        config: GossipConfig,
        myself: Myself,
        table: Table,
        outbox: Outbox,
        tribunal: Tribunal,
        prober: Prober,
        syncer: Syncer,
        seeker: Seeker,
        registrar: Registrar,
        detector: Detector,
        knocker: Knocker,
    ) -> None:
        self._config = config
        self._myself = myself
        self._table = table
        self._outbox = outbox
        self._tribunal = tribunal
        self._prober = prober
        self._syncer = syncer
        self._seeker = seeker
        self._registrar = registrar
        self._detector = detector
        self._knocker = knocker

    def datagram(self, event: DatagramReceived, now: float) -> None:
        self._prober.heard(now)
        accused = False
        for message in event.messages:
            if isinstance(message, Record):
                self._registrar.learn(message, now)
        outdated: dict[Handle, Message] = {}
        for message in event.messages:
            if isinstance(message, Accusation):
                accused |= message.target == self._table.me
                self._detector.accused(message, now)
                if (target := self._tribunal.outdated(message)) is not None:
                    outdated[target.handle] = target.record
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
        if outdated and self._config.appeal:
            self._outbox.datagram(event.source, list(outdated.values())[:_MOST_CORRECTIONS], now)

    def message(self, event: MessageReceived, now: float) -> None:
        match event.message:
            case Sync() as sync:
                self._registrar.learn(sync.record, now)
                self._syncer.answer(event.sender, sync)
            case SyncRecords() as batch:
                self._batch(batch, now)
            case SyncWanted() as wanted:
                self._syncer.fetch(event.sender, wanted)
            case Ping() as ping if ping.target == self._table.me:
                me = self._myself.known
                self._outbox.send(event.sender, Ack(ping.probe, me.handle, me.claim.boot))
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
        answer: list[Message] = [Ack(ping.probe, me.handle, me.claim.boot)]
        if accused or ping.boot != me.claim.boot:
            answer.append(me.record)
        answer += self._detector.buddy(ping.sender)
        self._outbox.datagram(source, answer, now)
        if self._table.get(ping.sender) is None:
            self._seeker.ask(source, now)

    def _ack(self, ack: Ack, now: float) -> None:
        if ack.probe == HELLO:
            known = self._table.get(ack.sender)
            if known is not None and ack.sender != self._table.me and self._seeker.answered():
                self._syncer.open_with(known.node)
            return
        alive = self._prober.acked(ack, now)
        if alive is not None:
            self._registrar.sign_of_life(alive, now)

    def _batch(self, batch: SyncRecords, now: float) -> None:
        """The other side of a push-pull. Strangers make us come back soon, for there may be more."""
        strangers, disputed = 0, []
        for record in batch.records:
            handle = handle_of(claims.node_of(record.public_key))
            state = self._table.state(handle)
            self._registrar.learn(record, now, rumour=state is NodeState.ALIVE)
            strangers += state is None
            if state is NodeState.DEAD and self._table.state(handle) is NodeState.DEAD:
                disputed.append(handle)
        for accusation in batch.accusations:
            self._detector.accused(accusation, now)
        for handle in disputed[:_MOST_KNOCKS]:
            self._knocker.knock(handle, now)
        if strangers or disputed:
            self._syncer.soon(now)
