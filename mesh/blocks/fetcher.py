"""Which block to ask of whom: the fetching half of the blocks protocol, sans I/O.

For each wanted blob it asks this node's disk what is missing, asks the holders for it, recipes first, several
holders at once in turns, and passes what comes to the disk, which checks it. Blocks that several blobs want
are fetched once. A silent holder's blocks are soon asked of others too; one that sends wrong bytes is banned
for that blob. When nothing is left to ask for, the disk is asked again, and only its word makes a blob ready.
Knows no bytes: digests are checked by whoever carries out `SaveBlock`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from mesh.blocks.events import (
    AskLocal,
    BlockRejected,
    BlockStored,
    BlockUnusable,
    DropBlob,
    FetcherEffect,
    FetcherEvent,
    LocalAnswer,
    LocalFailed,
    PeerDown,
    SaveBlock,
)
from mesh.blocks.recipe import Part
from mesh.blocks.swarm import Blob, BlobState, FetchConfig, Peer, Swarm, Want, WantState
from mesh.model.ids import Digest, NodeId, short
from mesh.wire.base import Message
from mesh.wire.blocks import REQUEST_MAX, BlockData, BlockMissing, BlockRequest
from mesh.wire.effects import (
    BlobFailed,
    BlobReady,
    Fetch,
    MessageReceived,
    Notify,
    Send,
    SendFailed,
    SetTimer,
    TimerFired,
)


@dataclass(frozen=True, slots=True)
class PeerTimer:
    """Token of the one timer that is expected for a peer."""

    peer: NodeId
    serial: int


class Fetcher:
    """Give it every `Fetch` effect of other machines as an event; it answers each root by one
    Notify(BlobReady) or Notify(BlobFailed). A second Fetch of a root under way only adds holders."""

    def __init__(self, me: NodeId, config: FetchConfig, rng: Random) -> None:
        self._me = me
        self._config = config
        self._rng = rng
        self._swarm = Swarm()
        self._serial = 0

    def handle(self, event: FetcherEvent, now: float) -> list[FetcherEffect]:
        effects: list[FetcherEffect] = []
        match event:
            case Fetch(root, holders):
                effects += self._want_blob(root, holders)
            case DropBlob(root):
                self._swarm.forget(root)
            case LocalAnswer(root, missing):
                effects += self._looked(root, missing)
            case LocalFailed(root, reason):
                effects += self._fail([root], reason)
            case BlockStored(digest, missing):
                effects += self._stored(digest, missing)
            case BlockRejected(digest, sender):
                self._rejected(digest, sender)
            case BlockUnusable(digest, reason):
                effects += self._unusable(digest, reason)
            case MessageReceived(sender, message):
                effects += self._heard(sender, message, now)
            case SendFailed(to, message):
                self._unsent(to, message, now)
            case PeerDown(node):
                self._lose(node)
            case TimerFired(token):
                self._time_passed(token, now)
        return effects + self._give_up_hopeless() + self._ask(now)

    # --- blobs ----------------------------------------------------------------------------------------

    def _want_blob(self, root: Digest, holders: Iterable[NodeId]) -> Iterator[FetcherEffect]:
        others = {holder: None for holder in holders if holder != self._me}
        blob = self._swarm.blobs.get(root)
        if blob is not None:
            blob.holders |= others
            return
        blob = self._swarm.blobs[root] = Blob(root, others)
        blob.story.append(f"wanted, with {len(others)} holders")
        yield AskLocal(root)

    def _looked(self, root: Digest, missing: tuple[Part, ...]) -> Iterator[FetcherEffect]:
        blob = self._swarm.blobs.get(root)
        if blob is None or blob.state is not BlobState.LOOKING:
            return
        if not missing:
            self._swarm.forget(root)
            yield Notify(BlobReady(root))
        elif blob.looks > self._config.looks_most:
            yield from self._fail([root], "blocks vanish from this node's disk as fast as they come")
        else:
            blob.move(BlobState.FETCHING)
            self._add_wants(blob, missing)

    def _add_wants(self, blob: Blob, parts: Iterable[Part]) -> None:
        """Shuffled, so that nodes that fetch the same blob at once soon have different blocks to trade."""
        shuffled = list(parts)
        self._rng.shuffle(shuffled)
        for part in shuffled:
            want = self._swarm.wants.get(part.digest)
            if want is None:
                want = self._swarm.wants[part.digest] = Want(part, {})
                if part.digest in self._swarm.saving:
                    want.move(WantState.SAVING)
            want.blobs[blob.root] = None
            blob.open[part.digest] = None
            if want.state is WantState.WAITING:
                blob.queue(want.part)
                self._swarm.doubted[part.digest] = None

    def _fail(self, roots: Iterable[Digest], reason: str) -> Iterator[FetcherEffect]:
        for root in list(roots):
            if root in self._swarm.blobs:
                self._swarm.forget(root)
                yield Notify(BlobFailed(root, reason))

    def _give_up_hopeless(self) -> list[FetcherEffect]:
        """Fails the blobs of which a waiting block is asked of nobody and on none of the holders."""
        effects: list[FetcherEffect] = []
        doubted, self._swarm.doubted = self._swarm.doubted, {}
        for digest in doubted:
            want = self._swarm.wants.get(digest)
            for root in list(want.blobs) if want else ():
                blob = self._swarm.blobs[root]
                if want and not self._swarm.is_hopeful(want, blob):
                    reason = f"block {short(digest)} of it is on none of the {len(blob.holders)} nodes that should have it"
                    effects += self._fail(
                        [root], reason if blob.holders else "no node in reach is known to have it"
                    )
        return effects

    # --- blocks ---------------------------------------------------------------------------------------

    def _heard(self, sender: NodeId, message: Message, now: float) -> Iterator[FetcherEffect]:
        peer = self._swarm.peers.get(sender)
        if peer is None:
            return
        if isinstance(message, BlockData):
            want = self._swarm.wants.get(message.digest)
            if message.digest in peer.asked and want is not None:
                peer.heard = now
                peer.strikes = 0
                peer.rest_until = 0.0
                self._swarm.unask(want)
                if want.state is WantState.WAITING:
                    self._swarm.unqueue(want)
                want.move(WantState.SAVING)
                self._swarm.saving[message.digest] = sender
                peer.saving += 1
                yield SaveBlock(want.part, sender, message)
        elif isinstance(message, BlockMissing):
            peer.heard = now
            for digest in message.digests:
                if digest in peer.asked:
                    self._swarm.wants[digest].lacking.add(sender)
                    self._swarm.take_back(sender, digest)

    def _stored(self, digest: Digest, missing: tuple[Part, ...]) -> Iterator[FetcherEffect]:
        peer = self._swarm.saved(digest)
        if peer is not None:
            peer.window = min(peer.window + 1, self._config.window_most)
        want = self._swarm.wants.pop(digest, None)
        if want is None:
            return
        for root in want.blobs:
            blob = self._swarm.blobs[root]
            del blob.open[digest]
            self._add_wants(blob, missing)
            if not blob.open:
                blob.move(BlobState.LOOKING)
                blob.looks += 1
                yield AskLocal(root)

    def _rejected(self, digest: Digest, sender: NodeId) -> None:
        self._swarm.saved(digest)
        want = self._swarm.wants.get(digest)
        if want is None:
            return
        blobs = [self._swarm.blobs[root] for root in want.blobs]
        for blob in blobs:
            blob.banned.add(sender)
            self._swarm.doubted |= dict.fromkeys(blob.open)
            blob.story.append(f"{short(sender)} sent wrong bytes and is banned")
        self._swarm.requeue(want)
        peer = self._swarm.peers.get(sender)
        for other in list(peer.asked) if peer else ():
            if not any(self._swarm.blobs[root].serves(sender) for root in self._swarm.wants[other].blobs):
                self._swarm.take_back(sender, other)

    def _unusable(self, digest: Digest, reason: str) -> Iterator[FetcherEffect]:
        self._swarm.saved(digest)
        want = self._swarm.wants.get(digest)
        if want is not None:
            yield from self._fail(want.blobs, reason)

    # --- peers ----------------------------------------------------------------------------------------

    def _unsent(self, to: NodeId, message: Message, now: float) -> None:
        if isinstance(message, BlockRequest) and to in self._swarm.peers:
            for digest in message.digests:
                self._swarm.take_back(to, digest)
            self._strike(to, now)

    def _time_passed(self, token: object, now: float) -> None:
        if not isinstance(token, PeerTimer):
            return
        peer = self._swarm.peers.get(token.peer)
        if peer is None or peer.timer != token.serial:
            return
        peer.timer = 0
        silence = now - peer.heard
        if peer.asked and silence >= self._config.timeout:
            for digest in list(peer.asked):
                self._swarm.take_back(token.peer, digest)
            self._strike(token.peer, now)
        elif peer.asked and silence >= self._config.patience:
            peer.rest_until = max(peer.rest_until, peer.heard + self._config.timeout)
            for digest in peer.asked:
                if self._swarm.wants[digest].state is WantState.ASKED:
                    self._swarm.requeue(self._swarm.wants[digest])

    def _strike(self, node: NodeId, now: float) -> None:
        peer = self._swarm.peers[node]
        peer.strikes += 1
        peer.window = max(1, peer.window // 2)
        peer.rest_until = now + self._config.rest_first * 2.0 ** (peer.strikes - 1)
        if peer.strikes >= self._config.strikes_most:
            self._lose(node)

    def _lose(self, node: NodeId) -> None:
        """The peer no longer counts as a holder of anything."""
        if node in self._swarm.peers:
            for digest in list(self._swarm.peers[node].asked):
                self._swarm.take_back(node, digest)
        for blob in self._swarm.blobs.values():
            if node in blob.holders:
                del blob.holders[node]
                self._swarm.doubted |= dict.fromkeys(blob.open)
                blob.story.append(f"{short(node)} is lost")

    # --- asking ---------------------------------------------------------------------------------------

    def _ask(self, now: float) -> list[FetcherEffect]:
        """Gives peers with room their next blocks, a batch each in turn, and keeps their timers running."""
        holders = list(
            dict.fromkeys(holder for blob in self._swarm.blobs.values() for holder in blob.holders)
        )
        self._rng.shuffle(holders)
        requests: dict[NodeId, list[Digest]] = {}
        able = []
        for node in holders:
            peer = self._swarm.peers.setdefault(node, Peer(self._config.window_first))
            if peer.rest_until <= now and peer.room:
                able.append((node, peer.room))
        while able:
            left = []
            for node, room in able:
                taken = self._swarm.take(node, min(room, self._config.batch))
                requests.setdefault(node, []).extend(taken)
                if taken and room > len(taken):
                    left.append((node, room - len(taken)))
            able = left
        effects: list[FetcherEffect] = []
        for node, digests in requests.items():
            peer = self._swarm.peers[node]
            if digests and len(peer.asked) == len(digests):
                peer.heard = now
            pieces = (digests[start : start + REQUEST_MAX] for start in range(0, len(digests), REQUEST_MAX))
            effects += [Send(node, BlockRequest(tuple(piece))) for piece in pieces]
        return effects + [self._set_timer(node, now) for node in holders if self._needs_timer(node, now)]

    def _needs_timer(self, node: NodeId, now: float) -> bool:
        peer = self._swarm.peers[node]
        return not peer.timer and (bool(peer.asked) or peer.rest_until > now)

    def _set_timer(self, node: NodeId, now: float) -> SetTimer:
        peer = self._swarm.peers[node]
        self._serial += 1
        peer.timer = self._serial
        impatient = peer.heard + self._config.patience
        if impatient <= now:
            impatient = now + self._config.patience
        return SetTimer(PeerTimer(node, self._serial), impatient if peer.asked else peer.rest_until)

    # --- for tests and people -------------------------------------------------------------------------

    def story(self, root: Digest) -> tuple[str, ...]:
        """What happened to a blob under way, the last 50 things at most."""
        blob = self._swarm.blobs.get(root)
        return tuple(blob.story) if blob else ()

    def check(self) -> None:
        """The invariants. Raises AssertionError."""
        self._swarm.check()
        most = self._config.window_most + self._config.window_first
        assert all(len(peer.asked) + peer.saving <= most for peer in self._swarm.peers.values())
