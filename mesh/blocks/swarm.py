"""What the fetcher remembers of blobs, blocks and peers. Data and the rules on one of them; no protocol."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum

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
    """Silence after which a peer's blocks are asked of others too, while it may still answer."""
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
