"""What nodes tell each other about who is alive. Datagrams unless said otherwise; `mesh/gossip` decides.

Nodes are named by a `Handle`, the first 96 bits of their NodeId, to keep datagrams small: finding a second
key with the handle of a given node costs 2^96 tries.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, NewType

from mesh.model.ids import Boot, JobId
from mesh.wire.base import AtMost, Message, Range

Handle = NewType("Handle", bytes)

HANDLE_SIZE = 12
ENTRY_SIZE = 12
"""Bytes of one member in a `Sync` digest."""

MAX_CLAIM = 960
"""Bytes of an encoded claim; leaves a record room in one datagram."""

SYNC_RECORDS = 256
"""Most records in one `SyncRecords`."""

SYNC_ACCUSATIONS = 4 * SYNC_RECORDS

AnyHandle = Annotated[Handle, AtMost(HANDLE_SIZE)]
Signature = Annotated[bytes, AtMost(64)]
Probe = Annotated[int, Range(0, 2**32 - 1)]
Byte = Annotated[int, Range(0, 255)]
Count = Annotated[int, Range(0, 2**63 - 1)]


def handle_of(node: bytes) -> Handle:
    """The short name of a NodeId."""
    return Handle(node[:HANDLE_SIZE])


# --- what a node says of itself -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EngineBuild:
    """A renderer it can run. Names are text, not an enum: a newer node may have an engine we do not know."""

    name: Annotated[str, AtMost(24)]
    build: Annotated[str, AtMost(48)]


@dataclass(frozen=True, slots=True)
class Activity:
    """One unit being rendered: buckets `start <= b < stop` of a frame; `fraction` done, of 255."""

    job: JobId
    frame: Count
    start: Count
    stop: Count
    fraction: Byte


@dataclass(frozen=True, slots=True)
class Meta:
    """What a node offers and does. Rumoured to everyone, so small; where it outgrows a datagram, the
    sketch and then the activities are left out."""

    site: Annotated[str, AtMost(96)] = ""
    tags: Annotated[tuple[Annotated[str, AtMost(32)], ...], AtMost(8)] = ()
    engines: Annotated[tuple[EngineBuild, ...], AtMost(5)] = ()
    slots: Annotated[int, Range(0, 4096)] = 0
    """Render threads it offers."""
    load: Byte = 0
    """Busy share of the machine, of 255."""
    doing: Annotated[tuple[Activity, ...], AtMost(4)] = ()
    uplink: Count = 0
    """kbit/s; 0 where unknown."""
    frames_done: Count = 0
    buckets_done: Count = 0
    cache_free: Count = 0
    """MiB."""
    sketch: Annotated[bytes, AtMost(256)] = b""
    """Which blobs its cache holds, roughly; `mesh/blocks` knows the format."""
    memory: Count = 0
    """MiB; 0 where unknown."""
    exclusive: bool = False
    """Renders only for jobs that ask for it, by name or by tags."""
    stage: Byte = 0
    """What it is at before its first pixels: a `Stage`, or what a newer node knows beside those."""
    issues: bool = False
    """Signs certificates: others have theirs renewed by it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The body of a `Record`, signed as bytes: what a newer node adds survives those that do not know it."""

    name: Annotated[str, AtMost(64)]
    address: tuple[Annotated[str, AtMost(64)], Annotated[int, Range(0, 65535)]]
    boot: Boot
    incarnation: Count
    """Grows with every claim of one boot; a larger one refutes what was said of a smaller."""
    left: bool = False
    """Said goodbye."""
    meta: Meta = Meta()


@dataclass(frozen=True, slots=True)
class Record(Message):
    """A claim only its owner can make: the NodeId is the hash of `public_key`. `warrant` is an issuer's word that
    the key is a member's (`mesh/identity/warrants.py`), without which nobody learns the record. Rumoured."""

    claim: Annotated[bytes, AtMost(MAX_CLAIM)]
    public_key: Annotated[bytes, AtMost(32)]
    warrant: Annotated[bytes, AtMost(72)]
    signature: Signature


@dataclass(frozen=True, slots=True)
class Accusation(Message):
    """`accuser` could not reach `target` in the life and incarnation named. Rumoured."""

    target: AnyHandle
    boot: Boot
    incarnation: Count
    accuser: AnyHandle
    signature: Signature


# --- probes -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ping(Message):
    """Are you `target`, in the life `boot`? An empty target asks whoever is there for their record."""

    probe: Probe
    sender: AnyHandle
    target: AnyHandle
    boot: Boot


@dataclass(frozen=True, slots=True)
class Ack(Message):
    """`sender` (or whom it probed for us) answers in the life `boot`."""

    probe: Probe
    sender: AnyHandle
    boot: Boot


@dataclass(frozen=True, slots=True)
class PingRequest(Message):
    """Probe `target` on my behalf; say Nack where it does not answer in time."""

    probe: Probe
    sender: AnyHandle
    target: AnyHandle
    boot: Boot


@dataclass(frozen=True, slots=True)
class Nack(Message):
    """I hear you, but not whom you asked about."""

    probe: Probe
    sender: AnyHandle


# --- push-pull, over the authenticated connection -------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sync(Message):
    """Opens a push-pull: my record, and an entry of ENTRY_SIZE bytes for everything I know. Answered by
    `SyncRecords` with what differs and `SyncWanted` for what is unknown."""

    record: Record
    digest: Annotated[bytes, AtMost(ENTRY_SIZE * 65536)]


@dataclass(frozen=True, slots=True)
class SyncRecords(Message):
    records: Annotated[tuple[Record, ...], AtMost(SYNC_RECORDS)]
    accusations: Annotated[tuple[Accusation, ...], AtMost(SYNC_ACCUSATIONS)]


@dataclass(frozen=True, slots=True)
class SyncWanted(Message):
    """Entries of your digest that I should like to have as records."""

    entries: Annotated[bytes, AtMost(ENTRY_SIZE * 65536)]


# --- keys ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MeshKeyNews(Message):
    """The newest key that seals datagrams, signed by an issuer. Over connections only."""

    number: Annotated[int, Range(1, 2**32 - 1)]
    secret: Annotated[bytes, AtMost(32)] = field(repr=False)
    signature: Signature


GOSSIP_MESSAGES: dict[int, type[Message]] = {
    1: Ping,
    2: Ack,
    3: PingRequest,
    4: Nack,
    5: Record,
    6: Accusation,
    7: Sync,
    8: SyncRecords,
    9: SyncWanted,
    10: MeshKeyNews,
}
