"""The formulas of membership, by table."""

from __future__ import annotations

import math

import pytest

from mesh.gossip import formulas
from mesh.gossip.awareness import Awareness
from mesh.gossip.config import LAN, WAN, GossipConfig
from mesh.gossip.states import TRANSITIONS, Fact, IllegalTransition, after
from mesh.model.status import NodeState


@pytest.mark.parametrize(
    ("nodes", "least"), [(1, 3.5), (2, 3.5), (10, 3.5), (100, 7.0), (1000, 10.5), (10_000, 14.0)]
)
def test_suspicion_grows_with_the_logarithm_of_the_mesh(nodes: int, least: float) -> None:
    bounds = formulas.suspicion_bounds(3.5, nodes, 1.0, 6.0)
    assert bounds == pytest.approx((least, 6 * least))


@pytest.mark.parametrize(
    ("confirmed", "wanted", "seconds"),
    [
        (0, 2, 60.0),
        (1, 2, 60.0 - 50.0 * math.log(2) / math.log(3)),
        (2, 2, 10.0),
        (5, 2, 10.0),
        (0, 0, 10.0),
        (0, 1, 60.0),
        (1, 1, 10.0),
    ],
)
def test_suspicion_decays_with_independent_confirmations(confirmed: int, wanted: int, seconds: float) -> None:
    assert formulas.suspicion_timeout(10.0, 60.0, confirmed, wanted) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("electorate", "wanted", "quorum"), [(0, 0, 1), (1, 0, 1), (2, 1, 2), (3, 2, 2), (99, 2, 2)]
)
def test_small_meshes_wait_for_no_more_accusers_than_there_are(
    electorate: int, wanted: int, quorum: int
) -> None:
    assert formulas.wanted_confirmations(2, electorate) == wanted
    assert formulas.quorum_of(2, electorate) == quorum


@pytest.mark.parametrize(("nodes", "told"), [(1, 10), (10, 10), (300, 10), (1000, 13), (10_000, 17)])
def test_rumours_are_told_about_log_n_times(nodes: int, told: int) -> None:
    assert formulas.retransmit_limit(4.0, nodes) == told


@pytest.mark.parametrize(("nodes", "seconds"), [(1, 30), (32, 30), (33, 60), (64, 60), (65, 90), (1000, 180)])
def test_push_pull_slows_with_every_doubling_beyond_32(nodes: int, seconds: float) -> None:
    assert formulas.sync_interval(30.0, nodes) == seconds


def test_the_sum_of_all_metadata_rumours_stops_growing() -> None:
    assert formulas.shared_interval(1.0, 3, 10) == 1.0
    assert formulas.shared_interval(1.0, 1000, 10) == 100.0


@pytest.mark.parametrize(("others", "accusers"), [(1, 2), (2, 2), (5, 2), (6, 3), (8, 4), (1000, 4)])
def test_quarantine_takes_several_accusers_and_never_one(others: int, accusers: int) -> None:
    assert formulas.accusers_for_quarantine(4, others) == accusers


@pytest.mark.parametrize(("rtt", "timeout"), [(None, 0.5), (0.01, 0.5), (0.2, 0.6), (5.0, 0.8)])
def test_patience_for_a_direct_answer_follows_the_known_round_trip(rtt: float | None, timeout: float) -> None:
    assert formulas.direct_timeout(0.5, 1.0, rtt) == pytest.approx(timeout)


def test_round_trips_are_smoothed() -> None:
    assert formulas.smoothed(None, 0.8) == 0.8
    assert formulas.smoothed(0.8, 1.6) == pytest.approx(0.9)


def test_health_stays_in_its_range_and_scales_time() -> None:
    awareness = Awareness(8)
    awareness.add(-3)
    assert awareness.scale(0.5) == 0.5
    awareness.add(100)
    assert (awareness.score, awareness.scale(0.5)) == (8, 4.5)


def test_a_link_is_wide_where_the_sites_differ() -> None:
    config = GossipConfig()
    assert config.for_link("paris/floor2", "paris/floor2") is LAN
    assert config.for_link("paris/floor2", "berlin") is WAN


@pytest.mark.parametrize("state", [None, *NodeState])
@pytest.mark.parametrize("fact", list(Fact))
def test_every_state_takes_exactly_the_facts_of_the_table(state: NodeState | None, fact: Fact) -> None:
    if (state, fact) in TRANSITIONS:
        assert after(state, fact) is TRANSITIONS[state, fact]
    else:
        with pytest.raises(IllegalTransition):
            after(state, fact)


def test_only_its_own_word_brings_a_member_back_from_the_dead() -> None:
    back = [
        fact
        for (state, fact), new in TRANSITIONS.items()
        if state is NodeState.DEAD and new is NodeState.ALIVE
    ]
    assert back == [Fact.NEWER_CLAIM]
