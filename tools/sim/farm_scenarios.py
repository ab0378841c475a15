"""All stories of the scheduler alone, by name: a farm, a job, things that go wrong, and what must hold in the end."""

from __future__ import annotations

from collections.abc import Callable

from tools.sim import farm_deaths, farm_failures, farm_faults, farm_shares, farm_work
from tools.sim.farm_storm import long_buckets, storm
from tools.sim.log import Log

Figures = dict[str, float]
STORIES: dict[str, tuple[int, Callable[[int, int, Log | None, int], Figures]]] = {
    **farm_work.STORIES,
    **farm_faults.STORIES,
    **farm_deaths.STORIES,
    **farm_failures.STORIES,
    **farm_shares.STORIES,
    "farm-storm": (6, storm),
    "farm-long-buckets": (5, long_buckets),
}
"""By name: the number of nodes by default, and the story."""
