"""What a sans-I/O machine may ask of the world, and what the world may tell it.

A machine is a synchronous class with `handle(event, now) -> list[Effect]`. `now` is a monotonic time in
seconds. Two interpreters carry effects out: the node (`mesh/node`) with real I/O, and `tools/simulate.py`
in virtual time. Machines never see bytes, sockets, clocks or disks.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, NewType

from mesh.model.ids import Digest, JobId, NodeId
from mesh.model.manifest import Manifest
from mesh.model.tolerance import EXACT, Tolerance
from mesh.model.units import SampleRange, Unit
from mesh.wire.base import Message

Address = tuple[str, int]
"""Host and port of a node's UDP and TLS endpoint (one number serves both)."""

Token = Hashable
"""Names a timer. Timers are never cancelled: a machine drops the tokens it no longer expects."""

Attempt = NewType("Attempt", int)
"""Tells one try at rendering a unit from the next on the same node."""


# --- events -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TimerFired:
    token: Token


@dataclass(frozen=True, slots=True)
class DatagramReceived:
    """Gossip from an address that could unseal and be unsealed; loss, reordering and repeats happen."""

    source: Address
    messages: tuple[Message, ...]
    old_seal: bool = False
    """It was sealed under a key that is no longer in use."""


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A message over the peer's authenticated connection; in order within a connection, never doubled."""

    sender: NodeId
    message: Message


@dataclass(frozen=True, slots=True)
class SendFailed:
    """`message` surely or possibly never reached `to`: no connection could be made, or it broke."""

    to: NodeId
    message: Message


@dataclass(frozen=True, slots=True)
class RenderProgress:
    job: JobId
    unit: Unit
    attempt: Attempt
    fraction: float


@dataclass(frozen=True, slots=True)
class RenderPreparing:
    """The engine has no pixels of the unit yet, and was seen to work toward them a moment ago: it opens the scene, or is
    being compiled. Comes every few seconds, unless the engine hangs."""

    job: JobId
    unit: Unit
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class RenderEnded:
    """The engine is free for what it was given next; the unit's pixels, `size` bytes, are on their way to the
    disk. RenderDone, or RenderFailed where the disk will not have them, follows. `seconds` is what rendering
    took; 0 where it was not measured."""

    job: JobId
    unit: Unit
    attempt: Attempt
    size: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class RenderDone:
    """The unit's pixels are on this node's disk as the blob `pixels` (`size` bytes), fsynced. Where the blob
    is nothing but its root, `block` is that root, to be sent along with whatever asks for a copy."""

    job: JobId
    unit: Unit
    attempt: Attempt
    pixels: Digest
    size: int
    seconds: float
    block: bytes = b""


@dataclass(frozen=True, slots=True)
class RenderFailed:
    """`retryable` is false where another node would fail alike, such as a scene the engine refuses."""

    job: JobId
    unit: Unit
    attempt: Attempt
    reason: str
    log: Digest | None = None
    retryable: bool = True
    scene_gone: bool = False
    """A part of the scene that was here could not be read from this disk: no fault of the unit's."""
    scene_needs: int = 0
    """Bytes of memory that the scene takes at least, where that is why."""
    unit_needs: int = 0
    """Bytes that this unit takes, with a scene that could be opened, where that is why."""


@dataclass(frozen=True, slots=True)
class BlobReady:
    """Every block under `root` is on this node's disk."""

    root: Digest


@dataclass(frozen=True, slots=True)
class BlobFailed:
    """`root` could not be had from anybody for now; asking again later is allowed."""

    root: Digest
    reason: str


@dataclass(frozen=True, slots=True)
class Compared:
    """What `Compare` found."""

    job: JobId
    renderer: NodeId
    pixels: Digest
    piece: Unit
    equal: bool


@dataclass(frozen=True, slots=True)
class Together:
    """Several events that are there at once, in order. A machine takes them in one by one, and looks at what
    follows from them once."""

    events: tuple[Any, ...]


Event = (
    TimerFired
    | DatagramReceived
    | MessageReceived
    | SendFailed
    | RenderProgress
    | RenderPreparing
    | RenderEnded
    | RenderDone
    | RenderFailed
    | BlobReady
    | BlobFailed
    | Compared
    | Together
)

