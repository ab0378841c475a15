"""Where compiled kernels are kept, and the environment they are compiled under. Imports no numba.

numba's own cache notices an edit only in the file of the function it compiles; a kernel that inlines a
function of another file would go on running the old one. So the folder is named by everything a kernel's
machine code depends on, and an edit anywhere in this package starts a new folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

# What a person may set to restrict the instruction set; numba reads them when it is first imported.
_CPU_SETTINGS = ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_ENABLE_AVX", "NUMBA_OPT")

UNUSED_SECONDS = 30 * 86400.0
"""After so long a folder that no process has used is removed."""


def cache_folder(base: Path, environment: Mapping[str, str] | None = None) -> Path:
    """The folder below `base` for kernels compiled from this source by this numba for the CPU setting in
    `environment` (this process's, if None).

    The processor itself is part of numba's own index inside the folder, so machines may share `base`.
    """
    environment = os.environ if environment is None else environment
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        text = source.read_bytes()
        digest.update(f"{source.name} {len(text)}\n".encode())
        digest.update(text)
    for package in ("numba", "llvmlite", "numpy"):
        digest.update(f"{package} {version(package)}\n".encode())
    digest.update(f"{platform.machine()} {platform.python_version()}\n".encode())
    for name in _CPU_SETTINGS:
        digest.update(f"{name} {environment.get(name, '')}\n".encode())
    return base / digest.hexdigest()[:24]


def kernel_environment(base: Path, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Variables a process must have set before it imports numba, beside those of `environment`.

    SVML is off because its vector functions round differently from the scalar ones, and differently on
    each instruction set, which the exactness contract forbids.
    """
    return {"NUMBA_CACHE_DIR": str(cache_folder(base, environment)), "NUMBA_DISABLE_INTEL_SVML": "1"}


def prune(base: Path, used: Path, now: float) -> None:
    """Mark the folder `used` below `base` as used now, and remove those that were not for UNUSED_SECONDS.

    Only what `cache_folder` may have named is removed. A process that still runs on a folder that goes
    compiles again. `now` is in seconds since the epoch.
    """
    # Where the disk refuses, or another process was faster, there is nothing to be done, and no need to.
    with contextlib.suppress(OSError):
        used.mkdir(parents=True, exist_ok=True)
        os.utime(used, (now, now))
        for folder in base.iterdir():
            named = re.fullmatch("[0-9a-f]{24}", folder.name) and folder != used
            if named and now - folder.lstat().st_mtime > UNUSED_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
