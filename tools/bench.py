"""`python -m tools.bench NAME [--json]`: measure against a peer in the same run, and print a table.

A benchmark is a module tools/bench_<name>.py with `run() -> list[Case]`; it is imported only when asked
for, since its peers may not be installed. With --json the last line printed is the result as one object.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path

from mesh.config.paths import Paths
from mesh.render.cachekey import kernel_environment
from tools.bench_report import as_json, as_table


def names() -> list[str]:
    """The benchmarks there are, by the files beside this one."""
    found = (path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    return sorted(name for name in found if name != "report")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=__doc__)
    parser.add_argument("name", choices=names())
    parser.add_argument("--json", action="store_true", help="end with the result as one JSON object")
    chosen = parser.parse_args(arguments)
    # Before a benchmark imports numba: measured is what the product runs, never a stale kernel.
    os.environ.update(kernel_environment(Paths.locate({}).kernels))
    try:
        module = importlib.import_module(f"tools.bench_{chosen.name}")
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.startswith(("mesh", "tools")):
            raise
        print(f"{missing.name} is not installed; the peers are in the extra: pip install -e '.[bench]'")
        return 2
    cases = module.run()
    print(as_table(cases))
    if chosen.json:
        print(as_json(chosen.name, cases))
    return 0


if __name__ == "__main__":
    sys.exit(main())
