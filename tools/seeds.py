"""`python -m tools.seeds`: one simulated story for each of very many seeds, in several processes.

Seed n plays the n-th of the stories with faults, round and round, so that all get their turn. Whatever fails is
printed with the command that replays it. How far it came is kept in a small file, and the next run goes on
from there, unless the code has changed meanwhile: then it begins again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from tools.sim.scenarios import SCENARIOS, play, replay_command

ROOT = Path(__file__).parent.parent
STORIES = (
    "farm-storm",
    "farm-churn",
    "farm-storm",
    "farm-blackout",
    "farm-storm",
    "farm-swizzle",
    "farm-storm",
    "farm-reborn",
    "farm-storm",
    "farm-two-killed",
    "farm-storm",
    "farm-two-back",
    "farm-storm",
    "farm-partition",
    "farm-storm",
    "farm-stalled",
    "farm-long-opening",
    "farm-long-buckets",
    "farm-storm",
    "farm-turned-away",
)
"""In the order in which seeds play them."""
_AT_ONCE = 8
"""Seeds that a process is handed at once."""
_SAVE_EVERY = 64


@dataclass(frozen=True, slots=True)
class Outcome:
    seed: int
    failure: str = ""
    """What was raised, and the command that replays it; empty where all held."""


@dataclass(slots=True)
class Progress:
    """What is kept between two runs."""

    code: str
    next_seed: int = 1
    failures: list[str] = field(default_factory=list)


def story_of(seed: int) -> str:
    return STORIES[seed % len(STORIES)]


def try_seed(seed: int) -> Outcome:
    """Plays the seed's story. Whatever it raises is its failure."""
    name = story_of(seed)
    try:
        play(name, seed, check_every=10)
    except Exception as error:  # noqa: BLE001  # whatever fails, the other seeds are to be tried as well
        replay = replay_command(SCENARIOS[name], seed, SCENARIOS[name].nodes)
        return Outcome(seed, f"{type(error).__name__}: {error}\n  replay: {replay}")
    return Outcome(seed)


def try_all(seeds: Iterable[int], jobs: int) -> Iterator[Outcome]:
    """The outcomes in the order of `seeds`, which are played by so many processes."""
    if jobs == 1:
        yield from map(try_seed, seeds)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(try_seed, seeds, chunksize=_AT_ONCE)


def soak(last: int, jobs: int, state: Path, code: str, say: Callable[[str], object] = print) -> list[str]:
    """Tries all seeds up to `last` that earlier runs have not tried. Returns all failures, theirs as well."""
    progress = _load(state, code)
    if progress.next_seed > 1:
        say(f"goes on at seed {progress.next_seed}; {len(progress.failures)} failed so far")
    began, first = time.monotonic(), progress.next_seed
    outcomes = try_all(range(first, last + 1), jobs)
    while batch := list(islice(outcomes, _SAVE_EVERY)):
        for outcome in batch:
            if outcome.failure:
                say(f"seed {outcome.seed} failed: {outcome.failure}")
                progress.failures.append(outcome.failure)
        progress.next_seed = batch[-1].seed + 1
        state.write_text(json.dumps(asdict(progress)))
        rate = (progress.next_seed - first) / (time.monotonic() - began)
        say(f"{progress.next_seed - 1} of {last}, {rate:.1f} seeds/s, {len(progress.failures)} failed")
    return progress.failures


def code_digest(root: Path = ROOT) -> str:
    """Of all sources that a simulation may depend on."""
    digest = hashlib.blake2b(digest_size=16)
    for folder in ("mesh", "tools"):
        for path in sorted((root / folder).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _load(state: Path, code: str) -> Progress:
    try:
        kept = Progress(**json.loads(state.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return Progress(code)
    return kept if kept.code == code else Progress(code)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.seeds", description=__doc__)
    parser.add_argument("--last", type=int, default=10_000, metavar="SEED")
    parser.add_argument("--jobs", type=int, default=2, metavar="PROCESSES")
    parser.add_argument("--state", type=Path, default=ROOT / ".soak.json", metavar="FILE")
    arguments = parser.parse_args()
    failures = soak(arguments.last, arguments.jobs, arguments.state, code_digest())
    print("\n".join(failures) or f"all held, up to seed {arguments.last}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
