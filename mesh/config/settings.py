"""What may be set of a node, and its defaults: tables of `mesh.toml` are the dataclasses below, under the same names.

Knows what each setting may be (its reader, see `values`), never what is done with it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from mesh.config import values
from mesh.config.values import DEFAULT_PORT, Reader

ANY_ADDRESS = "*"
"""Listen on every address of this machine, IPv4 and IPv6."""
MAX_ADVERTISED = 64


def _advertise(value: object) -> tuple[str, int] | None:
    if value in (None, ""):
        return None
    host, port = values.read_endpoint(value)
    if len(host) > MAX_ADVERTISED:
        raise ValueError(f"a host of at most {MAX_ADVERTISED} letters, so that it fits into every datagram")
    return host, port


_site = values.text(r"([A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*)?", "a slash path such as paris/floor2")
_name = values.text(
    r"([A-Za-z0-9][A-Za-z0-9._-]{0,62})?", "letters, digits, dots, dashes and underscores, at most 63"
)
_tag = values.text(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", "tags of letters, digits, dots, dashes, underscores, at most 32"
)
_host = values.text(r"[^\s/]+", "an address of this machine, such as 192.168.1.20, or * for all")
_interface = values.text(r"[^\s/]{1,64}", "names of network interfaces, such as eth0")
_folder = values.text(r"([/~\\]|[A-Za-z]:).*|", "a whole path, such as /mnt/large/mesh")
_size = values.size(64 * 1024**2, "a size of 64 MiB or more, such as 20 GB")


def _setting(default: Any, read: Reader) -> Any:
    return field(default=default, metadata={"read": read})


@dataclass(frozen=True, slots=True)
class SiteConfig:
    path: str = _setting("", _site)
    """Nodes with the same path share a fast network."""


@dataclass(frozen=True, slots=True)
class ListenConfig:
    host: str = _setting(ANY_ADDRESS, _host)
    port: int = _setting(DEFAULT_PORT, values.integer(0, 65535))
    """TCP and UDP port; 0 takes any free one."""
    advertise: tuple[str, int] | None = _setting(None, _advertise)
    """Host and port others reach this node at, where that is not what it listens on."""


@dataclass(frozen=True, slots=True)
class DiscoveryConfig:
    enabled: bool = _setting(True, values.flag)
    loopback_only: bool = _setting(False, values.flag)
    """Beacons stay on this machine."""
    allow: tuple[str, ...] = _setting((), values.tuple_of(_interface))
    """Interfaces to send and hear beacons on; empty for all."""
    deny: tuple[str, ...] = _setting((), values.tuple_of(_interface))
    port: int = _setting(DEFAULT_PORT + 1, values.integer(1, 65535))
    """UDP port of beacons: one number for a whole network."""


@dataclass(frozen=True, slots=True)
class CacheConfig:
    limit: int = _setting(20 * 1000**3, _size)
    """Bytes of blocks kept on disk; blocks of running jobs stay even beyond it."""
    folder: str = _setting("", _folder)
    """Where those blocks are, such as on a larger disk; in the data folder where none is set."""


@dataclass(frozen=True, slots=True)
class ControlConfig:
    port: int = _setting(0, values.integer(0, 65535))
    """Loopback TCP port of the control API; 0 takes any free one, found through a file."""


@dataclass(frozen=True, slots=True)
class JobsConfig:
    """How jobs share the mesh. Nodes decide alone, from the same numbers: set them alike everywhere."""

    keep_days: float = _setting(7.0, values.number(0.01, 3650))
    """How long the ledger and the pixels of a job that has ended are kept."""
    stall_minutes: float = _setting(10.0, values.number(0.1, 10_000))
    """A unit that shows no progress for so long has failed; a renderer that is seen to open its scene is at work."""
    attempts: int = _setting(3, values.integer(1, 100))
    """On so many nodes a unit fails before its frame does."""
    node_failures: int = _setting(3, values.integer(1, 1000))
    """So many units of a job fail on a node before it takes no more part."""
    most_percent: int = _setting(75, values.integer(1, 100))
    """Of the nodes, so many may work for one job unless it is alone."""
    first_frames: int = _setting(0, values.integer(0, 1000))
    """So many frames of a new job go before everything else."""
    starved_minutes: float = _setting(10.0, values.number(0, 100_000))
    """A job that nobody has worked on for so long goes first; 0 for never."""
    user_nodes: int = _setting(0, values.integer(0, 100_000))
    """At most so many nodes work for the jobs of one user; 0 for any number."""
    audit_percent: float = _setting(2.0, values.number(0, 100))
    """So much of all work is done twice, to see whether results are true; 0 for none."""
    away_minutes: float = _setting(2.0, values.number(0, 100_000))
    """What only nodes hold that have been away for so long is rendered again; 0 for not before somebody says retry."""


@dataclass(frozen=True, slots=True)
class NodeConfig:
    name: str = _setting("", _name)
    """What people call this node; the machine's host name where none is set."""
    tags: tuple[str, ...] = _setting((), values.tuple_of(_tag))
    threads: int = _setting(0, values.integer(0, 4096))
    """Render threads in all; 0 for one per core."""
    slots: int = _setting(1, values.integer(0, 256))
    """Units rendered at the same time; they share the threads. 0 renders nothing here: a desk that
    submits, collects and keeps copies."""
    exclusive: bool = _setting(False, values.flag)
    """Render only for jobs that ask for this node, by name (`--on`) or by one of its tags (`--tags`)."""
    headless: bool = _setting(False, values.flag)
    """Log lines instead of a live view, and no question to anybody."""
    seeds: tuple[tuple[str, int], ...] = _setting((), values.tuple_of(values.read_endpoint))
    """Members to try besides those heard on the network."""
    log_level: str = _setting("info", values.choice("debug", "info", "warning", "error"))
    site: SiteConfig = field(default_factory=SiteConfig)
    listen: ListenConfig = field(default_factory=ListenConfig)
    discovery: DiscoveryConfig = field(default_factory=DiscoveryConfig)
    cache: CacheConfig = field(default_factory=CacheConfig)
    control: ControlConfig = field(default_factory=ControlConfig)
    jobs: JobsConfig = field(default_factory=JobsConfig)

    @property
    def render_threads(self) -> int:
        return self.threads or len(os.sched_getaffinity(0))
