"""Which of many jobs are meant: those in some states, those of one user, the newest few. The API and its clients
choose by the same rule."""

from __future__ import annotations

import getpass
from collections.abc import Iterable
from dataclasses import dataclass

from mesh.model.status import JobState, JobStatus


@dataclass(frozen=True, slots=True)
class JobChoice:
    """All of these hold at once; the default is every job."""

    states: tuple[JobState, ...] = ()
    """None for any."""
    user: str = ""
    """`ada`, wherever she submits from, or `ada@studio`, from that machine alone; empty for anybody."""
    last: int = 0
    """The newest so many of those that the rest leaves; 0 for all."""


EVERY_JOB = JobChoice()


def choose(jobs: Iterable[JobStatus], choice: JobChoice) -> tuple[JobStatus, ...]:
    """Those of `jobs`, which come newest first, that are meant; in the same order."""
    found = tuple(job for job in jobs if _fits(job, choice))
    return found[: choice.last] if choice.last else found


def _fits(job: JobStatus, choice: JobChoice) -> bool:
    if choice.states and job.state not in choice.states:
        return False
    return choice.user in ("", job.submitter, user_of(job.submitter))


def user_of(submitter: str) -> str:
    """`ada` of `ada@studio`: whoever submits from two machines is one user."""
    return submitter.partition("@")[0]


def this_user() -> str:
    """Who runs this process, as jobs name their submitters."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"  # a container's user often has no entry anywhere
