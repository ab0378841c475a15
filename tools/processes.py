"""Real nodes as child processes on loopback, for benchmarks and end-to-end tests. They end with their parent."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mesh.config.paths import Paths
from mesh.control.client import Client
from mesh.control.errors import NoNode
from mesh.model.status import NodeState

START_SECONDS = 120.0
LOOPBACK = ("--loopback", "--port", "0")


@dataclass(slots=True)
class NodeProcess:
    name: str
    home: Path
    process: subprocess.Popen[bytes]
    environment: Mapping[str, str]

    @property
    def paths(self) -> Paths:
        return Paths(self.home, self.home)

    def connect(self) -> Client:
        """Waits until the node answers. Raises RuntimeError with its last words where it does not."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                return Client.connect(self.paths)
            except NoNode:
                time.sleep(0.02)
        raise RuntimeError(f"{self.name} did not start:\n{self.log()}")

    def log(self) -> str:
        return (self.home / "node.out").read_text("utf-8", "replace")

    def kill(self) -> None:
        """kill -9, and nothing else."""
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """In order: a node ends when its standard input closes."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()


def start_node(
    name: str,
    home: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    program: str = "mesh.cli",
    within: Sequence[str] = (),
) -> NodeProcess:
    """Start `mesh join` with a data folder of its own; `arguments` are more of its options, `program` the module
    that is the `mesh` command, `within` a command that becomes the one that follows it."""
    home.mkdir(parents=True, exist_ok=True)
    variables = {**os.environ, **(environment or {}), "MESH_HOME": str(home)}
    with (home / "node.out").open("ab") as log:
        process = subprocess.Popen(
            [
                *within,
                sys.executable,
                "-m",
                program,
                "join",
                "--name",
                name,
                "--headless",
                "--ephemeral",
                *arguments,
            ],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=variables,
            start_new_session=True,
        )
    return NodeProcess(name, home, process, variables)


@contextmanager
def running_mesh(
    folder: Path,
    names: tuple[str, ...],
    options: Mapping[str, tuple[str, ...]] | None = None,
    environment: Mapping[str, str] | None = None,
    environments: Mapping[str, Mapping[str, str]] | None = None,
    program: str = "mesh.cli",
) -> Iterator[dict[str, NodeProcess]]:
    """A mesh of real nodes on loopback, all of which know each other. The first founds it; `options` are more
    arguments of `mesh join`, and `environments` more of the environment, by node."""
    options = options or {}
    with ExitStack() as stack:
        nodes: dict[str, NodeProcess] = {}

        def start(name: str, *arguments: str) -> NodeProcess:
            more = (*arguments, *LOOPBACK, *options.get(name, ()))
            variables = {**(environment or {}), **(environments or {}).get(name, {})}
            node = nodes[name] = start_node(
                name, folder / name, *more, environment=variables, program=program
            )
            stack.callback(node.end)
            return node

        with start(names[0], "--found").connect() as founder:
            if len(names) > 1:
                code = founder.invite(len(names), 1.0)
                for name in names[1:]:
                    start(name, code)
        for node in nodes.values():
            wait_for_members(node, len(names))
        yield nodes


def wait_for_members(node: NodeProcess, count: int) -> None:
    """Until `node` sees `count` living members, itself among them. Raises RuntimeError."""
    deadline = time.monotonic() + START_SECONDS
    with node.connect() as client:
        status = client.status()
        while sum(one.state is NodeState.ALIVE for one in status.nodes) < count:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{node.name} sees {len(status.nodes)} of {count} nodes:\n{node.log()}")
            status = client.wait_status(status.revision, 1.0)
