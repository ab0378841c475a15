"""Where frames are written on the user's disk: `-o` patterns, what is there already, and a place to work.

Everything that could go wrong with the folder is found before anything is rendered.
"""

from __future__ import annotations

import errno
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mesh.errors import ExitCode, MeshError
from mesh.model.manifest import FRAME_IN_MEMORY

DEFAULT_FOLDER = "renders"

_FOREIGN = frozenset(
    ("jpg", "jpeg", "tif", "tiff", "tga", "bmp", "gif", "webp", "hdr", "dpx", "mov", "mp4", "mkv", "avi")
)
"""Endings of files that we do not write: who gives one means no folder of that name."""


class BadOutput(MeshError):
    """The output {text!r} is not understood: {reason}. Give a folder, or a pattern such as renders/shot.####.exr."""

    exit_code = ExitCode.USAGE


class OutputExists(MeshError):
    """{names} in {folder} would be overwritten. Add --overwrite to replace them, or --skip-existing to keep them."""


class UnwritableFolder(MeshError):
    """The folder {folder} cannot be written to: {reason}. Choose another with -o."""


class OutputDiskFull(MeshError):
    """The disk of {folder} is full. Make room, then fetch what is missing with `mesh collect {job} --skip-existing`."""


class NoRoomForFrame(MeshError):
    """A frame takes {need:.1f} GB on the disk of {folder} while it is put together, which has {free:.1f} GB left. Make
    room, choose another disk with -o, or ask for a smaller --resolution or fewer layers."""


class Format(StrEnum):
    EXR = "exr"
    PNG = "png"


class Existing(StrEnum):
    """What to do about frames that are on disk already."""

    REFUSE = "refuse"
    OVERWRITE = "overwrite"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class OutputPattern:
    """`stem` holds one run of hashes, which the frame number replaces, or none for a single frame."""

    folder: Path
    stem: str
    formats: tuple[Format, ...]

    def files(self, frame: int) -> tuple[Path, ...]:
        """One file per format."""
        name = re.sub("#+", lambda hashes: f"{frame:0{len(hashes[0])}d}", self.stem)
        return tuple(self.folder / f"{name}.{form.value}" for form in self.formats)

    def exists(self, frame: int) -> bool:
        return all(file.exists() for file in self.files(frame))

    def __str__(self) -> str:
        kinds = [form.value for form in self.formats]
        ending = kinds[0] if len(kinds) == 1 else "{" + ",".join(kinds) + "}"
        return f"{self.folder / self.stem}.{ending}"


def parse_output(text: str | None, name: str, formats: Sequence[Format], frames: int) -> OutputPattern:
    """The pattern that `-o text` means for `frames` frames of a job called `name`.

    A last part with hashes, or ending like an image, is a pattern; all else is a folder, in which frames
    are called after the job. An ending chooses the format, unless `formats` does. Raises BadOutput.
    """
    path = Path(text or DEFAULT_FOLDER)
    ending = path.suffix.lower().lstrip(".")
    is_image = ending in tuple(Format)
    if ending in _FOREIGN:
        raise BadOutput(text=text, reason=f"frames are written as EXR and PNG, not as .{ending}")
    if "#" not in path.name and not is_image:
        return OutputPattern(path, f"{_file_name(name)}.####", tuple(formats) or tuple(Format))
    if "#" in str(path.parent):
        raise BadOutput(text=text, reason="only the file's name may hold hashes")
    stem = path.name[: -len(path.suffix)] if is_image else path.name
    if len(re.findall("#+", stem)) > 1:
        raise BadOutput(text=text, reason="it holds more than one run of hashes")
    if "#" not in stem and frames > 1:
        raise BadOutput(text=text, reason=f"{frames} frames need hashes to be numbered by")
    if is_image and formats and Format(ending) not in formats:
        raise BadOutput(text=text, reason=f"it ends in .{ending}, which --format leaves out")
    chosen = tuple(formats) or ((Format(ending),) if is_image else tuple(Format))
    return OutputPattern(path.parent, stem, chosen)


def _file_name(name: str) -> str:
    """A job's name as part of a file's name, everywhere."""
    return re.sub(r"[^\w.+-]+", "_", name).replace("#", "_").strip(".") or "frame"


def frames_to_write(pattern: OutputPattern, frames: Iterable[int], existing: Existing) -> tuple[int, ...]:
    """The frames to render or fetch. Raises OutputExists where some are there and nothing allows that."""
    wanted = tuple(frames)
    if existing is Existing.SKIP:
        return tuple(frame for frame in wanted if not pattern.exists(frame))
    if existing is Existing.REFUSE:
        there = [file.name for frame in wanted for file in pattern.files(frame) if file.exists()]
        if there:
            names = ", ".join(there[:3]) + (f" and {len(there) - 3} more files" if len(there) > 3 else "")
            raise OutputExists(names=names, folder=pattern.folder)
    return wanted


@contextmanager
def work_folder(pattern: OutputPattern) -> Iterator[Path]:
    """A hidden folder inside the output's, for what is not a whole frame yet; gone at the end.

    Making it proves that the output can be written. Raises UnwritableFolder.
    """
    missing = [folder for folder in (pattern.folder, *pattern.folder.parents) if not folder.exists()]
    try:
        pattern.folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".mesh-", dir=pattern.folder))
    except OSError as error:
        _remove_empty(missing)
        raise UnwritableFolder(folder=pattern.folder, reason=error.strerror) from error
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
        _remove_empty(missing)


def check_room(folder: Path, frame_bytes: int) -> None:
    """Raises NoRoomForFrame where a frame is so large that it is put together on disk, and would not fit there: to be
    known before anything is rendered."""
    free = shutil.disk_usage(folder).free
    if free < frame_bytes and frame_bytes > FRAME_IN_MEMORY:
        raise NoRoomForFrame(need=frame_bytes / 1e9, folder=folder, free=free / 1e9)


def _remove_empty(folders: Iterable[Path]) -> None:
    """Folders made for frames that never came, the innermost first, go again."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return


def disk_error(error: OSError, folder: Path, job: str) -> MeshError:
    """The sentence for an `error` met while writing into `folder`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputDiskFull(folder=folder, job=job)
    return UnwritableFolder(folder=folder, reason=error.strerror)
