"""Which files a scene needs, and under which names the mesh stores them.

Runs in the command line's process at submit, so it loads no library and reads no pixels or vertices; but
what is plainly broken, missing or unsupported is refused here, before anything is sent.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mesh.scenes.errors import MissingFiles, UnsafeReference
from mesh.scenes.gltf.cursor import Value
from mesh.scenes.gltf.document import Document, read_document
from mesh.scenes.gltf.uris import is_data_uri, tree_path

_GLTF = (".gltf", ".glb")
_MAX_NAMED = 20


@dataclass(frozen=True, slots=True)
class SceneFile:
    """One file of a scene: its name inside the scene's tree, where it lies here, its size in bytes."""

    tree_path: str
    local: Path
    size: int


@dataclass(frozen=True, slots=True)
class SceneFiles:
    """A scene's files, the entry first. `extras` are the tree paths of the extra files, in their order."""

    entry: str
    files: tuple[SceneFile, ...]
    extras: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class SceneNames:
    """What a scene asks for, there or not: where each file of its tree lies here, the entry first, and of how
    many bytes at least those it names must be (a buffer states its length). `extras` as in `SceneFiles`."""

    local: dict[str, Path]
    lengths: dict[str, int]
    extras: tuple[str, ...] = ()


def find_files(entry: Path, extra: Sequence[Path] = ()) -> SceneFiles:
    """Every file that rendering `entry` needs, with the extra ones (such as an environment image) beside it.

    Raises MissingFiles, which names all that are missing, and what `find_names` raises.
    """
    names = find_names(entry, extra)
    return SceneFiles(entry.name, _measure(entry, names.local), names.extras)


def find_names(entry: Path, extra: Sequence[Path] = ()) -> SceneNames:
    """As `find_files`, for a scene whose other files may not be there yet.

    Files that are not glTF are taken to need nothing else. Raises UnsafeReference for what lies outside the
    scene's folder; BadScene and UnsupportedExtension for what could not be opened anyway; MissingFiles where
    the scene file itself cannot be read.
    """
    wanted: dict[str, Path] = {entry.name: entry}
    lengths: dict[str, int] = {}
    if entry.suffix.lower() in _GLTF:
        document = read_document(entry)
        for owner, uri in _references(document):
            path = tree_path(owner, uri)
            wanted.setdefault(path, entry.parent / path)
            lengths[path] = max(lengths.get(path, 1), owner.integer("byteLength", 1))
    extras = []
    for local in extra:
        name = _free_name(local.name, wanted, local)
        wanted[name] = local
        extras.append(name)
    _check_folders(entry, wanted)
    return SceneNames(wanted, lengths, tuple(extras))


def _references(document: Document) -> Iterator[tuple[Value, str]]:
    """Each buffer and image that names a file, whether or not a mesh shows it: exporters know best."""
    for kind in ("buffers", "images"):
        for value in document.objects(kind):
            uri = value.text("uri")
            if uri and not is_data_uri(uri):
                yield value, uri


def _free_name(name: str, wanted: dict[str, Path], local: Path) -> str:
    """`name`, or `name-2` and so on where another file already has it."""
    stem, suffix = PurePosixPath(name).stem, PurePosixPath(name).suffix
    free, number = name, 1
    while free in wanted and wanted[free] != local:
        number += 1
        free = f"{stem}-{number}{suffix}"
    return free


def _check_folders(entry: Path, wanted: dict[str, Path]) -> None:
    """No file may also be the folder of another, which no tree could hold."""
    for path in wanted:
        for parent in PurePosixPath(path).parents:
            if str(parent) in wanted:
                raise UnsafeReference(
                    file=entry.name,
                    reference=path,
                    where="its files",
                    reason=f"but {parent} is a file itself",
                )


def _measure(entry: Path, wanted: dict[str, Path]) -> tuple[SceneFile, ...]:
    found, missing = [], []
    for name, local in wanted.items():
        try:
            status = local.stat()
        except (OSError, ValueError):
            missing.append(name)
            continue
        if stat.S_ISREG(status.st_mode):
            found.append(SceneFile(name, local, status.st_size))
        else:
            missing.append(name)
    if missing:
        names = ", ".join(missing[:_MAX_NAMED])
        if len(missing) > _MAX_NAMED:
            names += f" and {len(missing) - _MAX_NAMED} more"
        count = "a file" if len(missing) == 1 else f"{len(missing)} files"
        raise MissingFiles(file=entry.name, count=count, names=names)
    return tuple(found)
