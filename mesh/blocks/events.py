"""What the fetcher and this node's disk say to each other, beside the effects and events all machines share.

The fetcher decides; the node carries out `AskLocal` and `SaveBlock` against its store (in a thread), the
simulator against a dict. Each is answered by exactly one event.
"""

from __future__ import annotations

from dataclasses import dataclass

from mesh.blocks.recipe import Part
from mesh.model.ids import Digest, NodeId
from mesh.wire.blocks import BlockData
from mesh.wire.effects import Fetch, MessageReceived, Notify, Send, SendFailed, SetTimer, TimerFired

# --- effects ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AskLocal:
    """What is missing here of blob `root`? Answered by LocalAnswer or LocalFailed."""

    root: Digest


@dataclass(frozen=True, slots=True)
class SaveBlock:
    """Check a block from `sender` and store it. Answered by BlockStored, BlockRejected or BlockUnusable."""

    part: Part
    sender: NodeId
    block: BlockData


# --- events -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LocalAnswer:
    """All parts of `root` that are known to be missing here; none when the blob is whole."""

    root: Digest
    missing: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class LocalFailed:
    """What is here of `root` cannot be read as a blob, or not at all, for `reason`."""

    root: Digest
    reason: str


@dataclass(frozen=True, slots=True)
class BlockStored:
    """The block is on disk; `missing` are the parts under it that are not (empty for plain blocks)."""

    digest: Digest
    missing: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class BlockRejected:
    """`sender` sent bytes that are not what their name promises."""

    digest: Digest
    sender: NodeId


@dataclass(frozen=True, slots=True)
class BlockUnusable:
    """The block cannot be stored (a full disk), or no blob can be made with it (a bad recipe)."""

    digest: Digest
    reason: str


@dataclass(frozen=True, slots=True)
class PeerDown:
    """Membership holds `node` for dead: nothing that it owes will come."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class DropBlob:
    """Nobody here wants `root` any more. No BlobReady or BlobFailed follows."""

    root: Digest


FetcherEvent = (
    Fetch
    | DropBlob
    | LocalAnswer
    | LocalFailed
    | BlockStored
    | BlockRejected
    | BlockUnusable
    | PeerDown
    | MessageReceived
    | SendFailed
    | TimerFired
)

FetcherEffect = Send | SetTimer | Notify | AskLocal | SaveBlock
