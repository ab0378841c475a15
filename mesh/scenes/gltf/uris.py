"""URIs of buffers and images: decoding `data:` ones, and turning others into safe tree paths.

A tree path is relative, with `/` between its parts, and never leaves the scene's folder; it is what the
mesh stores and what every node writes to disk. Standard library only.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import PurePosixPath
from urllib.parse import unquote, unquote_to_bytes

from mesh.scenes.errors import UnsafeReference
from mesh.scenes.gltf.cursor import Value

_RESERVED = frozenset('<>:"|?*')


def is_data_uri(uri: str) -> bool:
    return uri[:5].lower() == "data:"


def decode_data_uri(owner: Value, uri: str) -> bytes:
    """The bytes of a `data:` URI (RFC 2397)."""
    head, comma, body = uri.partition(",")
    if not comma:
        owner.fail("has a data URI without a comma", key="uri")
    raw = unquote_to_bytes(body)
    if not head.lower().endswith(";base64"):
        return raw
    try:
        return base64.b64decode(raw + b"=" * (-len(raw) % 4), validate=True)
    except binascii.Error:
        owner.fail("has a data URI whose base64 is damaged", key="uri")


def tree_path(owner: Value, uri: str) -> str:
    """The path inside the scene's folder that `uri` names, percent-decoded.

    Raises UnsafeReference for anything that is absolute, on the net, or above the scene's folder.
    """

    def refuse(reason: str) -> UnsafeReference:
        return UnsafeReference(file=owner.file, reference=uri[:120], where=owner.place("uri"), reason=reason)

    scheme, colon, _ = uri.partition(":")
    if colon and scheme.isalnum() and "/" not in scheme:
        raise refuse("which is not a path relative to the scene")
    path = unquote(uri, errors="strict") if _decodes(uri) else uri
    path = path.replace("\\", "/")
    if path.startswith("/"):
        raise refuse("which is an absolute path")
    if any(character < " " or character in _RESERVED or character == "\x7f" for character in path):
        raise refuse("which has characters that a file name may not have everywhere")
    parts: list[str] = []
    for part in PurePosixPath(path).parts:
        if part == "..":
            if not parts:
                raise refuse("which is outside the scene's folder")
            parts.pop()
        else:
            parts.append(part)
    if not parts:
        raise refuse("which names no file")
    return "/".join(parts)


def _decodes(uri: str) -> bool:
    try:
        unquote(uri, errors="strict")
    except UnicodeDecodeError:
        return False
    return True
