"""A node's settings and the places where it keeps things: defaults, then `mesh.toml`, then flags.

`load_config` validates everything once; what it returns is right. TOML tables are the nested dataclasses
below, under the same names. Knows what may be set, never what is done with it.
"""

from __future__ import annotations

import os
import re
import socket
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from mesh.errors import BadConfig

DEFAULT_PORT = 7401
ANY_ADDRESS = "*"
"""Listen on every address of this machine, IPv4 and IPv6."""
MAX_ADVERTISED = 64
Reader = Callable[[object], Any]
"""Turns a value from TOML or a flag into the field's type; ValueError says what is allowed."""


def _text(pattern: str, allowed: str) -> Reader:
    compiled = re.compile(pattern)

    def read(value: object) -> str:
        if not isinstance(value, str) or compiled.fullmatch(value) is None:
            raise ValueError(allowed)
        return value

    return read


def _integer(low: int, high: int) -> Reader:
    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return value

    return read


def _number(low: float, high: float) -> Reader:
    def read(value: object) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"a number from {low:g} to {high:g}")
        return float(value)

    return read


def _choice(*names: str) -> Reader:
    def read(value: object) -> str:
        if value not in names:
            raise ValueError("one of " + ", ".join(names))
        return str(value)

    return read


def _tuple_of(read_one: Reader) -> Reader:
    def read(value: object) -> tuple[Any, ...]:
        items = value.split(",") if isinstance(value, str) else value
        if not isinstance(items, list | tuple):
            raise ValueError("a list")
        return tuple(
            read_one(item.strip() if isinstance(item, str) else item) for item in items if item != ""
        )

    return read


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}
_UNITS |= {f"{letter}i": 1024**power for power, letter in enumerate("kmgt", start=1)}


def _quantity(suffix: str, low: int, allowed: str) -> Reader:
    """`20 GB` or `20 GiB` (suffix `b`), `50 Mbit` (suffix `bit`), or a bare number; SI and binary prefixes."""
    pattern = re.compile(rf"(\d+(?:\.\d+)?)\s*([kmgt]?i?)(?:{suffix})?", re.IGNORECASE)

    def read(value: object) -> int:
        match = pattern.fullmatch(str(value).strip())
        if match is None or isinstance(value, bool) or match[2].lower() not in _UNITS:
            raise ValueError(allowed)
        amount = int(float(match[1]) * _UNITS[match[2].lower()])
        if amount < low:
            raise ValueError(allowed)
        return amount

    return read


def read_endpoint(value: object) -> tuple[str, int]:
    """`HOST`, `HOST:PORT` or `[IPV6]:PORT`; the port is 7401 where none is given. Raises ValueError."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\s:\[\]/]+))(?::(\d{1,5}))?", str(value))
    if match is None or not 0 < int(match[3] or DEFAULT_PORT) < 65536:
        raise ValueError("HOST or HOST:PORT, such as 192.168.1.20:7401")
    return match[1] or match[2], int(match[3] or DEFAULT_PORT)


def write_endpoint(address: tuple[str, int]) -> str:
    """What `read_endpoint` reads."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _advertise(value: object) -> tuple[str, int] | None:
    if value in (None, ""):
        return None
    host, port = read_endpoint(value)
    if len(host) > MAX_ADVERTISED:
        raise ValueError(f"a host of at most {MAX_ADVERTISED} letters, so that it fits into every datagram")
    return host, port


def _hours(value: object) -> tuple[int, int] | None:
    if value in (None, ""):
        return None
    match = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", str(value))
    if match is None:
        raise ValueError("hours such as 09:00-19:00")
    return int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])


_SITE = r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*"
_site = _text(rf"({_SITE})?", "a slash path such as paris/floor2")
_linked_site = _text(_SITE, "the other site's path, such as berlin")
_name = _text(
    r"([A-Za-z0-9][A-Za-z0-9._-]{0,62})?", "letters, digits, dots, dashes and underscores, at most 63"
)
_tag = _text(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", "tags of letters, digits, dots, dashes, underscores, at most 32"
)
_host = _text(r"[^\s/]+", "an address of this machine, such as 192.168.1.20, or * for all")
_interface = _text(r"[^\s/]{1,64}", "names of network interfaces, such as eth0")
_url = _text(r"wss://[^\s/:]+(:\d{1,5})?(/\S*)?", "a URL such as wss://render.berlin.example:7401")
_folder = _text(r"([/~\\]|[A-Za-z]:).*|", "a whole path, such as /mnt/large/mesh")
_size = _quantity("b", 64 * 1024**2, "a size of 64 MiB or more, such as 20 GB")
_rate = _quantity("bit", 0, "a rate such as 50 Mbit; 0 is no cap")
read_memory = _quantity("b", 1, "a size such as 16 GB")
"""Bytes of `16 GB`, `512 MiB` and the like. Raises ValueError."""


def _setting(default: Any, read: Reader) -> Any:
    return field(default=default, metadata={"read": read})


@dataclass(frozen=True, slots=True)
class SiteConfig:
    path: str = _setting("", _site)
    """Nodes with the same path share a fast network."""
    relay: str = _setting("auto", _choice("auto", "always", "never"))


