"""Commands that come while a node starts, or beside others for which there is none: real processes, on loopback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from mesh.cli import solo
from mesh.cli.common import NodeAsks, NodeStarts, NoNodeThere, connect
from mesh.cli.join import CommandRendersHere, _refuse_second
from mesh.cli.solo import NodeStillStarts, any_node
from mesh.config.paths import Paths
from mesh.control.client import Client
from mesh.node.occupancy import Doing, occupied
from tests.fake_service import FakeService, serving

WAIT = 60.0
"""Seconds until a process that should end is taken not to; a bound, not a measure."""

ANOTHER_COMMAND = (
    "import sys\n"
    "from mesh.cli.solo import any_node\n"
    "from mesh.config.paths import Paths\n"
    "with any_node(Paths.locate()) as (client, own):\n"
    "    print(client.program().pid, own, flush=True)\n"
    "    sys.stdin.read()\n"
)


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    monkeypatch.setenv("MESH_HOME", str(tmp_path))
    return Paths.locate()


@contextmanager
def another_command() -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """One that uses any node until its standard input closes; with the process of that node."""
    process = subprocess.Popen(
        [sys.executable, "-c", ANOTHER_COMMAND], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        pid, own = process.stdout.readline().split()
        assert own == "True"
        yield int(pid), process
    process.wait(WAIT)


def test_a_second_command_shares_the_first_one_s_node_and_keeps_it_alive(paths: Paths) -> None:
    with another_command() as (pid, first):
        with any_node(paths) as (client, own):
            assert (client.program().pid, own) == (pid, True)
            assert first.stdin is not None
            first.stdin.close()
            assert first.wait(WAIT) == 0
            assert client.program().pid == pid, "the first command has ended, and its node has not"
        psutil.Process(pid).wait(WAIT)


def test_two_commands_at_once_come_to_share_one_node(paths: Paths) -> None:
    del paths
    with another_command() as (first, _), another_command() as (second, _):
        assert first == second


def test_a_node_that_is_starting_is_waited_for(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(solo, "_QUIET", 0.0)
    monkeypatch.setattr(solo.time, "sleep", lambda _seconds: service.__enter__())
    service = serving(FakeService(), paths)
    with occupied(paths.home), any_node(paths) as (_, own):
        assert not own
        service.__exit__(None, None, None)
    assert "Waiting for the node of this machine (process " in capsys.readouterr().err


def test_a_node_that_does_not_come_up_is_not_waited_for_in_vain(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(solo, "_START", 0.1)
    with occupied(paths.home), pytest.raises(NodeStillStarts, match="does not answer"), any_node(paths):
        pass


def test_nobody_waits_for_a_node_that_waits_for_somebody_to_type(paths: Paths) -> None:
    with occupied(paths.home) as tell:
        tell(Doing.ASKING)
        with pytest.raises(NodeAsks, match="waits for an invite code"), any_node(paths):
            pass
        with pytest.raises(NodeAsks):
            connect()


def test_other_commands_tell_a_node_that_starts_from_none(paths: Paths) -> None:
    with occupied(paths.home), pytest.raises(NodeStarts, match="is starting"):
        connect()
    with pytest.raises(NoNodeThere, match=str(paths.home)):
        connect()


def test_joining_beside_a_command_that_renders_by_itself_says_what_to_wait_for(paths: Paths) -> None:
    with serving(FakeService(), paths), occupied(paths.home, Doing.ONE_COMMAND):
        with pytest.raises(CommandRendersHere, match="with a node of its own"):
            _refuse_second(paths)
        Client.connect(paths).close()
