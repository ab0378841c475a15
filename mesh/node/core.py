"""The machines of one node, wired together: itself a machine, run by the node and by the simulator alike.

It decides nothing. An event goes to the machine whose business it is; what a machine tells the others by
`Notify` becomes an event for them; everything that needs the world comes out as effects. `Notify` effects
come out as well, for the event log and for whoever watches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from mesh.blocks import events as blocks
from mesh.blocks.fetcher import Fetcher
from mesh.gossip import events as gossip
from mesh.gossip.keyring import Keyring, OlderKeys, OldSeal, RotateKey
from mesh.gossip.membership import Membership
from mesh.model.ids import NodeId
from mesh.sched import events as sched
from mesh.sched.scheduler import Scheduler
from mesh.wire.blocks import BLOCK_MESSAGES
from mesh.wire.effects import (
    BlobFailed,
    BlobReady,
    Compared,
    DatagramReceived,
    Fetch,
    MessageReceived,
    Notify,
    RenderDone,
    RenderEnded,
    RenderFailed,
    RenderPreparing,
    RenderProgress,
    SendFailed,
    SetTimer,
    TimerFired,
    Together,
    Token,
)
from mesh.wire.gossip import GOSSIP_MESSAGES, Ack, MeshKeyNews, Nack, Ping, PingRequest
from mesh.wire.sched import SCHED_MESSAGES


class Room(Enum):
    """Which machine."""

    GOSSIP = "gossip"
    SCHED = "sched"
    BLOCKS = "blocks"
    KEYS = "keys"


@dataclass(frozen=True, slots=True)
class RoomTimer:
    """A machine's timer token, and whose it is."""

    room: Room
    token: Token


class Machine(Protocol):
    def handle(self, event: Any, now: float) -> list[Any]: ...

    def check(self) -> None: ...


_ROOM_OF_MESSAGE: dict[type[object], Room] = {
    **dict.fromkeys(GOSSIP_MESSAGES.values(), Room.GOSSIP),
    **dict.fromkeys(SCHED_MESSAGES.values(), Room.SCHED),
    **dict.fromkeys(BLOCK_MESSAGES.values(), Room.BLOCKS),
    MeshKeyNews: Room.KEYS,
}

_ROOM_OF_EVENT: dict[type[object], Room] = {
    **dict.fromkeys(
        (
            DatagramReceived,
            gossip.Start,
            gossip.Heard,
            gossip.UpdateMeta,
            gossip.Leave,
            gossip.Woke,
            gossip.Vouched,
        ),
        Room.GOSSIP,
    ),
    **dict.fromkeys(
        (
            RenderProgress,
            RenderPreparing,
            RenderEnded,
            RenderDone,
            RenderFailed,
            Compared,
            BlobReady,
            BlobFailed,
            sched.Start,
            sched.Restore,
            sched.SubmitJob,
            sched.SetCapacity,
            sched.ActOnJob,
            sched.RetryJob,
            sched.Watch,
            sched.ForgetJob,
            sched.PeerVanished,
            sched.DiskDamaged,
            sched.Leave,
            sched.Woke,
        ),
        Room.SCHED,
    ),
    RotateKey: Room.KEYS,
    OlderKeys: Room.KEYS,
    **dict.fromkeys(
        (
            Fetch,
            blocks.DropBlob,
            blocks.LocalAnswer,
            blocks.LocalFailed,
            blocks.BlockStored,
            blocks.BlockRejected,
            blocks.BlockUnusable,
        ),
        Room.BLOCKS,
    ),
}


class NodeCore:
    """`handle(event, now)` takes any machine's event; timers carry `RoomTimer` tokens."""

    def __init__(
        self, membership: Membership, scheduler: Scheduler, fetcher: Fetcher, keyring: Keyring
    ) -> None:
        self.membership = membership
        self.keyring = keyring
        self.scheduler = scheduler
        self.fetcher = fetcher
        self._machines: dict[Room, Machine] = {
            Room.GOSSIP: membership,
            Room.SCHED: scheduler,
            Room.BLOCKS: fetcher,
            Room.KEYS: keyring,
        }
        self._inbox: deque[tuple[Room, object]] = deque()

    def handle(self, event: object, now: float) -> list[Any]:
        """The effects of `event`, in the order in which they are to be carried out."""
        effects: list[Any] = []
        for one in event.events if isinstance(event, Together) else (event,):
            self._inbox.append(self._address(one))
            if isinstance(one, DatagramReceived) and one.old_seal:
                self._inbox.extend((Room.KEYS, OldSeal(node)) for node in self._senders(one))
        while self._inbox:
            room, inner = self._inbox.popleft()
            if room is Room.SCHED and self._inbox:
                inner = self._all_for_scheduler(inner)
            for effect in self._machines[room].handle(inner, now):
                if isinstance(effect, SetTimer):
                    effects.append(SetTimer(RoomTimer(room, effect.token), effect.at))
                elif isinstance(effect, Fetch):
                    self._inbox.append((Room.BLOCKS, effect))
                else:
                    if isinstance(effect, Notify):
                        self._pass_on(effect.event)
                    effects.append(effect)
        return effects

    def _all_for_scheduler(self, first: object) -> object:
        """`first`, and what comes right after it for the scheduler too."""
        events = [first]
        while self._inbox and self._inbox[0][0] is Room.SCHED:
            events.append(self._inbox.popleft()[1])
        return Together(tuple(events)) if len(events) > 1 else first

    def _senders(self, event: DatagramReceived) -> Iterator[NodeId]:
        """The members that say they sent this datagram."""
        for message in event.messages:
            if isinstance(message, Ping | Ack | PingRequest | Nack):
                node = self.membership.node_of(message.sender)
                if node is not None:
                    yield node

    def check(self) -> None:
        """The invariants of all machines. Raises AssertionError."""
        for machine in self._machines.values():
            machine.check()

    def _address(self, event: object) -> tuple[Room, object]:
        """The machine that `event` is for, and what it is told."""
        if isinstance(event, TimerFired):
            assert isinstance(event.token, RoomTimer)
            return event.token.room, TimerFired(event.token.token)
        if isinstance(event, MessageReceived | SendFailed):
            return _ROOM_OF_MESSAGE[type(event.message)], event
        return _ROOM_OF_EVENT[type(event)], event

    def _peer(self, node: NodeId) -> sched.PeerInfo:
        """What the scheduler needs to know of a member."""
        member = self.membership.view(node)
        assert member is not None, "membership told of a node that it does not know"
        meta = member.meta
        return sched.PeerInfo(
            member.node,
            member.boot,
            member.name,
            meta.engines,
            meta.slots,
            meta.load / 255,
            meta.tags,
            meta.site,
            member.rtt,
            meta.memory << 20,
            meta.exclusive,
            member.quarantined,
        )

    def _pass_on(self, news: object) -> None:
        """Queues what one machine's news means to the others."""
        match news:
            case gossip.MemberUp(node=node):
                self._inbox.append((Room.SCHED, sched.PeerUp(self._peer(node))))
            case (
                gossip.MemberChanged(node=node)
                | gossip.MemberQuarantined(node=node)
                | gossip.MemberReleased(node=node)
            ):
                self._inbox.append((Room.SCHED, sched.PeerChanged(self._peer(node))))
            case gossip.MemberDown(node=node):
                self._inbox.append((Room.SCHED, sched.PeerDown(node)))
                self._inbox.append((Room.BLOCKS, blocks.PeerDown(node)))
            case BlobReady() | BlobFailed():
                self._inbox.append((Room.SCHED, news))
