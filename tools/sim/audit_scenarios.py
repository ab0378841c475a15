"""Stories of nodes that publish false pixels, out of malice or bad memory, and of those that accuse falsely."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from mesh.model.ids import JobId
from mesh.model.manifest import Manifest
from mesh.model.units import Unit
from mesh.sched.config import SchedConfig
from mesh.sched.events import ActOnJob
from mesh.sched.news import AuditDiffers, NodeConvicted, SelfConvicted
from mesh.wire.gossip import EngineBuild
from mesh.wire.jobs import EditName, Participation
from tools.sim.farm import LIMIT, Farm, farm, manifest
from tools.sim.farm_scenarios import Figures
from tools.sim.log import Log

if TYPE_CHECKING:
    from tools.sim.inexact import NoisePictures

ENGINE = EngineBuild("builtin", "1")
"""Exact to the bit, as audits without pixels need it."""
INEXACT_ENGINE = EngineBuild("rounding", "1")


def _farm(seed: int, nodes: int, log: Log | None, check_every: int, engine: EngineBuild = ENGINE) -> Farm:
    made = farm(seed, nodes, engines=lambda _: (engine,), log=log, check_every=check_every)
    made.start_all()
    made.simulation.run(1.0)
    return made


def _caught(made: Farm, liar: int) -> float:
    """When people anywhere were first told of the liar. Nobody else was named, and the liar itself knows."""
    told = made.told(NodeConvicted)
    assert told, "the liar was not caught"
    names = {event.node for _, _, event in told if isinstance(event, NodeConvicted)}
    assert names == {made.node(liar)}, "an honest node was convicted"
    assert {who for _, who, _ in made.told(SelfConvicted)} == {liar}, "the liar's owner was not told"
    return min(at for at, _, _ in told)


def liar(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """A node whose pixels are all false is found out, and all that it did is done again by others."""
    made = _farm(seed, nodes, log, check_every)
    bad = nodes - 1
    made.world.lies = lambda host, _unit: host == bad
    of = manifest(frames=30 * nodes, buckets=16, engine=ENGINE)
    job = made.submit(0, of)
    made.run_until_done(job, LIMIT)
    at = _caught(made, bad)
    made.check_results(job, of)
    started = [when for when, host, _ in made.world.started if host == bad]
    assert max(started) <= at + 5.0, "the liar went on getting work"
    view = made.scheduler(0).views.job(job)
    assert view is not None
    assert view.distrusted == (made.node(bad),)
    return {"caught": at - 1.0, "checked": view.checked / view.buckets_total}


def fickle(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """A node with a bad bit in its memory spoils every third frame: it is found out all the same."""
    made = _farm(seed, nodes, log, check_every)
    bad = nodes - 1
    made.world.lies = lambda host, unit: host == bad and unit.frame % 3 == 0
    of = manifest(frames=60 * nodes, buckets=16, engine=ENGINE)
    job = made.submit(0, of)
    made.run_until_done(job, LIMIT)
    at = _caught(made, bad)
    made.check_results(job, of)
    return {"caught": at - 1.0}


def honest(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """Nobody lies: nobody is accused, and audits cost what they may."""
    made = _farm(seed, nodes, log, check_every)
    of = manifest(frames=40 * nodes, buckets=16, engine=ENGINE)
    return {"checked": _nobody_accused(made, of)}


def _nobody_accused(made: Farm, of: Manifest) -> float:
    """Plays a job. The share of it that was done twice."""
    job = made.submit(0, of)
    made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    made.simulation.run(made.simulation.now + 10.0)
    view = made.scheduler(0).views.job(job)
    assert view is not None
    assert not made.told(AuditDiffers)
    share = view.checked / view.buckets_total
    assert 0.005 < share < 0.022, f"{share:.1%} of the work was done twice"
    return share


def _inexact_farm(seed: int, nodes: int, log: Log | None, check_every: int) -> tuple[Farm, NoisePictures]:
    import numpy as np  # 10 MB that stories without pixels are spared

    from tools.sim.inexact import NoisePictures

    made = _farm(seed, nodes, log, check_every, INEXACT_ENGINE)
    made.world.pictures = pictures = NoisePictures(np.random.default_rng(seed))
    return made, pictures


def _inexact_job(frames: int) -> Manifest:
    of = manifest(frames=frames, buckets=16, engine=INEXACT_ENGINE)
    return replace(of, settings=replace(of.settings, width=16 * 8, height=8, bucket=8, samples=8))


def inexact_honest(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """No two renderings are the same to the bit: nobody is accused for that, and audits cost what they may."""
    made, pictures = _inexact_farm(seed, nodes, log, check_every)
    share = _nobody_accused(made, _inexact_job(40 * nodes))
    assert pictures.forgiven, "all audits found the very same bits"
    return {"checked": share, "forgiven": pictures.forgiven}


def inexact_lazy(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """A node takes half the samples where no two renderings are the same anyway: it is found out, and nobody else."""
    made, pictures = _inexact_farm(seed, nodes, log, check_every)
    bad = nodes - 1
    made.world.lies = lambda host, _unit: host == bad
    of = _inexact_job(30 * nodes)
    job = made.submit(0, of)
    made.run_until_done(job, LIMIT)
    at = _caught(made, bad)
    made.check_results(job, of)
    return {"caught": at - 1.0, "forgiven": pictures.forgiven}


def false_witness(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """A node whose audits are wrong accuses the others: they vote it down, and nobody is convicted."""
    made = _farm(seed, nodes, log, check_every)
    bad = nodes - 1
    # Only whole frames are true: what it renders again, a bucket, is not.
    made.world.lies = lambda host, unit: host == bad and unit == Unit(unit.frame, unit.start, unit.start + 1)
    of = manifest(frames=40 * nodes, buckets=16, engine=ENGINE)
    job = made.submit(0, of)
    made.run_until_done(job, LIMIT)
    made.simulation.run(made.simulation.now + 10.0)
    accused = {event.renderer for _, _, event in made.told(AuditDiffers) if isinstance(event, AuditDiffers)}
    assert accused, "the false witness never spoke"
    convicted = {event.node for _, _, event in made.told(NodeConvicted) if isinstance(event, NodeConvicted)}
    assert convicted <= {made.node(bad)}, "an honest node was convicted"
    return {"accused": len(accused)}


def outcast(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """A liar is caught in one job, whose ledger few keep: nobody gives it work of any other, not even after all were
    killed and started again, until the submitter who was lied to lets it in; then everybody does."""
    made = farm(
        seed,
        nodes,
        config=SchedConfig(keepers=4),
        engines=lambda _: (ENGINE,),
        log=log,
        check_every=check_every,
    )
    made.start_all()
    made.simulation.run(1.0)
    bad = nodes - 1
    made.world.lies = lambda host, _unit: host == bad

    def renders(name: str, submitter: int) -> JobId | None:
        """Plays a job; it, where the liar was given work of it."""
        began = made.simulation.now
        of = manifest(name, frames=30 * nodes, buckets=16, engine=ENGINE, submitted_ms=len(name))
        job = made.submit(submitter, of)
        made.run_until_done(job, LIMIT)
        made.check_results(job, of)
        return job if any(host == bad and at > began for at, host, _ in made.world.started) else None

    first = renders("first", 0)
    _caught(made, bad)
    assert first is not None, "the liar did nothing to be caught with"
    assert not renders("second", 1), "the liar got work of another job"
    made.simulation.run(made.simulation.now + 6.0)
    for host in range(nodes):
        made.kill(host)
    for host in range(nodes):
        made.boot(host)
    made.simulation.run(made.simulation.now + 0.01)  # before anybody could tell them
    for host in range(nodes):
        assert made.scheduler(host).convictions.standing(made.node(bad)), "forgotten over a restart"
    made.simulation.run(made.simulation.now + 2.0)
    assert not renders("third", 2), "a restart made the liar an honest node"
    made.world.lies = lambda _host, _unit: False
    let_in = ActOnJob(first, EditName.EXCLUDED, made.node(bad), Participation.INCLUDED.value)
    made.simulation.deliver(made.hosts[0], let_in)
    made.simulation.run(made.simulation.now + 2.0)
    assert renders("fourth", 3), "it gets no work though it was let in again"
    for host in range(nodes):
        assert not made.scheduler(host).convictions.standing(made.node(bad))
    assert len({made.scheduler(host).convictions.brief() for host in range(nodes)}) == 1
    return {"nodes": nodes}


STORIES: dict[str, tuple[int, Callable[[int, int, Log | None, int], Figures]]] = {
    "audit-liar": (5, liar),
    "audit-fickle": (6, fickle),
    "audit-honest": (5, honest),
    "audit-inexact-honest": (5, inexact_honest),
    "audit-inexact-lazy": (5, inexact_lazy),
    "audit-false-witness": (5, false_witness),
    "audit-outcast": (10, outcast),
}
"""By name: the number of nodes by default, and the story."""
