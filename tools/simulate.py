"""Runs a scenario in virtual time: `python -m tools.simulate SCENARIO --seed N [--nodes N] [--log]`.

The log goes to standard output and is the same, byte for byte, for the same seed. The last line holds the
figures. `--seeds A-B` tries many seeds, with `--jobs N` in several processes, and stops at the first that
fails, telling how to replay it.
"""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import product
from multiprocessing import get_context

from tools.sim.log import Log
from tools.sim.scenarios import SCENARIOS, play


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.simulate", description=__doc__)
    parser.add_argument("scenario", choices=[*SCENARIOS, "all"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", metavar="A-B", help="a range of seeds instead of one")
    parser.add_argument("--nodes", type=int, help="instead of the scenario's own number")
    parser.add_argument("--jobs", type=int, default=1, metavar="PROCESSES", help="side by side")
    parser.add_argument("--log", action="store_true", help="print every step and effect")
    parser.add_argument(
        "--check-every", type=int, default=1, metavar="N", help="steps between two checks; 0 never"
    )
    return parser.parse_args()


def _run(story: tuple[str, int], arguments: argparse.Namespace) -> tuple[bool, str]:
    """Whether all held in one story, and its line of figures; else what was raised."""
    name, seed = story
    log = Log(print) if arguments.log else Log()
    try:
        figures = play(name, seed, arguments.nodes, log, arguments.check_every)
    except Exception:  # noqa: BLE001  # whatever fails, the person wants the replay command under it
        return False, traceback.format_exc().rstrip()
    return True, json.dumps(
        {"scenario": name, "seed": seed, "log": log.digest, "lines": log.lines, **figures}
    )


def main() -> int:
    arguments = _arguments()
    first, _, last = (arguments.seeds or str(arguments.seed)).partition("-")
    names = list(SCENARIOS) if arguments.scenario == "all" else [arguments.scenario]
    stories = list(product(names, range(int(first), int(last or first) + 1)))
    run = partial(_run, arguments=arguments)
    with ExitStack() as stack:
        outcomes: Iterator[tuple[bool, str]] = map(run, stories)
        if arguments.jobs > 1 and not arguments.log:
            pool = stack.enter_context(ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")))
            stack.callback(pool.shutdown, cancel_futures=True)
            outcomes = pool.map(run, stories)
        for held, text in outcomes:
            print(text, flush=True)
            if not held:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
