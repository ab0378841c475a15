"""The simulator's promise: same seed, same log, byte for byte, wherever and whenever it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.sim import scenarios
from tools.sim.log import Log
from tools.sim.scenarios import Scenario, play

ROOT = Path(__file__).parent.parent


def run(hash_seed: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "tools.simulate", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        check=False,
    )


def test_two_processes_with_other_hash_seeds_write_the_same_bytes() -> None:
    first = run("1", "churn", "--seed", "7", "--nodes", "8", "--log")
    second = run("2", "churn", "--seed", "7", "--nodes", "8", "--log")
    assert first.returncode == 0, first.stdout[-2000:]
    assert len(first.stdout) > 100_000
    assert first.stdout == second.stdout


def test_another_seed_gives_another_log() -> None:
    one, other = Log(), Log()
    play("crash", 1, 6, one)
    play("crash", 2, 6, other)
    assert one.lines > 100
    assert one.digest != other.digest


def test_a_failing_seed_tells_how_to_replay_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(seed: int, nodes: int, log: Log | None, check_every: int) -> dict[str, float]:
        raise AssertionError("as planned")

    monkeypatch.setitem(scenarios.SCENARIOS, "failing", Scenario("failing", 5, failing))
    with pytest.raises(AssertionError) as caught:
        play("failing", 42)
    assert caught.value.__notes__ == ["replay: python -m tools.simulate failing --seed 42 --nodes 5 --log"]
