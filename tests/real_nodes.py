"""Waiting for real nodes, which take the time that they take."""

from __future__ import annotations

import time
from collections.abc import Callable

from mesh.control.client import Client
from mesh.model.status import JobState, JobStatus, MeshStatus

PATIENCE = 300.0
"""Seconds after which a wait is given up: a mistake, never a matter of speed."""


def wait_for(client: Client, wanted: Callable[[MeshStatus], bool]) -> MeshStatus:
    """The first status that is as wanted."""
    deadline = time.monotonic() + PATIENCE
    status = client.status()
    while not wanted(status):
        assert time.monotonic() < deadline, f"never came to be: {status}"
        status = client.wait_status(status.revision, 1.0)
    return status


def job_in(status: MeshStatus, job: str) -> JobStatus | None:
    return next((one for one in status.jobs if one.job == job), None)


def is_done(job: str) -> Callable[[MeshStatus], bool]:
    def check(status: MeshStatus) -> bool:
        found = job_in(status, job)
        return found is not None and found.state is JobState.DONE

    return check
