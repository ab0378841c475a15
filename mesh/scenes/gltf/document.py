"""The container: a .gltf's JSON, or a .glb's header and chunks, read and checked. Standard library only.

Nothing here looks at pixels or vertices, so the command line can afford it at submit time.
Source: glTF 2.0 specification, section 4 (GLB) and 3.2 (asset).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

from mesh.scenes.errors import BadScene, MissingFiles, NoSuchChoice, UnknownFormat
from mesh.scenes.gltf.cursor import EXPORT_AGAIN, Value
from mesh.scenes.gltf.extensions import check_extensions

MAX_JSON_BYTES = 1 << 29
MAX_IMPLIED_ELEMENTS = 1 << 24
"""Of an accessor that no bytes of the file back: enough for honest sparse ones, no use for filling memory."""
TRIANGLES = 4
"""The mode of primitives made of single triangles; those below are points and lines, those above strips and fans."""
_JSON_CHUNK = 0x4E4F534A
_BIN_CHUNK = 0x004E4942
_INCOMPLETE = "The file seems cut off or damaged; copy or export it again."


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed container: the JSON root and, in a .glb, where its binary chunk lies."""

    path: Path
    root: Value
    binary_offset: int = 0
    binary_length: int = 0
    warnings: tuple[str, ...] = ()

    def objects(self, kind: str) -> tuple[Value, ...]:
        """A top-level array such as `meshes`."""
        return self.root.objects(kind)

    def names(self, kind: str) -> tuple[str, ...]:
        """What a person calls the items of a top-level array."""
        return display_names(self.objects(kind), kind.removesuffix("s"))

    def names_of_variants(self) -> tuple[str, ...]:
        found = self.root.extension("KHR_materials_variants")
        return () if found is None else display_names(found.objects("variants"), "variant")


def display_names(items: Sequence[Value], kind: str) -> tuple[str, ...]:
    """The items' names, unique: an unnamed item is `kind N`, a second `walk` is `walk (2)`."""
    return unique_names(item.text("name") or f"{kind} {at + 1}" for at, item in enumerate(items))


def unique_names(names: Iterable[str]) -> tuple[str, ...]:
    taken: dict[str, int] = {}
    unique = []
    for name in names:
        taken[name] = taken.get(name, 0) + 1
        unique.append(name if taken[name] == 1 else f"{name} ({taken[name]})")
    return tuple(unique)


def choose(file: str, kind: str, name: str, names: Sequence[str]) -> int:
    """Where `name` stands among `names`. Raises NoSuchChoice, which lists them."""
    if name in names:
        return list(names).index(name)
    listed = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    choices = f"It has: {listed}." if names else f"It has no {kind} at all."
    raise NoSuchChoice(file=file, kind=kind, name=name, choices=choices)


def read_document(path: Path) -> Document:
    """Parse `path`. Raises UnknownFormat, BadScene or UnsupportedExtension; MissingFiles when it is not there."""
    try:
        with path.open("rb") as file:
            length = path.stat().st_size
            head = file.read(4)
            if head == b"glTF":
                file.seek(0)
                text, offset, size = _read_glb(file, path.name, length)
            elif path.suffix.lower() == ".glb":
                _fail(path.name, "does not begin with the glTF mark", _INCOMPLETE)
            else:
                if length > MAX_JSON_BYTES:
                    raise UnknownFormat(file=path.name, reason="it is too large to be JSON")
                text, offset, size = head + file.read(), 0, 0
    except OSError as error:
        raise MissingFiles(file=path.name, count="a file", names=f"{path} ({error.strerror})") from error
    root = Value(path.name, "", _parse_json(path, text))
    _check_asset(root)
    return Document(path, root, offset, size, check_extensions(root))


def _read_glb(file: BinaryIO, name: str, length: int) -> tuple[bytes, int, int]:
    """The JSON chunk's bytes, and offset and length of the binary chunk (0, 0 where there is none)."""
    header = file.read(12)
    if len(header) < 12:
        _fail(name, "ends within its 12-byte header", _INCOMPLETE)
    _, version, total = struct.unpack("<III", header)
    if version != 2:
        _fail(name, f"has container version {version}, only 2 is known", "Export it as glTF 2.0.")
    if total > length:
        _fail(name, f"says it has {total} bytes but holds {length}", _INCOMPLETE)
    text: bytes | None = None
    at = 12
    while at + 8 <= total:
        file.seek(at)
        size, kind = struct.unpack("<II", file.read(8))
        if at + 8 + size > total:
            _fail(name, f"has a chunk of {size} bytes at byte {at} that runs past its end", _INCOMPLETE)
        if text is None:
            if kind != _JSON_CHUNK or size > MAX_JSON_BYTES:
                _fail(name, "does not begin with a JSON chunk", EXPORT_AGAIN)
            text = file.read(size)
        elif kind == _BIN_CHUNK:
            return text, at + 8, size
        at += 8 + size + (-size) % 4
    if text is None:
        _fail(name, "has no JSON chunk", _INCOMPLETE)
    return text, 0, 0


def _parse_json(path: Path, text: bytes) -> dict[str, object]:
    try:
        parsed = json.loads(text.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        if path.suffix.lower() not in (".gltf", ".glb"):
            raise UnknownFormat(file=path.name, reason="it is neither glTF JSON nor GLB") from error
        reason = (
            str(error).splitlines()[0][:120] if isinstance(error, ValueError) else "it is nested too deeply"
        )
        _fail(path.name, f"is not valid JSON: {reason}", EXPORT_AGAIN)
    if not isinstance(parsed, dict):
        _fail(path.name, "should be a JSON object", EXPORT_AGAIN)
    return parsed


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _check_asset(root: Value) -> None:
    asset = root.required("asset")
    for key in ("minVersion", "version"):
        version = asset.text(key, "" if key == "version" else "2.0")
        if version.split(".")[0] != "2":
            asset.fail(f"is {version[:20]!r}; only glTF 2.0 is known", "Export it as glTF 2.0.", key=key)


def _fail(name: str, reason: str, hint: str) -> NoReturn:
    raise BadScene(file=name, where="the file", reason=reason, hint=hint)
