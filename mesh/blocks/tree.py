"""A scene's table of files: (path, blob, size), sorted, as the bytes of a blob of kind TREE.

A path is what every system can have as a file and none can misread: relative, `/` between names, no
`.` or `..`, no backslash, colon or control character, no two paths equal but for case, none inside another file.

Layout, little-endian: magic `MTR1`, count u32, then `count` times (path length u16, path UTF-8, root 32
bytes, size u64).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from mesh.blocks.errors import BadTree
from mesh.blocks.recipe import SIZE_MAX
from mesh.model.ids import DIGEST_SIZE, Digest

FILES_MAX = 100_000
PATH_MAX = 1024
"""Bytes of the longest path, in UTF-8."""
NAME_MAX = 255
TABLE_MAX = 64 << 20
"""Bytes of the longest table that is read."""

_MAGIC = b"MTR1"
_HEADER = struct.Struct("<4sI")
_LENGTH = struct.Struct("<H")
_TAIL = struct.Struct(f"<{DIGEST_SIZE}sQ")


@dataclass(frozen=True, slots=True, order=True)
class TreeEntry:
    path: str
    root: Digest
    size: int


def check_path(path: str) -> None:
    """Raises BadTree when `path` could leave its folder, or cannot be a file's path everywhere."""
    reason = _path_fault(path)
    if reason:
        raise BadTree(reason=f"the path {path[:80]!r} {reason}")


def _path_fault(path: str) -> str:
    try:
        length = len(path.encode())
    except UnicodeEncodeError:
        return "is not text"
    if not 0 < length <= PATH_MAX:
        return "is empty or too long"
    if any(character in '\\:"<>|?*\x7f' or character < " " for character in path):
        return "has a character that not every system allows in a name"
    for name in path.split("/"):
        if name in {"", ".", ".."}:
            return "does not stay inside its folder"
        if len(name.encode()) > NAME_MAX or name != name.rstrip(". "):
            return "has a name that not every system allows"
    return ""


def check_tree(entries: Iterable[TreeEntry]) -> tuple[TreeEntry, ...]:
    """The entries in order of their paths. Raises BadTree."""
    ordered = tuple(sorted(entries))
    if len(ordered) > FILES_MAX:
        raise BadTree(reason=f"it has more than {FILES_MAX} files")
    files = {entry.path.casefold() for entry in ordered}
    if len(files) != len(ordered):
        raise BadTree(reason="two of its paths are the same on some systems")
    for entry in ordered:
        check_path(entry.path)
        if len(entry.root) != DIGEST_SIZE or not 0 <= entry.size <= SIZE_MAX:
            raise BadTree(reason=f"the file {entry.path!r} has no usable name or size")
        parent = entry.path.casefold().rpartition("/")[0]
        while parent:
            if parent in files:
                raise BadTree(reason=f"{parent!r} is both a file and a folder")
            parent = parent.rpartition("/")[0]
    return ordered


def encode_tree(entries: Iterable[TreeEntry]) -> bytes:
    """Equal sets of files give equal bytes. Raises BadTree."""
    ordered = check_tree(entries)
    pieces = [_HEADER.pack(_MAGIC, len(ordered))]
    for entry in ordered:
        path = entry.path.encode()
        pieces += [_LENGTH.pack(len(path)), path, _TAIL.pack(entry.root, entry.size)]
    return b"".join(pieces)


def decode_tree(data: bytes) -> tuple[TreeEntry, ...]:
    """Raises BadTree for anything that `encode_tree` would not have written."""
    entries = []
    try:
        magic, count = _HEADER.unpack_from(data)
        if magic != _MAGIC or count > FILES_MAX:
            raise BadTree(reason="it is not a table of files")
        at = _HEADER.size
        for _ in range(count):
            (length,) = _LENGTH.unpack_from(data, at)
            at += _LENGTH.size
            path = data[at : at + length].decode()
            at += length
            root, size = _TAIL.unpack_from(data, at)
            at += _TAIL.size
            entries.append(TreeEntry(path, Digest(root), size))
    except (struct.error, UnicodeDecodeError) as error:
        raise BadTree(reason="it is cut short or damaged") from error
    if at != len(data) or check_tree(entries) != tuple(entries):
        raise BadTree(reason="it is not in order, or followed by something else")
    return tuple(entries)
