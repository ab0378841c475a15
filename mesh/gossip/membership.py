"""The membership machine: joins the failure detector, the tribunal, rumours and push-pull into one.

It decides who is alive, where they are and what they offer. It knows no sockets, keys or clocks; see
`mesh/wire/effects.py` for the contract, and `members()`, `alive()` and `view()` for what it found out.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import ClassVar

from mesh.gossip import claims
from mesh.gossip.awareness import Awareness
from mesh.gossip.claims import Keys, Known, Opener
from mesh.gossip.config import GossipConfig
from mesh.gossip.detector import Detector, number_of
from mesh.gossip.events import (
    Clock,
    GossipTimer,
    Heard,
    Leave,
    LeftMesh,
    Member,
    Start,
    StoryLine,
    UpdateMeta,
    Vouched,
    Woke,
)
from mesh.gossip.knocking import Knocker
from mesh.gossip.merging import Merger
from mesh.gossip.myself import Myself, opened
from mesh.gossip.outbox import Outbox, SizeOf
from mesh.gossip.probing import Prober
from mesh.gossip.publishing import Publisher
from mesh.gossip.receiving import Receiver
from mesh.gossip.registrar import Registrar
from mesh.gossip.seeking import Seeker
from mesh.gossip.story import Story
from mesh.gossip.syncing import Syncer
from mesh.gossip.table import Table
from mesh.gossip.timers import Firing, Timers
from mesh.gossip.tribunal import Tribunal
from mesh.model.ids import Boot, NodeId
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
from mesh.wire.gossip import Handle, Meta, Record, Sync, handle_of

GossipEvent = Event | Start | Heard | UpdateMeta | Vouched | Leave | Woke

_REAP_INTERVAL = 10.0


def _encoded_size(message: Message) -> int:
    return len(encode(message))


class Membership:
    _detector_class: ClassVar[type[Detector]] = Detector

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
        opener: Opener = open_record or (lambda record: claims.open_record(record, keys))
        publisher = Publisher(name, address, boot, meta, config, keys)
        self._table = Table(opened(opener, publisher.first()), rng)
        self._timers = Timers(config.late)
        self._outbox = Outbox(config, self._table, self._timers, size_of)
        self._awareness = Awareness(config.max_health)
        self._tribunal = Tribunal(config, self._table, self._timers, self._outbox, keys)
        self._prober = Prober(config, self._table, self._timers, self._outbox, self._awareness, rng)
        self._syncer = Syncer(config, self._table, self._outbox, self._tribunal, rng)
        self._seeker = Seeker(config, self._table, self._timers, self._outbox, self._syncer)
        self._story = Story(512)
        self._registrar = Registrar(
            config,
            opener,
            publisher,
            self._table,
            self._outbox,
            self._tribunal,
            self._prober,
            self._syncer,
            self._story,
        )
        self._myself = Myself(
            config, publisher, opener, self._table, self._outbox, self._awareness, self._syncer
        )
        self._detector = self._detector_class(
            config,
            self._myself,
            self._table,
            self._outbox,
            self._awareness,
            self._tribunal,
            self._prober,
            self._syncer,
            self._story,
        )
        self._knocker = Knocker(
            config, self._myself, self._table, self._outbox, self._tribunal, self._seeker, rng
        )
        self._merger = Merger(self._table, self._syncer, self._registrar, self._detector, self._knocker)
        self._receiver = Receiver(
            self._myself,
            self._table,
            self._outbox,
            self._prober,
            self._seeker,
            self._registrar,
            self._detector,
            self._merger,
        )
        self._started = self._gone = False
        self._now = 0.0
        self._on_timer: dict[Clock, Callable[[GossipTimer, Firing, float], None]] = {
            Clock.PROBE: self._detector.tick,
            Clock.DIRECT: lambda t, firing, now: self._prober.silent(number_of(t), firing, now),
            Clock.RETRY: lambda t, _, now: self._prober.again(number_of(t), now),
            Clock.VERDICT: self._detector.verdict,
            Clock.HELPER: lambda t, _, now: self._prober.helped_in_vain(number_of(t), now),
            Clock.SUSPICION: self._detector.suspicion_over,
            Clock.GOSSIP: lambda _t, _f, now: self._outbox.gossip_round(now),
            Clock.SYNC: lambda _t, _f, now: self._syncer.tick(now),
            Clock.KNOCK: lambda _t, _f, now: self._knocker.tick(now),
            Clock.SEEK: lambda _t, _f, now: self._seeker.tick(now),
            Clock.REAP: self._reap_tick,
            Clock.PUBLISH: lambda _t, _f, now: self._myself.publish(now),
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
                self._receiver.datagram(event, now)
            case MessageReceived():
                self._receiver.message(event, now)
            case SendFailed(_, Sync()):
                self._syncer.soon(now)
            case Heard():
                self._seeker.heard(event, now)
            case UpdateMeta():
                self._myself.update(event.meta, now)
            case Vouched():
                self._myself.tell_again(now)
            case Start():
                self._start(now)
            case Leave():
                self._myself.leave(now)
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
        return self._myself.known.record

    def check(self) -> None:
        """Raises AssertionError where an invariant is broken."""
        self._table.check()
        self._tribunal.check()
        self._prober.check()
        self._outbox.check()
        self._seeker.check()
        assert 0 <= self._awareness.score <= self._awareness.limit, "health out of range"
        self._myself.check()
        assert len(self._table) <= self._config.max_members, "more members than the limit"
        self._registrar.check()
        assert not self._started or self._timers.is_set(Clock.PROBE) or self._gone, "nobody is probed"

    # --- our own life ---------------------------------------------------------------------------------

    def _start(self, now: float) -> None:
        self._started = True
        self._outbox.timer(Clock.PROBE, now + self._rng.uniform(0, self._config.probe_interval))
        self._syncer.start(now)
        self._knocker.start(now)
        self._outbox.timer(Clock.REAP, now + _REAP_INTERVAL)

    def _left(self, _token: GossipTimer, _firing: Firing, _now: float) -> None:
        self._gone = True
        self._outbox.notify(LeftMesh())

    def _woke(self, now: float) -> None:
        self._detector.woke(now)
        if self._started and not self._myself.leaving:
            self._myself.publish(now)
            self._syncer.soon(now)

    def _reap_tick(self, _token: GossipTimer, _firing: Firing, now: float) -> None:
        self._outbox.timer(Clock.REAP, now + _REAP_INTERVAL)
        self._registrar.tidy(now)
