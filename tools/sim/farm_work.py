"""Stories of a healthy farm: how evenly and how soon its work gets around, and what people tell it to do."""

from __future__ import annotations

from collections.abc import Callable

from mesh.model.policy import JobPolicy
from mesh.sched.events import ActOnJob
from mesh.wire.jobs import EditName
from tools.sim.farm import LIMIT, begin, farm, manifest, settle
from tools.sim.log import Log

Figures = dict[str, float]


def calm(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """Nothing goes wrong: close to ideal, and nothing rendered twice."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    begin(made)
    of = manifest(frames=4 * nodes, buckets=16)
    job = made.submit(0, of)
    made.run_until_done(job, LIMIT)
    made.simulation.run(made.simulation.now + 1.0)  # until the submitter has heard of it too
    seconds = made.finished[0, job] - 1.0
    made.check_results(job, of)
    assert made.world.rendered == 64 * nodes, "something was rendered twice"
    settle(made, job)
    return {"efficiency": 64 * 0.05 / seconds}


def few(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """One frame and many nodes: it is cut until all take part."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    begin(made)
    of = manifest(frames=1, buckets=16 * nodes)
    job = made.submit(0, of)
    made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    view = made.scheduler(0).views.job(job)
    assert view is not None
    assert len(view.shares) == nodes, "somebody was idle all the time"
    return {"efficiency": 16 * 0.05 / (made.finished[0, job] - 1.0)}


def mixed_speeds(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """One node is four times slower: nobody waits for it long, and nearly nothing is rendered twice."""
    made = farm(
        seed,
        nodes,
        log=log,
        check_every=check_every,
        bucket_seconds=lambda host, _job, _frame: 0.2 if host == 1 else 0.05,
    )
    begin(made)
    of = manifest(frames=10 * nodes, buckets=16)
    job = made.submit(0, of)
    made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    ideal = 160 * nodes * 0.05 / (nodes - 1 + 0.25)
    seconds = made.finished[0, job] - 1.0
    assert seconds <= 1.05 * ideal, f"{seconds:.2f} s instead of {ideal:.2f} s"
    assert made.world.rendered <= 1.01 * 160 * nodes, "too much was rendered twice"
    return {"efficiency": ideal / seconds}


def late(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """All but the submitter come after the submission, one by one, and take their part."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    made.boot(0)
    made.simulation.run(1.0)
    of = manifest(frames=10 * nodes, buckets=16)
    job = made.submit(0, of)
    for index in range(1, nodes):
        made.simulation.at(1.0 + index * 0.5, lambda index=index: made.boot(index))  # type: ignore[misc]
    seconds = made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    view = made.scheduler(0).views.job(job)
    assert view is not None
    assert len(view.shares) == nodes, "a newcomer did nothing"
    settle(made, job)
    return {"seconds": seconds}


def tagged(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """A job for nodes with a tag, and one for a named node: nobody else touches them, and all work."""
    made = farm(
        seed, nodes, log=log, check_every=check_every, tags=lambda index: ("gpu",) if index % 2 else ()
    )
    begin(made)
    gpu, named = manifest("gpu", frames=4 * nodes), manifest("named", frames=nodes)
    jobs = {
        made.submit(0, gpu, JobPolicy(tags=("gpu",))): gpu,
        made.submit(0, named, JobPolicy(on=(made.node(2),))): named,
    }
    for job, of in jobs.items():
        made.run_until_done(job, LIMIT)
        made.check_results(job, of)
    for (job, of), allowed in zip(jobs.items(), (range(1, nodes, 2), [2]), strict=True):
        view = made.scheduler(0).views.job(job)
        assert view is not None
        workers = {share.node for share in view.shares if share.buckets}
        assert workers <= {made.node(index) for index in allowed}, f"{of.name} ran where it must not"
    return {}


def cancelled(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """A job is cancelled from some node: within a second nobody renders any more."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    begin(made)
    of = manifest(frames=40 * nodes, buckets=16)
    job = made.submit(0, of)
    made.simulation.run(4.0)
    made.simulation.deliver(made.hosts[nodes - 1], ActOnJob(job, EditName.CANCELLED, number=1))
    made.simulation.run(5.0)
    before = made.world.rendered
    made.simulation.run(15.0)
    assert made.world.rendered == before, "somebody went on rendering"
    return {"rendered": before}


def paused(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """Paused from one node and resumed from another."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    begin(made)
    of = manifest(frames=6 * nodes, buckets=16)
    job = made.submit(0, of)
    made.simulation.run(3.0)
    made.simulation.deliver(made.hosts[1], ActOnJob(job, EditName.PAUSED, number=1))
    made.simulation.run(6.0)
    before = made.world.rendered
    made.simulation.run(16.0)
    assert made.world.rendered == before, "somebody went on rendering"
    made.simulation.deliver(made.hosts[nodes - 1], ActOnJob(job, EditName.PAUSED, number=0))
    seconds = made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    assert made.world.rendered == 96 * nodes, "something was rendered twice"
    return {"seconds": seconds}


STORIES: dict[str, tuple[int, Callable[[int, int, Log | None, int], Figures]]] = {
    "farm-calm": (8, calm),
    "farm-few": (4, few),
    "farm-mixed-speeds": (4, mixed_speeds),
    "farm-late": (5, late),
    "farm-tagged": (5, tagged),
    "farm-cancelled": (8, cancelled),
    "farm-paused": (5, paused),
}
"""By name: the number of nodes by default, and the story."""
