"""`python -m tools.kill_runs`: what a mesh promises when nodes are killed, stopped or cut off, shown with real ones.

Each run starts five node processes, each in a network namespace of its own, which render a job of several frames
together. In the middle of it something happens to a node that is just then a thief, a victim, a keeper of others'
results or the submitter; or one is stopped for half a minute, or two are cut off and come back. Then every frame must
be there, fetched from another node, and be the bytes that one machine alone makes; and what the lost node had in hand
must soon be running again. What is done to whom and when depends on the seed and on how the nodes happen to stand.

Needs root. Ends with 0 when all promises were kept. The folder of a run that failed stays, with all logs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from types import FrameType

from mesh.control.submission import Wish, prepare, submit
from mesh.errors import MeshError
from mesh.model.manifest import EngineName, RenderSettings
from mesh.model.units import Grid
from mesh.scenes.still_life import write_still_life
from tools.faults import (
    PARTITION_SECONDS,
    PAUSE_SECONDS,
    Kind,
    Outcome,
    Plan,
    as_table,
    plans,
    rendered_twice,
    rescue_of,
    rows,
    verdict,
)
from tools.namespaces import Network
from tools.netns_mesh import NetnsMesh, NeverCame, wait_until

NODES = ("ada", "grace", "linus", "mary", "alan")
FRAMES = 30
SETTINGS = RenderSettings(width=256, height=128, samples=12)
SKY = "sky"
BUCKETS = FRAMES * Grid(SETTINGS.width, SETTINGS.height, SETTINGS.bucket).count
LOOK_SECONDS = 0.02
START_PATIENCE = 120.0
FAULT_PATIENCE = 180.0
END_PATIENCE = 240.0
"""Seconds after which a wait is given up: a mistake, never a matter of speed."""

Frames = dict[str, bytes]
"""The bytes of picture files, by file name."""


class AloneFailed(MeshError):
    """The frames to compare with could not be rendered on this machine alone: {reason}"""


def render_alone(scene: Path, folder: Path) -> Frames:
    """The frames as one machine makes them where nothing is set up. Raises AloneFailed."""
    picture = ("--resolution", f"{SETTINGS.width}x{SETTINGS.height}", "--samples", str(SETTINGS.samples))
    more = ("--frames", f"1-{FRAMES}", "--environment", SKY, "-o", str(folder / "frames"))
    done = subprocess.run(
        [sys.executable, "-m", "mesh.cli", "submit", str(scene), *picture, *more],
        env={**os.environ, "MESH_HOME": str(folder / "home")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise AloneFailed(reason=done.stdout + done.stderr)
    return _bytes_in(folder / "frames")


def _bytes_in(folder: Path) -> Frames:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())} if folder.is_dir() else {}


class Run:
    """One run, from the first process to the last."""

    def __init__(self, plan: Plan, scene: Path, expected: Frames, folder: Path) -> None:
        self._plan = plan
        self._scene = scene
        self._expected = expected
        self._folder = folder
        self._rng = random.Random(plan.seed)
        self._whom: tuple[str, ...] = ()
        self._at = 0.0
        self._mesh: NetnsMesh

    def play(self) -> Outcome:
        began, failure = time.monotonic(), ""
        frames: Frames = {}
        with (
            Network(NODES) as network,
            NetnsMesh(self._folder, network, NODES, START_PATIENCE) as self._mesh,
        ):
            try:
                frames = self._play(network)
            except NeverCame as error:
                failure = str(error)
            self._mesh.look()
            steps, ids = self._mesh.steps, self._mesh.ids
        equal = sum(frames.get(name) == data for name, data in self._expected.items())
        if not failure and equal < len(self._expected):
            failure = (
                f"{len(self._expected) - equal} picture files are not there or not as one node makes them"
            )
        lost_one = len(self._whom) == 1
        return Outcome(
            plan=self._plan,
            whom=self._whom,
            files=len(self._expected),
            equal=equal,
            rescue=rescue_of(self._whom[0], ids[self._whom[0]], self._at, steps) if lost_one else None,
            duplicates=rendered_twice(steps),
            seconds=time.monotonic() - began,
            failure=failure,
        )

    def _play(self, network: Network) -> Frames:
        mesh, plan = self._mesh, self._plan
        wish = Wish(self._scene, tuple(range(1, FRAMES + 1)), EngineName.BUILTIN, SETTINGS, SKY)
        prepared = prepare(wish)
        job = mesh.ask(plan.submitter, lambda client: submit(client, prepared).job.hex())
        wait_until(
            lambda: (one := mesh.job(plan.submitter, job)) is not None and one.durable,
            START_PATIENCE,
            0.1,
            lambda: "the job is not safe on two other nodes",
        )
        wait_until(self._is_time, FAULT_PATIENCE, LOOK_SECONDS, lambda: f"no node was a {plan.kind.value}")
        self._befall(network)
        mesh.wait_for_end(job, END_PATIENCE)
        mesh.wait_for_members(END_PATIENCE)
        others = [name for name in mesh.alive if name != plan.submitter]
        mesh.collect(self._rng.choice(others), job, self._folder / "frames", END_PATIENCE)
        return _bytes_in(self._folder / "frames")

    def _is_time(self) -> bool:
        """Whether the job is far enough and a node fits; it is chosen then."""
        self._mesh.look()
        situation, plan = self._mesh.situation, self._plan
        if situation.published.size >= BUCKETS:
            raise NeverCame(f"the job ended before any node was a {plan.kind.value}")
        if situation.published.size < plan.done * BUCKETS:
            return False
        if plan.kind is Kind.PARTITION:
            self._whom = plan.cut_off
        elif candidates := situation.candidates(plan):
            self._whom = (self._rng.choice(candidates),)
        return bool(self._whom)

    def _befall(self, network: Network) -> None:
        """What the plan is about. Returns once nodes that are to come back are back."""
        mesh, name = self._mesh, self._whom[0]
        self._at = time.time()
        if self._plan.kind.kills:
            mesh.kill(name)
        elif self._plan.kind is Kind.PAUSE:
            mesh.pause(name)
            time.sleep(PAUSE_SECONDS)
            mesh.resume(name)
        else:
            network.cut_off(self._whom)
            time.sleep(PARTITION_SECONDS)
            network.heal()


def run_all(planned: list[Plan], folder: Path, say: bool) -> list[Outcome]:
    """Plays all; `say` prints a line for each. Folders of runs that failed stay."""
    scene = folder / "still-life.glb"
    write_still_life(scene)
    expected = render_alone(scene, folder)
    outcomes = []
    for plan in planned:
        own = folder / f"run-{plan.number}-{plan.kind.value}"
        own.mkdir()
        outcome = Run(plan, scene, expected, own).play()
        outcomes.append(outcome)
        if not outcome.failure:
            shutil.rmtree(own)
        if say:
            print(_line(outcome, own), flush=True)
    return outcomes


def _line(outcome: Outcome, folder: Path) -> str:
    plan, rescue = outcome.plan, outcome.rescue
    parts = [f"run {plan.number}", f"{plan.kind.value} {' and '.join(outcome.whom)}"]
    if rescue is not None:
        again = "never" if rescue.again is None else f"{rescue.again:.1f} s"
        noticed = "never" if rescue.noticed is None else f"{rescue.noticed:.1f} s"
        parts.append(
            f"{rescue.lost} buckets lost, running again after {again}, declared dead after {noticed}"
        )
    parts += [
        f"{outcome.equal} of {outcome.files} files equal",
        f"{outcome.duplicates} buckets rendered twice",
    ]
    parts.append(f"{outcome.seconds:.0f} s")
    if outcome.failure:
        parts.append(f"FAILED: {outcome.failure}; logs are in {folder}")
    return "; ".join(parts)


def _stop(number: int, _frame: FrameType | None) -> None:
    """A signal ends the program as an exception does, so that everything is cleaned up."""
    raise SystemExit(128 + number)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.kill_runs", description=__doc__)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--kind", type=Kind, choices=list(Kind), action="append", help="Only these.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="Print one JSON object instead of a table.")
    arguments = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    folder = Path(tempfile.mkdtemp(prefix="mesh-kills-"))
    try:
        planned = plans(arguments.runs, arguments.kind or list(Kind), NODES, arguments.seed)
        outcomes = run_all(planned, folder, say=not arguments.json)
    except MeshError as error:
        shutil.rmtree(folder)
        print(f"kill_runs: {error}", file=sys.stderr)
        return 1
    if not any(outcome.failure for outcome in outcomes):
        shutil.rmtree(folder)
    table, broken = rows(outcomes), verdict(outcomes)
    if arguments.json:
        report = {"rows": table, "broken": broken, "runs": outcomes}
        print(json.dumps(report, default=asdict))
    else:
        print("\n".join([as_table(table), *broken]))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
