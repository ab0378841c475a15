"""What all parts of a scheduler share: who and when this is, the jobs, the peers, and the way out."""

from __future__ import annotations

import random

from mesh.model.ids import Boot, JobId, NodeId
from mesh.sched.config import SchedConfig
from mesh.sched.constraints import obstacle
from mesh.sched.costs import Costs
from mesh.sched.events import PeerInfo, SetCapacity
from mesh.sched.job import Job
from mesh.sched.peers import Peers
from mesh.sched.story import Story
from mesh.wire.base import Message
from mesh.wire.effects import Attempt, Effect, Notify, Persist, Send, SetTimer
from mesh.wire.jobs import EditName

Alarm = tuple[str | bytes | int, ...]
"""Names something that is to happen: a word, then what it is about."""


class Core:
    def __init__(
        self, me: NodeId, boot: Boot, config: SchedConfig, rng: random.Random, peers: Peers | None
    ) -> None:
        self.me = me
        self.boot = boot
        self.config = config
        self.rng = rng
        self.now = 0.0
        self.unix_offset_ms = 0
        """What to add to `now`, in milliseconds, for the time of day."""
        self.peers = Peers() if peers is None else peers
        self.names: dict[NodeId, str] = {}
        """Of every node ever seen in this life."""
        self.vanished: dict[NodeId, float] = {}
        """Peers whose process seems to have ended, and since when; until they are heard of, or down."""
        self.gone: dict[NodeId, float] = {}
        """Nodes that were peers in this life and are none now, and since when they are away."""
        self.heard_at = 0.0
        """When another node was last heard."""
        self.woke_at = 0.0
        """When this life began, or the machine last woke from sleep."""
        self.jobs: dict[JobId, Job] = {}
        self.dropped: dict[JobId, None] = {}
        """Jobs forgotten in this life, not to be taken up again."""
        self.capacity = SetCapacity(units=0, engines=())
        self.leaving = False
        self.aside = 0
        """Slots taken by audits, and by samples for other nodes."""
        self.story = Story()
        self.out: list[Effect] = []
        self.costs = Costs(config)
        self.touched: dict[JobId, None] = {}
        """Jobs that something happened to in the event at hand."""
        self._alarms: dict[Alarm, float] = {}
        self._attempts = 0

    def next_attempt(self) -> Attempt:
        self._attempts += 1
        return Attempt(self._attempts)

    def unix_ms(self) -> int:
        """The time of day, for records that are read in later lives."""
        return self.unix_offset_ms + round(self.now * 1000)

    def touch(self, job: Job) -> None:
        self.touched[job.id] = None

    def claims_changed(self, job: Job) -> None:
        job.claims_dirty = True
        self.touched[job.id] = None

    # --- the way out --------------------------------------------------------------------------------

    def send(self, to: NodeId, message: Message) -> None:
        self.out.append(Send(to, message))

    def notify(self, event: object) -> None:
        self.out.append(Notify(event))

    def persist(self, job: JobId, key: tuple[str, ...], record: object | None) -> None:
        self.out.append(Persist(job, key, record))

    def wake(self, alarm: Alarm, at: float) -> None:
        """Asks for `alarm` at time `at`, or earlier where it is set already."""
        due = self._alarms.get(alarm)
        if due is None or at < due:
            self._alarms[alarm] = at
            self.out.append(SetTimer((*alarm, at), at))

    def due(self, token: object) -> Alarm | None:
        """The alarm that a timer stands for; None where it is stale."""
        if not isinstance(token, tuple) or len(token) < 2:
            return None
        alarm: Alarm = token[:-1]
        if self._alarms.get(alarm) != token[-1]:
            return None
        del self._alarms[alarm]
        return alarm

    def waiting_for(self, alarm: Alarm) -> bool:
        return alarm in self._alarms

    def alarms_set(self) -> int:
        return len(self._alarms)

    def ahead(self) -> float:
        """So many seconds before the end of a unit the next work is asked for."""
        return max(self.config.prefetch_seconds, 3 * self.costs.latest)

    def cost(self, node: NodeId) -> float:
        """Seconds that a steal between `node` and this one takes."""
        return self.costs.of(self.peers.get(node), self.capacity.site)

    # --- questions ----------------------------------------------------------------------------------

    def alive(self, node: NodeId) -> bool:
        return node == self.me or node in self.peers

    def here(self, node: NodeId) -> bool:
        """Whether it is alive, and its process has not ended as far as anybody can tell."""
        return node == self.me or (node in self.peers and node not in self.vanished)

    def away_since(self, node: NodeId) -> float:
        """Of a node that is not here; for one not seen in this life, since that began."""
        return max(self.vanished.get(node, self.gone.get(node, 0.0)), self.woke_at)

    def keeps(self, job: Job) -> bool:
        """Whether this node is one of those that keep the job's whole ledger."""
        return self.me in job.keepers

    def follows(self, job: Job) -> bool:
        """Whether the whole ledger comes to this node, for now at least."""
        return self.keeps(job) or job.watching_until > self.now

    def live_keepers(self, job: Job) -> list[NodeId]:
        """The other keepers that are there."""
        return [
            node
            for node in job.keepers
            if node != self.me and node in self.peers and node not in self.vanished
        ]

    def myself(self) -> PeerInfo:
        """This node, as the others know it."""
        mine = self.capacity
        return PeerInfo(
            self.me,
            self.boot,
            engines=mine.engines,
            tags=mine.tags,
            site=mine.site,
            memory_bytes=mine.memory_bytes,
            exclusive=mine.exclusive,
        )

    def i_can_render(self, job: Job) -> bool:
        return self.capacity.units > 0 and not self.leaving and self.can_render(job, self.myself())

    def can_render(self, job: Job, peer: PeerInfo) -> bool:
        """Whether the job's constraints let `peer` take part."""
        return obstacle(job, peer) is None

    def priority(self, job: Job) -> int:
        return max(1, job.edits.number(EditName.PRIORITY, job.policy.priority))

    def category(self, job: Job) -> str:
        edit = job.edits.get(EditName.CATEGORY)
        return job.policy.category if edit is None or not edit.words else edit.words[0]

    def other_able(self, job: Job) -> list[NodeId]:
        return [info.node for info in self.peers.infos() if self.can_render(job, info)]