RenderNews = RenderProgress | RenderPreparing | RenderEnded | RenderDone | RenderFailed
"""What an engine says of a unit."""


# --- effects ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Send:
    """Send over the authenticated connection to `to`, dialling it if need be. Bulk types (blocks) use a
    connection of their own. Where it fails, `SendFailed` comes back."""

    to: NodeId
    message: Message


@dataclass(frozen=True, slots=True)
class SendDatagram:
    """Seal and send `messages` in one datagram; the machine keeps it under the packet limit."""

    to: Address
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Deliver `TimerFired(token)` at time `at`, or as soon after it as possible."""

    token: Token
    at: float


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell the rest of this node: other machines, the event log, the person watching."""

    event: object


@dataclass(frozen=True, slots=True)
class Fetch:
    """Get every block under `root`; `holders` are nodes that are believed to have it, best first.
    Answered by BlobReady or BlobFailed, also when all is here already."""

    root: Digest
    holders: tuple[NodeId, ...]


@dataclass(frozen=True, slots=True)
class KeepBlob:
    """Store the blob `root`, all of which is said to be in its root block, durably; keep it on behalf of
    `job`. Answered by BlobReady, or by BlobFailed where the bytes are not what they should be."""

    job: JobId
    root: Digest
    block: bytes


@dataclass(frozen=True, slots=True)
class Render:
    """Render on this node's engine, after what it was given before; the scene is here. Answered by
    RenderPreparing and RenderProgress (several) and RenderDone or RenderFailed, unless StopRender comes first. With `samples`, only
    those of its one bucket are rendered, and what RenderDone names are their sums."""

    job: JobId
    manifest: Manifest
    unit: Unit
    attempt: Attempt
    samples: SampleRange | None = None


@dataclass(frozen=True, slots=True)
class Shorten:
    """Buckets from `stop` on are no longer wanted of this unit: its back was given to another node. The
    engine renders in ascending order; RenderDone then carries the shorter unit, or the whole one where
    the word came too late. RenderProgress and RenderFailed may go on naming the unit as it was begun."""

    job: JobId
    unit: Unit
    attempt: Attempt
    stop: int


@dataclass(frozen=True, slots=True)
class SplitSamples:
    """The samples of `bucket` from `sample` on, to its end or to where it was split before, are rendered by another
    node as well: sum them apart, so that MergeSamples can stand for them. Ignored where it comes too late."""

    attempt: Attempt
    bucket: int
    sample: int


@dataclass(frozen=True, slots=True)
class MergeSamples:
    """The sums of these samples are on this disk as the blob `sums`: the engine takes them instead of rendering
    them, where they are true and it has not rendered them already."""

    attempt: Attempt
    bucket: int
    samples: SampleRange
    sums: Digest


@dataclass(frozen=True, slots=True)
class StopRender:
    job: JobId
    unit: Unit
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Compare:
    """Whether the blob `pixels`, which `renderer` published for `unit`, says the same of `piece`, a part of
    it, within `tolerance`, as the blob `again`, which was rendered here. Both are on this disk. Answered by Compared, unless one
    of them is gone."""

    job: JobId
    renderer: NodeId
    pixels: Digest
    unit: Unit
    again: Digest
    piece: Unit
    tolerance: Tolerance = EXACT


@dataclass(frozen=True, slots=True)
class Pin:
    """Keep the blob `root` from being evicted on behalf of `job`."""

    job: JobId
    root: Digest


@dataclass(frozen=True, slots=True)
class Unpin:
    """Let everything pinned on behalf of `job` go."""

    job: JobId


@dataclass(frozen=True, slots=True)
class Persist:
    """Write one record of a job durably, replacing the record of the same key; `record` None deletes it,
    and with an empty key all records of the job. Records are wire dataclasses and are read back at start-up
    in key order."""

    job: JobId
    key: tuple[str, ...]
    record: object | None


Effect = (
    Send
    | SendDatagram
    | SetTimer
    | Notify
    | Fetch
    | KeepBlob
    | Render
    | Shorten
    | SplitSamples
    | MergeSamples
    | StopRender
    | Compare
    | Pin
    | Unpin
    | Persist
)
