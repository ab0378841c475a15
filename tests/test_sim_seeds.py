"""Hundreds of seeds, each a day with many faults; and the long run over thousands, which can be interrupted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import seeds
from tools.seeds import Outcome, code_digest, soak, story_of, try_all, try_seed
from tools.sim import scenarios
from tools.sim.log import Log
from tools.sim.scenarios import SCENARIOS, Scenario


def test_nothing_is_lost_whatever_the_seed() -> None:
    """Every other one is a storm: loss, delay, words that arrive though their sender is told otherwise, half of all
    one-way links cut, half of the nodes dying again and again, torn records, pauses, a full disk, failing units."""
    outcomes = list(try_all(range(1, 301), jobs=2))
    assert [outcome.failure for outcome in outcomes if outcome.failure] == []
    assert [outcome.seed for outcome in outcomes] == list(range(1, 301))


def test_every_story_gets_its_turn() -> None:
    assert {story_of(seed) for seed in range(len(seeds.STORIES))} == set(seeds.STORIES) <= set(SCENARIOS)


def test_a_failing_seed_tells_how_to_replay_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(seed: int, nodes: int, log: Log | None, check_every: int) -> dict[str, float]:
        raise AssertionError("as planned")

    monkeypatch.setitem(scenarios.SCENARIOS, story_of(7), Scenario(story_of(7), 5, failing))
    failure = try_seed(7).failure
    assert "as planned" in failure
    assert f"replay: python -m tools.simulate {story_of(7)} --seed 7 --nodes 5 --log" in failure


class Player:
    """In place of the simulator: seeds that fail, and a seed at which somebody interrupts."""

    def __init__(self, failing: set[int], stop_at: int = 0) -> None:
        self.failing, self.stop_at = failing, stop_at
        self.played: list[int] = []

    def __call__(self, seed: int) -> Outcome:
        if seed == self.stop_at:
            raise KeyboardInterrupt
        self.played.append(seed)
        return Outcome(seed, f"seed {seed} broke" if seed in self.failing else "")


def play_with(monkeypatch: pytest.MonkeyPatch, player: Player) -> list[int]:
    monkeypatch.setattr(seeds, "try_seed", player)
    return player.played


def test_an_interrupted_run_goes_on_where_it_was_and_remembers_what_failed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    state, said = tmp_path / "state.json", list[str]()
    play_with(monkeypatch, Player({3}, stop_at=150))
    with pytest.raises(KeyboardInterrupt):
        soak(200, 1, state, "code", said.append)
    played = play_with(monkeypatch, Player({170}))
    failures = soak(200, 1, state, "code", said.append)
    assert 1 < played[0] <= 150
    assert played == list(range(played[0], 201))
    assert failures == ["seed 3 broke", "seed 170 broke"]
    assert any("seed 170 broke" in line for line in said)


def test_a_finished_run_plays_nothing_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    play_with(monkeypatch, Player({5}))
    soak(20, 1, state, "code", lambda _line: None)
    played = play_with(monkeypatch, Player(set()))
    assert soak(20, 1, state, "code", lambda _line: None) == ["seed 5 broke"]
    assert played == []


@pytest.mark.parametrize("text", ['{"code": "old", "next_seed": 9, "failures": []}', "torn {", "[]", "{}"])
def test_other_code_or_a_torn_file_begins_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    state = tmp_path / "state.json"
    state.write_text(text)
    played = play_with(monkeypatch, Player(set()))
    soak(10, 1, state, "new", lambda _line: None)
    assert played == list(range(1, 11))


def test_the_digest_changes_with_the_code(tmp_path: Path) -> None:
    (tmp_path / "mesh").mkdir()
    file = tmp_path / "mesh" / "one.py"
    file.write_text("a = 1\n")
    before = code_digest(tmp_path)
    file.write_text("a = 2\n")
    assert code_digest(tmp_path) != before
