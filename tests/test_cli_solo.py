"""The node that lives for one command: a real process, on loopback, that never outlives its command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from mesh.cli.solo import OwnNodeDied, any_node
from mesh.config.paths import Paths
from tests.fake_service import FakeService, serving

WAIT = 60.0
"""Seconds until a process that should end is taken not to; a bound, not a measure."""


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    monkeypatch.setenv("MESH_HOME", str(tmp_path))
    return Paths.locate()


def test_where_no_node_runs_one_is_started_on_loopback_and_gone_afterwards(paths: Paths) -> None:
    with any_node(paths) as (client, own):
        assert own
        (node,) = client.status().nodes
        assert node.address.startswith("127.0.0.1:")
        pid = client.program().pid
        listening = [one.laddr.ip for one in psutil.Process(pid).net_connections() if one.status == "LISTEN"]
        assert set(listening) == {"127.0.0.1"}
    assert not psutil.pid_exists(pid)
    assert not paths.control_address.exists()


def test_a_node_that_runs_is_used_and_left_running(paths: Paths) -> None:
    with serving(FakeService(), paths), any_node(paths) as (client, own):
        assert not own
        assert client.program().pid == os.getpid()


def test_a_node_that_dies_under_its_command_is_told_with_its_status(paths: Paths) -> None:
    def use_a_node_that_is_killed() -> None:
        with any_node(paths) as (client, _):
            os.kill(client.program().pid, signal.SIGKILL)
            client.status()

    with pytest.raises(OwnNodeDied, match=r"has ended \(status -9\)"):
        use_a_node_that_is_killed()


def test_a_node_ends_when_its_command_is_killed(paths: Paths) -> None:
    command = (
        "import sys\n"
        "from mesh.cli.solo import any_node\n"
        "from mesh.config.paths import Paths\n"
        "with any_node(Paths.locate()) as (client, _):\n"
        "    print(client.program().pid, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        node = psutil.Process(int(process.stdout.readline()))
        process.kill()
        process.wait()
        node.wait(WAIT)
    assert not node.is_running()
