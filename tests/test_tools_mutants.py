"""The planted bugs of tools/mutants: all still fit the code, and a few are tried each time.

`python -m tools.mutants.run` tries them all.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tools.mutants.mutant import Mutant
from tools.mutants.run import MUTANTS, ROOT, Fate, run

TRIED_EACH_TIME = (
    # Dask's two classics: a steal answered after its time, and a worker that comes back under its name.
    "stale-steal-reply",
    "reborn-worker-unnoticed",
    # And those of SWIM: the same of members, and a suspicion that they have answered already.
    "stale-reply-of-another-life",
    "reborn-node-ignored",
    "ignored-incarnation",
)


def test_no_two_are_of_one_name() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_still_fits_the_code(mutant: Mutant, tmp_path: Path) -> None:
    copy = tmp_path / mutant.file
    copy.parent.mkdir(parents=True)
    shutil.copy(ROOT / mutant.file, copy)
    mutant.apply(tmp_path)
    assert copy.read_text() != (ROOT / mutant.file).read_text()
    compile(copy.read_text(), mutant.file, "exec")


@pytest.mark.parametrize("name", TRIED_EACH_TIME)
def test_the_classics_are_caught(name: str) -> None:
    (mutant,) = (mutant for mutant in MUTANTS if mutant.name == name)
    assert run(mutant) is Fate.CAUGHT
