"""What can go wrong with stored bytes, as sentences; and the two errors that only programs meet."""

from __future__ import annotations

from mesh.errors import MeshError


class DiskFull(MeshError):
    """The disk under {folder} is full, and nothing in the cache may be evicted. Free {needed} there, or stop the node, move its blocks to a larger disk, and name their new place as `folder` under `[cache]` in mesh.toml."""


class BlockAbsent(MeshError):
    """Block {digest} is not on this node's disk. Ask for the blob again; it will be fetched from another node."""


class BlockCorrupt(MeshError):
    """Block {digest} under {folder} no longer has the bytes it was stored with, and was dropped. It will be fetched again from another node; check that disk."""


class BadRecipe(MeshError):
    """Blob {digest} cannot be put together: {reason}. Submit the scene again from its files."""


class BadTree(MeshError):
    """The list of a scene's files is not acceptable: {reason}. Submit the scene again from its files."""


class StoreTooNew(MeshError):
    """{file} was written by a newer version of this program (format {found}, this one reads {known}). Upgrade this machine, or give it another data folder."""


class WrongBytes(Exception):
    """Bytes from a peer that are not what their name promises: the peer's fault, never a person's."""
