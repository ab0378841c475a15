"""A node for the duration of one command: what lets `submit` work on a machine with nothing set up."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mesh.config.paths import Paths
from mesh.control.client import Client
from mesh.control.errors import NodeGone, NoNode
from mesh.errors import ExitCode, MeshError

_START = 60.0
"""Seconds a node may take to start; a cold disk and a slow machine included."""
_POLL = 0.05
_STOP = 15.0


class NodeNotStarted(MeshError):
    """A node for this command could not be started: {reason}"""

    exit_code = ExitCode.NO_MESH


class OwnNodeDied(MeshError):
    """The node that this command started has ended (status {status}): {reason} Run the command again with --skip-existing; the log is in {logs}."""

    exit_code = ExitCode.NO_MESH


@contextmanager
def any_node(paths: Paths) -> Iterator[tuple[Client, bool]]:
    """The node of this machine, and whether it is our own: where none runs, one that serves nobody else is
    started, and ends with this, however this ends. Raises NodeNotStarted."""
    try:
        client = Client.connect(paths)
    except NoNode:
        with _own_node(paths) as client:
            yield client, True
    else:
        with client:
            yield client, False


@contextmanager
def _own_node(paths: Paths) -> Iterator[Client]:
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
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(_STOP)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(process: subprocess.Popen[bytes], paths: Paths, log: int) -> Client:
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline:
        try:
            client = Client.connect(paths)
        except NoNode:
            if process.poll() is not None:
                break
            time.sleep(_POLL)
            continue
        if client.program().pid == process.pid:
            return client
        client.close()  # another command's node, on its way out or in
        time.sleep(_POLL)
    raise NodeNotStarted(reason=_last_words(log) or "it did not answer within a minute.")


def _last_words(log: int) -> str:
    """The last line a node wrote before it ended."""
    with open(log, "rb", closefd=False) as stream:
        stream.seek(0)
        lines = stream.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1].removeprefix("mesh: ") if lines else ""
