"""A node for the duration of one command: what lets `submit` work on a machine with nothing set up."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import click

from mesh.cli.common import NodeAsks
from mesh.config.paths import Paths
from mesh.control.client import Client
from mesh.control.errors import NodeGone, NoNode
from mesh.errors import ExitCode, MeshError
from mesh.node.occupancy import Doing, Use, occupant, using

_START = 60.0
"""Seconds a node may take to start; a cold disk and a slow machine included."""
_QUIET = 2.0
"""Seconds of waiting that need no word."""
_POLL = 0.05
_STOP = 15.0


class NodeNotStarted(MeshError):
    """A node for this command could not be started: {reason}"""

    exit_code = ExitCode.NO_MESH


class OwnNodeDied(MeshError):
    """The node that this command started has ended (status {status}): {reason} Run the command again with --skip-existing; the log is in {logs}."""

    exit_code = ExitCode.NO_MESH


class NodeStillStarts(MeshError):
    """The mesh node of this machine (process {pid}) has been starting for {seconds:.0f} s and does not answer. See its log in {logs}, or end it and run the command again."""

    exit_code = ExitCode.NO_MESH


class _Overtaken(Exception):
    """Another process has become the node of this machine before ours."""


@contextmanager
def any_node(paths: Paths) -> Iterator[tuple[Client, bool]]:
    """The node of this machine, and whether it is there for commands alone: where none runs, one that serves nobody
    else is started, and ends with the last command that uses it, however that ends. One that is starting is waited
    for. Raises NodeNotStarted, NodeStillStarts, NodeAsks."""
    with using(paths.home) as use, ExitStack() as stack:
        yield _reach(paths, use, stack)


def _reach(paths: Paths, use: Use, stack: ExitStack) -> tuple[Client, bool]:
    began, told = time.monotonic(), False
    while True:
        try:
            client = stack.enter_context(Client.connect(paths))
        except NoNode:
            holder = occupant(paths.home)
        else:
            holder = occupant(paths.home)
            return client, holder is not None and holder.doing is Doing.ONE_COMMAND
        if holder is None:
            try:
                return stack.enter_context(_own_node(paths, use)), True
            except _Overtaken:
                continue
        if holder.doing is Doing.ASKING:
            raise NodeAsks(pid=holder.pid)
        waited = time.monotonic() - began
        if waited > _START:
            raise NodeStillStarts(pid=holder.pid, seconds=waited, logs=paths.logs)
        if waited > _QUIET and not told:
            told = True
            click.echo(
                f"Waiting for the node of this machine (process {holder.pid}), which is starting.", err=True
            )
        time.sleep(_POLL)


@contextmanager
def _own_node(paths: Paths, use: Use) -> Iterator[Client]:
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mesh.cli", "join", "--headless", "--solo", "--ephemeral"],
            stdin=subprocess.PIPE,  # the node ends when this closes, which also our death does
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for us; we end the node in our own time
        )
        try:
            with _wait_for(process, paths, log.fileno()) as client:
                yield client
        except NodeGone as error:
            try:
                status = process.wait(_STOP)
            except subprocess.TimeoutExpired:
                raise error from None
            reason = _last_words(log.fileno()) or "it said nothing."
            raise OwnNodeDied(status=status, reason=reason, logs=paths.logs) from error
        finally:
            _end(process, use)


def _end(process: subprocess.Popen[bytes], use: Use) -> None:
    """Have our node end, unless other commands use it, with the last of which it then ends."""
    assert process.stdin is not None
    others = process.poll() is None and not use.is_the_last()
    process.stdin.close()
    if others:
        return
    try:
        process.wait(_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_for(process: subprocess.Popen[bytes], paths: Paths, log: int) -> Client:
    """Our node's client. Raises NodeNotStarted, and _Overtaken where another became the node of this machine."""
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline:
        with suppress(NoNode, NodeGone):
            client = Client.connect(paths)
            if client.program().pid == process.pid:
                return client
            client.close()  # another command's node, on its way out or in
        if process.poll() is not None:
            if occupant(paths.home) is not None:
                raise _Overtaken
            raise NodeNotStarted(reason=_last_words(log) or "it ended without a word.")
        time.sleep(_POLL)
    raise NodeNotStarted(reason=f"it did not answer within a minute. See its log in {paths.logs}.")


def _last_words(log: int) -> str:
    """The last line a node wrote before it ended."""
    with open(log, "rb", closefd=False) as stream:
        stream.seek(0)
        lines = stream.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1].removeprefix("mesh: ") if lines else ""
