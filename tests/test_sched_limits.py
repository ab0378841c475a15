"""Limits that people set: quotas of users, and how long a job that has ended is kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mesh.config.settings import JobsConfig
from mesh.model.manifest import Manifest
from mesh.node.scheduling import sched_config
from mesh.sched.config import SchedConfig
from mesh.sched.events import Restore, RetryJob, Start
from mesh.sched.news import JobDropped
from mesh.sched.quotas import user_of
from mesh.wire.effects import Persist, RenderFailed
from mesh.wire.records import EndedRecord
from tests.sched_bench import Bench, on_disk, told
from tools.sim.farm import farm, manifest

DAY_MS = 86_400_000


def of_user(user: str, name: str = "job", frames: int = 64) -> Manifest:
    return replace(manifest(name, frames=frames), submitter=user)


def test_a_user_is_the_same_on_every_machine() -> None:
    assert user_of(of_user("ada@studio")) == user_of(of_user("ada@laptop")) == "ada"


@pytest.mark.parametrize(("quota", "expected"), [(0, 8), (3, 3), (100, 8)])
def test_as_many_nodes_work_for_a_user_as_the_quota_lets(quota: int, expected: int) -> None:
    # given a farm of eight with jobs of one user, submitted from two machines
    made = farm(1, 8, config=SchedConfig(user_nodes=quota))
    made.start_all()
    made.simulation.run(1.0)
    made.submit(0, of_user("ada@studio", "one"))
    made.submit(1, of_user("ada@laptop", "two"))
    made.simulation.run(8.0)
    # then so many nodes have rendered, and not one more
    assert len({host for _, host, _ in made.world.started}) == expected


def test_what_one_user_may_not_have_others_get() -> None:
    made = farm(1, 6, config=SchedConfig(user_nodes=3))
    made.start_all()
    made.simulation.run(1.0)
    job = made.submit(0, of_user("ada@studio", "one", frames=24))
    other = made.submit(1, of_user("bob@studio", "two", frames=24))
    made.run_until_done(job, 120.0)
    made.run_until_done(other, 120.0)
    assert {host for _, host, _ in made.world.started} == set(range(6))


# --- how long ended jobs are kept -----------------------------------------------------------------------


def ended(bench: Bench) -> list[object]:
    return [one.record for one in bench.effects if isinstance(one, Persist) and one.key == ("ended",)]


def test_an_ended_job_is_kept_for_so_long_however_often_the_node_is_started() -> None:
    # given a job that ended
    keep = SchedConfig(retain_seconds=3 * 86_400.0)
    first = Bench(config=keep)
    first.tell(Start(unix_ms=100 * DAY_MS))
    first.submit(manifest(frames=1))
    first.finish(first.render())
    (record,) = ended(first)
    assert record == EndedRecord(100 * DAY_MS)
    # when the node is started again two days later
    second = Bench(config=keep, boot=2)
    second.tell(Restore(on_disk(first.effects)))
    second.tell(Start(unix_ms=102 * DAY_MS))
    # then it is forgotten after one more day, not three
    assert not told(second.wait(0.9 * 86_400), JobDropped)
    assert told(second.wait(0.2 * 86_400), JobDropped)


def test_a_job_that_goes_on_after_all_has_not_ended() -> None:
    bench = Bench(config=SchedConfig(attempts=1))
    bench.tell(Start(unix_ms=DAY_MS))
    job = bench.submit(manifest(frames=1))
    render = bench.render()
    bench.tell(RenderFailed(job, render.unit, render.attempt, "it broke", retryable=False))
    bench.tell(RetryJob(job))
    assert ended(bench) == [EndedRecord(DAY_MS), None]


# --- settings -------------------------------------------------------------------------------------------


def test_what_people_set_is_what_the_scheduler_goes_by() -> None:
    assert sched_config(JobsConfig()) == SchedConfig()
    chosen = sched_config(JobsConfig(1.0, 2.0, 4, 5, 50, 6, 7.0, 8, 9.0, 10.0))
    assert (chosen.retain_seconds, chosen.progress_seconds, chosen.attempts) == (86_400.0, 120.0, 4)
    assert (chosen.node_failures, chosen.job_share, chosen.first_frames) == (5, 0.5, 6)
    assert (chosen.starved_seconds, chosen.user_nodes, chosen.audit_share) == (420.0, 8, 0.09)
    assert chosen.away_seconds == 600.0
