"""Whole nodes in the simulator: gossip, scheduling and blocks as the real node joins them."""

from __future__ import annotations

import pytest

from tools.sim.scenarios import play


@pytest.mark.parametrize("seed", range(1, 4))
def test_a_job_is_rendered_and_nobody_is_blamed(seed: int) -> None:
    play("mesh-calm", seed, nodes=6)


@pytest.mark.parametrize("seed", range(1, 4))
def test_a_node_that_appears_during_a_job_takes_part_within_three_seconds(seed: int) -> None:
    assert play("mesh-newcomer", seed, nodes=6)["seconds"] <= 3.0


@pytest.mark.parametrize("seed", range(1, 4))
def test_a_node_in_quarantine_gets_no_new_work_until_it_was_calm(seed: int) -> None:
    play("mesh-quarantine", seed, nodes=6, check_every=20)


@pytest.mark.parametrize("seed", range(1, 7))
def test_no_frame_is_lost_to_kills_rebirths_and_partitions(seed: int) -> None:
    play("mesh-chaos", seed, nodes=8, check_every=5)
