"""`python -m tools.soak`: real nodes render with every core busy, and nobody may be taken for dead meanwhile.

The failure detector must not mistake a busy machine for a dead one. So a mesh of real node processes on loopback
renders without a pause, far more processes than there are cores, and every node's event log is read
throughout. Ends with 0 when no node was declared dead and frames were rendered; quarantines and how busy the
machine was are reported too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from mesh.control.client import Client
from mesh.control.submission import Wish, prepare, submit
from mesh.model.manifest import EngineName, RenderSettings
from mesh.model.status import JobState
from mesh.scenes.still_life import FRAMES, write_still_life
from tools.processes import running_mesh

NODES = ("ada", "grace", "linus", "mary", "alan", "edsger")
SETTINGS = RenderSettings(width=960, height=540, samples=4, environment="sky")
LOOK_SECONDS = 2.0
SAY_SECONDS = 60.0


@dataclass(slots=True)
class Seen:
    """What the event logs said, by node that said it."""

    newest: dict[str, int] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    deaths: list[str] = field(default_factory=list)

    def read(self, name: str, client: Client) -> None:
        """The events that are new since the last look; raises RuntimeError where some were missed."""
        events = client.status().events
        known = self.newest.get(name, 0)
        if events and events[0].number > known + 1 and len(events) == 50:
            raise RuntimeError(f"{name} said more in {LOOK_SECONDS} s than its status shows")
        for event in events:
            if event.number > known:
                self.kinds[event.kind] += 1
                if event.kind == "node-down":
                    self.deaths.append(f"{name} says: {event.text}")
        if events:
            self.newest[name] = events[-1].number


def soak(minutes: float, folder: Path) -> int:
    scene = folder / "still-life.glb"
    write_still_life(scene)
    seen = Seen()
    with ExitStack() as stack:
        nodes = stack.enter_context(running_mesh(folder, NODES))
        clients = {name: stack.enter_context(node.connect()) for name, node in nodes.items()}
        wish = Wish(scene, tuple(range(1, FRAMES + 1)), EngineName.BUILTIN, SETTINGS, "sky")
        began = said = time.monotonic()
        job, jobs, busy = "", 0, []
        psutil.cpu_percent()
        while time.monotonic() < began + 60.0 * minutes:
            if not job or not _is_running(clients[NODES[0]], job):
                jobs += 1
                job = submit(clients[NODES[0]], prepare(wish)).job.hex()
            for name, client in clients.items():
                seen.read(name, client)
            if time.monotonic() > said + SAY_SECONDS:
                said = time.monotonic()
                busy.append(psutil.cpu_percent())
                _say((said - began) / 60.0, busy[-1], clients, seen)
            time.sleep(LOOK_SECONDS)
        rendered = sum(node.buckets_done for node in clients[NODES[0]].status().nodes)
    for sentence in seen.deaths:
        print(sentence)
    print(
        f"{len(NODES)} nodes, {minutes:.0f} min, {jobs} jobs, {rendered} buckets rendered; "
        f"processor {min(busy, default=0.0):.0f} % busy at least; "
        f"{len(seen.deaths)} false deaths, {seen.kinds['node-quarantined']} quarantines"
    )
    return 0 if rendered and not seen.deaths else 1


def _is_running(client: Client, job: str) -> bool:
    return any(one.job == job and one.state in (JobState.RUNNING, JobState.WAITING) for one in client.jobs())


def _say(minute: float, busy: float, clients: Mapping[str, Client], seen: Seen) -> None:
    done = sum(node.buckets_done for node in clients[NODES[0]].status().nodes)
    print(
        f"{minute:5.1f} min  {busy:3.0f} % busy  {done} buckets  {len(seen.deaths)} deaths  "
        f"{seen.kinds['node-quarantined']} quarantines",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    with tempfile.TemporaryDirectory(prefix="mesh-soak-") as folder:
        return soak(parser.parse_args().minutes, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
