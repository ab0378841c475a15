"""What the fetcher remembers of blobs, blocks and peers, and the steps that keep that consistent.

Decides nothing and sends nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain, islice

from mesh.blocks.recipe import Part
from mesh.model.ids import Digest, NodeId

_STORY = 50


@dataclass(frozen=True, slots=True)
class FetchConfig:
    """Windows and batches in blocks, times in seconds."""

    window_first: int = 8
    """Blocks asked of a new peer before one has come; one more for each that comes, half after silence."""
    window_most: int = 64
    batch: int = 4
    """Blocks that one peer is given before the next one has its turn."""
    patience: float = 2.0
    """Silence after which a peer's blocks are asked of others too; it may still answer, and is given
    nothing new until it does."""
    timeout: float = 10.0
    """Silence after which a peer is left alone for a while."""
    rest_first: float = 1.0
    """The first such while; doubled each time."""
    strikes_most: int = 4
    """Silences and broken connections in a row after which a peer no longer counts as a holder."""
    looks_most: int = 20
    """How often a blob is looked over before it is given up: a disk may lose blocks as fast as they come."""


class BlobState(Enum):
    LOOKING = "looking"
    """AskLocal is under way."""
    FETCHING = "fetching"


class WantState(Enum):
    WAITING = "waiting"
    """To be asked for: it is in the `todo` of its blobs."""
    ASKED = "asked"
    SAVING = "saving"


BLOB_MOVES = frozenset({(BlobState.LOOKING, BlobState.FETCHING), (BlobState.FETCHING, BlobState.LOOKING)})

WANT_MOVES = frozenset(
    {
        (WantState.WAITING, WantState.ASKED),
        (WantState.WAITING, WantState.SAVING),  # a block that came after its time
        (WantState.ASKED, WantState.WAITING),
        (WantState.ASKED, WantState.SAVING),
        (WantState.SAVING, WantState.WAITING),  # what came was wrong
    }
)


class IllegalMove(Exception):
    """A bug of ours: a state that cannot follow another."""


@dataclass(slots=True)
class Blob:
    root: Digest
    holders: dict[NodeId, None]
    state: BlobState = BlobState.LOOKING
    looks: int = 1
    open: dict[Digest, None] = field(default_factory=dict)
    """Every block that is wanted for it."""
    recipes: dict[Digest, None] = field(default_factory=dict)
    leaves: dict[Digest, None] = field(default_factory=dict)
    """Of those, the blocks to be asked for, recipes first since they tell what else is needed."""
    banned: set[NodeId] = field(default_factory=set)
    """Holders that sent wrong bytes for it."""
    story: deque[str] = field(default_factory=lambda: deque(maxlen=_STORY))

    def move(self, state: BlobState) -> None:
        if (self.state, state) not in BLOB_MOVES:
            raise IllegalMove(f"blob {self.root.hex()}: {self.state} to {state}")
        self.state = state

    def serves(self, peer: NodeId) -> bool:
        return peer in self.holders and peer not in self.banned

    def queue(self, part: Part) -> None:
        (self.recipes if part.is_recipe else self.leaves)[part.digest] = None

    def unqueue(self, digest: Digest) -> None:
        self.recipes.pop(digest, None)
        self.leaves.pop(digest, None)


@dataclass(slots=True)
class Want:
    """One block, for all blobs that need it."""

    part: Part
    blobs: dict[Digest, None]
    state: WantState = WantState.WAITING
    asked: dict[NodeId, None] = field(default_factory=dict)
    lacking: set[NodeId] = field(default_factory=set)
    """Peers that said they do not have it."""

    def move(self, state: WantState) -> None:
        if (self.state, state) not in WANT_MOVES:
            raise IllegalMove(f"block {self.part.digest.hex()}: {self.state} to {state}")
        self.state = state


@dataclass(slots=True)
class Peer:
    window: int
    asked: dict[Digest, None] = field(default_factory=dict)
    saving: int = 0
    """Blocks that came from it and are not on disk yet: a slow disk slows the asking down."""
    strikes: int = 0
    rest_until: float = 0.0
    heard: float = 0.0
    """When it last answered, or was first asked after a pause."""
    timer: int = 0
    """Serial of the timer that is expected; 0 for none."""

    @property
    def room(self) -> int:
        """How many blocks to ask of it now; none until half the window is free, to spare messages."""
        busy = len(self.asked) + self.saving
        return self.window - busy if busy <= self.window // 2 else 0


class Swarm:
    """All of them, kept consistent with each other: see `check`."""

    def __init__(self) -> None:
        self.blobs: dict[Digest, Blob] = {}
        self.wants: dict[Digest, Want] = {}
        self.peers: dict[NodeId, Peer] = {}
        self.saving: dict[Digest, NodeId] = {}
        """Blocks on their way to the disk, wanted still or not, and who sent them."""
        self.doubted: dict[Digest, None] = {}
        """Blocks that may have lost their last holder in the event under way."""

    def forget(self, root: Digest) -> None:
        blob = self.blobs.pop(root, None)
        if blob is None:
            return
        for digest in blob.open:
            want = self.wants[digest]
            del want.blobs[root]
            if not want.blobs:
                self.unask(want)
                del self.wants[digest]
        for peer in list(self.peers):
            state = self.peers[peer]
            if not (
                state.asked or state.saving or any(peer in other.holders for other in self.blobs.values())
            ):
                del self.peers[peer]

    def is_hopeful(self, want: Want, blob: Blob) -> bool:
        if want.state is not WantState.WAITING or want.asked:
            return True
        return any(blob.serves(holder) and holder not in want.lacking for holder in blob.holders)

    def take(self, node: NodeId, count: int) -> list[Digest]:
        """Up to `count` blocks to ask of `node`, now marked as asked."""
        taken = list(islice(self._askable(node), count))
        for digest in taken:
            want = self.wants[digest]
            self.unqueue(want)
            want.move(WantState.ASKED)
            want.asked[node] = None
            self.peers[node].asked[digest] = None
        return taken

    def _askable(self, node: NodeId) -> Iterator[Digest]:
        """Waiting blocks that `node` may have, each once."""
        seen = set()
        for blob in self.blobs.values():
            if blob.serves(node):
                for digest in chain(blob.recipes, blob.leaves):
                    want = self.wants[digest]
                    if node not in want.lacking and node not in want.asked and digest not in seen:
                        seen.add(digest)
                        yield digest

    def unask(self, want: Want) -> None:
        for node in want.asked:
            del self.peers[node].asked[want.part.digest]
        want.asked.clear()

    def take_back(self, node: NodeId, digest: Digest) -> None:
        """Expects nothing more of `node` about a block, if it was asked."""
        if digest in self.peers[node].asked:
            del self.peers[node].asked[digest]
            want = self.wants[digest]
            del want.asked[node]
            self.doubted[digest] = None
            if not want.asked and want.state is WantState.ASKED:
                self.requeue(want)

    def requeue(self, want: Want) -> None:
        want.move(WantState.WAITING)
        self.doubted[want.part.digest] = None
        for root in want.blobs:
            self.blobs[root].queue(want.part)

    def unqueue(self, want: Want) -> None:
        for root in want.blobs:
            self.blobs[root].unqueue(want.part.digest)

    def saved(self, digest: Digest) -> Peer | None:
        sender = self.saving.pop(digest, None)
        peer = self.peers.get(sender) if sender is not None else None
        if peer is not None:
            peer.saving -= 1
        return peer

    def check(self) -> None:
        """The invariants. Raises AssertionError."""
        for root, blob in self.blobs.items():
            queued = {*blob.recipes, *blob.leaves}
            waiting = {digest for digest in blob.open if self.wants[digest].state is WantState.WAITING}
            assert queued == waiting, "what waits is queued, and nothing else"
            assert (blob.state is BlobState.FETCHING) == bool(blob.open), "a blob fetches what is open"
            assert all(root in self.wants[digest].blobs for digest in blob.open)
        for digest, want in self.wants.items():
            assert want.blobs, "nothing is wanted for nobody"
            assert all(self.is_hopeful(want, self.blobs[root]) for root in want.blobs), "a blob is stuck"
            assert want.state is not WantState.ASKED or want.asked, "an asked block is asked of somebody"
            assert (want.state is WantState.SAVING) == (digest in self.saving)
            assert all(digest in self.peers[node].asked for node in want.asked)
        for node, peer in self.peers.items():
            assert all(node in self.wants[digest].asked for digest in peer.asked)
            assert peer.saving == sum(sender == node for sender in self.saving.values())
