"""A scheduler on the table at a bucket that takes long, and what those say who share its samples."""

from __future__ import annotations

from dataclasses import replace

from mesh.model.ids import Boot, Digest, JobId, NodeId
from mesh.model.manifest import RenderSettings
from mesh.model.units import SampleRange
from mesh.sched.config import SchedConfig
from mesh.sched.events import PeerInfo, PeerUp, SetCapacity
from mesh.wire.effects import (
    Effect,
    Render,
    RenderProgress,
)
from mesh.wire.gossip import EngineBuild
from mesh.wire.stealing import (
    SamplesRendered,
    StealGrant,
    StealRequest,
    Want,
)
from tests.sched_bench import A, B, Bench, sent
from tools.sim.farm import manifest
from tools.sim.farm_storm import EXACT_ENGINE

SUMS = Digest(b"s" * 32)


LAST = SampleRange(40, 64)
"""What the first is given who waits when a quarter of 64 samples is done."""


def bench_of(engine: EngineBuild = EXACT_ENGINE) -> Bench:
    bench = Bench(config=SchedConfig(audit_share=0.0))
    bench.tell(SetCapacity(1, (engine,)))
    return bench


def peer(bench: Bench, node: NodeId, engine: EngineBuild = EXACT_ENGINE) -> None:
    bench.tell(PeerUp(PeerInfo(node, Boot(1), engines=(engine,), rtt=0.001)))


def long_bucket(
    seconds: float = 5.0,
    engine: EngineBuild = EXACT_ENGINE,
    of: RenderSettings = RenderSettings(width=64, height=64),  # noqa: B008 - frozen
) -> tuple[Bench, JobId, Render]:
    """A job of one bucket; this node has rendered a quarter of it in so many seconds."""
    bench = bench_of(engine)
    peer(bench, A, engine)
    peer(bench, B, engine)
    job = bench.submit(replace(manifest(frames=1, buckets=1, engine=engine), settings=of))
    render = bench.render()
    bench.wait(seconds)
    bench.tell(RenderProgress(job, render.unit, render.attempt, 0.25))
    return bench, job, render


def waits(job: JobId, number: int = 7, *, parked: bool = True, boot: int = 1) -> StealRequest:
    return StealRequest(number, Boot(boot), (Want(job, 0.0),), parked=parked, idle=True)


def shared(effects: list[Effect]) -> list[SampleRange]:
    """What was granted."""
    return [grant.samples for grant in sent(effects, StealGrant) if grant.samples is not None]


def answer(job: JobId, number: int = 7, samples: SampleRange = LAST, boot: int = 1) -> SamplesRendered:
    return SamplesRendered(job, number, Boot(boot), 0, samples, SUMS)
