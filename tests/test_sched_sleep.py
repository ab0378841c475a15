"""Suspend and resume, and clocks that leap: claims are let go, and sleep is no failure."""

from __future__ import annotations

import pytest

from mesh.node.slumber import Slumber
from mesh.sched.config import SchedConfig
from mesh.wire.effects import StopRender
from tests.sched_bench import Bench
from tools.sim.farm import manifest
from tools.sim.scenarios import play


def test_sleep_is_what_the_steady_clock_did_not_count() -> None:
    steady, through = 100.0, 5000.0
    slumber = Slumber(lambda: steady, lambda: through)
    steady, through = 101.0, 5001.0
    assert slumber.asleep() == 0.0
    steady, through = 102.0, 8602.0
    assert slumber.asleep() == pytest.approx(3600.0)
    assert slumber.asleep() == 0.0


def test_a_unit_during_which_the_clock_leapt_has_not_failed() -> None:
    bench = Bench(config=SchedConfig(progress_seconds=600.0))
    job = bench.submit(manifest(frames=1, buckets=4))
    bench.wait(10.0)
    bench.now += 3600.0
    assert not [effect for effect in bench.wait(1.0) if isinstance(effect, StopRender)]
    view = bench.machine.views.job(job)
    assert view is not None
    assert not view.failures


@pytest.mark.parametrize("name", ["farm-lid", "farm-leaping-clocks"])
def test_story(name: str) -> None:
    for seed in (1, 2):
        play(name, seed, check_every=50)
