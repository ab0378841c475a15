"""The parts of `tools.kill_runs` that need no namespaces: plans by seed, who is hit, and what the figures mean."""

from __future__ import annotations

import json
import os

import pytest

from mesh.sched.intervals import Interval
from tools.faults import (
    Kind,
    Outcome,
    Plan,
    Rescue,
    Situation,
    Standing,
    as_table,
    plans,
    rendered_twice,
    rescue_of,
    rows,
    verdict,
)
from tools.namespaces import NeedsRoot, Network
from tools.witness import Step, What, read

NAMES = ("ada", "grace", "linus", "mary", "alan")


def plan(kind: Kind, submitter: str = "ada") -> Plan:
    return Plan(0, kind, 1, submitter, ("grace", "mary"), 0.2)


def step(at: float, node: str, what: What, *spans: Interval, other: str = "") -> Step:
    return Step(at, node, what, spans, other)


def situation(*steps: Step) -> Situation:
    made = Situation({name: Standing() for name in NAMES})
    for each in steps:
        made.take_in(each)
    return made


# --- plans --------------------------------------------------------------------------------------------


def test_the_same_seed_plans_the_same_runs_whatever_their_number() -> None:
    few, many = plans(6, list(Kind), NAMES, 7), plans(30, list(Kind), NAMES, 7)
    assert many[:6] == few
    assert plans(6, list(Kind), NAMES, 8) != few


def test_every_kind_gets_as_many_runs_as_any_other() -> None:
    planned = plans(30, list(Kind), NAMES, 0)
    assert [sum(one.kind is kind for one in planned) for kind in Kind] == [5] * 6
    assert {one.submitter for one in planned} == set(NAMES)
    assert all(len(set(one.cut_off)) == 2 for one in planned)


# --- whom it hits -------------------------------------------------------------------------------------


def test_a_thief_holds_what_it_was_granted_and_has_not_finished() -> None:
    stolen = step(1.0, "mary", What.GRANTED, (0, 8), other="ada")
    holding = step(1.1, "mary", What.HOLDS, (0, 8))
    assert situation(stolen, holding).candidates(plan(Kind.THIEF)) == ["mary"]
    done = step(2.0, "alan", What.PUBLISHED, (0, 7), other="mary")
    assert situation(stolen, holding, done).candidates(plan(Kind.THIEF)) == []


def test_a_victim_has_lent_what_is_not_finished_and_holds_more() -> None:
    lent = step(1.0, "mary", What.LENT, (8, 16), other="alan")
    holding = step(1.1, "mary", What.HOLDS, (0, 8))
    assert situation(lent).candidates(plan(Kind.VICTIM)) == []
    assert situation(lent, holding).candidates(plan(Kind.VICTIM)) == ["mary"]


def test_a_holder_of_copies_is_hit_while_it_fetches_a_result_if_any_does() -> None:
    kept = [
        step(1.0, name, what, other="ada")
        for name in ("mary", "alan")
        for what in (What.ASKED_TO_KEEP, What.KEEPS)
    ]
    holding = [step(1.1, name, What.HOLDS, (start, start + 8)) for start, name in ((0, "mary"), (8, "alan"))]
    assert situation(*kept, *holding).candidates(plan(Kind.HOLDER)) == ["mary", "alan"]
    fetching = step(1.2, "alan", What.ASKED_TO_KEEP, other="ada")
    assert situation(*kept, *holding, fetching).candidates(plan(Kind.HOLDER)) == ["alan"]


def test_the_submitter_is_hit_by_its_own_kind_alone() -> None:
    holding = [step(1.0, name, What.HOLDS, (start, start + 8)) for start, name in ((0, "ada"), (8, "linus"))]
    stolen = step(1.0, "ada", What.GRANTED, (0, 8), other="linus")
    now = situation(*holding, stolen)
    assert now.candidates(plan(Kind.SUBMITTER)) == ["ada"]
    assert now.candidates(plan(Kind.THIEF)) == []
    assert now.candidates(plan(Kind.PAUSE)) == ["ada", "linus"]


