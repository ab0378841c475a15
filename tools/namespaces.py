"""Several machines on one computer: network namespaces with an address each, on a switch that can be torn apart.

The switch is a namespace too, with two bridges in it: machines on different bridges cannot hear each other. So
all of this lives in namespaces and nothing in the host's own network, and removing them removes everything.
Needs root, `ip` (iproute2) and Linux.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import psutil

from mesh.errors import ExitCode, MeshError

_HERE = Path("/proc/thread-self/ns/net")
_NAMED = Path("/run/netns")
_CLONE_NEWNET = 0x40000000
_PREFIX = "meshtest"
_OURS = re.compile(rf"{_PREFIX}-(\d+)-")
_SWITCH = "switch"
_WHOLE, _AWAY = "whole", "away"
"""The bridge that everybody is on, and the one for those who are cut off."""


class NeedsRoot(MeshError):
    """This makes network namespaces, which only root may; run it as root, for example with sudo."""

    exit_code = ExitCode.REFUSED


class NeedsIp(MeshError):
    """This makes network namespaces with the `ip` program, and there is none; install iproute2."""

    exit_code = ExitCode.REFUSED


class IpFailed(MeshError):
    """`{command}` failed: {reason}. Network namespaces may be forbidden here, as they are in most containers."""

    exit_code = ExitCode.REFUSED


class Network:
    """Machines that reach each other and nobody else. To be entered; leaving kills what runs in them, whatever
    it is, and removes them. Raises NeedsRoot, NeedsIp, IpFailed."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)

    def __enter__(self) -> Network:
        if os.geteuid() != 0:
            raise NeedsRoot()
        remove_leftovers()
        try:
            self._build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _build(self) -> None:
        _ip("netns", "add", _space(_SWITCH))
        for bridge in (_WHOLE, _AWAY):
            self._in_switch("link", "add", bridge, "type", "bridge")
            self._in_switch("link", "set", bridge, "up")
        for name in self._names:
            space = _space(name)
            _ip("netns", "add", space)
            _ip("link", "add", name, "netns", _space(_SWITCH), "type", "veth", "peer", "eth0", "netns", space)
            self._in_switch("link", "set", name, "master", _WHOLE, "up")
            _ip("-n", space, "address", "add", f"{self.address(name)}/24", "broadcast", "+", "dev", "eth0")
            for link in ("lo", "eth0"):
                _ip("-n", space, "link", "set", link, "up")

    def address(self, name: str) -> str:
        return f"10.77.0.{self._names.index(name) + 1}"

    def within(self, name: str) -> tuple[str, ...]:
        """What to put before a command that is to run on a machine; the process stays the same one."""
        return ("ip", "netns", "exec", _space(name))

    @contextmanager
    def entered(self, name: str) -> Iterator[None]:
        """Sockets that this thread opens meanwhile are the machine's, and stay so."""
        with _HERE.open("rb") as here, (_NAMED / _space(name)).open("rb") as there:
            _set_namespace(there.fileno())
            try:
                yield
            finally:
                _set_namespace(here.fileno())

    def cut_off(self, names: Collection[str]) -> None:
        """From now on these and the others cannot reach each other."""
        for name in names:
            self._in_switch("link", "set", name, "master", _AWAY)

    def heal(self) -> None:
        for name in self._names:
            self._in_switch("link", "set", name, "master", _WHOLE)

    def close(self) -> None:
        for name in (*self._names, _SWITCH):
            _remove(_space(name))

    def _in_switch(self, *arguments: str) -> None:
        _ip("-n", _space(_SWITCH), *arguments)


def remove_leftovers() -> None:
    """What runs that were killed left behind."""
    for space in _ip("netns", "list").split():
        match = _OURS.match(space)
        if match and not psutil.pid_exists(int(match[1])):
            _remove(space)


def _space(name: str) -> str:
    return f"{_PREFIX}-{os.getpid()}-{name}"


def _remove(space: str) -> None:
    """Kills all that runs in a namespace, stopped processes as well, and removes it if it is there."""
    if not (_NAMED / space).exists():
        return
    for pid in map(int, _ip("netns", "pids", space).split()):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # it has just ended
    _ip("netns", "delete", space)


def _ip(*arguments: str) -> str:
    command = ("ip", *arguments)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise NeedsIp() from error
    if done.returncode:
        raise IpFailed(command=" ".join(command), reason=done.stderr.strip())
    return done.stdout


def _set_namespace(descriptor: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
