"""What the membership machine is told beside the common events, what it tells, and how others see it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mesh.model.ids import Boot, NodeId
from mesh.model.status import NodeState
from mesh.wire.effects import Address
from mesh.wire.gossip import Meta

# --- events in ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Start:
    """Begin. Comes once, before anything else."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Somebody may listen at one of `addresses`: a beacon, a seed, a remembered peer, an address by hand.

    `keep` asks again for as long as nobody known lives there: for seeds and addresses by hand, which
    nothing repeats; beacons repeat themselves.
    """

    addresses: tuple[Address, ...]
    node: NodeId | None = None
    keep: bool = False


@dataclass(frozen=True, slots=True)
class UpdateMeta:
    meta: Meta


@dataclass(frozen=True, slots=True)
class Vouched:
    """Our warrant is a new one: tell our record again."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Say goodbye; `LeftMesh` follows once it has been told around, after about a second."""


@dataclass(frozen=True, slots=True)
class Woke:
    """The machine slept or its clock jumped: nothing that was awaited can be blamed on others."""


# --- notifications out --------------------------------------------------------------------------------


class DownReason(Enum):
    DEAD = "dead"
    """Several nodes could not reach it and it did not object."""
    LEFT = "left"
    """It said goodbye."""
    REPLACED = "replaced"
    """It was started anew; a MemberUp of the new life follows."""


@dataclass(frozen=True, slots=True)
class MemberUp:
    """A life of a node is here: first heard of, or back from the dead."""

    node: NodeId
    boot: Boot


@dataclass(frozen=True, slots=True)
class MemberChanged:
    """Its address, name or metadata changed."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class MemberSuspected:
    node: NodeId


@dataclass(frozen=True, slots=True)
class MemberCleared:
    """The suspicion is over: it objected, or too few shared it."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class MemberDown:
    node: NodeId
    boot: Boot
    reason: DownReason


@dataclass(frozen=True, slots=True)
class MemberQuarantined:
    """It comes and goes: give it no new work, let it finish what it has."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class MemberReleased:
    """Calm for long enough; it may have work again."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class LeftMesh:
    """Our own goodbye has been said."""


@dataclass(frozen=True, slots=True)
class IdentityClash:
    """Another process speaks with our key (a cloned machine, or a copied folder), from `address`."""

    address: Address


# --- views --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Member:
    """One node as this node sees it."""

    node: NodeId
    name: str
    address: Address
    boot: Boot
    incarnation: int
    state: NodeState
    quarantined: bool
    meta: Meta
    rtt: float | None
    """Smoothed round-trip time in seconds, where it was ever measured."""
    seen: float | None
    """Seconds since its newest sign of life; None where it is only known by hearsay."""
    warrant: bytes = b""
    """An issuer's word that it is a member."""


@dataclass(frozen=True, slots=True)
class StoryLine:
    """Something that happened to a member, for the person who asks why."""

    at: float
    fact: str
    detail: str


# --- timers -------------------------------------------------------------------------------------------


class Clock(Enum):
    PROBE = "probe"
    DIRECT = "direct"
    RETRY = "retry"
    VERDICT = "verdict"
    HELPER = "helper"
    SUSPICION = "suspicion"
    GOSSIP = "gossip"
    SYNC = "sync"
    KNOCK = "knock"
    SEEK = "seek"
    REAP = "reap"
    PUBLISH = "publish"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class GossipTimer:
    """Token of every timer of `mesh/gossip`; `key` tells probes and members apart."""

    clock: Clock
    key: int | bytes = 0
