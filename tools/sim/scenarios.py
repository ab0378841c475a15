"""Named stories that `tools/simulate.py` runs by seed, and their registry.

A scenario raises AssertionError where the mesh did not do what it should; what it returns are figures.
Each package's stories live in a file of their own, and are joined into SCENARIOS here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tools.sim import (
    audit_scenarios,
    disk_scenarios,
    farm_scenarios,
    gossip_scenarios,
    sample_scenarios,
    sleep_scenarios,
    slow_scenarios,
    steering_scenarios,
    whole_scenarios,
)
from tools.sim.log import Log

Figures = dict[str, float]
Story = Callable[[int, int, Log | None, int], Figures]
"""(seed, nodes, log, check every so many steps) -> figures."""


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    nodes: int
    """By default."""
    story: Story


SCENARIOS: dict[str, Scenario] = {
    name: Scenario(name, nodes, story)
    for stories in (
        gossip_scenarios.STORIES,
        farm_scenarios.STORIES,
        audit_scenarios.STORIES,
        disk_scenarios.STORIES,
        sample_scenarios.STORIES,
        sleep_scenarios.STORIES,
        slow_scenarios.STORIES,
        steering_scenarios.STORIES,
        whole_scenarios.STORIES,
    )
    for name, (nodes, story) in stories.items()
}


def replay_command(scenario: Scenario, seed: int, nodes: int) -> str:
    return f"python -m tools.simulate {scenario.name} --seed {seed} --nodes {nodes} --log"


def play(
    name: str, seed: int, nodes: int | None = None, log: Log | None = None, check_every: int = 1
) -> Figures:
    """Runs one scenario. Whatever it raises carries the command that replays it."""
    scenario = SCENARIOS[name]
    count = scenario.nodes if nodes is None else nodes
    try:
        return scenario.story(seed, count, log, check_every)
    except Exception as error:
        error.add_note(f"replay: {replay_command(scenario, seed, count)}")
        raise
