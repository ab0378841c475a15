"""The membership machine: joins the failure detector, the tribunal, rumours and push-pull into one.

It decides who is alive, where they are and what they offer. It knows no sockets, keys or clocks; see
`mesh/wire/effects.py` for the contract, and `members()`, `alive()` and `view()` for what it found out.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from mesh.gossip import claims
from mesh.gossip.awareness import Awareness
from mesh.gossip.claims import Keys, Known, Opener
from mesh.gossip.config import GossipConfig
from mesh.gossip.events import (
    Clock,
    DownReason,
    GossipTimer,
    Heard,
    Leave,
    LeftMesh,
    Member,
    MemberCleared,
    MemberDown,
    MemberQuarantined,
    MemberSuspected,
    Start,
    StoryLine,
    UpdateMeta,
    Woke,
)
from mesh.gossip.formulas import knock_interval
from mesh.gossip.outbox import Outbox, SizeOf
from mesh.gossip.probing import Prober, Verdict
from mesh.gossip.publishing import Publisher
from mesh.gossip.registrar import Registrar
from mesh.gossip.seeking import HELLO, Seeker
from mesh.gossip.story import Story
from mesh.gossip.syncing import Syncer
from mesh.gossip.table import Table
from mesh.gossip.timers import Firing, Timers
from mesh.gossip.tribunal import Outcome, Tribunal
from mesh.model.ids import Boot, NodeId
from mesh.model.status import NodeState
from mesh.wire.base import Message
from mesh.wire.codec import encode
from mesh.wire.effects import (
    Address,
    DatagramReceived,
    Effect,
    Event,
    MessageReceived,
    SendFailed,
    TimerFired,
)
from mesh.wire.gossip import (
    Accusation,
    Ack,
    Handle,
    Meta,
    Nack,
    Ping,
    PingRequest,
    Record,
    Sync,
    SyncRecords,
    SyncWanted,
    handle_of,
)

GossipEvent = Event | Start | Heard | UpdateMeta | Leave | Woke

_REAP_INTERVAL = 10.0
_MOST_CORRECTIONS = 2
"""Records in the answer to a datagram with outdated accusations."""

_MOST_KNOCKS = 16
"""Doors of the allegedly dead that one push-pull makes us knock at."""


def _encoded_size(message: Message) -> int:
    return len(encode(message))


class Membership:
    def __init__(
        self,
        me: NodeId,
        name: str,
        address: Address,
        boot: Boot,
        meta: Meta,
        config: GossipConfig,
        rng: random.Random,
        keys: Keys,
        *,
        size_of: SizeOf = _encoded_size,
        open_record: Opener | None = None,
    ) -> None:
        """`me` must be the SHA-256 of the public key of `keys`. `open_record` replaces the checking of
        records, for simulations that remember what they checked."""
        self.me = me
        self._config = config
        self._rng = rng
        self._keys = keys
        self._open: Opener = open_record or (lambda record: claims.open_record(record, keys))
        self._publisher = Publisher(name, address, boot, meta, config, keys)
        self._table = Table(self._opened(self._publisher.first()), rng)
        self._timers = Timers(config.late)
        self._outbox = Outbox(config, self._table, self._timers, size_of)
        self._awareness = Awareness(config.max_health)
        self._tribunal = Tribunal(config, self._table, self._timers, self._outbox, keys)
        self._prober = Prober(config, self._table, self._timers, self._outbox, self._awareness, rng)
        self._syncer = Syncer(config, self._table, self._outbox, self._tribunal, rng)
        self._seeker = Seeker(config, self._table, self._timers, self._outbox)
        self._story = Story(512)
        self._registrar = Registrar(
            config,
            self._open,
            self._publisher,
            self._table,
            self._outbox,
            self._tribunal,
            self._prober,
            self._syncer,
            self._story,
        )
        self._started = self._leaving = self._gone = False
        self._now = 0.0
        self._on_timer: dict[Clock, Callable[[GossipTimer, Firing, float], None]] = {
            Clock.PROBE: self._probe_tick,
            Clock.DIRECT: lambda t, firing, now: self._prober.silent(_number(t), firing, now),
            Clock.RETRY: lambda t, _, now: self._prober.again(_number(t), now),
            Clock.VERDICT: self._verdict,
            Clock.HELPER: lambda t, _, now: self._prober.helped_in_vain(_number(t), now),
            Clock.SUSPICION: self._suspicion_over,
            Clock.GOSSIP: lambda _t, _f, now: self._outbox.gossip_round(now),
            Clock.SYNC: lambda _t, _f, now: self._syncer.tick(now),
            Clock.KNOCK: self._knock_tick,
            Clock.SEEK: lambda _t, _f, now: self._seeker.tick(now),
            Clock.REAP: self._reap_tick,
            Clock.PUBLISH: lambda _t, _f, now: self._publish(now),
            Clock.LEFT: self._left,
        }

    # --- the contract ---------------------------------------------------------------------------------

    def handle(self, event: GossipEvent, now: float) -> list[Effect]:
        """One step. `now` is monotonic, in seconds. Events that do not concern membership do nothing."""
        if self._gone:
            return []
        self._now = now
        match event:
            case TimerFired(GossipTimer() as token):
                firing = self._timers.fired(token, now)
                if firing is not Firing.STALE:
                    self._on_timer[token.clock](token, firing, now)
            case DatagramReceived():
                self._datagram(event, now)
            case MessageReceived():
                self._message(event, now)
            case SendFailed(_, Sync()):
                self._syncer.soon(now)
            case Heard():
                self._seeker.heard(event, now)
            case UpdateMeta():
                self._update(event.meta, now)
            case Start():
                self._start(now)
            case Leave():
                self._leave(now)
            case Woke():
                self._woke(now)
            case _:
                pass
        return self._outbox.flush()

    def members(self) -> tuple[Member, ...]:
        """Everyone known, ourselves among them, the dead and departed until they are forgotten; by NodeId."""
        return tuple(
            self._registrar.member(known, self._now)
            for known in sorted(self._table, key=lambda known: known.node)
        )

    def alive(self) -> tuple[NodeId, ...]:
        """Everyone who is alive or merely suspect, ourselves among them; by NodeId."""
        return tuple(sorted(known.node for known in self._table if self._table.is_live(known.handle)))

    @property
    def live(self) -> int:
        """How many `alive()` would name."""
        return self._table.live

    def view(self, node: NodeId) -> Member | None:
        """One node; None where it is not known."""
        known = self._table.get(handle_of(node))
        return None if known is None or known.node != node else self._registrar.member(known, self._now)

    def node_of(self, handle: Handle) -> NodeId | None:
        """Whose handle this is, where it is known."""
        known = self._table.get(handle)
        return None if known is None else known.node

    def story(self, node: NodeId) -> tuple[StoryLine, ...]:
        """What happened to `node` lately, oldest first."""
        return self._story.of(handle_of(node))

    @property
    def health(self) -> int:
        """Lifeguard's local health score: 0 is well."""
        return self._awareness.score

    def load(self, others: list[Known], now: float) -> None:
        """Takes over records that are known already, such as a running mesh's in a simulation."""
        self._table.load(others)
        self._syncer.changed()
        self._syncer.start(now)

    @property
    def record(self) -> Record:
        """What we say of ourselves at present."""
        return self._table[self._table.me].record

    def check(self) -> None:
        """Raises AssertionError where an invariant is broken."""
        self._table.check()
        self._tribunal.check()
        self._prober.check()
        self._outbox.check()
        self._seeker.check()
        assert 0 <= self._awareness.score <= self._awareness.limit, "health out of range"
        assert self._table[self._table.me].version == self._publisher.version, "we do not know ourselves"
        assert len(self._table) <= self._config.max_members, "more members than the limit"
        self._registrar.check()
        assert not self._started or self._timers.is_set(Clock.PROBE) or self._gone, "nobody is probed"

    # --- our own life ---------------------------------------------------------------------------------

    def _start(self, now: float) -> None:
        self._started = True
        config = self._config
        self._outbox.timer(Clock.PROBE, now + self._rng.uniform(0, config.probe_interval))
        self._syncer.start(now)
        self._outbox.timer(Clock.KNOCK, now + config.knock_interval * self._rng.random())
        self._outbox.timer(Clock.REAP, now + _REAP_INTERVAL)

    def _update(self, meta: Meta, now: float) -> None:
        if self._publisher.update(meta) and not self._leaving:
            self._outbox.timer(Clock.PUBLISH, self._publisher.next_time(now, self._table.live))

    def _publish(self, now: float) -> None:
        self._own(self._publisher.renew(now), now)

    def _refute(self, now: float) -> None:
        """Somebody takes us for dead: say otherwise, louder than before."""
        if self._leaving:
            return
        self._awareness.add(1)
        if self._publisher.may_refute(now):
            self._publish(now)
        else:
            self._outbox.timer(Clock.PUBLISH, self._publisher.next_refutation())

    def _own(self, record: Record, now: float) -> None:
        self._table.put(self._opened(record))
        self._syncer.changed()
        self._outbox.rumour(record, now)

    def _opened(self, record: Record) -> Known:
        known = self._open(record)
        assert known is not None, "our own record does not hold"
        return known

    def _leave(self, now: float) -> None:
        if not self._leaving:
            self._leaving = True
            self._own(self._publisher.goodbye(now), now)
            self._outbox.timer(Clock.LEFT, now + self._config.leave_linger)

    def _left(self, _token: GossipTimer, _firing: Firing, _now: float) -> None:
        self._gone = True
        self._outbox.notify(LeftMesh())

    def _woke(self, now: float) -> None:
        self._prober.abandon()
        for handle in self._table.in_state(NodeState.SUSPECT):
            self._tribunal.postpone(handle, now)
        if self._started and not self._leaving:
            self._publish(now)
            self._syncer.soon(now)

    # --- what comes in --------------------------------------------------------------------------------

    def _datagram(self, event: DatagramReceived, now: float) -> None:
        self._prober.heard(now)
        accused = False
        for message in event.messages:
            if isinstance(message, Record):
                self._registrar.learn(message, now)
        outdated: dict[Handle, Message] = {}
        for message in event.messages:
            if isinstance(message, Accusation):
                accused |= message.target == self._table.me
                self._accusation(message, now)
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
                    self._prober.help(message, event.source, self._buddy(message.target), now)
                case Nack():
                    self._registrar.sign_of_life(message.sender, now)
                    self._prober.nacked(message)
                case _:
                    pass
        if outdated and self._config.appeal:
            self._outbox.datagram(event.source, list(outdated.values())[:_MOST_CORRECTIONS], now)

    def _message(self, event: MessageReceived, now: float) -> None:
        match event.message:
            case Sync() as sync:
                self._registrar.learn(sync.record, now)
                self._syncer.answer(event.sender, sync)
            case SyncRecords() as batch:
                self._batch(batch, now)
            case SyncWanted() as wanted:
                self._syncer.fetch(event.sender, wanted)
            case Ping() as ping if ping.target == self._table.me:
                me = self._table[self._table.me]
                self._outbox.send(event.sender, Ack(ping.probe, me.handle, me.claim.boot))
            case Ack() as ack:
                self._ack(ack, now)
            case _:
                return
        self._registrar.sign_of_life(handle_of(event.sender), now)

    def _ping(self, ping: Ping, source: Address, accused: bool, now: float) -> None:
        me = self._table[self._table.me]
        if ping.target not in (me.handle, b""):
            return
        self._registrar.sign_of_life(ping.sender, now)
        answer: list[Message] = [Ack(ping.probe, me.handle, me.claim.boot)]
        if accused or ping.boot != me.claim.boot:
            answer.append(me.record)
        answer += self._buddy(ping.sender)
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
            self._accusation(accusation, now)
        for handle in disputed[:_MOST_KNOCKS]:
            self._knock(handle, now)
        if strangers or disputed:
            self._syncer.soon(now)

    # --- suspicion ------------------------------------------------------------------------------------

    def _probe_tick(self, _token: GossipTimer, firing: Firing, now: float) -> None:
        self._outbox.timer(Clock.PROBE, now + self._awareness.scale(self._config.probe_interval))
        if firing is Firing.LATE:
            self._awareness.add(1)
        target = self._table.next_in_ring()
        if target is not None:
            self._prober.probe(target, self._buddy(target.handle), now)

    def _buddy(self, handle: Handle) -> list[Message]:
        """Lifeguard's buddy system: what is held against a member, to tell it first."""
        if not self._config.buddy or self._table.state(handle) in (None, NodeState.ALIVE):
            return []
        return list(self._tribunal.accusations_of(handle))

    def _verdict(self, token: GossipTimer, firing: Firing, now: float) -> None:
        handle, verdict = self._prober.verdict(_number(token), firing, now)
        target = self._table.get(handle)
        if target is None or self._leaving or verdict in (Verdict.PENDING, Verdict.OUR_FAULT):
            return
        if verdict is Verdict.FAILED_ONCE and self._table.state(handle) is NodeState.ALIVE:
            self._prober.probe(target, [], now, second=True)
        elif self._table.is_live(handle):
            self._outcome(handle, self._tribunal.accuse(target, now), now)

    def _accusation(self, accusation: Accusation, now: float) -> None:
        if accusation.target == self._table.me:
            if (accusation.boot, accusation.incarnation) == self._publisher.version:
                self._refute(now)
            return
        self._outcome(accusation.target, self._tribunal.heard(accusation, now), now)

    def _suspicion_over(self, token: GossipTimer, firing: Firing, now: float) -> None:
        handle = Handle(token.key if isinstance(token.key, bytes) else b"")
        if firing is Firing.LATE:
            self._tribunal.postpone(handle, now)
            return
        self._outcome(handle, self._tribunal.expired(handle, now), now)

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

    # --- the dead -------------------------------------------------------------------------------------

    def _knock_tick(self, _token: GossipTimer, _firing: Firing, now: float) -> None:
        config = self._config
        wait = knock_interval(config.knock_interval, self._table.live, config.knock_nodes)
        self._outbox.timer(Clock.KNOCK, now + wait * self._rng.uniform(0.75, 1.25))
        dead = self._table.in_state(NodeState.DEAD)
        if dead:
            self._knock(self._rng.choice(dead), now)

    def _knock(self, handle: Handle, now: float) -> None:
        """Asks a dead member whether it agrees: how a healed partition is noticed."""
        target, me = self._table[handle], self._table[self._table.me]
        ping = Ping(HELLO, me.handle, handle, target.claim.boot)
        self._seeker.expect()
        self._outbox.datagram(
            target.claim.address, [ping, me.record, *self._tribunal.accusations_of(handle)[:2]], now
        )

    def _reap_tick(self, _token: GossipTimer, _firing: Firing, now: float) -> None:
        self._outbox.timer(Clock.REAP, now + _REAP_INTERVAL)
        self._registrar.tidy(now)


def _number(token: GossipTimer) -> int:
    return token.key if isinstance(token.key, int) else 0
