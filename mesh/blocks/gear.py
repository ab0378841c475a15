"""Candidate block ends in a run of bytes, by a windowed hash. numpy; pure.

Two stages, as a byte loop is out of reach of Python. A gear hash of 8 bits (Xia et al.: h = 2 h + G[byte],
so that a byte is forgotten after 8 steps) is computed for all positions at once by doubling the window three
times; 1 position in 256 passes. Only those get the strong hash of their last 32 bytes. No entry of G is 0, so
that in a run of one byte, where the gear hash is -G[byte], nothing passes.
"""

from __future__ import annotations

import numpy as np
from blake3 import blake3
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

WINDOW = 32
"""Bytes before a position, its own included, that decide about it."""

_PIECE = 128 << 10
_GEAR = bytes(byte % 255 + 1 for byte in blake3(b"mesh gear table").digest(length=256))
_FACTORS = np.frombuffer(blake3(b"mesh gear factors").digest(length=40), "<u8") | np.uint64(1)


def find_candidates(data: bytearray) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """(ends, hashes): positions after which a block may end, ascending, and the strong hash of each.

    Positions are lengths of prefixes of `data`; the first `WINDOW` bytes have none.
    """
    ends = []
    hashes = []
    for start in range(0, len(data), _PIECE):
        begin = max(0, start - WINDOW + 1)
        piece = data[begin : start + _PIECE]
        if len(piece) < WINDOW:
            break
        gear = np.frombuffer(piece.translate(_GEAR), np.uint8)
        for width in (1, 2, 4):
            gear[width:] += gear[:-width] * np.uint8(1 << width)
        first = np.flatnonzero(gear[WINDOW - 1 :] == 0)
        windows = sliding_window_view(np.frombuffer(piece, np.uint8), WINDOW)[first]
        words = np.ascontiguousarray(windows).view("<u8")
        mixed = (words * _FACTORS[:4]).sum(axis=1, dtype=np.uint64)
        mixed = (mixed ^ (mixed >> np.uint64(29))) * _FACTORS[4]
        ends.append(first + (begin + WINDOW))
        hashes.append((mixed >> np.uint64(32)).astype(np.uint32))
    if not ends:
        return np.empty(0, np.int64), np.empty(0, np.uint32)
    return np.concatenate(ends), np.concatenate(hashes)
