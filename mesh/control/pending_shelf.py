"""What is on disk of jobs that wait for their files: one file each, which outlives the node's process."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mesh.control.convert import from_json, to_json
from mesh.control.service import PendingRequest
from mesh.identity.files import make_private_folder, write_private
from mesh.model.ids import JobId
from mesh.node.errors import HomeUnwritable

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Record:
    """What is on disk of one. It waits while it has not ended; once `started`, it is that job."""

    job: JobId
    submitted_ms: int
    request: PendingRequest
    started: JobId | None = None
    ended_ms: int = 0


class PendingShelf:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def stored(self) -> Iterator[Record]:
        """What was kept in an earlier life; a file that makes no sense stays where it is, and the log says so."""
        for file in sorted(self._folder.glob("*.json")):
            try:
                yield from_json(Record, json.loads(file.read_text("utf-8")), file.name)
            except (OSError, ValueError) as error:
                logger.warning("the job that waits for its files in %s is not looked at: %s", file, error)

    def keep(self, record: Record) -> None:
        """On the disk when this returns. Raises HomeUnwritable."""
        try:
            make_private_folder(self._folder)
            write_private(self._file(record.job), json.dumps(to_json(record)).encode())
        except OSError as error:
            raise HomeUnwritable(home=self._folder, reason=error.strerror) from error

    def forget(self, job: JobId) -> None:
        self._file(job).unlink(missing_ok=True)

    def _file(self, job: JobId) -> Path:
        return self._folder / f"{job.hex()}.json"
