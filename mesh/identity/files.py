"""Files that hold secrets: mode 0600 in a folder of mode 0700, replaced whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from mesh.identity.errors import IdentityBroken, IdentityExposed

FILE_MODE = 0o600
FOLDER_MODE = 0o700


def make_private_folder(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
    folder.chmod(FOLDER_MODE)


def write_private(path: Path, data: bytes) -> None:
    """Writes `path` so that after a crash either the old or the new content is there."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def read_private(path: Path) -> bytes:
    """The content of a file only its owner may read. Raises IdentityExposed and IdentityBroken."""
    try:
        check_private(path.parent, FOLDER_MODE)
        check_private(path, FILE_MODE)
        return path.read_bytes()
    except OSError as error:
        reason = "it is missing" if isinstance(error, FileNotFoundError) else str(error.strerror)
        raise IdentityBroken(path=path, reason=reason, folder=path.parent) from None


def check_private(path: Path, wanted: int) -> None:
    """Raises IdentityExposed when anybody but the owner has rights on `path`."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise IdentityExposed(path=path, mode=f"{mode:04o}", wanted=f"{wanted:o}")


def sync_folder(folder: Path) -> None:
    """Makes a rename inside `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
