"""Who has a node's data folder: the one process that is its node, and the commands that use that node.

Both are locks on files in it, which the system takes from a process that dies. Knows nothing of what a node is.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mesh.node.errors import AlreadyRunning, HomeUnwritable

_LOCK = "lock"
_COMMANDS = "commands"
_LOOKS = 20
_LOOK_SECONDS = 0.02
"""Whoever asks who has the folder holds its lock for an instant."""


class Doing(StrEnum):
    """What the process is that has the folder."""

    NODE = "node"
    ASKING = "asking"
    """It is to become a node once somebody has typed an invite code at its terminal."""
    ONE_COMMAND = "one-command"
    """A node that was started for a command, and ends with the last command that uses it."""


@dataclass(frozen=True, slots=True)
class Occupant:
    pid: int
    doing: Doing


@contextmanager
def occupied(home: Path, doing: Doing = Doing.NODE) -> Iterator[Callable[[Doing], None]]:
    """Holds the folder for this process; gives a function that tells others what it is at. Raises AlreadyRunning,
    HomeUnwritable."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(home / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise HomeUnwritable(home=home, reason=error.strerror) from error

    def tell(now: Doing) -> None:
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n{now.value}\n".encode(), 0)
        except OSError as error:
            raise HomeUnwritable(home=home, reason=error.strerror) from error

    try:
        if not _taken(descriptor):
            holder = _read(descriptor)
            raise AlreadyRunning(home=home, pid=holder.pid if holder else "unknown")
        tell(doing)
        yield tell
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    """Whether the lock is ours now."""
    for look in range(_LOOKS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if look + 1 < _LOOKS:
                time.sleep(_LOOK_SECONDS)
        else:
            return True
    return False


def occupant(home: Path) -> Occupant | None:
    """Who has the folder; None where nobody has."""
    try:
        descriptor = os.open(home / _LOCK, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(descriptor)
    except OSError:
        return None  # a file system without locks: whoever starts a node will hear of it
    else:
        return None
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> Occupant | None:
    """What the holder wrote; None in the instant before it has."""
    pid, _, doing = os.pread(descriptor, 64, 0).decode("ascii", "replace").strip().partition("\n")
    if not pid.isdigit():
        return None
    return Occupant(int(pid), Doing(doing) if doing in list(Doing) else Doing.NODE)


class Use:
    """A command's share in the node of this folder, which does not end of itself meanwhile."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def is_the_last(self) -> bool:
        """Whether no other command has a share; where none has, this one's is given back."""
        if self._descriptor is None:
            return True
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)  # which the attempt may have given up
            return False
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        return True


@contextmanager
def using(home: Path) -> Iterator[Use]:
    """Around a command that uses whatever node there is. Waits for one that is about to end."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(home / _COMMANDS, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        yield Use(None)  # then a node cannot be started here either, and says so
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield Use(descriptor)
    finally:
        os.close(descriptor)


def wait_until_unused(home: Path) -> None:
    """Returns once no command uses the node of this folder; from then on, none begins to before this process ends."""
    try:
        descriptor = os.open(home / _COMMANDS, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:
        return
