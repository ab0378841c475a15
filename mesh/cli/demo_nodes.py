"""The demo's nodes: real processes with a data folder each, and a report that kills one of them in the middle.

All of them are gone when the stack they were started on unwinds, whichever way that happens.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import click

from mesh.cli.reports import Closing, Report
from mesh.config.paths import Paths
from mesh.control.client import Client
from mesh.control.collection import Looked, Update
from mesh.control.errors import NoNode
from mesh.errors import MeshError
from mesh.model.ids import JobId
from mesh.model.status import JobStatus, MeshStatus, NodeState

VICTIM = "linus"
KILL_AT = 0.4
"""The part of the job that is done when a node is killed."""

_NODES = ("ada", "grace", VICTIM)
_DESK = "desk"
_START_SECONDS = 60.0


class DemoNodeFailed(MeshError):
    """The demo's node {name} did not start: {reason}"""


@dataclass(slots=True)
class DemoNode:
    name: str
    paths: Paths
    process: subprocess.Popen[bytes]

    def connect(self) -> Client:
        """Waits until the node answers. Raises DemoNodeFailed."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                return Client.connect(self.paths)
            except NoNode:
                time.sleep(0.05)
        log = (self.paths.home / "demo.log").read_text("utf-8", "replace").strip().splitlines()
        raise DemoNodeFailed(name=self.name, reason=log[-1] if log else "it did not answer.")


def start(stack: ExitStack, name: str, home: Path, *arguments: str) -> DemoNode:
    """Start a node that ends with this process, or with `stack`."""
    home.mkdir(parents=True)
    log = stack.enter_context((home / "demo.log").open("wb"))
    command = [sys.executable, "-m", "mesh.cli", "join", "--name", name, "--headless", "--ephemeral"]
    process = subprocess.Popen(
        [*command, *arguments],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        env={**os.environ, "MESH_HOME": str(home.absolute())},
        start_new_session=True,  # Ctrl-C is for the demo, which then ends its nodes
    )
    stack.callback(_end, process)
    return DemoNode(name, Paths(home, home), process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """A node ends when its standard input closes."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def start_mesh(stack: ExitStack, homes: Path) -> tuple[Client, DemoNode]:
    """Three nodes and a desk, all of one mesh: the desk's client, and the node to kill."""
    say(f"starting three nodes: {', '.join(_NODES)}; they find each other by themselves")
    here = ("--loopback", "--port", "0")
    first = start(stack, _NODES[0], homes / _NODES[0], "--found", "--threads", "1", *here)
    with first.connect() as founder:
        code = founder.invite(len(_NODES), 1.0)
    others = [start(stack, name, homes / name, code, "--threads", "1", *here) for name in _NODES[1:]]
    desk = start(stack, _DESK, homes / _DESK, code, "--no-render", *here)
    client = stack.enter_context(desk.connect())
    status = client.status()
    while not _all_here(status, len(_NODES) + 1):
        status = client.wait_status(status.revision, 1.0)
        for node in (first, *others):
            if node.process.poll() is not None:
                node.connect()
    say(f"{len(_NODES)} nodes have found each other; submitting from a fourth place, the {_DESK}")
    return client, next(node for node in others if node.name == VICTIM)


def _all_here(status: MeshStatus, count: int) -> bool:
    return sum(node.state is NodeState.ALIVE for node in status.nodes) >= count


class KillingReport:
    """Another report, with a kill in the middle."""

    def __init__(self, inner: Report, victim: DemoNode) -> None:
        self._inner = inner
        self._victim = victim
        self.lost_buckets = 0
        """Rendered by the victim and not yet stored anywhere else when it was killed."""
        self.killed = False
        self.job: JobStatus | None = None

    def __enter__(self) -> Report:
        self._inner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inner.__exit__(kind, error, trace)

    def pause(self) -> None:
        self._inner.pause()

    def resume(self) -> None:
        self._inner.resume()

    def submitted(self, job: JobId, durable_on: tuple[str, ...]) -> None:
        self._inner.submitted(job, durable_on)

    def note(self, sentence: str) -> None:
        self._inner.note(sentence)

    def update(self, update: Update) -> None:
        self._inner.update(update)
        if isinstance(update, Looked):
            self.job = update.job
            if not self.killed and update.job.fraction >= KILL_AT:
                self._kill(update)

    def close(self, closing: Closing) -> None:
        self._inner.close(closing)

    def _kill(self, look: Looked) -> None:
        """kill -9, while it is rendering."""
        self._victim.process.kill()
        self.killed = True
        doing = ""
        for node in look.mesh.nodes:
            if node.name == self._victim.name and node.activities:
                activity = node.activities[0]
                first, end = activity.buckets
                self.lost_buckets = round(activity.fraction * (end - first))
                doing = f" in the middle of {activity.what}"
        self._inner.note(f"*** {self._victim.name} is killed (kill -9){doing} ***")


def say(sentence: str) -> None:
    click.echo(f"demo: {sentence}")
