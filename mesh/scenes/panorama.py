"""Whether a file can light a scene as an environment, from its first bytes alone: told at submit, not by a failed frame.

Runs in the command's process, which loads no image library; whether all the pixels are there shows when it is read.
"""

from __future__ import annotations

from pathlib import Path

from mesh.errors import ExitCode, MeshError

_HEAD = 16
_MARKS: tuple[bytes, ...] = (
    b"#?RADIANCE",
    b"#?RGBE",
    b"\x76\x2f\x31\x01",  # OpenEXR
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",  # JPEG
    b"II*\x00",  # TIFF, of either byte order
    b"MM\x00*",
)
"""How files of the kinds that are read begin."""


class NoPanorama(MeshError):
    """{file} cannot be used as an environment: {reason}. Give an equirectangular .hdr or .exr file, or `sky` for a computed one."""

    exit_code = ExitCode.USAGE


def check_panorama(file: Path) -> None:
    """Raises NoPanorama for what is no image, or of a kind that is not read."""
    try:
        with file.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError as error:
        raise NoPanorama(file=file, reason=error.strerror) from error
    if not head:
        raise NoPanorama(file=file, reason="it is empty")
    if head.startswith(b"version https://"):
        raise NoPanorama(file=file, reason="it only points to the image, which `git lfs pull` would fetch")
    if not head.startswith(_MARKS):
        raise NoPanorama(file=file, reason="it is no image of a kind that is read here")
