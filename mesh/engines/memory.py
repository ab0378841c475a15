"""A renderer whose scene is larger than the machine says so, instead of being killed, or having others killed.

Linux promises more memory than there is and, when it is used, ends some process. So the renderer may only ask for as
much as the machine has; what fails then is one allocation, which Python tells of. A scene that would fit but for other
programs may still end its renderer; the host recognises that (`mesh/engines/host.py`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

import psutil

from mesh.errors import MeshError


class SceneTooLarge(MeshError):
    """{entry} needs {need} of memory, and this machine has {total:.1f} GB for it. Use smaller textures or meshes, or
    machines with more memory: --memory asks for them."""

    @classmethod
    def found(cls, entry: str) -> SceneTooLarge:
        """It turned out so, whatever its need."""
        had = machine_memory()
        return cls(entry=entry, need=f"more than {had / 1e9:.1f} GB", total=had / 1e9, least=had + 1)

    @classmethod
    def foreseen(cls, entry: str, need: int) -> SceneTooLarge:
        """It needs so many bytes at least."""
        total = machine_memory() / 1e9
        return cls(entry=entry, need=f"at least {need / 1e9:.1f} GB", total=total, least=need)

    @property
    def least(self) -> int:
        """Bytes that it takes at least."""
        least = self.details["least"]
        assert isinstance(least, int)
        return least


class FrameTooLarge(MeshError):
    """{what} does not fit into this machine's {total:.1f} GB of memory while it is put together. Its pixels stay in the
    mesh: collect it on a machine with more memory."""


_CONTROL_GROUPS = Path("/sys/fs/cgroup")
_MY_GROUPS = Path("/proc/self/cgroup")


def physical_memory() -> int:
    """Bytes of this machine; or what somebody allows this process, or the container it is in, where that is less."""
    return min(int(psutil.virtual_memory().total), _allowed(), group_limit())


def machine_memory() -> int:
    """The same with what can be swapped out."""
    return min(int(psutil.virtual_memory().total + psutil.swap_memory().total), _allowed(), group_limit())


def _allowed() -> int:
    if sys.platform != "linux":
        return sys.maxsize
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    return sys.maxsize if hard == resource.RLIM_INFINITY else hard


def group_limit(groups: Path = _CONTROL_GROUPS, mine: Path = _MY_GROUPS) -> int:
    """What the control groups of this process allow it (Linux, cgroups(7), versions 1 and 2)."""
    found = [sys.maxsize]
    with suppress(OSError):
        for line in mine.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                found += _limits(groups, path, "memory.max")
            elif "memory" in controllers.split(","):
                found += _limits(groups / "memory", path, "memory.limit_in_bytes")
    return min(found)


def _limits(root: Path, path: str, name: str) -> Iterator[int]:
    """Of a group and of those it is in. A container sees its own group as the root, whatever its path says."""
    inside = PurePosixPath(path.lstrip("/"))
    for group in (inside, *inside.parents):
        with suppress(OSError, ValueError):  # `max`, or a group that cannot be seen from here
            yield int((root / group / name).read_text())


def check_memory(entry: str, need: int) -> None:
    """Raises SceneTooLarge where `entry` needs more bytes than there are, before a minute is spent on finding out."""
    if need > machine_memory():
        raise SceneTooLarge.foreseen(entry, need)


def limit_memory(most: int) -> None:
    """Let allocations that would bring this process above `most` bytes fail, where the system can."""
    if sys.platform == "linux":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (min(most, _allowed()), hard))


def die_first() -> None:
    """Where memory runs out, Linux is to end this process before any other: it costs one unit's attempt."""
    if sys.platform == "linux":
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")
