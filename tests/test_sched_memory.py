"""What a node remembers of results: little of each, for the ledgers of a week's jobs stay in memory."""

from __future__ import annotations

import gc
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from mesh.model.ids import Digest, NodeId
from mesh.model.policy import FrameOrder
from mesh.model.units import Unit
from mesh.sched.facts import Facts
from mesh.sched.job import Copy
from mesh.sched.layout import Layout
from mesh.sched.places import Places
from mesh.wire.ledger import Entry, ResultFact
from tools.sim.farm import manifest

ME, A, B = (NodeId(bytes([letter]) * 32) for letter in b"mab")
RESULTS = 4000
MOST_BYTES = 500
"""Of what is derived from a result, beside the ledger's own entry."""


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 100))))
def test_places_are_what_a_dict_of_lists_would_hold(added: list[tuple[int, int]]) -> None:
    places: Places[int] = Places()
    model: dict[int, list[int]] = {}
    for key, place in added:
        places.add(key, place)
        model.setdefault(key, []).append(place)
    assert all(list(places.of(key)) == model.get(key, []) for key in range(6))


def test_a_copy_knows_each_holder_once_and_forgets_who_is_gone() -> None:
    copy = Copy(7)
    copy.held_by((A,))
    copy.held_by((B, A))
    assert copy.others == (A, B)
    copy.gone_from(A)
    copy.gone_from(ME)
    assert copy.others == (B,)


def test_a_result_costs_half_a_kilobyte_beside_its_entry() -> None:
    layout = Layout(manifest(frames=RESULTS, buckets=1), FrameOrder.FORWARD)
    facts = Facts(layout, attempts=3)
    copies: dict[Digest, Copy] = {}
    entries = [
        Entry(result=ResultFact(Unit(frame, 0, 1), Digest(frame.to_bytes(32, "big")), 100, 1.0, (A,)))
        for frame in range(1, RESULTS + 1)
    ]
    gc.collect()
    tracemalloc.start()
    for entry in entries:
        assert entry.result is not None
        facts.learn(ME, entry)
        copies.setdefault(entry.result.pixels, Copy(entry.result.size)).held_by(entry.result.holders)
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert facts.complete
    assert used / RESULTS < MOST_BYTES, f"{used / RESULTS:.0f} bytes"