# --- what became of it --------------------------------------------------------------------------------

BEFORE = (
    step(1.0, "mary", What.HOLDS, (0, 16)),
    step(1.5, "ada", What.HOLDS, (12, 16)),
    step(1.6, "ada", What.PUBLISHED, (0, 4), other="ff"),
)
"""Mary, whose id is ff, alone vouches for 4 to 11 when she is killed at 2.0."""


def test_work_runs_again_when_all_of_it_is_held_and_some_of_it_runs() -> None:
    steps = (
        *BEFORE,
        step(2.5, "alan", What.STARTED, (4, 6)),
        step(3.0, "alan", What.HOLDS, (4, 10)),
        step(6.0, "ada", What.DOWN, other="ff"),
        step(7.0, "ada", What.HOLDS, (10, 16)),
    )
    assert rescue_of("mary", "ff", 2.0, steps) == Rescue(lost=8, noticed=4.0, again=5.0)
    assert rescue_of("mary", "ff", 2.0, steps[:-1]).again is None


def test_held_is_not_yet_running() -> None:
    held = (*BEFORE, step(2.5, "alan", What.HOLDS, (4, 12)))
    assert rescue_of("mary", "ff", 2.0, held) == Rescue(lost=8, noticed=None, again=None)
    begun = (*held, step(9.0, "alan", What.STARTED, (4, 5)))
    assert rescue_of("mary", "ff", 2.0, begun).again == 7.0


def test_a_result_that_was_out_before_the_end_is_not_lost() -> None:
    steps = (*BEFORE, step(2.01, "alan", What.PUBLISHED, (4, 12), other="ff"))
    assert rescue_of("mary", "ff", 2.0, steps) == Rescue(lost=0, noticed=None, again=None)


def test_every_rendering_after_the_first_is_one_too_many() -> None:
    steps = [
        step(at, "ada", What.RENDERED, span) for at, span in ((1.0, (0, 8)), (2.0, (4, 12)), (3.0, (4, 5)))
    ]
    assert rendered_twice(steps) == 5


def outcome(kind: Kind, again: float, failure: str = "") -> Outcome:
    return Outcome(plan(kind), ("mary",), 20, 20, Rescue(8, 1.0, again), 2, 30.0, failure)


def test_promises_are_about_kills_alone() -> None:
    good = [outcome(Kind.THIEF, 4.0), outcome(Kind.HOLDER, 4.9), outcome(Kind.PAUSE, 20.0)]
    assert verdict(good) == []
    slow = [outcome(Kind.THIEF, 6.0), outcome(Kind.VICTIM, 13.0), outcome(Kind.HOLDER, 6.0)]
    assert [sentence.split()[0] for sentence in verdict(slow)] == ["p50", "p99"]
    assert verdict([outcome(Kind.THIEF, 1.0, "ada does not answer")]) == ["ada does not answer"]


def test_the_report_has_a_row_for_each_kind_and_two_sums() -> None:
    table = rows([outcome(Kind.THIEF, 1.0), outcome(Kind.THIEF, 3.0), outcome(Kind.PAUSE, 8.0)])
    assert [(row.name, row.runs, row.duplicates) for row in table] == [
        ("thief", 2, 4),
        ("pause", 1, 2),
        ("all kills", 2, 4),
        ("all", 3, 6),
    ]
    assert "40 of 40" in as_table(table)


# --- the nodes' own words -----------------------------------------------------------------------------


def test_steps_are_read_as_they_were_written() -> None:
    line = json.dumps([1.5, What.LENT, [[0, 8], [16, 24]], "ff"]).encode()
    assert list(read("ada", [line])) == [step(1.5, "ada", What.LENT, (0, 8), (16, 24), other="ff")]


def test_without_root_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(NeedsRoot, match="run it as root"):
        Network(NAMES).__enter__()
