"""Stories of the scheduler: a farm, a job, things that go wrong, and what must hold in the end.

In each the job is done, everything accepted is what a single node would have rendered and can be had,
and, once the mesh is whole, all who keep the ledger agree.
"""

from __future__ import annotations

from collections.abc import Callable

from mesh.model.ids import JobId
from mesh.model.policy import JobPolicy
from mesh.sched.config import SchedConfig
from mesh.sched.events import ActOnJob, PeerDown, RetryJob, Woke, WorkReassigned
from mesh.wire.jobs import EditName
from tools.sim.farm import LIMIT, Farm, farm, manifest, settle
from tools.sim.farm_storm import storm
from tools.sim.log import Log

Figures = dict[str, float]


def _begin(farm_: Farm) -> None:
    farm_.start_all()
    farm_.simulation.run(1.0)


def calm(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """Nothing goes wrong: close to ideal, and nothing rendered twice."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    _begin(made)
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
    _begin(made)
    of = manifest(frames=1, buckets=16 * nodes)
    job = made.submit(0, of)
    made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    view = made.scheduler(0).views.job(job)
    assert view is not None
    assert len(view.shares) == nodes, "somebody was idle all the time"
    return {"efficiency": 16 * 0.05 / (made.finished[0, job] - 1.0)}


def thief_killed(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """A worker is killed in the middle: its work runs again within the time of detection and a second."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    _begin(made)
    of = manifest(frames=20 * nodes, buckets=16)
    job = made.submit(0, of)
    made.simulation.at(6.0, lambda: made.kill(nodes - 1))
    made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    told = [at for at, _, event in made.told(WorkReassigned)]
    assert told, "nobody said that work was reassigned"
    downs = made.detect[1]
    assert min(told) <= 6.0 + downs + 1.0, "the lost work waited"
    settle(made, job)
    return {"reassigned": min(told) - 6.0}


def submitter_killed(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """The submitter is killed as soon as its job is durable: the others finish, and have everything."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    _begin(made)
    of = manifest(frames=6 * nodes, buckets=16)
    job = made.submit(0, of)
    made.simulation.at(2.0, lambda: made.kill(0))
    seconds = made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    settle(made, job)
    return {"seconds": seconds}


def two_killed(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """The submitter and another die within a second of each other."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    rng = made.simulation.rng("story")
    _begin(made)
    of = manifest(frames=6 * nodes, buckets=16)
    job = made.submit(0, of)
    at = rng.uniform(2.0, 5.0)
    other = rng.randrange(1, nodes)
    made.simulation.at(at, lambda: made.kill(0))
    made.simulation.at(at + rng.uniform(0, 1), lambda: made.kill(other))
    seconds = made.run_until_done(job, LIMIT)
    made.simulation.run(made.simulation.now + 15.0)
    # What only these two held comes back with them, if nobody rendered it again.
    made.boot(0)
    made.boot(other)
    made.simulation.run(made.simulation.now + 10.0)
    made.check_results(job, of)
    settle(made, job)
    return {"seconds": seconds}


def blackout(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """Every node is killed and started again: the job goes on, from what is on disks."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    made.world.torn = 0.5
    rng = made.simulation.rng("story")
    _begin(made)
    of = manifest(frames=6 * nodes, buckets=16)
    job = made.submit(0, of)
    made.simulation.run(rng.uniform(2.5, 4.5))
    for index in range(nodes):
        made.kill(index)
    made.simulation.run(made.simulation.now + 1.0)
    order = list(range(nodes))
    rng.shuffle(order)
    for index in order:
        made.simulation.at(made.simulation.now + rng.uniform(0, 5), lambda index=index: made.boot(index))  # type: ignore[misc]
    seconds = made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    settle(made, job)
    return {"seconds": seconds}


def reborn(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """Workers die and come back at once, before anybody has noticed, again and again."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    rng = made.simulation.rng("story")
    _begin(made)
    of = manifest(frames=8 * nodes, buckets=16)
    job = made.submit(0, of)
    for round_ in range(6):
        index = rng.randrange(nodes)
        at = 2.0 + round_ + rng.random()

        def again(index: int = index) -> None:
            if made.hosts[index].running:
                made.kill(index)
                made.simulation.at(made.simulation.now + rng.uniform(0.05, 1.5), lambda: made.boot(index))

        made.simulation.at(at, again)
    seconds = made.run_until_done(job, LIMIT)
    made.simulation.run(made.simulation.now + 5.0)
    made.check_results(job, of)
    settle(made, job)
    return {"seconds": seconds}


def partition(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """The farm is cut in two for a while: both halves work on, and agree after the healing."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    rng = made.simulation.rng("story")
    _begin(made)
    of = manifest(frames=10 * nodes, buckets=16)
    job = made.submit(0, of)
    half = rng.randrange(1, nodes)
    order = list(range(nodes))
    rng.shuffle(order)
    made.simulation.at(3.0, lambda: made.partition([order[:half], order[half:]]))
    made.simulation.at(3.0 + rng.uniform(1, 25), made.heal)
    seconds = made.run_until_done(job, LIMIT)
    made.simulation.run(max(made.simulation.now, 30.0) + 10.0)
    made.check_results(job, of)
    settle(made, job)
    return {"seconds": seconds, "redone": made.world.rendered / (160 * nodes) - 1}


def swizzle(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """Half of all one-way links fail, then all come back."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    _begin(made)
    of = manifest(frames=10 * nodes, buckets=16)
    job = made.submit(0, of)
    made.simulation.run(2.5)
    made.simulation.network.swizzle(range(nodes))
    made.partition([range(nodes)])
    made.simulation.run(25.0)
    made.heal()
    seconds = made.run_until_done(job, LIMIT)
    made.simulation.run(made.simulation.now + 10.0)
    made.check_results(job, of)
    settle(made, job)
    return {"seconds": seconds}


def disk_full(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """One node's disk is full: it fails its units and keeps no copies; the others do it all."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    _begin(made)
    of = manifest(frames=4 * nodes, buckets=16)
    job = made.submit(0, of)
    made.simulation.run(1.5)
    made.world.disk(made.hosts[1]).full = True
    seconds = made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    return {"seconds": seconds}


def bad_node(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """Every unit fails on one node: it is blocked for the job, and no frame fails for it."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    made.world.fails = lambda host, _unit: "out of memory" if host == 1 else None
    _begin(made)
    of = manifest(frames=4 * nodes, buckets=16)
    job = made.submit(0, of)
    seconds = made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    view = made.scheduler(0).views.job(job)
    assert view is not None
    assert view.buckets_failed == 0, "a frame failed for one bad node"
    assert made.node(1) in view.blocked, "the bad node was never blocked"
    return {"seconds": seconds}


def bad_frame(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """One frame fails everywhere: it is given up after three nodes, the rest is done; after the cause is
    mended and somebody says retry, it is rendered too."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    made.world.fails = lambda _host, unit: "a texture is broken" if unit.frame == 3 else None
    _begin(made)
    of = manifest(frames=2 * nodes, buckets=16)
    job = made.submit(0, of)
    made.simulation.run(40.0)
    view = made.scheduler(0).views.job(job)
    assert view is not None
    assert (view.frames_done, view.frames_failed) == (2 * nodes - 1, 1), made.explain(job)
    tried = sum(failure.unit.size for failure in view.failures)
    assert tried <= 3 * 16, "a bucket was tried more than three times"
    made.world.fails = lambda _host, _unit: None
    made.simulation.deliver(made.hosts[nodes - 1], RetryJob(job))
    seconds = made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    settle(made, job)
    return {"seconds": seconds}


def cancelled(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """A job is cancelled from some node: within a second nobody renders any more."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    _begin(made)
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
    _begin(made)
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


def frozen(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """A node stands still for 30 s (SIGSTOP, a closed lid): the others take its work; it comes back."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    _begin(made)
    of = manifest(frames=20 * nodes, buckets=16)
    job = made.submit(0, of)
    made.simulation.run(3.0)
    made.simulation.pause(1)
    made.simulation.run(6.0)
    for index in range(nodes):
        if index != 1:
            made.simulation.deliver(made.hosts[index], PeerDown(made.node(1)))
            made._seen.pop((index, 1), None)
    made.simulation.run(33.0)
    made.simulation.resume(1)
    made.simulation.deliver(made.hosts[1], Woke(30.0))
    made.heal()
    seconds = made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    settle(made, job)
    return {"seconds": seconds}


def mixed_speeds(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """One node is four times slower: nobody waits for it long, and nearly nothing is rendered twice."""
    made = farm(
        seed,
        nodes,
        log=log,
        check_every=check_every,
        bucket_seconds=lambda host, _job, _frame: 0.2 if host == 1 else 0.05,
    )
    _begin(made)
    of = manifest(frames=10 * nodes, buckets=16)
    job = made.submit(0, of)
    made.run_until_done(job, LIMIT)
    made.check_results(job, of)
    ideal = 160 * nodes * 0.05 / (nodes - 1 + 0.25)
    seconds = made.finished[0, job] - 1.0
    assert seconds <= 1.05 * ideal, f"{seconds:.2f} s instead of {ideal:.2f} s"
    assert made.world.rendered <= 1.01 * 160 * nodes, "too much was rendered twice"
    return {"efficiency": ideal / seconds}


ORACLES: tuple[tuple[tuple[tuple[str, int, str], ...], tuple[float, ...]], ...] = (
    ((("a", 1, ""), ("b", 2, "")), (33.3, 66.7)),
    ((("a", 1, "x"), ("b", 1, "y"), ("c", 1, "y")), (42.9, 28.6, 28.6)),
    ((("a", 1, "x"), ("b", 2, "y"), ("c", 1, "y")), (29.4, 47.1, 23.5)),
)
"""Jobs (name, priority, category) and what part of the nodes each is due, in percent (from Netrender)."""


def measured_shares(made: Farm, jobs: list[JobId], since: float, until: float) -> list[float]:
    """What part of all rendering time each job got between two moments, in percent."""
    made.simulation.run(since)
    before = dict(made.world.spent)
    made.simulation.run(until)
    spent = [made.world.spent.get(job, 0.0) - before.get(job, 0.0) for job in jobs]
    return [100 * each / sum(spent) for each in spent]


def shares(seed: int, nodes: int, log: Log | None, check_every: int, stale: float = 0.05) -> Figures:
    """Several jobs of several priorities and categories: each gets what it is due, also where nodes hear of
    each other's work only every `stale` seconds."""
    worst = 0.0
    for cast, expected in ORACLES:
        config = SchedConfig(flush_seconds=stale)
        made = farm(seed, nodes, config=config, log=log, check_every=check_every)
        _begin(made)
        jobs = []
        for number, (name, priority, category) in enumerate(cast):
            of = manifest(name, frames=100 * nodes, buckets=16, submitted_ms=number)
            policy = JobPolicy(priority=priority, category=category)
            made.simulation.run(1.0 + 3 * number)
            jobs.append(made.submit(number, of, policy))
        got = measured_shares(made, jobs, 12.0, 36.0)
        worst = max(worst, *(abs(a - b) for a, b in zip(got, expected, strict=True)))
        assert worst <= 3.0, f"{got} instead of {expected}"
    return {"worst_points": worst}


def capped(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """A job of great priority beside a small one holds three quarters of the nodes and no more; alone
    again, it takes them all."""
    made = farm(seed, nodes, log=log, check_every=check_every)
    _begin(made)
    great = made.submit(0, manifest("great", frames=200 * nodes), JobPolicy(priority=100))
    small_one = manifest("small", frames=10 * nodes)
    small = made.submit(1, small_one)
    got = measured_shares(made, [great, small], 5.0, 15.0)
    assert abs(got[0] - 75.0) <= 2.0 + 50.0 / nodes, f"it holds {got[0]} %"
    made.run_until_done(small, LIMIT)
    before = made.world.spent[great]
    start = made.simulation.now
    made.simulation.run(start + 10.0)
    alone = (made.world.spent[great] - before) / (10.0 * nodes)
    assert alone >= 0.95, f"alone it uses {alone:.0%} of the nodes"
    return {"capped": got[0], "alone": alone}


def tagged(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """A job for nodes with a tag, and one for a named node: nobody else touches them, and all work."""
    made = farm(
        seed, nodes, log=log, check_every=check_every, tags=lambda index: ("gpu",) if index % 2 else ()
    )
    _begin(made)
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


def churn(seed: int, nodes: int, log: Log | None, check_every: int) -> Figures:
    """Everything at once, drawn from the seed: kills, rebirths, cuts, pauses, torn writes, failures."""
    config = SchedConfig(recopy_seconds=4.0, park_most_seconds=4.0)
    made = farm(seed, nodes, config=config, log=log, check_every=check_every)
    simulation, rng = made.simulation, made.simulation.rng("story")
    made.world.torn = 0.3
    bad_luck = made.simulation.rng("luck")
    made.world.fails = lambda _host, _unit: "bad luck" if bad_luck.random() < 0.01 else None
    _begin(made)
    of = manifest(frames=12 * nodes, buckets=16)
    job = made.submit(0, of)
    simulation.run(2.0)

    def toggle(index: int) -> None:
        if made.hosts[index].running:
            made.kill(index)
        else:
            made.boot(index)

    def stop(index: int) -> None:
        simulation.pause(index)
        simulation.at(simulation.now + 1.5, lambda: simulation.resume(index))

    def cut(index: int) -> None:
        made.partition([[index], [other for other in range(nodes) if other != index]])

    acts: list[Callable[[int], None]] = [toggle, toggle, stop, cut, lambda _: made.heal()]
    for _ in range(5 * nodes):
        act, index = rng.choice(acts), rng.randrange(nodes)
        simulation.at(rng.uniform(2, 40), lambda act=act, index=index: act(index))  # type: ignore[misc]
    simulation.run(42.0)
    made.world.fails = lambda _host, _unit: None
    made.heal()
    for index in range(nodes):
        if not made.hosts[index].running:
            made.boot(index)
    simulation.run(simulation.now + 5.0)
    simulation.deliver(made.hosts[0], RetryJob(job))
    made.run_until_done(job, LIMIT)
    simulation.run(simulation.now + 10.0)
    made.check_results(job, of)
    settle(made, job)
    return {"redone": made.world.rendered / (192 * nodes) - 1}


STORIES: dict[str, tuple[int, Callable[[int, int, Log | None, int], Figures]]] = {
    "farm-calm": (8, calm),
    "farm-few": (4, few),
    "farm-thief-killed": (4, thief_killed),
    "farm-submitter-killed": (5, submitter_killed),
    "farm-two-killed": (6, two_killed),
    "farm-blackout": (5, blackout),
    "farm-reborn": (5, reborn),
    "farm-partition": (6, partition),
    "farm-swizzle": (6, swizzle),
    "farm-disk-full": (4, disk_full),
    "farm-bad-node": (5, bad_node),
    "farm-bad-frame": (5, bad_frame),
    "farm-cancelled": (8, cancelled),
    "farm-paused": (5, paused),
    "farm-frozen": (5, frozen),
    "farm-mixed-speeds": (4, mixed_speeds),
    "farm-late": (5, late),
    "farm-shares": (17, shares),
    "farm-capped": (8, capped),
    "farm-tagged": (5, tagged),
    "farm-churn": (7, churn),
    "farm-storm": (6, storm),
}
"""By name: the number of nodes by default, and the story."""
