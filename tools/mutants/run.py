"""Plants each bug in a copy of the project and runs the tests that should notice.

`python -m tools.mutants.run [NAME ...] [--jobs N]` prints a line for each mutant and ends with status 1
where one survives.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from pathlib import Path
from shlex import split

from tools.mutants import copies, gossip, sched, stealing, trust
from tools.mutants.mutant import Mutant

MUTANTS = (*gossip.MUTANTS, *stealing.MUTANTS, *copies.MUTANTS, *sched.MUTANTS, *trust.MUTANTS)
ROOT = Path(__file__).parent.parent.parent
_TESTS_FAILED = 1
"""pytest's exit status; others mean that it could not run them."""


class Fate(Enum):
    CAUGHT = "caught"
    SURVIVED = "SURVIVED"
    BROKEN = "BROKEN"
    """The tests could not be run at all."""


def run(mutant: Mutant) -> Fate:
    """Plants one bug in a temporary copy, and runs its tests there."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder)
        for part in ("mesh", "tools", "tests"):
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        mutant.apply(copy)
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *split(mutant.tests)]
        try:
            status = subprocess.run(
                command, cwd=copy, capture_output=True, check=False, timeout=300
            ).returncode
        except subprocess.TimeoutExpired:
            return Fate.CAUGHT
    if status == 0:
        return Fate.SURVIVED
    return Fate.CAUGHT if status == _TESTS_FAILED else Fate.BROKEN


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.mutants.run", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="all by default")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if not arguments.names or mutant.name in arguments.names]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        fates = []
        for mutant, fate in zip(chosen, pool.map(run, chosen), strict=True):
            print(f"{fate.value:9} {mutant.name}", flush=True)
            fates.append(fate)
    caught = sum(fate is Fate.CAUGHT for fate in fates)
    print(f"{caught} of {len(fates)} caught")
    return 0 if caught == len(fates) else 1


if __name__ == "__main__":
    sys.exit(main())
