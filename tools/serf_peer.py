"""HashiCorp serf agents as processes on loopback: the peer of our real nodes in `bench gossip`.

Every agent calls a small script for each change of membership, which notes the time in a file of its own; so times
do not depend on how often anybody looks. The profile is serf's default, `lan`, with which ours is compared.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = """#!/bin/sh
at=$(date +%s.%N)
while read name rest; do echo "$at $SERF_EVENT $name" >> "{log}"; done
"""


def is_installed() -> bool:
    return shutil.which("serf") is not None


@dataclass(slots=True)
class Agent:
    name: str
    log: Path
    process: subprocess.Popen[bytes]

    def told_at(self, event: str, name: str) -> float | None:
        """Unix seconds when it first heard of `event` ("member-join", "member-failed") of a node."""
        if not self.log.exists():
            return None
        for line in self.log.read_text().splitlines():
            at, kind, who = line.split()
            if (kind, who) == (event, name):
                return float(at)
        return None

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def start_agent(folder: Path, number: int, first_port: int) -> Agent:
    """Agent `number` joins through agent 0."""
    name = f"s{number}"
    log, script = folder / f"{name}.events", folder / f"{name}.sh"
    script.write_text(_SCRIPT.format(log=log))
    script.chmod(0o700)
    join = [f"-retry-join=127.0.0.1:{first_port}", "-retry-interval=1s"] if number else []
    with (folder / f"{name}.out").open("wb") as out:
        process = subprocess.Popen(
            [
                "serf",
                "agent",
                f"-node={name}",
                f"-bind=127.0.0.1:{first_port + 2 * number}",
                f"-rpc-addr=127.0.0.1:{first_port + 2 * number + 1}",
                "-profile=lan",
                f"-event-handler=member-join,member-failed={script}",
                *join,
            ],
            stdout=out,
            stderr=out,
        )
    return Agent(name, log, process)


def wait_told(agents: list[Agent], event: str, name: str, seconds: float) -> float:
    """When the last of `agents` heard of it, in Unix seconds. Raises RuntimeError after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        times = [agent.told_at(event, name) for agent in agents]
        if all(at is not None for at in times):
            return max((at for at in times if at is not None), default=0.0)
        time.sleep(0.05)
    raise RuntimeError(f"not every serf agent heard of {event} of {name} within {seconds:g} s")
