"""The node's interpreter: carries the machines' effects out with sockets, disks and processes, under trio.

`feed` is the one way in: every datagram, message, timer and answer becomes an event for the core, and the
effects that come back are started at once, in order. Nothing here decides anything.
"""

from __future__ import annotations

import logging
import random
import secrets
import time
from collections.abc import Sequence
from contextlib import ExitStack

import trio
from cryptography import x509

from mesh.blocks import events as blocks
from mesh.blocks.fetcher import Fetcher
from mesh.blocks.records import RecordStore
from mesh.blocks.store import BlockStore
from mesh.blocks.swarm import FetchConfig
from mesh.config.paths import Paths
from mesh.config.settings import NodeConfig
from mesh.engines.adapter import KERNEL_CACHE
from mesh.gossip import events as gossip
from mesh.gossip.config import GossipConfig
from mesh.gossip.keyring import (
    KeyForgotten,
    KeyInUse,
    KeyLearned,
    Keyring,
    KeyringConfig,
    OlderKeys,
    RotateKey,
)
from mesh.gossip.membership import Membership
from mesh.identity.identity import Identity
from mesh.identity.invites import InviteBook
from mesh.model.ids import Boot
from mesh.model.status import Stage
from mesh.net.beacons import FINGERPRINT_SIZE, Beacon, Beacons, Heard
from mesh.net.door import Door
from mesh.net.endpoint import Endpoint
from mesh.net.renewal import RenewalDesk
from mesh.node.awaited import Awaited
from mesh.node.core import NodeCore
from mesh.node.directory import Directory
from mesh.node.disk import NodeDisk
from mesh.node.home import remember_peers
from mesh.node.installed import installed_engines
from mesh.node.journal import Journal
from mesh.node.narrator import Narrator
from mesh.node.presence import Presence, restored
from mesh.node.progress import Progress
from mesh.node.rendering import Rendering
from mesh.node.renewing import Renewing
from mesh.node.revision import Revision
from mesh.node.rights import NodeRights
from mesh.node.scheduling import sched_config
from mesh.node.seals import Seals, news_of
from mesh.node.searching import tell_if_alone
from mesh.node.signature import Keys
from mesh.node.slumber import Slumber
from mesh.node.timers import Timers
from mesh.node.traffic import Traffic
from mesh.sched import events as sched
from mesh.sched.news import JobDropped
from mesh.sched.scheduler import Scheduler
from mesh.wire.admission import Peer
from mesh.wire.effects import (
    Address,
    BlobFailed,
    BlobReady,
    Compare,
    KeepBlob,
    MergeSamples,
    Notify,
    Persist,
    Pin,
    Render,
    Send,
    SendDatagram,
    SetTimer,
    Shorten,
    SplitSamples,
    StopRender,
    TimerFired,
    Together,
    Unpin,
)

logger = logging.getLogger(__name__)

WAKE_SECONDS = 5.0
"""Shorter sleeps are as good as none."""

REMEMBER_SECONDS = 30.0

KEYRING = KeyringConfig()


