"""One process at a time compiles the large kernels: those that wait for it find them compiled.

Several nodes on one machine may need kernels that nobody has compiled yet, which takes half a minute of a
core. Whoever renders first with a folder of kernels holds a lock until its first pixels are there, and then
leaves a mark. Before that its helper holds it, which compiles while the scene is being opened. The system takes
the lock from a process that dies. It only saves time: where the file system knows no locks everybody compiles.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

MARK = "compiled"
LOCK = "compiling"

LOOK_SECONDS = 0.1


def compile_ahead(folder: Path, command: Sequence[str]) -> subprocess.Popen[bytes] | None:
    """Start the helper, a command that compiles into `folder` and ends with its standard input; None where kernels
    are compiled, or somebody is at it. It has the lock until it ends."""
    if is_compiled(folder):
        return None
    try:
        with ExitStack() as ours:
            lock = _open(folder)
            ours.callback(os.close, lock)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A lock belongs to the open file, which the helper inherits.
            return subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, pass_fds=(lock,)
            )
    except OSError:
        return None  # then kernels are compiled later, by who needs them


def end_helper(helper: subprocess.Popen[bytes] | None) -> None:
    if helper is not None:
        helper.kill()
        helper.communicate()


def is_compiled(folder: Path) -> bool:
    """Whether somebody has rendered with the kernels in `folder` already."""
    return (folder / MARK).exists()


def compile_notice(folder: Path) -> tuple[str, ...]:
    """What to tell people who are about to wait for kernels that `folder` has not yet."""
    if is_compiled(folder):
        return ()
    return ("the renderer is being compiled, once on this machine",)


@contextmanager
def compile_in_turn(folder: Path, given_up: Callable[[], bool]) -> Iterator[Callable[[], None]]:
    """Around the first rendering with the kernels in `folder`: waits while another process compiles there, until
    `given_up()`. Gives a function to be called when there are pixels, once or often, which ends the turn."""
    mark = folder / MARK
    if mark.exists():
        yield lambda: None
        return
    with ExitStack() as turn:
        try:
            lock = _open(folder)
            turn.callback(os.close, lock)
            _wait(lock, mark, given_up)
        except OSError as error:
            sys.stderr.write(f"no turns in compiling kernels in {folder}: {error.strerror}\n")

        def compiled() -> None:
            if not mark.exists():
                with contextlib.suppress(OSError):
                    mark.touch()
            turn.close()

        yield compiled


def _open(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    return os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)


def _wait(lock: int, mark: Path, given_up: Callable[[], bool]) -> None:
    """Until this process has the lock, or has no need of it. Raises OSError."""
    told = False
    while not (mark.exists() or given_up()):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not told:
                told = True
                sys.stderr.write("another process on this machine compiles the kernels; this one waits\n")
                sys.stderr.flush()
            time.sleep(LOOK_SECONDS)
        else:
            return
