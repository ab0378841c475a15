"""The scheduler in the simulator: every story over many seeds, and figures that must not get worse."""

from __future__ import annotations

import pytest

from tools.sim.farm_scenarios import STORIES
from tools.sim.scenarios import play

SEEDS = {
    "farm-churn": range(1, 13),
    "farm-swizzle": range(1, 7),
    "farm-blackout": range(1, 11),
    "farm-shares": range(1, 2),
    "farm-capped": range(1, 2),
}
"""How often some are played; the others three times. `test_sim_seeds.py` plays those with much chance in them."""


@pytest.mark.parametrize("name", STORIES)
def test_story(name: str) -> None:
    for seed in SEEDS.get(name, range(1, 4)):
        play(name, seed, check_every=10)


def test_the_same_seed_gives_the_same_log() -> None:
    from tools.sim.log import Log

    logs = [Log(), Log()]
    for log in logs:
        play("farm-reborn", 3, log=log)
    assert logs[0].digest == logs[1].digest
    assert logs[0].lines > 100


def test_a_calm_farm_loses_little_of_the_ideal() -> None:
    assert min(play("farm-calm", seed, check_every=0)["efficiency"] for seed in (1, 2, 3)) >= 0.94


def test_lost_work_runs_again_soon_after_the_death_is_known() -> None:
    waits = [play("farm-thief-killed", seed, check_every=0)["reassigned"] for seed in (1, 2, 3)]
    assert max(waits) <= 5.0
