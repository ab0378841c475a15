"""A node's heap: threads that come and go leave nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mesh.node.memory import MOST_HEAPS

CHILD = """
import ctypes, sys, threading
from mesh.node.memory import keep_heap_small

if sys.argv[1] == "small" and not keep_heap_small():
    sys.exit(3)
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
together = threading.Barrier(12)

def work():
    # Pieces of the size of large blocks, then a small one that stays behind them.
    together.wait()
    pieces = [libc.malloc(300_000) for _ in range(20)]
    libc.malloc(1000)
    for piece in pieces:
        libc.free(piece)
    together.wait()

threads = [threading.Thread(target=work) for _ in range(12)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc.fopen.restype = ctypes.c_void_p
libc.fopen.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.fclose.argtypes = [ctypes.c_void_p]
file = libc.fopen(sys.argv[2].encode(), b"w")
libc.malloc_info(0, file)
libc.fclose(file)
"""


def heap_after_threads(how: str, report: Path) -> tuple[int, int]:
    """(heaps, bytes they took from the system) of a process whose threads used 6 MB each for a moment."""
    done = subprocess.run([sys.executable, "-c", CHILD, how, str(report)], check=False)
    if done.returncode == 3:
        pytest.skip("this C library has no mallopt")
    assert done.returncode == 0
    root = ElementTree.parse(str(report)).getroot()
    system = next(one for one in root.findall("system") if one.get("type") == "current")
    return len(root.findall("heap")), int(system.get("size", "0"))


def test_threads_leave_few_heaps_and_little_memory_behind(tmp_path: Path) -> None:
    heaps, kept = heap_after_threads("small", tmp_path / "small.xml")
    assert heaps <= MOST_HEAPS
    assert kept < 16 << 20
