"""The simulator's promise: same seed, same log, byte for byte, wherever and whenever it runs."""

from __future__ import annotations

import os
import site
import subprocess
import sys
from pathlib import Path

import pytest

from tools.sim import scenarios
from tools.sim.log import Log
from tools.sim.scenarios import Scenario, play

ROOT = Path(__file__).parent.parent


def run(hash_seed: str, *arguments: str, python: str = sys.executable) -> subprocess.CompletedProcess[bytes]:
    """The simulator in a process of its own; another interpreter of this series finds our libraries."""
    libraries = os.pathsep.join([str(ROOT), *site.getsitepackages()])
    return subprocess.run(
        [python, "-m", "tools.simulate", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": libraries},
        capture_output=True,
        check=False,
    )


def test_two_processes_with_other_hash_seeds_write_the_same_bytes() -> None:
    first = run("1", "churn", "--seed", "7", "--nodes", "8", "--log")
    second = run("2", "churn", "--seed", "7", "--nodes", "8", "--log")
    assert first.returncode == 0, first.stdout[-2000:]
    assert len(first.stdout) > 100_000
    assert first.stdout == second.stdout


def other_patch_version() -> str | None:
    """Another Python of this series on this machine, such as 3.11.2 beside 3.11.7."""
    series = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for folder in os.get_exec_path():
        python = os.path.join(folder, series)
        if os.access(python, os.X_OK):
            done = subprocess.run(
                [python, "-c", "import sys; print(*sys.version_info[:3])"], capture_output=True, check=False
            )
            version = tuple(map(int, done.stdout.split()))
            if version[:2] == sys.version_info[:2] and version != sys.version_info[:3]:
                return python
    return None


def test_another_patch_version_of_python_writes_the_same_bytes() -> None:
    other = other_patch_version()
    if other is None:
        pytest.skip("this machine has one patch version of this Python only")
    ours, theirs = (
        run("1", "churn", "--seed", "7", "--nodes", "8", "--log", python=python)
        for python in (sys.executable, other)
    )
    assert ours.returncode == 0, ours.stderr[-2000:]
    assert ours.stdout == theirs.stdout, theirs.stderr[-2000:]


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