class Node:
    """Everything one node is. Make it, then `run` it once."""

    def __init__(
        self,
        config: NodeConfig,
        paths: Paths,
        identity: Identity,
        boot: Boot,
        endpoint: Endpoint,
        advertised: Address,
        resources: ExitStack,
    ) -> None:
        """`resources` closes the stores once the node has stopped."""
        rng = random.Random(secrets.randbits(64))
        self.config = config
        self.paths = paths
        self.me = identity.node_id
        self.stopping = trio.Event()
        self.revision = Revision()
        self.awaited = Awaited(self.feed)
        self._endpoint = endpoint

        self.engines = installed_engines()
        self.presence = Presence(config, self.engines, issues=identity.can_issue)
        self.seals = Seals(identity)
        self.rights = NodeRights(lambda: self.identity)
        self._keys = Keys(identity)
        membership = Membership(
            self.me,
            config.name,
            advertised,
            boot,
            self.presence.meta(),
            GossipConfig(),
            rng,
            self._keys,
        )
        self.core = NodeCore(
            membership,
            Scheduler(self.me, boot, sched_config(config.jobs), rng, rights=self.rights),
            Fetcher(self.me, FetchConfig(), rng),
            Keyring(
                KEYRING,
                news_of(identity.gossip_keys[0]),
                self.me,
                membership.alive,
                self.seals.is_genuine,
                rng,
            ),
        )
        me = Peer(self.me, *advertised)
        self.directory = Directory(me, config.name, membership, self.core.scheduler.views)
        self.journal = Journal()
        self.progress = Progress()
        self.narrator = Narrator(
            self.journal, self.directory.node_name, self.directory.job_name, self.directory.buckets
        )
        self.disk = NodeDisk(
            resources.enter_context(BlockStore(paths.blocks(config.cache), config.cache.limit)),
            resources.enter_context(RecordStore(paths.home / "records.sqlite")),
            self.feed,
            lambda sentence: self.journal.say("disk", sentence),
        )
        self.rendering = Rendering(
            self.disk,
            paths.spool,
            config.render_threads,
            {KERNEL_CACHE: str(paths.kernels)},
            self.feed,
            self.narrator.warn,
            self.presence.rendered,
            self.core.scheduler.views.cancelled,
        )
        self.book = InviteBook(identity) if identity.can_issue else None
        self._traffic = Traffic(
            identity,
            endpoint,
            self.seals,
            Door(lambda: self.identity, self.book, self.directory.peers_for_joiner),
            RenewalDesk(lambda: self.identity) if identity.can_issue else None,
            self.disk,
            self.directory.address,
            self.feed,
        )
        self._timers = Timers(lambda tokens: self.feed(Together(tuple(map(TimerFired, tokens)))))
        self._renewing = Renewing(
            lambda: self.identity, self.directory.issuers, self._adopt, self.journal, rng
        )

    @property
    def identity(self) -> Identity:
        """As it is now: keys and certificates are renewed."""
        return self.seals.identity

    # --- life -----------------------------------------------------------------------------------------

    async def run(
        self,
        seeds: Sequence[Address],
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until `stopping` is set, or cancelled. `seeds` are asked for until somebody is there."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.disk.run)
            await nursery.start(self.rendering.run)
            await nursery.start(self._traffic.run)
            nursery.start_soon(self._timers.run)
            self._begin(seeds)
            nursery.start_soon(self._beacons().serve)
            nursery.start_soon(self._every_second)
            nursery.start_soon(self._keep_peers)
            nursery.start_soon(self._renewing.run)
            nursery.start_soon(self._tell_if_alone, seeds)
            task_status.started()
            await self.stopping.wait()
            nursery.cancel_scope.cancel()

    def _begin(self, seeds: Sequence[Address]) -> None:
        with self.narrator.silent():
            self.feed(sched.Restore(tuple(restored(self.disk.records))))
            self.feed(self.presence.capacity())
            self.feed(gossip.Start())
            self.feed(OlderKeys(tuple(key.number for key in self.identity.gossip_keys[1:])))
            self.feed(sched.Start(time.time_ns() // 1_000_000))
        if seeds:
            self.feed(gossip.Heard(tuple(seeds), keep=True))

    async def _tell_if_alone(self, seeds: Sequence[Address]) -> None:
        def say(sentence: str) -> None:
            self.journal.say("alone", sentence)
            logger.warning("%s: %s", self.config.name, sentence)

        await tell_if_alone(
            self.config, self._endpoint.port, seeds, lambda: len(self.core.membership.members()) == 1, say
        )

    def _beacons(self) -> Beacons:
        identity = self.identity
        beacon = Beacon(
            identity.fingerprint[:FINGERPRINT_SIZE],
            self.me,
            self._endpoint.port,
            identity.mesh_name,
            self.config.name,
            admits=identity.can_issue,
        )

        async def heard(news: Heard) -> None:
            self.feed(gossip.Heard((news.address,), news.beacon.node))

        return Beacons(self.config.discovery, beacon, heard)

    def rotate_key(self) -> int:
        """Make a new mesh key and send it around; its number. Raises NotIssuer."""
        key = self.identity.next_mesh_key()
        self.feed(RotateKey(news_of(key)))
        return key.number

    def _adopt(self, certificate: x509.Certificate, issuer: x509.Certificate) -> None:
        """Keep and use a renewed certificate. Raises OSError where it cannot be kept."""
        self.seals.renew(certificate, issuer)
        self._keys.use(self.identity)
        self._traffic.use(self.identity)
        self.feed(gossip.Vouched())

    async def leave(self) -> None:
        """Hand work back, say goodbye, and stop."""
        self.feed(sched.Leave())
        self.feed(gossip.Leave())
        await self.stopping.wait()

    # --- events in, effects out -----------------------------------------------------------------------

    def feed(self, event: object) -> None:
        """Hand an event to the machines and carry out what they want. Never waits."""
        for effect in self.core.handle(event, trio.current_time()):
            self._carry_out(effect)

    def _carry_out(self, effect: object) -> None:
        match effect:
            case Send(to=to, message=message):
                self._traffic.send(to, message)
            case SendDatagram():
                self._traffic.send_datagram(effect)
            case SetTimer(token=token, at=at):
                self._timers.set(token, at)
            case Notify(event=news):
                self._notice(news)
            case Render():
                self.rendering.render(effect)
            case StopRender():
                self.rendering.stop(effect)
            case Shorten():
                self.rendering.shorten(effect)
            case SplitSamples():
                self.rendering.split(effect)
            case MergeSamples():
                self.rendering.merge(effect)
            case Persist():
                self.disk.persist(effect)
            case Compare():
                self.disk.compare(effect)
            case KeepBlob():
                self.disk.keep_blob(effect)
            case Pin(job=job, root=root):
                self.disk.gathering.pin(job, root)
            case Unpin(job=job):
                self.disk.gathering.unpin(job)
            case blocks.AskLocal():
                self.disk.ask_local(effect)
            case blocks.SaveBlock():
                self.disk.save_block(effect)
            case _:
                raise AssertionError(f"nobody carries out {effect}")

    def _forget_scenes(self) -> None:
        """Remove unpacked scenes that no job needs any more."""
        views = self.core.scheduler.views
        manifests = map(views.manifest, views.jobs())
        needed = {manifest.scene_root for manifest in manifests if manifest is not None}
        self.rendering.keep_scenes(needed)

    def _notice(self, news: object) -> None:
        match news:
            case BlobReady() | BlobFailed():
                self.awaited.settle(news)
                return
            case gossip.LeftMesh():
                self.stopping.set()
            case KeyLearned() | KeyInUse() | KeyForgotten():
                self.seals.notice(news)
            case gossip.MemberDown(node=node):
                self._traffic.drop(node)
            case JobDropped(job=job):
                self.progress.forget(job)
                self._forget_scenes()
        self.narrator.tell(news)
        self.revision.bump()

    # --- housekeeping ---------------------------------------------------------------------------------

    async def _every_second(self) -> None:
        slumber = Slumber(trio.current_time)
        while True:
            await trio.sleep(1)
            asleep = slumber.asleep()
            if asleep > WAKE_SECONDS:
                self.journal.say("woke", f"this machine slept for {asleep:.0f} s")
                self.feed(gossip.Woke())
                self.feed(sched.Woke(asleep))
            self._keep_presence()

    def _keep_presence(self) -> None:
        """Tells the mesh what this node is doing, as it changes."""
        mine = [view for view in self.core.scheduler.views.activities() if view.node == self.me]
        stage = self.rendering.stage
        if stage is Stage.READY and not mine and self.core.scheduler.views.fetches():
            stage = Stage.FETCHING
        if self.presence.refresh(mine, stage):
            self.feed(gossip.UpdateMeta(self.presence.meta()))
            self.revision.bump()

    async def _keep_peers(self) -> None:
        while True:
            await trio.sleep(REMEMBER_SECONDS)
            addresses = [m.address for m in self.core.membership.members() if m.node != self.me]
            remember_peers(self.paths.home, tuple(addresses))
