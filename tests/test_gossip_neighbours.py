"""Every round of rumours goes to random nodes and to one neighbour in the order of handles."""

from __future__ import annotations

import random
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.gossip.claims import Known, open_record
from mesh.gossip.states import Fact
from mesh.gossip.table import NEAR, Table
from mesh.wire.effects import SendDatagram
from mesh.wire.gossip import Ping
from tests.gossip_lab import accusation, handle, keys_of, lab, record_of
from tools.sim.host import place

PEERS = 12
STEPS = [step for distance in range(1, NEAR + 1) for step in (distance, -distance)]


@cache
def known(number: int, incarnation: int = 0) -> Known:
    opened = open_record(record_of(number, incarnation), keys_of(place(number)))
    assert opened is not None
    return opened


def by_sorting(live: set[int], step: int) -> int | None:
    """The specification: all living in a circle, by handle, and `step` places from node 0."""
    if abs(step) > len(live):
        return None
    circle = sorted([0, *live], key=handle)
    return circle[(circle.index(0) + step) % len(circle)]


@given(st.lists(st.tuples(st.integers(1, PEERS), st.booleans()), max_size=60))
def test_neighbours_are_the_nearest_living_whoever_comes_and_goes(history: list[tuple[int, bool]]) -> None:
    table = Table(known(0), random.Random(1))
    live: set[int] = set()
    lives = dict.fromkeys(range(1, PEERS + 1), 0)

    for now, (number, comes) in enumerate(history):
        if comes and number not in live:
            lives[number] += 1
            table.apply(handle(number), Fact.NEWER_CLAIM, now, known(number, lives[number]))
            live.add(number)
        elif not comes and number in live:
            table.apply(handle(number), Fact.ACCUSED, now)
            table.apply(handle(number), Fact.CONVICTED, now)
            live.remove(number)
        table.check()

        found = [table.neighbour(step) for step in STEPS]
        expected = [by_sorting(live, step) for step in STEPS]
        assert [None if one is None else one.handle for one in found] == [
            None if number is None else handle(number) for number in expected
        ]


def test_a_neighbour_is_probed_every_other_time() -> None:
    bench = lab(peers=40, start=True)
    bench.until(20.5)
    nearest = by_sorting(set(range(1, 41)), 1)
    assert nearest is not None
    probes = [m for m in bench.datagrams() if isinstance(m, Ping) and m.target]
    assert sum(ping.target == handle(nearest) for ping in probes) >= len({m.probe for m in probes}) // 2


@pytest.mark.parametrize("step", [1, -2, NEAR + 1])
def test_the_neighbours_of_the_accused_look_for_themselves_at_once(step: int) -> None:
    # Given a node that probes nobody of its own accord, and two others.
    bench = lab(peers=40)
    accused = by_sorting(set(range(1, 41)), step)
    accuser = by_sorting(set(range(1, 41)), NEAR + 2)
    assert accused is not None
    assert accuser is not None

    bench.hear(accusation(accuser, accused), source=accuser)

    probed = {m.target for m in bench.datagrams(to=accused) if isinstance(m, Ping)}
    assert probed == ({handle(accused)} if abs(step) <= NEAR else set())


def test_one_rumour_reaches_every_neighbour_within_its_rounds() -> None:
    # Given a node that knows forty others, and news of one of them.
    bench = lab(peers=40, start=True)
    bench.until(30.0)
    bench.effects.clear()
    bench.hear(record_of(7, incarnation=1))

    # When its rumour has been told as often as it will be.
    bench.until(bench.now + 2.0)

    # Then each neighbour was told, which 6 random targets out of 40 would not see to.
    live = set(range(1, 41))
    told = {
        effect.to
        for effect in bench.effects
        if isinstance(effect, SendDatagram) and record_of(7, incarnation=1) in effect.messages
    }
    assert {place(number).address for step in STEPS if (number := by_sorting(live, step))} <= told