@dataclass(frozen=True, slots=True)
class ListenConfig:
    host: str = _setting(ANY_ADDRESS, _host)
    port: int = _setting(DEFAULT_PORT, _integer(0, 65535))
    """TCP and UDP port; 0 takes any free one."""
    advertise: tuple[str, int] | None = _setting(None, _advertise)
    """Host and port others reach this node at, where that is not what it listens on."""


@dataclass(frozen=True, slots=True)
class DiscoveryConfig:
    enabled: bool = _setting(True, _flag)
    loopback_only: bool = _setting(False, _flag)
    """Beacons stay on this machine."""
    allow: tuple[str, ...] = _setting((), _tuple_of(_interface))
    """Interfaces to send and hear beacons on; empty for all."""
    deny: tuple[str, ...] = _setting((), _tuple_of(_interface))
    port: int = _setting(DEFAULT_PORT + 1, _integer(1, 65535))
    """UDP port of beacons: one number for a whole network."""


@dataclass(frozen=True, slots=True)
class CacheConfig:
    limit: int = _setting(20 * 1000**3, _size)
    """Bytes of blocks kept on disk; blocks of running jobs stay even beyond it."""
    folder: str = _setting("", _folder)
    """Where those blocks are, such as on a larger disk; in the data folder where none is set."""


@dataclass(frozen=True, slots=True)
class ControlConfig:
    port: int = _setting(0, _integer(0, 65535))
    """Loopback TCP port of the control API; 0 takes any free one, found through a file."""


@dataclass(frozen=True, slots=True)
class JobsConfig:
    """How jobs share the mesh. Nodes decide alone, from the same numbers: set them alike everywhere."""

    keep_days: float = _setting(7.0, _number(0.01, 3650))
    """How long the ledger and the pixels of a job that has ended are kept."""
    stall_minutes: float = _setting(10.0, _number(0.1, 10_000))
    """A unit that shows no progress for so long has failed."""
    attempts: int = _setting(3, _integer(1, 100))
    """On so many nodes a unit fails before its frame does."""
    node_failures: int = _setting(3, _integer(1, 1000))
    """So many units of a job fail on a node before it takes no more part."""
    most_percent: int = _setting(75, _integer(1, 100))
    """Of the nodes, so many may work for one job unless it is alone."""
    first_frames: int = _setting(0, _integer(0, 1000))
    """So many frames of a new job go before everything else."""
    starved_minutes: float = _setting(10.0, _number(0, 100_000))
    """A job that nobody has worked on for so long goes first; 0 for never."""
    user_nodes: int = _setting(0, _integer(0, 100_000))
    """At most so many nodes work for the jobs of one user; 0 for any number."""
    audit_percent: float = _setting(2.0, _number(0, 100))
    """So much of all work is done twice, to see whether results are true; 0 for none."""
    away_minutes: float = _setting(2.0, _number(0, 100_000))
    """What only nodes hold that have been away for so long is rendered again; 0 for not before somebody says retry."""


@dataclass(frozen=True, slots=True)
class LinkConfig:
    """One way from this site to another."""

    site: str = _setting("", _linked_site)
    url: str = _setting("", _url)
    max_rate: int = _setting(0, _rate)
    """Bits per second; 0 is no cap."""
    hours: tuple[int, int] | None = _setting(None, _hours)
    """When the cap holds, in minutes after local midnight (start, end); None for always."""


@dataclass(frozen=True, slots=True)
class NodeConfig:
    name: str = _setting("", _name)
    """What people call this node; the machine's host name where none is set."""
    tags: tuple[str, ...] = _setting((), _tuple_of(_tag))
    threads: int = _setting(0, _integer(0, 4096))
    """Render threads in all; 0 for one per core."""
    slots: int = _setting(1, _integer(0, 256))
    """Units rendered at the same time; they share the threads. 0 renders nothing here: a desk that
    submits, collects and keeps copies."""
    exclusive: bool = _setting(False, _flag)
    """Render only for jobs that ask for this node, by name (`--on`) or by one of its tags (`--tags`)."""
    headless: bool = _setting(False, _flag)
    """Log lines instead of a live view, and no question to anybody."""
    seeds: tuple[tuple[str, int], ...] = _setting((), _tuple_of(read_endpoint))
    """Members to try besides those heard on the network."""
    log_level: str = _setting("info", _choice("debug", "info", "warning", "error"))
    site: SiteConfig = field(default_factory=SiteConfig)
    listen: ListenConfig = field(default_factory=ListenConfig)
    discovery: DiscoveryConfig = field(default_factory=DiscoveryConfig)
    cache: CacheConfig = field(default_factory=CacheConfig)
    control: ControlConfig = field(default_factory=ControlConfig)
    jobs: JobsConfig = field(default_factory=JobsConfig)
    link: tuple[LinkConfig, ...] = ()

    @property
    def render_threads(self) -> int:
        return self.threads or len(os.sched_getaffinity(0))


