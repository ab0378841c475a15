"""A renderer whose scene is larger than the machine says so, instead of being killed, or having others killed.

Linux promises more memory than there is and, when it is used, ends some process. So the renderer may only ask for as
much as the machine has; what fails then is one allocation, which Python tells of. A scene that would fit but for other
programs may still end its renderer; the host recognises that (`mesh/engines/host.py`).
"""

from __future__ import annotations

import sys

import psutil

from mesh.errors import MeshError


class SceneTooLarge(MeshError):
    """{entry} does not fit into this machine's {total:.1f} GB of memory. Use smaller textures or meshes, or machines
    with more memory: --memory asks for them."""


class FrameTooLarge(MeshError):
    """{what} does not fit into this machine's {total:.1f} GB of memory while it is put together. Its pixels stay in the
    mesh: collect it on a machine with more memory."""


def machine_memory() -> int:
    """Bytes, with what can be swapped out; or what somebody allows this process, where that is less."""
    return min(int(psutil.virtual_memory().total + psutil.swap_memory().total), _allowed())


def _allowed() -> int:
    if sys.platform != "linux":
        return sys.maxsize
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    return sys.maxsize if hard == resource.RLIM_INFINITY else hard


def limit_memory(most: int) -> None:
    """Let allocations that would bring this process above `most` bytes fail, where the system can."""
    if sys.platform == "linux":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (min(most, _allowed()), hard))
