"""A scheduler on the table, hand-fed, for tests of what it does with each word, timer and answer."""

from __future__ import annotations

import random
from typing import TypeVar

from mesh.model.ids import Boot, Digest, JobId, NodeId
from mesh.model.manifest import Manifest
from mesh.model.policy import JobPolicy
from mesh.model.units import Unit
from mesh.sched.config import SchedConfig
from mesh.sched.events import PeerInfo, PeerUp, Record, SetCapacity, SubmitJob
from mesh.sched.rights import Rights
from mesh.sched.scheduler import SchedEvent, Scheduler
from mesh.wire.codec import encode, encode_record
from mesh.wire.effects import (
    BlobReady,
    Effect,
    MessageReceived,
    Notify,
    Persist,
    Render,
    RenderDone,
    Send,
    SetTimer,
    TimerFired,
)
from mesh.wire.jobs import Edit, EditName, JobOffer
from mesh.wire.stealing import StealRequest, Want
from tools.sim.farm import ENGINE, job_id, manifest

_MOST_AT_ONCE = 1000
"""Timers that fire at one time."""

ME, A, B = (NodeId(bytes([letter]) * 32) for letter in b"mab")
Kind = TypeVar("Kind")


class Bench:
    """A scheduler on the table: remembers every effect, and fires timers when time passes."""

    def __init__(
        self, units: int = 1, config: SchedConfig | None = None, boot: int = 1, rights: Rights | None = None
    ) -> None:
        self.now = 0.0
        self.machine = Scheduler(ME, Boot(boot), config or SchedConfig(), random.Random(1), rights=rights)
        self.effects: list[Effect] = []
        self.timers: list[SetTimer] = []
        self.tell(SetCapacity(units, (ENGINE,)))

    def tell(self, event: SchedEvent) -> list[Effect]:
        effects = self.machine.handle(event, self.now)
        self.machine.check()
        for effect in effects:
            if isinstance(effect, Send):
                encode(effect.message)  # everything said must fit its own declaration
            elif isinstance(effect, Persist) and effect.record is not None:
                encode_record(effect.record)
        self.effects += effects
        self.timers += [effect for effect in effects if isinstance(effect, SetTimer)]
        return effects

    def hear(self, sender: NodeId, message: object) -> list[Effect]:
        return self.tell(MessageReceived(sender, message))  # type: ignore[arg-type]  # messages, all of them

    def wait(self, seconds: float) -> list[Effect]:
        effects: list[Effect] = []
        until = self.now + seconds
        moment, rung = self.now, 0
        while due := [timer for timer in self.timers if timer.at <= until]:
            timer = min(due, key=lambda timer: timer.at)
            self.timers.remove(timer)
            self.now = max(self.now, timer.at)
            moment, rung = self.now, rung + 1 if self.now == moment else 0
            assert rung < _MOST_AT_ONCE, f"{timer.token} rings for ever at one moment"
            effects += self.tell(TimerFired(timer.token))
        self.now = until
        return effects

    def peer(self, node: NodeId, boot: int = 1) -> list[Effect]:
        return self.tell(PeerUp(PeerInfo(node, Boot(boot), engines=(ENGINE,), rtt=0.001)))

    def submit(self, of: Manifest, policy: JobPolicy | None = None) -> JobId:
        self.tell(SubmitJob(job_id(of), of, ME, b"", policy or JobPolicy()))
        return job_id(of)

    def offered(self, of: Manifest, by: NodeId) -> JobId:
        """A job of another node, its scene here."""
        keepers = Edit(EditName.KEEPERS, b"", 1, by, nodes=(by,))
        self.hear(by, JobOffer(job_id(of), of, JobPolicy(), by, b"", (keepers,)))
        self.tell(BlobReady(of.scene_root))
        return job_id(of)

    def render(self) -> Render:
        """The newest unit that was started."""
        return [effect for effect in self.effects if isinstance(effect, Render)][-1]

    def finish(self, render: Render, pixels: bytes = b"p", stop: int | None = None) -> list[Effect]:
        unit = Unit(render.unit.frame, render.unit.start, stop or render.unit.stop)
        return self.tell(RenderDone(render.job, unit, render.attempt, Digest(pixels * 32), 100, 1.0))


def sent(effects: list[Effect], kind: type[Kind], to: NodeId | None = None) -> list[Kind]:
    return [
        effect.message
        for effect in effects
        if isinstance(effect, Send) and isinstance(effect.message, kind) and to in (None, effect.to)
    ]


def told(effects: list[Effect], kind: type[Kind]) -> list[Kind]:
    return [
        effect.event for effect in effects if isinstance(effect, Notify) and isinstance(effect.event, kind)
    ]


def request(job: JobId, number: int = 1, boot: int = 1, *, parked: bool = False) -> StealRequest:
    return StealRequest(number, Boot(boot), (Want(job, 0.0),), parked, idle=True)


def thief() -> tuple[Bench, JobId, StealRequest]:
    """A node that knows of a job and has asked its submitter for work."""
    bench = Bench()
    bench.peer(A)
    job = bench.offered(manifest(frames=4, buckets=4), by=A)
    (asked,) = sent(bench.effects, StealRequest, to=A)
    return bench, job, asked


def on_disk(effects: list[Effect]) -> tuple[Record, ...]:
    """What is on disk after all these effects."""
    disk: dict[tuple[JobId, tuple[str, ...]], object] = {}
    for effect in effects:
        if isinstance(effect, Persist) and effect.record is not None:
            disk[effect.job, effect.key] = effect.record
        elif isinstance(effect, Persist):
            disk.pop((effect.job, effect.key), None)
    return tuple(
        Record(job, key, record) for (job, key), record in sorted(disk.items(), key=lambda item: item[0])
    )