@dataclass(frozen=True, slots=True)
class Paths:
    """Where things are on this machine. Nothing is created by asking."""

    config: Path
    """Folder of `mesh.toml`."""
    home: Path
    """Folder of everything the node writes."""

    @classmethod
    def locate(cls, environ: Mapping[str, str] | None = None) -> Paths:
        """The platform's folders; MESH_HOME, where set, is both."""
        home = (os.environ if environ is None else environ).get("MESH_HOME")
        if home:
            return cls(config=Path(home).absolute(), home=Path(home).absolute())
        import platformdirs  # not needed where MESH_HOME is set, and slow to load

        return cls(platformdirs.user_config_path("mesh"), platformdirs.user_data_path("mesh"))

    @property
    def config_file(self) -> Path:
        return self.config / "mesh.toml"

    @property
    def identity(self) -> Path:
        """Folder of keys and certificates."""
        return self.home / "identity"

    def blocks(self, cache: CacheConfig) -> Path:
        """Folder of the block store."""
        return Path(cache.folder).expanduser() if cache.folder else self.home / "blocks"

    @property
    def spool(self) -> Path:
        """Folder of results and scenes being worked on."""
        return self.home / "spool"

    @property
    def kernels(self) -> Path:
        """Folder of compiled kernels. They belong to the installation, so that everything run from one
        environment compiles once; in the data folder where the installation is not ours to write to."""
        own_environment = sys.prefix != sys.base_prefix and os.access(sys.prefix, os.W_OK)
        return Path(sys.prefix) / "var" / "mesh-kernels" if own_environment else self.home / "kernels"

    @property
    def pending(self) -> Path:
        """Folder of jobs that wait for their files."""
        return self.home / "pending"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def control_token(self) -> Path:
        """File of the control API's secret; there while a node runs, readable by its owner only."""
        return self.home / "control.token"

    @property
    def control_address(self) -> Path:
        """File of the control API's `host:port`; there while a node runs."""
        return self.home / "control.address"


def load_config(file: Path | None = None, flags: Mapping[str, object] | None = None) -> NodeConfig:
    """Defaults, then `file` where it exists, then `flags` by dotted name, such as `{"listen.port": 0}`.

    Flags whose value is None are left out. Raises BadConfig, naming the field and what is allowed.
    """
    config = NodeConfig()
    if file is not None:
        try:
            config = _read_table(config, tomllib.loads(file.read_text("utf-8")), str(file), "")
        except (FileNotFoundError, NotADirectoryError):
            pass
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise BadConfig(
                field="file", where=str(file), reason=reason, hint="Correct or remove it."
            ) from error
    for name, value in (flags or {}).items():
        if value is None:
            continue
        *tables, key = name.split(".")
        nested: dict[str, object] = {key: value}
        for table in reversed(tables):
            nested = {table: nested}
        config = _read_table(config, nested, "the command line", "")
    if not config.name:
        config = replace(config, name=_own_name())
    return config


def _own_name() -> str:
    """The host name up to its first dot, with what a name may not hold replaced."""
    cleaned = re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname().split(".")[0]).lstrip("._-")
    return cleaned[:63] or "node"


def _read_table(base: Any, table: object, where: str, path: str) -> Any:
    """`base`, a settings dataclass, with what `table` says replaced."""
    if not isinstance(table, dict):
        raise BadConfig(field=path, where=where, reason=f"{table!r} is not a table", hint=f"Write [{path}].")
    known = {one.name: one for one in fields(base)}
    changes: dict[str, Any] = {}
    for key, value in table.items():
        full = f"{path}.{key}" if path else key
        if key not in known:
            raise BadConfig(
                field=full, where=where, reason="there is no such setting", hint=_near(key, known)
            )
        current = getattr(base, key)
        if is_dataclass(current):
            changes[key] = _read_table(current, value, where, full)
        elif full == "link":
            changes[key] = _read_links(value, where)
        else:
            try:
                changes[key] = known[key].metadata["read"](value)
            except ValueError as error:
                reason = f"it is {value!r}"
                raise BadConfig(field=full, where=where, reason=reason, hint=f"Allowed: {error}.") from error
    return replace(base, **changes)


def _read_links(value: object, where: str) -> tuple[LinkConfig, ...]:
    if not isinstance(value, list):
        raise BadConfig(
            field="link", where=where, reason=f"it is {value!r}", hint="Write [[link]] above each."
        )
    links: list[LinkConfig] = []
    for number, table in enumerate(value, start=1):
        path = f"link[{number}]"
        for key in ("site", "url"):
            if isinstance(table, dict) and key not in table:
                raise BadConfig(
                    field=f"{path}.{key}", where=where, reason="it is missing", hint="Every link needs it."
                )
        links.append(_read_table(LinkConfig(), table, where, path))
    return tuple(links)


def _near(word: str, known: Mapping[str, object]) -> str:
    """A hint at the settings closest to `word`."""
    import difflib  # only for the sentence of an error

    close = difflib.get_close_matches(word, list(known), n=2)
    return f"Did you mean {' or '.join(close)}?" if close else f"There are: {', '.join(known)}."
