"""Where a node keeps things on this machine: the platform's folders, or MESH_HOME."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mesh.config.settings import CacheConfig


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
