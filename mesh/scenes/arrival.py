"""Whether all files of a scene have arrived: there, readable, whole as far as can be told, and at rest.

Files that are still being copied or exported look like files. What betrays them is a length below the one that
the scene states, and that they change; so a scene counts as here once nothing has changed for a while.
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mesh.errors import MeshError
from mesh.scenes.pack import SceneNames, find_names

SETTLE_SECONDS = 5.0
"""Files that were not touched for so long are taken to be whole."""
_NAMED = 4

Mark = tuple[int, int, int]
"""Inode, bytes and time of change: differs after any write or replacement."""


@dataclass(frozen=True, slots=True)
class Look:
    """How the files stand. `lacking` says what keeps the scene from being rendered, and is empty once nothing does;
    it goes on from `it starts when`."""

    lacking: str
    marks: tuple[Mark, ...] = ()


class Arrival:
    """Looks at the files of the scene `entry`, and the `extra` ones beside it, as often as it is asked to."""

    def __init__(self, entry: Path, extra: Sequence[Path] = (), settle: float = SETTLE_SECONDS) -> None:
        self._entry = entry
        self._extra = tuple(extra)
        self._settle = settle
        self._read: Mark | None = None
        """The scene file as it was when it was last read; reading it may take long, so once a change."""
        self._names: SceneNames | None = None
        self._wrong = ""
        self._marks: dict[str, Mark] = {}
        self._since = 0.0

    def look(self, now: float) -> Look:
        """`now` in seconds, on a clock that only runs forward."""
        entry = _mark(self._entry)
        names = (
            SceneNames({self._entry.name: self._entry}, {}) if isinstance(entry, str) else self._named(entry)
        )
        marks: dict[str, Mark] = {}
        lacking: list[str] = []
        for name, local in names.local.items():
            mark = _mark(local)
            if isinstance(mark, str):
                lacking.append((name if local is not self._entry else str(local)) + mark)
            else:
                marks[name] = mark
                if mark[1] < names.lengths.get(name, 1):
                    lacking.append(f"{name} (incomplete)")
        if marks != self._marks:
            self._marks, self._since = marks, now
        if lacking:
            return Look(_there(lacking))
        if self._wrong:
            return Look(f"{self._entry.name} is complete; as it is, {self._wrong}")
        if now - self._since < self._settle:
            return Look(f"its files have not changed for {self._settle:.0f} s")
        return Look("", tuple(marks.values()))

    def _named(self, entry: Mark) -> SceneNames:
        """What the scene asks for, as it is now; itself alone where that cannot be told."""
        if self._names is None or self._read != entry:
            self._read, self._wrong = entry, ""
            try:
                self._names = find_names(self._entry, self._extra)
            except MeshError as error:
                self._wrong = str(error).rstrip(".")
                self._names = SceneNames({self._entry.name: self._entry}, {})
        return self._names


def _mark(file: Path) -> Mark | str:
    """What `file` is like, or why it is not there, as words after its name."""
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            return " (no file)"
        with file.open("rb"):
            pass
    except PermissionError:
        return " (may not be read)"
    except (OSError, ValueError):
        return ""
    return status.st_ino, status.st_size, status.st_mtime_ns


def _there(names: list[str]) -> str:
    listed = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    return f"a file is there: {listed}" if len(names) == 1 else f"{len(names)} files are there: {listed}"
