"""The scheduler's planted bugs: all still fit the code, and Dask's two classics are tried each time.

`python -m tools.mutants.run` tries them all.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tools.mutants.mutant import Mutant
from tools.mutants.run import ROOT, Fate, run
from tools.mutants.sched import MUTANTS as SCHED
from tools.mutants.trust import MUTANTS as TRUST

MUTANTS = (*SCHED, *TRUST)

TRIED_EACH_TIME = ("stale-steal-reply", "reborn-worker-unnoticed")


def test_there_are_enough_and_no_two_of_one_name() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 20


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_still_fits_the_code(mutant: Mutant, tmp_path: Path) -> None:
    copy = tmp_path / mutant.file
    copy.parent.mkdir(parents=True)
    shutil.copy(ROOT / mutant.file, copy)
    mutant.apply(tmp_path)
    compile(copy.read_text(), mutant.file, "exec")


@pytest.mark.parametrize("mutant", [m for m in MUTANTS if m.name in TRIED_EACH_TIME], ids=lambda m: m.name)
def test_the_classics_are_caught(mutant: Mutant) -> None:
    assert run(mutant) is Fate.CAUGHT
