"""The log of a simulation: a line for each step and effect, and a digest of all of them.

The digest is always kept when a log is wanted, so that two runs can be compared without keeping lines.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable

_SHOWN = 200


def describe(thing: object) -> str:
    """One line of bounded length that differs where the things differ."""
    text = repr(thing)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... #{zlib.crc32(text.encode()):08x}"


class Log:
    def __init__(self, write: Callable[[str], object] | None = None) -> None:
        """`write` gets each line; without it only the digest is kept."""
        self._write = write
        self._hash = hashlib.blake2b(digest_size=16)
        self.lines = 0

    def line(self, time: float, who: str, mark: str, thing: object) -> None:
        text = f"{time:.6f} {who} {mark} {describe(thing)}"
        self.lines += 1
        self._hash.update(text.encode() + b"\n")
        if self._write is not None:
            self._write(text)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()
