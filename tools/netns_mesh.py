"""A mesh of real nodes, each in a network namespace of its own, that write down what they do (`tools.witness`)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from mesh.control.client import Client
from mesh.errors import MeshError
from mesh.model.status import JobState, JobStatus, NodeState
from tools.faults import Situation, Standing
from tools.namespaces import Network
from tools.processes import NodeProcess, start_node
from tools.witness import FILE, Step, read

CONFIG = "[jobs]\naudit_percent = 0\n"
"""Nothing is rendered twice on purpose, so that what is was the fault's doing."""
PORT = 7401
_ASK_SECONDS = 0.25

T = TypeVar("T")


class NeverCame(Exception):
    """Something was waited for in vain: the sentence says what, and how things stood."""


def wait_until(reached: Callable[[], bool], seconds: float, pause: float, else_: Callable[[], str]) -> None:
    """Raises NeverCame."""
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            raise NeverCame(f"after {seconds:.0f} s, {else_()}")
        time.sleep(pause)


class NetnsMesh:
    """To be entered: starts the nodes, and kills whatever is left of them in the end."""

    def __init__(self, folder: Path, network: Network, names: Sequence[str], patience: float) -> None:
        self._folder = folder
        self._network = network
        self._names = tuple(names)
        self._patience = patience
        self._nodes: dict[str, NodeProcess] = {}
        self._positions: dict[str, int] = {}
        self.alive: list[str] = []
        """Those that were not killed."""
        self.ids: dict[str, str] = {}
        self.steps: list[Step] = []
        """What the nodes have written down, as far as `look` has seen it."""
        self.situation = Situation({name: Standing() for name in names})

    def __enter__(self) -> NetnsMesh:
        try:
            self._start_all()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _start_all(self) -> None:
        first = self._names[0]
        self._start(first, "--found")
        self._wait_for_answer(first)
        code = self.ask(first, lambda client: client.invite(len(self._names), 1.0))
        for name in self._names[1:]:
            self._start(name, code, "--at", f"{self._network.address(first)}:{PORT}")
        for name in self._names[1:]:
            self._wait_for_answer(name)
        self.wait_for_members(self._patience)
        self.ids = {node.name: node.node for node in self.ask(first, Client.nodes)}

    def _start(self, name: str, *arguments: str) -> None:
        home = self._folder / name
        home.mkdir()
        (home / "mesh.toml").write_text(CONFIG)
        within = self._network.within(name)
        options = (*arguments, "--port", str(PORT), "--threads", "1")
        self._nodes[name] = start_node(name, home, *options, program="tools.witness", within=within)
        self.alive.append(name)

    def _wait_for_answer(self, name: str) -> None:
        with self._network.entered(name):
            try:
                self._nodes[name].connect().close()
            except RuntimeError as error:
                raise NeverCame(str(error)) from error

    def _end(self) -> None:
        for node in self._nodes.values():
            node.kill()
            assert node.process.stdin is not None
            node.process.stdin.close()

    # --- asking -------------------------------------------------------------------------------------

    def ask(self, name: str, question: Callable[[Client], T]) -> T:
        """Asks a node's control API. Raises NeverCame where it does not answer."""
        try:
            with self._network.entered(name), Client.connect(self._nodes[name].paths) as client:
                return question(client)
        except MeshError as error:
            raise NeverCame(f"{name} does not answer: {error}") from error

    def job(self, name: str, job: str) -> JobStatus | None:
        return next((one for one in self.ask(name, Client.jobs) if one.job == job), None)

    def wait_for_members(self, seconds: float) -> None:
        """Until all that live see each other."""
        for name in self.alive:
            wait_until(
                lambda name=name: self._seen_by(name) == len(self.alive),  # type: ignore[misc]
                seconds,
                _ASK_SECONDS,
                lambda name=name: f"{name} sees {self._seen_by(name)} of {len(self.alive)} nodes",  # type: ignore[misc]
            )

    def _seen_by(self, name: str) -> int:
        return sum(node.state is NodeState.ALIVE for node in self.ask(name, Client.nodes))

    def wait_for_end(self, job: str, seconds: float) -> None:
        """Until all that live know that the job is done."""
        for name in self.alive:
            wait_until(
                lambda name=name: self._has_ended(name, job),  # type: ignore[misc]
                seconds,
                _ASK_SECONDS,
                lambda name=name: f"{name} does not have the job done: {self.job(name, job)}",  # type: ignore[misc]
            )

    def _has_ended(self, name: str, job: str) -> bool:
        found = self.job(name, job)
        if found is not None and found.state is JobState.FAILED:
            raise NeverCame(f"frames have failed: {found.failures}")
        return found is not None and found.state is JobState.DONE

    def collect(self, name: str, job: str, output: Path, seconds: float) -> None:
        """Has a node fetch the frames. Raises NeverCame."""
        command = [sys.executable, "-m", "mesh.cli", "collect", job, "-o", str(output)]
        try:
            done = subprocess.run(
                [*self._network.within(name), *command],
                env={**os.environ, "MESH_HOME": str(self._nodes[name].home)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired as error:
            raise NeverCame(f"after {seconds:.0f} s, {name} has not collected the frames") from error
        if done.returncode:
            raise NeverCame(f"{name} cannot collect the frames: {done.stdout}{done.stderr}")

    def look(self) -> None:
        """Takes in what the nodes have written down since the last look."""
        for name in self._nodes:
            file = self._folder / name / FILE
            if not file.exists():
                continue
            with file.open("rb") as stream:
                stream.seek(self._positions.get(name, 0))
                data = stream.read()
            whole = data[: data.rfind(b"\n") + 1]
            self._positions[name] = self._positions.get(name, 0) + len(whole)
            for step in read(name, whole.splitlines()):
                self.steps.append(step)
                self.situation.take_in(step)

    # --- faults -------------------------------------------------------------------------------------

    def kill(self, name: str) -> None:
        """kill -9, and nothing else."""
        self.alive.remove(name)
        self._nodes[name].kill()

    def pause(self, name: str) -> None:
        """Stops the node with its renderers, as a machine that hangs."""
        os.killpg(self._nodes[name].process.pid, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        os.killpg(self._nodes[name].process.pid, signal.SIGCONT)
