"""Keeps the process's heap small: what disk threads took for a moment is given back to the system.

glibc gives threads heaps of their own, up to eight a core, and lets a heap keep what was freed below something
still in use; with blocks of up to 1 MiB passing through disk threads that comes to as much as all that a node
remembers. So few heaps, and large pieces taken from the system one by one (mallopt(3)).
"""

from __future__ import annotations

import ctypes
import sys

MOST_HEAPS = 2
LARGE = 256 << 10
"""Bytes from which on a piece of memory is the system's own, and returns to it when it is freed."""

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8


def keep_heap_small() -> bool:
    """Whether the C library took the advice; others than glibc have none to take."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    advice = ((_M_ARENA_MAX, MOST_HEAPS), (_M_MMAP_THRESHOLD, LARGE), (_M_TRIM_THRESHOLD, 2 * LARGE))
    return all(mallopt(parameter, value) == 1 for parameter, value in advice)
