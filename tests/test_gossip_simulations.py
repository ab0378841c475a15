"""Membership as a whole, by seed: every story of tools/sim, with `check()` after every step."""

from __future__ import annotations

import pytest

from mesh.gossip.config import PLAIN_SWIM, GossipConfig
from tools.sim.gossip_experiments import slow_members, traffic
from tools.sim.gossip_scenarios import STORIES
from tools.sim.scenarios import play


@pytest.mark.parametrize("story", list(STORIES))
def test_the_story_ends_well(story: str) -> None:
    play(story, seed=1)


@pytest.mark.parametrize("seed", range(2, 6))
def test_whatever_happens_views_agree_again_afterwards(seed: int) -> None:
    play("churn", seed, nodes=7)


@pytest.mark.parametrize("nodes", [2, 3, 5])
def test_a_killed_node_is_noticed_within_ten_seconds_in_the_smallest_meshes(nodes: int) -> None:
    for seed in range(5):
        assert play("crash", seed, nodes)["known"] <= 10.0


def test_slow_members_cost_lives_in_plain_swim_and_none_here() -> None:
    plain = slow_members(1, 24, 4, 8.0, 0.001, PLAIN_SWIM, 40.0)
    ours = slow_members(1, 24, 4, 8.0, 0.001, GossipConfig(), 40.0)
    assert plain.anywhere >= 5
    assert (ours.anywhere, ours.at_healthy) == (0, 0)


def test_a_calm_mesh_is_nearly_silent() -> None:
    figures = traffic(1, 20, 0, GossipConfig(), seconds=20)
    assert figures.mean < 250
