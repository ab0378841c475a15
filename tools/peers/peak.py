"""The most memory that this process ever held. Needs nothing but Python: peers' interpreters load it too."""

from __future__ import annotations

import re
from pathlib import Path


def peak_mb() -> float:
    """In MB of 2^20 bytes. Not `getrusage`: its figure counts what the parent process held when it started this one."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    if found is None:
        raise OSError("/proc/self/status does not tell VmHWM: the benchmark needs Linux")
    return int(found[1]) / 1024.0
